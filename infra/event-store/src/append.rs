//! What a caller hands to the log and what it gets back.
//!
//! Owns [`Append`], the pre-encoded events in it, and the answers. Invariant: an [`EncodedEvents`] holds at least as much
//! structure as its frame needs (lengths match payloads, payloads start at multiples of 16), so that the writer copies it
//! in two moves. The meaning of types, versions and payloads belongs to the codec above.

use rkyv::util::AlignedVec;

use crate::frame::{Events, padded};
use crate::stream::{Position, Revision, StreamId};

/// One batch to append: all of its events or none become part of the stream.
#[derive(Clone, Debug)]
pub struct Append {
    /// Where to.
    pub stream: StreamId,
    /// What the stream must look like for the batch to be valid.
    pub expected: Expected,
    /// Names the batch, so that an append of unknown outcome can be found again by reading.
    pub batch_id: [u8; 16],
    /// When the batch was decided, in Unix milliseconds; stored as given.
    pub recorded_at_ms: i64,
    /// Opaque to the log, 16-byte aligned when read.
    pub metadata: Vec<u8>,
    /// At least one event.
    pub events: EncodedEvents,
    /// Whether the batch may use the reserve when space is low.
    pub urgency: Urgency,
}

/// The revision a stream must have for an append to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Exactly this many events; neither fewer nor more.
    Revision(Revision),
    /// Any number.
    Any,
}

/// What happens to an append while disk space is low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Refused with [`AppendError::StorageLow`].
    Normal,
    /// Goes into the reserve: what finishes work already begun, such as a payment or a refund.
    Essential,
}

/// Where an appended batch ended up. It is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Position of the first event.
    pub first_position: Position,
    /// Position of the last event.
    pub last_position: Position,
    /// Revision of the stream after the batch.
    pub revision: Revision,
}

/// Why an append gave no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The stream has another revision. Nothing was written.
    #[error("the stream has revision {actual}, not the expected one")]
    Conflict {
        /// Its revision.
        actual: Revision,
    },
    /// Disk space is low. Nothing was written.
    #[error("disk space is low")]
    StorageLow,
    /// The batch has no event, too many, or too many bytes. Nothing was written.
    #[error("the batch is empty or larger than the log takes")]
    TooLarge,
    /// The queue is full or the log is closed or broken. Nothing was written.
    #[error("the log does not take appends now")]
    Unavailable,
    /// Writing failed on the way: the batch may or may not be in the log after a restart.
    #[error("the outcome of the append is unknown")]
    Unknown,
}

/// Events as bytes, laid out as in a frame.
#[derive(Clone, Debug, Default)]
pub struct EncodedEvents {
    /// One entry of 8 bytes per event: payload length, type, version.
    table: Vec<u8>,
    /// Payloads, each padded to a multiple of 16 bytes.
    payloads: AlignedVec<16>,
    /// A payload was longer than an entry can say.
    oversized: bool,
}

impl EncodedEvents {
    /// No events yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event whose payload is already encoded.
    pub fn push(&mut self, event_type: u16, version: u16, payload: &[u8]) {
        let pushed: Result<(), std::convert::Infallible> = self.push_with(event_type, version, |buffer| {
            buffer.extend_from_slice(payload);
            Ok(())
        });
        match pushed {
            Ok(()) => {}
        }
    }

    /// Adds an event whose payload `encode` appends to the buffer, which then stands at a multiple of 16 bytes.
    ///
    /// # Errors
    /// What `encode` answers; then the event is not added.
    ///
    /// # Panics
    /// When `encode` shortens the buffer.
    pub fn push_with<E>(
        &mut self,
        event_type: u16,
        version: u16,
        encode: impl FnOnce(&mut AlignedVec<16>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.payloads.len();
        if let Err(error) = encode(&mut self.payloads) {
            self.payloads.resize(start, 0);
            return Err(error);
        }
        let length = self.payloads.len().checked_sub(start).expect("an encoder only appends");
        let stored = u32::try_from(length).unwrap_or_else(|_| {
            self.oversized = true;
            u32::MAX
        });
        self.table.extend_from_slice(&stored.to_le_bytes());
        self.table.extend_from_slice(&event_type.to_le_bytes());
        self.table.extend_from_slice(&version.to_le_bytes());
        self.payloads.resize(padded(self.payloads.len()), 0);
        Ok(())
    }

    /// How many events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len() / 8
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The events as they will be read.
    #[must_use]
    pub fn records(&self) -> Events<'_> {
        Events::new(&self.table, &self.payloads)
    }

    pub(crate) fn table(&self) -> &[u8] {
        &self.table
    }

    pub(crate) fn payloads(&self) -> &[u8] {
        &self.payloads
    }

    /// Bytes that a frame needs for the table and the payloads; `None` when no frame can hold them.
    pub(crate) fn encoded_bytes(&self) -> Option<usize> {
        let countable = !self.oversized && !self.is_empty() && self.len() <= crate::frame::MAX_EVENTS;
        countable.then(|| padded(self.table.len()) + self.payloads.len())
    }
}

impl Append {
    /// Bytes of the frame that this batch becomes; `None` when no frame can hold it.
    pub(crate) fn frame_bytes(&self) -> Option<usize> {
        let bytes = crate::frame::overhead_bytes(self.metadata.len()) + self.events.encoded_bytes()?;
        u32::try_from(bytes).is_ok().then_some(bytes)
    }
}
