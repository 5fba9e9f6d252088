//! The embedded event log: an append-only, hash-chained file log with group commit, and everything that reads it.
//!
//! Owns the bytes: frames, segments, recovery, snapshots, feed, proof. Invariants: an acknowledged batch is durable, whole
//! and in order for ever; a batch that was refused is absent; one whose outcome is unknown is wholly there or wholly absent
//! after the next opening. FORMAT.md describes the files. The meaning of events is left to the codec and the domain.
//!
//! | question | answer |
//! |---|---|
//! | how is a batch laid out | `frame` |
//! | how do batches reach the disk | `queue` -> `writer`, spares from `reserve` |
//! | what is cut and what is refused on opening | `recovery`, judged by `tail` |
//! | how is the log read | `reader`, `stream_reader`, `feed` |
//! | how is it proven | `verify` |
//! | how is it made to fail | `simulation`, with the losses in `volatile` |

mod append;
mod batch_message;
mod codec;
mod disk;
mod event_store;
mod feed;
mod frame;
mod frame_buffer;
mod index;
mod json;
mod log;
mod log_server;
mod metadata;
mod options;
mod queue;
mod reader;
mod real_disk;
mod recovery;
mod replica;
mod reserve;
mod segment;
mod simulation;
mod snapshots;
mod stream;
mod stream_reader;
mod tail;
mod verify;
mod volatile;
mod writer;

pub use append::{Append, AppendError, Appended, EncodedEvents, Expected, Urgency};
pub use batch_message::{BatchMessage, SeenHead};
pub use codec::{
    CodecError, billing_event, customer_event, ops_event, push_billing_event, push_customer_event,
    push_ops_event, push_show_event, push_snapshot_part, show_event, take_snapshot_part,
};
pub use disk::{Disk, DiskError, DiskFile, DiskLock, LockError};
pub use event_store::EventStore;
pub use feed::{Feed, FeedChunk, FeedError};
pub use frame::{Batch, ChainHash, EventRecord, Events, FrameFault, OwnedBatch};
pub use index::Head;
pub use json::{BatchJson, BatchJsonError, CommandJson, EventJson};
pub use log::{EmbeddedLog, PendingAppend};
pub use log_server::{
    Cursor, Delivered, FollowError, Followed, LogServer, Offer, OfferError, ServerUnavailable,
};
pub use metadata::{CommandRecord, MetadataError, decode_commands, encode_commands};
pub use options::{Driver, FatalCallback, FatalError, LogOptions};
pub use reader::{LogReader, ReadError};
pub use real_disk::RealDisk;
pub use recovery::{CutTail, OpenError, OpenReport};
pub use replica::{ReplicaError, ReplicaState, open_replica, replica_identity};
pub use reserve::StorageState;
pub use segment::{FORMAT_VERSION, SegmentFault};
pub use simulation::{Fault, SimDisk};
pub use snapshots::{SkippedSnapshot, Snapshot, SnapshotError, SnapshotFault, StoredSnapshot};
pub use stream::{Category, Position, Revision, StreamId, StreamNameError};
pub use stream_reader::StreamReader;
pub use verify::{Progress, VerifyError, VerifyFault, VerifyReport, verify};
