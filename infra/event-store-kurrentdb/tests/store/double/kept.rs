//! What the double keeps: events in one order and in their streams.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::watch;
use tonic::Code;

use super::messages::{
    AppendOptions, AppendSuccess, Empty, Position, ProposedEvent, RecordedEvent, StreamIdentifier, Uuid,
};

/// Bytes of an append, as a server has it unless it is set up otherwise.
const MAX_APPEND_BYTES: usize = 1 << 20;

/// The status of an append that the server refuses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: &'static str,
}

/// The events, and what tests change about the answers. Outlives the network.
pub(super) struct Kept {
    events: Mutex<Events>,
    /// How many events there are.
    pub(super) news: watch::Sender<usize>,
    /// Appends are done, but not answered.
    pub(super) loses_answers: watch::Sender<bool>,
    /// The answer to the next append, which is not done.
    pub(super) next_refusal: Mutex<Option<Refusal>>,
}

#[derive(Default, Clone)]
struct Events {
    all: Vec<RecordedEvent>,
    /// Places in `all`.
    streams: HashMap<Vec<u8>, Vec<usize>>,
    /// Where the next event begins in a file that is not there.
    end: u64,
}

/// The events at one moment.
pub(crate) struct Backup(Events);

impl Kept {
    pub(super) fn new() -> Self {
        Self {
            events: Mutex::default(),
            news: watch::Sender::new(0),
            loses_answers: watch::Sender::new(false),
            next_refusal: Mutex::new(None),
        }
    }

    pub(super) fn append(
        &self,
        options: &AppendOptions,
        proposed: &[ProposedEvent],
    ) -> Result<AppendSuccess, Refusal> {
        if let Some(refusal) = self.next_refusal.lock().expect("nobody panicked").take() {
            return Err(refusal);
        }
        let size = |event: &ProposedEvent| event.data.len() + event.custom_metadata.len();
        if proposed.iter().map(size).sum::<usize>() > MAX_APPEND_BYTES {
            return Err(Refusal { code: Code::InvalidArgument, message: "MaximumAppendSizeExceeded" });
        }
        let mut events = self.lock();
        let success = events.append(options, proposed)?;
        let count = events.all.len();
        drop(events);
        self.news.send_replace(count);
        Ok(success)
    }

    /// The events from this place on, up to some.
    pub(super) fn from(&self, place: usize, some: usize) -> Vec<RecordedEvent> {
        let events = self.lock();
        events.all.iter().skip(place).take(some).cloned().collect()
    }

    /// The place of the first event behind a position.
    pub(super) fn place_behind(&self, position: Position) -> usize {
        self.lock().all.partition_point(|event| event.commit <= position.commit)
    }

    /// The last event whose stream has one of these prefixes.
    pub(super) fn last(&self, prefixes: &[String]) -> Option<RecordedEvent> {
        self.lock().all.iter().rev().find(|event| matches(event, prefixes)).cloned()
    }

    pub(super) fn first_of(&self, stream: &StreamIdentifier) -> Option<RecordedEvent> {
        let events = self.lock();
        let place = events.streams.get(&stream.name)?.first()?;
        Some(events.all[*place].clone())
    }

    pub(super) fn put(&self, stream: &str, event_type: &str, data: &str, metadata: &str) {
        let options = AppendOptions {
            stream: Some(StreamIdentifier { name: stream.into() }),
            last_revision: None,
            no_stream: Some(Empty {}),
        };
        let event = ProposedEvent {
            id: Some(Uuid {
                structured: None,
                string: Some("6f9619ff-8b86-d011-b42d-00c04fc964ff".to_owned()),
            }),
            metadata: HashMap::from([("type".to_owned(), event_type.to_owned())]),
            custom_metadata: metadata.into(),
            data: data.into(),
        };
        self.append(&options, &[event]).expect("the stream is empty");
    }

    pub(super) fn take_away(&self, place: usize) {
        self.lock().all.remove(place);
    }

    pub(super) fn backup(&self) -> Backup {
        Backup(self.lock().clone())
    }

    pub(super) fn restore(&self, backup: &Backup) {
        *self.lock() = backup.0.clone();
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        self.events.lock().expect("nobody panicked")
    }
}

/// Whether an event is of a stream with one of these prefixes.
pub(super) fn matches(event: &RecordedEvent, prefixes: &[String]) -> bool {
    let name = event.stream.as_ref().map_or(&[][..], |stream| &stream.name);
    prefixes.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
}

impl Events {
    fn append(
        &mut self,
        options: &AppendOptions,
        proposed: &[ProposedEvent],
    ) -> Result<AppendSuccess, Refusal> {
        let stream = options.stream.clone().expect("every append names its stream");
        let places = self.streams.get(&stream.name).cloned().unwrap_or_default();
        let wanted = match options.last_revision {
            Some(last) => last as usize + 1,
            None => {
                assert!(options.no_stream.is_some(), "the adapter always expects a revision");
                0
            }
        };
        if wanted != places.len() {
            // The same events at the same place: it was done before.
            let there = places.get(wanted..wanted + proposed.len()).unwrap_or_default();
            let same = there.len() == proposed.len()
                && there.iter().zip(proposed).all(|(place, event)| self.all[*place].id == event.id);
            return match (same, there.last()) {
                (true, Some(last)) => Ok(success(&self.all[*last])),
                _ => Err(Refusal { code: Code::AlreadyExists, message: "WrongExpectedVersion" }),
            };
        }
        for (number, event) in (places.len()..).zip(proposed) {
            let position = self.end;
            self.end += 100 + event.data.len() as u64 + event.custom_metadata.len() as u64;
            self.streams.entry(stream.name.clone()).or_default().push(self.all.len());
            self.all.push(RecordedEvent {
                id: event.id.clone(),
                stream: Some(stream.clone()),
                revision: number as u64,
                prepare: position,
                commit: position,
                metadata: event.metadata.clone(),
                custom_metadata: event.custom_metadata.clone(),
                data: event.data.clone(),
            });
        }
        Ok(success(self.all.last().expect("an append has events")))
    }
}

fn success(last: &RecordedEvent) -> AppendSuccess {
    let position = Position { commit: last.commit, prepare: last.prepare };
    AppendSuccess { revision: Some(last.revision), position: Some(position) }
}
