//! A batch on its way to a log server and back: the JSON that many machines share.
//!
//! Where a batch stands in the log (position, chain hash) is not in it: its writer does not know yet, and every reader
//! computes the same from the order in which the server gives the batches. Instead it names the head that its writer had
//! *seen*: so every batch confirms all history before that head, and who alters history contradicts the batches after it.
//!
//! All events are of version 1. A later version has to be named in a field of its own here: readers that do not know a field
//! refuse the batch, so that an older process stops instead of computing another chain. All replicas are upgraded before the first
//! such event is written.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use ticketflow_domain::Timestamp;

use crate::append::{Append, EncodedEvents, Expected, Urgency};
use crate::index::Head;
use crate::json::{
    BatchJsonError, CommandJson, EventJson, commands_json, commands_metadata, events_json, hexadecimal,
};
use crate::stream::{Position, Revision, StreamId};

/// A batch without its place in the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchMessage {
    /// `show-...` or `customer-...`.
    pub stream: String,
    /// Of the first event in its stream.
    pub revision: Revision,
    /// Hexadecimal.
    pub batch_id: String,
    /// When it was decided.
    pub recorded_at: Timestamp,
    /// The commands that it answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandJson>,
    /// In order, each an object with `type` and `data`.
    pub events: Vec<Box<RawValue>>,
    /// The end of the log as its writer knew it.
    pub seen: SeenHead,
}

/// See [`Head`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenHead {
    /// Of the last event.
    pub position: Position,
    /// Hexadecimal.
    pub chain_hash: String,
}

impl BatchMessage {
    /// The message of a batch that is to follow `revision` events of its stream.
    ///
    /// # Errors
    /// [`BatchJsonError`] for events that have no JSON shape; their position reads as 0.
    pub fn of(append: &Append, revision: Revision, seen: Head) -> Result<Self, BatchJsonError> {
        let field = |_| BatchJsonError::Field { field: "events", position: 0 };
        let events = events_json(append.stream.category, append.events.records(), 0)?;
        let events: Result<_, serde_json::Error> =
            events.iter().map(serde_json::value::to_raw_value).collect();
        Ok(Self {
            stream: append.stream.to_string(),
            revision: revision + 1,
            batch_id: HEXLOWER.encode(&append.batch_id),
            recorded_at: Timestamp::from_millis(append.recorded_at_ms),
            commands: commands_json(&append.metadata, 0)?,
            events: events.map_err(field)?,
            seen: SeenHead { position: seen.position, chain_hash: HEXLOWER.encode(&seen.chain_hash) },
        })
    }

    /// The append that puts the batch into a log which holds everything before it.
    ///
    /// # Errors
    /// [`BatchJsonError`]; its position is the one that the writer had seen.
    pub fn to_append(&self) -> Result<Append, BatchJsonError> {
        let position = self.seen.position;
        let invalid = |field| BatchJsonError::Field { field, position };
        let stream: StreamId = self.stream.parse().map_err(|_| invalid("stream"))?;
        let mut events = EncodedEvents::new();
        for event in &self.events {
            let event = EventJson::parse(stream.category, event).ok_or_else(|| invalid("events"))?;
            let pushed = event.push(stream.category, &mut events).ok_or_else(|| invalid("events"))?;
            pushed.map_err(|source| BatchJsonError::Event { position, source })?;
        }
        Ok(Append {
            stream,
            expected: Expected::Revision(self.revision.checked_sub(1).ok_or_else(|| invalid("revision"))?),
            batch_id: hexadecimal(&self.batch_id).ok_or_else(|| invalid("batch_id"))?,
            recorded_at_ms: self.recorded_at.as_millis(),
            metadata: commands_metadata(&self.commands).ok_or_else(|| invalid("commands"))?,
            events,
            urgency: Urgency::Essential,
        })
    }

    /// Revision of its stream after it.
    #[must_use]
    pub fn last_revision(&self) -> Revision {
        (self.revision + self.events.len() as u64).saturating_sub(1)
    }

    /// The head that its writer had seen.
    ///
    /// # Errors
    /// [`BatchJsonError::Field`].
    pub fn seen_head(&self) -> Result<Head, BatchJsonError> {
        let position = self.seen.position;
        let chain_hash = hexadecimal(&self.seen.chain_hash)
            .ok_or(BatchJsonError::Field { field: "seen.chain_hash", position })?;
        Ok(Head { position, chain_hash })
    }
}
