//! Events of `$all`, put together to batches again.
//!
//! The events of an append stand one after the other in `$all`. What begins in the middle, breaks off or mixes is no log.

use kurrentdb::RecordedEvent;
use serde_json::value::RawValue;
use ticketflow_event_store::{BatchMessage, Cursor, Delivered};

use crate::events::{self, FirstMetadata, Metadata};

/// The events of a batch that is not complete yet.
struct Begun {
    stream: String,
    /// Of the first event on the server, which counts from 0.
    first_number: u64,
    batch: String,
    of: u32,
    first: FirstMetadata,
    events: Vec<Box<RawValue>>,
}

/// Takes events in the order of `$all` and gives batches.
pub(crate) struct Assembly {
    /// Before the names of the log's streams.
    prefix: String,
    begun: Option<Begun>,
}

/// Where an event stands.
pub(crate) fn cursor(event: &RecordedEvent) -> Cursor {
    Cursor(event.position.commit, event.position.prepare)
}

impl Assembly {
    pub(crate) fn new(prefix: String) -> Self {
        Self { prefix, begun: None }
    }

    /// Takes the next event; gives the batch of which it is the last one.
    ///
    /// # Errors
    /// Why this is no log.
    pub(crate) fn take(&mut self, event: &RecordedEvent) -> Result<Option<Delivered>, String> {
        let taken = self.take_event(event);
        taken.map_err(|reason| format!("event {}@{}: {reason}", event.revision, event.stream_id()))
    }

    fn take_event(&mut self, event: &RecordedEvent) -> Result<Option<Delivered>, String> {
        let mut metadata = events::metadata(event)?;
        let json = events::decode(event, &metadata)?;
        let begun = match (self.begun.take(), metadata.first.take()) {
            (None, Some(first)) => self.begin(event, &metadata, first)?,
            (Some(begun), None) if begun.goes_on_with(event, &metadata) => begun,
            (Some(begun), _) => {
                let (batch, has, of) = (&begun.batch, begun.events.len(), begun.of);
                return Err(format!("before it come {has} of the {of} events of the batch {batch}"));
            }
            (None, None) => return Err("it is in the middle of a batch that did not begin".to_owned()),
        };
        let begun = self.begun.insert(begun);
        begun.events.push(json);
        if begun.events.len() < begun.of as usize {
            return Ok(None);
        }
        let complete = self.begun.take().map(|begun| begun.complete(&self.prefix));
        Ok(complete.map(|message| Delivered { cursor: cursor(event), message }))
    }

    fn begin(
        &self,
        event: &RecordedEvent,
        metadata: &Metadata,
        first: FirstMetadata,
    ) -> Result<Begun, String> {
        if !event.stream_id().starts_with(&self.prefix) {
            return Err("it is of another log".to_owned());
        }
        Ok(Begun {
            stream: event.stream_id().to_owned(),
            first_number: event.revision,
            batch: metadata.batch.clone(),
            of: metadata.of,
            first,
            events: Vec::new(),
        })
    }
}

impl Begun {
    fn goes_on_with(&self, event: &RecordedEvent, metadata: &Metadata) -> bool {
        let next = self.events.len() as u64;
        self.stream == event.stream_id()
            && self.batch == metadata.batch
            && self.of == metadata.of
            && u64::from(metadata.index) == next
            && event.revision == self.first_number + next
    }

    fn complete(self, prefix: &str) -> BatchMessage {
        BatchMessage {
            stream: self.stream.strip_prefix(prefix).unwrap_or_default().to_owned(),
            revision: self.first_number + 1,
            batch_id: self.batch,
            recorded_at: self.first.recorded_at,
            commands: self.first.commands,
            events: self.events,
            seen: self.first.seen,
        }
    }
}
