//! Stores snapshots now and then, so that a restart folds only what came after.
//!
//! Works beside everything else, from the log alone. One at a time, so that two never write the same file and that the
//! memory that one takes is free again before the next.

use std::error::Error;
use std::sync::Arc;

use ticketflow_command_service::store_shows;
use ticketflow_event_store::{EmbeddedLog, Head};
use ticketflow_projections::store_models;
use tokio::sync::Mutex;

/// Events after which snapshots are stored: a restart that has to fold so many takes a fraction of a second longer.
const EVENTS_BETWEEN: u64 = 1_000_000;

type Store = fn(&EmbeddedLog) -> Result<Head, Box<dyn Error + Send + Sync>>;

/// What has snapshots.
const STORES: [(&str, Store); 2] =
    [("shows", |log| Ok(store_shows(log)?)), ("read models", |log| Ok(store_models(log)?))];

/// Stores snapshots of what is folded from a log.
pub(crate) struct SnapshotKeeper {
    log: EmbeddedLog,
    under_way: Mutex<()>,
}

impl SnapshotKeeper {
    /// Stores snapshots whenever enough events have come, from now on. To be called within a Tokio runtime.
    pub(crate) fn start(log: EmbeddedLog) -> Arc<Self> {
        let keeper = Arc::new(Self { log, under_way: Mutex::default() });
        tokio::spawn(keeper.clone().run());
        keeper
    }

    async fn run(self: Arc<Self>) {
        let mut head = self.log.subscribe_head();
        let mut stored = head.borrow().position;
        while head.changed().await.is_ok() {
            let now = head.borrow_and_update().position;
            if now - stored >= EVENTS_BETWEEN {
                self.store_now().await;
                stored = now;
            }
        }
    }

    /// Stores snapshots now; failing costs time at the next start and nothing else.
    pub(crate) async fn store_now(&self) {
        let _alone = self.under_way.lock().await;
        for (name, store) in STORES {
            let log = self.log.clone();
            match tokio::task::spawn_blocking(move || store(&log)).await {
                Ok(Ok(head)) => tracing::info!(name, position = head.position, "stored a snapshot"),
                Ok(Err(error)) => {
                    tracing::warn!(name, error, "no snapshot was stored; the next start folds more events");
                }
                Err(error) => tracing::warn!(name, %error, "storing a snapshot ended early"),
            }
        }
    }
}
