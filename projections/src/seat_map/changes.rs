//! What changed lately, for those who follow a seat map live: noted while anyone follows, sent in batches.
//!
//! A follower that is too slow misses batches and is told so; it then takes a fresh snapshot. The recent batches are kept,
//! so that one whose connection broke goes on where it was.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use ticketflow_domain::plan::SeatIndex;
use ticketflow_event_store::Position;
use tokio::sync::broadcast;

/// Batches that a follower may lag behind, at five a second about twelve seconds.
const KEPT_BATCHES: usize = 64;

/// A batch of changes as sent to followers.
#[derive(Debug, Clone)]
pub struct Change {
    /// Of the map after the batch.
    pub position: Position,
    /// The event as it goes over the wire.
    pub message: Bytes,
}

/// The changes of one map.
pub struct Changes {
    sender: broadcast::Sender<Change>,
    noted: Mutex<HashSet<SeatIndex>>,
    recent: Mutex<VecDeque<Change>>,
}

impl Default for Changes {
    fn default() -> Self {
        // Grows with the first follower; a map that nobody follows costs next to nothing.
        Self {
            sender: broadcast::Sender::new(KEPT_BATCHES),
            noted: Mutex::default(),
            recent: Mutex::default(),
        }
    }
}

impl Changes {
    /// Whether anyone follows.
    pub fn followed(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Notes that seats changed.
    pub fn note(&self, seats: impl Iterator<Item = SeatIndex>) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).extend(seats);
    }

    /// The seats noted since the last call, in plan order.
    pub fn take_noted(&self) -> Vec<SeatIndex> {
        let noted = std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        let mut seats: Vec<SeatIndex> = noted.into_iter().collect();
        seats.sort_unstable();
        seats
    }

    /// Sends a batch to all followers.
    pub fn send(&self, change: Change) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == KEPT_BATCHES {
            recent.pop_front();
        }
        recent.push_back(change.clone());
        // Nobody there any more is fine.
        drop(self.sender.send(change));
    }

    /// Forgets what was noted and sent: a change that nobody followed makes a gap after it.
    pub fn forget(&self) {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Follows from now on.
    pub fn follow(&self) -> broadcast::Receiver<Change> {
        self.sender.subscribe()
    }

    /// The batches after the one that brought the map to `position`, if that one is still known.
    pub fn since(&self, position: Position) -> Option<Vec<Change>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let known = recent.iter().position(|change| change.position == position)?;
        Some(recent.iter().skip(known + 1).cloned().collect())
    }
}
