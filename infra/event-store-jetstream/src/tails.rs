//! Where streams end on the server: the sequence that an append to each has to name.

use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;
use ticketflow_event_store::{Revision, StreamId};

/// Streams remembered. Shows are few; of buyers those that bought lately. The rest is asked for.
const REMEMBERED: usize = 100_000;

/// The end of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Events in it.
    pub(crate) revision: Revision,
    /// Sequence of its last message; 0 when it has none.
    pub(crate) sequence: u64,
}

/// The ends of streams, as far as they are known.
#[derive(Default)]
pub(crate) struct Tails(Mutex<HashMap<StreamId, Tail>>);

impl Tails {
    pub(crate) fn get(&self, stream: &StreamId) -> Option<Tail> {
        self.lock().get(stream).copied()
    }

    /// Notes an end, unless a later one is known.
    pub(crate) fn note(&self, stream: StreamId, tail: Tail) {
        let mut tails = self.lock();
        if tails.len() >= REMEMBERED && !tails.contains_key(&stream) {
            tails.clear();
        }
        let known = tails.entry(stream).or_default();
        if tail.sequence >= known.sequence {
            *known = tail;
        }
    }

    pub(crate) fn forget(&self, stream: &StreamId) {
        self.lock().remove(stream);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<StreamId, Tail>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
