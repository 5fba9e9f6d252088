//! Why a relay stops for good: what an operator has to look at. Nothing was published wrongly, and selling goes on.

use ticketflow_event_store::{CodecError, FeedError, Position, ReadError};

use crate::messages::UnknownShow;

/// Why a relay stopped.
#[derive(Debug, thiserror::Error)]
pub enum RelayRefusal {
    /// Messages could vanish from the stream, or others' could get into it.
    #[error(
        "the stream ORDERS has {setting}, with which messages could be lost; change it, or delete the stream to have it made anew from the log"
    )]
    Settings {
        /// What is wrong with it.
        setting: String,
    },
    /// Another stream has the relay's subjects.
    #[error("the subjects orders.> belong to another stream already; they have to be the relay's alone")]
    SubjectsTaken,
    /// The last message is not the relay's.
    #[error(
        "message {sequence} of the stream ORDERS was not published by a relay ({reason}); nobody else may write to orders.>"
    )]
    Foreign {
        /// Its sequence in the stream.
        sequence: u64,
        /// What gives it away.
        reason: &'static str,
    },
    /// The last message was removed, so that nobody can say which it was.
    #[error(
        "message {sequence} of the stream ORDERS, its last, has been removed; delete the stream to have it made anew from the log"
    )]
    Removed {
        /// Its sequence in the stream.
        sequence: u64,
    },
    /// The last message is about an event that the log does not have.
    #[error(
        "the stream ORDERS is at position {position} and the log ends at {head}: it belongs to another log, or the log was restored from an older copy"
    )]
    AheadOfLog {
        /// Of the last message.
        position: Position,
        /// Of the log.
        head: Position,
    },
    /// The last message is about another event than the log has there.
    #[error("the stream ORDERS belongs to another log: at position {position} this one has something else")]
    OtherLog {
        /// Of the last message.
        position: Position,
    },
    /// The server takes no message of this size.
    #[error(
        "the message about position {position} has {bytes} bytes, more than the server takes; raise its max_payload"
    )]
    TooLarge {
        /// Of the event.
        position: Position,
        /// Of the message.
        bytes: usize,
    },
    /// The log cannot be read.
    #[error("the log cannot be read for the relay")]
    Read(#[from] ReadError),
    /// The log cannot be followed.
    #[error("the log cannot be followed by the relay")]
    Feed(#[from] FeedError),
    /// An event does not read back; a stream that skips one would be wrong.
    #[error("the batch at position {position} holds an event that does not read back")]
    Event {
        /// Of the batch's first event.
        position: Position,
        /// Why.
        #[source]
        source: CodecError,
    },
    /// An event without what it refers to.
    #[error(transparent)]
    Show(#[from] UnknownShow),
}
