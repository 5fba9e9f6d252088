//! Stores the folded shows now and then, so that a restart folds only what came after.
//!
//! Works beside the tasks, from the log alone; see `recovery`. One at a time, so that two never write the same file.

use std::sync::{Arc, Weak};

use ticketflow_event_store::EmbeddedLog;
use tokio::sync::Mutex;

use crate::recovery::store_shows;

/// Stores snapshots of the shows.
pub struct SnapshotKeeper {
    log: EmbeddedLog,
    under_way: Mutex<()>,
}

impl SnapshotKeeper {
    /// Stores a snapshot whenever this many events have come since the last, until the keeper is dropped. To be called
    /// within a Tokio runtime.
    pub(crate) fn start(log: EmbeddedLog, events: u64) -> Arc<Self> {
        let mut head = log.subscribe_head();
        let keeper = Arc::new(Self { log, under_way: Mutex::default() });
        tokio::spawn({
            let keeper = Arc::downgrade(&keeper);
            async move {
                let mut stored = head.borrow().position;
                while head.changed().await.is_ok() {
                    let now = head.borrow_and_update().position;
                    if now - stored >= events {
                        let Some(keeper) = Weak::upgrade(&keeper) else { return };
                        keeper.store_now().await;
                        stored = now;
                    }
                }
            }
        });
        keeper
    }

    /// Stores a snapshot now; failing costs time at the next start and nothing else.
    pub async fn store_now(&self) {
        let _alone = self.under_way.lock().await;
        let log = self.log.clone();
        match tokio::task::spawn_blocking(move || store_shows(&log)).await {
            Ok(Ok(head)) => tracing::info!(position = head.position, "stored a snapshot of the shows"),
            Ok(Err(error)) => {
                tracing::warn!(%error, "no snapshot was stored; the next start folds more events");
            }
            Err(error) => tracing::warn!(%error, "storing a snapshot ended early"),
        }
    }
}
