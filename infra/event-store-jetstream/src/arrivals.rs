//! Own batches that the server has acknowledged, so that they need not come back over the network.
//!
//! An acknowledgement names the sequence; if that is the next one, the batch is known already. What does not fit is left out:
//! the feed brings it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ticketflow_event_store::BatchMessage;
use tokio::sync::Notify;

/// Acknowledged batches that wait for their turn: more than shows are appending at a time.
const WAITING: usize = 1_024;

/// Acknowledged batches by sequence.
#[derive(Default)]
pub(crate) struct Arrivals {
    waiting: Mutex<BTreeMap<u64, BatchMessage>>,
    pub(crate) news: Notify,
}

impl Arrivals {
    pub(crate) fn put(&self, sequence: u64, message: &BatchMessage) {
        let mut waiting = self.lock();
        if waiting.len() < WAITING {
            waiting.insert(sequence, message.clone());
            drop(waiting);
            self.news.notify_one();
        }
    }

    /// The batch with this sequence, if it was acknowledged; those before it are forgotten.
    pub(crate) fn take(&self, sequence: u64) -> Option<BatchMessage> {
        let mut waiting = self.lock();
        while let Some(first) = waiting.first_entry() {
            if *first.key() > sequence {
                return None;
            }
            let (found, message) = first.remove_entry();
            if found == sequence {
                return Some(message);
            }
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, BatchMessage>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
