//! Stores snapshots now and then, so that a restart folds only what came after.
//!
//! Works beside everything else, from the log alone, on a thread that gives way to selling. One snapshot at a time, so that
//! two never write the same file and that the memory that one takes is free again before the next.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ticketflow_command_service::store_shows;
use ticketflow_event_store::{EmbeddedLog, Position, StoredSnapshot};
use ticketflow_projections::store_models;
use tokio::sync::{Mutex, oneshot};

/// Events after which snapshots are stored at the earliest: to fold so many takes a restart a fraction of a second.
const EVENTS_BETWEEN: u64 = 1_000_000;
/// Large snapshots are stored more rarely: reading and writing this much takes as long as folding an event, or longer.
const BYTES_PER_EVENT: u64 = 100;
/// A stop does not wait for a snapshot that spares the next start less than this many events.
const EVENTS_WORTH_A_STOP: u64 = 50_000;
/// How far the thread gives way to others; 19 is the most.
const NICENESS: i32 = 10;

type Store = fn(&EmbeddedLog) -> Result<StoredSnapshot, Box<dyn Error + Send + Sync>>;

/// What has snapshots.
const STORES: [(&str, Store); 2] =
    [("shows", |log| Ok(store_shows(log)?)), ("read models", |log| Ok(store_models(log)?))];

/// Stores snapshots of what is folded from a log.
pub(crate) struct SnapshotKeeper {
    log: EmbeddedLog,
    under_way: Mutex<()>,
    /// Where the last snapshots are; 0 before the first.
    stored: AtomicU64,
}

impl SnapshotKeeper {
    /// Stores snapshots whenever enough events have come, from now on. To be called within a Tokio runtime.
    pub(crate) fn start(log: EmbeddedLog) -> Arc<Self> {
        let keeper = Arc::new(Self { log, under_way: Mutex::default(), stored: AtomicU64::new(0) });
        tokio::spawn(keeper.clone().run());
        keeper
    }

    async fn run(self: Arc<Self>) {
        let mut head = self.log.subscribe_head();
        let mut stored = head.borrow().position;
        let mut events_between = EVENTS_BETWEEN;
        while head.changed().await.is_ok() {
            let now: Position = head.borrow_and_update().position;
            if now - stored >= events_between {
                let bytes = self.store().await;
                events_between = EVENTS_BETWEEN.max(bytes / BYTES_PER_EVENT);
                stored = now;
            }
        }
    }

    /// Stores snapshots for the next start, where they are worth the wait.
    pub(crate) async fn store_at_stop(&self) {
        let stored = self.stored.load(Ordering::Relaxed);
        if stored == 0 || self.log.head().position - stored >= EVENTS_WORTH_A_STOP {
            self.store().await;
        }
    }

    /// Stores snapshots now and says how many bytes they have; failing costs time at the next start and nothing else.
    async fn store(&self) -> u64 {
        let _alone = self.under_way.lock().await;
        self.stored.store(self.log.head().position, Ordering::Relaxed);
        let (done, wait) = oneshot::channel();
        let log = self.log.clone();
        let thread = std::thread::Builder::new().name("snapshots".to_owned()).spawn(move || {
            give_way();
            // A keeper that was dropped does not need to know.
            let _ = done.send(store_all(&log));
        });
        match thread {
            Ok(_) => wait.await.unwrap_or(0),
            Err(error) => {
                tracing::warn!(%error, "no thread for snapshots; the next start folds more events");
                0
            }
        }
    }
}

fn store_all(log: &EmbeddedLog) -> u64 {
    let stored = STORES.map(|(name, store)| match store(log) {
        Ok(stored) => {
            tracing::info!(name, position = stored.position, bytes = stored.bytes, "stored a snapshot");
            stored.bytes
        }
        Err(error) => {
            tracing::warn!(name, error, "no snapshot was stored; the next start folds more events");
            0
        }
    });
    stored.iter().sum()
}

fn give_way() {
    // On Linux this is of the calling thread. Without the right to it the snapshots take their share like all others.
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "the thread of the snapshots keeps its priority");
    }
}
