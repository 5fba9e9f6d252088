//! A batch as JSON: the shape at every edge, for export, import, the log browser and other stores.
//!
//! Whole and exact: a batch that is exported and imported into the same place of another log has the same chain hash there.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use ticketflow_domain::Timestamp;
use ticketflow_domain::billing::BillingEvent;
use ticketflow_domain::customer::CustomerEvent;
use ticketflow_domain::ops::OpsEvent;
use ticketflow_domain::show::ShowEvent;

use crate::append::{Append, EncodedEvents, Expected, Urgency};
use crate::codec::{
    CodecError, billing_event, customer_event, ops_event, push_billing_event, push_customer_event,
    push_ops_event, push_show_event, show_event,
};
use crate::frame::{Batch, EventRecord, Events};
use crate::metadata::{CommandRecord, MetadataError, decode_commands, encode_commands};
use crate::stream::{Category, Position, Revision, StreamId};

/// One batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchJson {
    /// Of the first event.
    pub position: Position,
    /// `show-...`, `customer-...` or `ops-...`.
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
    /// In order.
    pub events: Vec<EventJson>,
    /// The link of the hash chain, hexadecimal.
    pub chain_hash: String,
}

/// See [`CommandRecord`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandJson {
    /// Hexadecimal.
    pub key: String,
    /// Hexadecimal.
    pub fingerprint: String,
    /// Index in the batch.
    pub first_event: u16,
    /// How many.
    pub event_count: u16,
}

/// An event of any stream; its own `type` tells which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the categories speak for themselves")]
pub enum EventJson {
    Show(ShowEvent),
    Customer(CustomerEvent),
    Billing(BillingEvent),
    Ops(OpsEvent),
}

impl EventJson {
    /// Reads an event of a stream of this category; `None` for what is none.
    pub(crate) fn parse(category: Category, json: &RawValue) -> Option<Self> {
        let json = json.get();
        match category {
            Category::Show => serde_json::from_str(json).ok().map(Self::Show),
            Category::Customer => serde_json::from_str(json).ok().map(Self::Customer),
            Category::Billing => serde_json::from_str(json).ok().map(Self::Billing),
            Category::Ops => serde_json::from_str(json).ok().map(Self::Ops),
        }
    }

    /// Adds it to a batch of a stream of this category; `None` where it does not belong there.
    pub(crate) fn push(
        &self,
        category: Category,
        events: &mut EncodedEvents,
    ) -> Option<Result<(), CodecError>> {
        Some(match (category, self) {
            (Category::Show, Self::Show(event)) => push_show_event(events, event),
            (Category::Customer, Self::Customer(event)) => push_customer_event(events, event),
            (Category::Billing, Self::Billing(event)) => push_billing_event(events, event),
            (Category::Ops, Self::Ops(event)) => push_ops_event(events, event),
            _ => return None,
        })
    }
}

/// Why a batch has no JSON shape, or JSON no batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchJsonError {
    /// An event does not read back.
    #[error("the batch at position {position} holds an event that does not read back")]
    Event {
        /// Of the batch's first event.
        position: Position,
        /// Why.
        #[source]
        source: CodecError,
    },
    /// The metadata does not read back.
    #[error("the metadata of the batch at position {position} does not read back")]
    Metadata {
        /// Of the batch's first event.
        position: Position,
        /// Why.
        #[source]
        source: MetadataError,
    },
    /// A field does not say what it should.
    #[error("the field {field} of the batch at position {position} is not valid")]
    Field {
        /// Its name.
        field: &'static str,
        /// As the batch says.
        position: Position,
    },
}

/// The events of a batch as JSON shapes.
pub(crate) fn events_json(
    category: Category,
    records: Events<'_>,
    position: Position,
) -> Result<Vec<EventJson>, BatchJsonError> {
    let event = |record: EventRecord<'_>| match category {
        Category::Show => show_event(record).map(EventJson::Show),
        Category::Customer => customer_event(record).map(EventJson::Customer),
        Category::Ops => ops_event(record).map(EventJson::Ops),
        Category::Billing => billing_event(record).map(EventJson::Billing),
    };
    let events: Result<_, CodecError> = records.map(event).collect();
    events.map_err(|source| BatchJsonError::Event { position, source })
}

/// The commands in a batch's metadata as JSON shapes.
pub(crate) fn commands_json(metadata: &[u8], position: Position) -> Result<Vec<CommandJson>, BatchJsonError> {
    let commands =
        decode_commands(metadata).map_err(|source| BatchJsonError::Metadata { position, source })?;
    let commands = commands.map(|command| CommandJson {
        key: HEXLOWER.encode(&command.key),
        fingerprint: HEXLOWER.encode(&command.fingerprint),
        first_event: command.first_event,
        event_count: command.event_count,
    });
    Ok(commands.collect())
}

/// Commands as a batch's metadata; `None` for what is not hexadecimal.
pub(crate) fn commands_metadata(commands: &[CommandJson]) -> Option<Vec<u8>> {
    let commands: Vec<CommandRecord> = commands.iter().map(CommandJson::record).collect::<Option<_>>()?;
    Some(if commands.is_empty() { Vec::new() } else { encode_commands(&commands) })
}

impl BatchJson {
    /// A stored batch as JSON.
    ///
    /// # Errors
    /// [`BatchJsonError`].
    pub fn of(batch: &Batch<'_>) -> Result<Self, BatchJsonError> {
        let position = batch.first_position();
        let stream = batch.stream();
        Ok(Self {
            position,
            stream: stream.to_string(),
            revision: batch.first_revision(),
            batch_id: HEXLOWER.encode(&batch.batch_id()),
            recorded_at: Timestamp::from_millis(batch.recorded_at_ms()),
            commands: commands_json(batch.metadata(), position)?,
            events: events_json(stream.category, batch.events(), position)?,
            chain_hash: HEXLOWER.encode(&batch.chain_hash()),
        })
    }

    /// The append that makes this batch again.
    ///
    /// # Errors
    /// [`BatchJsonError`].
    pub fn to_append(&self) -> Result<Append, BatchJsonError> {
        let position = self.position;
        let invalid = |field| BatchJsonError::Field { field, position };
        let stream: StreamId = self.stream.parse().map_err(|_| invalid("stream"))?;
        let mut events = EncodedEvents::new();
        for event in &self.events {
            let pushed = event.push(stream.category, &mut events).ok_or_else(|| invalid("events"))?;
            pushed.map_err(|source| BatchJsonError::Event { position, source })?;
        }
        let metadata = commands_metadata(&self.commands).ok_or_else(|| invalid("commands"))?;
        Ok(Append {
            stream,
            expected: Expected::Revision(self.revision.checked_sub(1).ok_or_else(|| invalid("revision"))?),
            batch_id: hexadecimal(&self.batch_id).ok_or_else(|| invalid("batch_id"))?,
            recorded_at_ms: self.recorded_at.as_millis(),
            metadata,
            events,
            urgency: Urgency::Essential,
        })
    }
}

impl CommandJson {
    fn record(&self) -> Option<CommandRecord> {
        Some(CommandRecord {
            key: hexadecimal(&self.key)?,
            fingerprint: hexadecimal(&self.fingerprint)?,
            first_event: self.first_event,
            event_count: self.event_count,
        })
    }
}

pub(crate) fn hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}
