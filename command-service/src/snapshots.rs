//! Stores the folded shows now and then, so that a restart folds only what came after.

use std::sync::Arc;

use ticketflow_event_store::Head;

use crate::recovery::store_shows;
use crate::service::CommandService;

/// Starts the storing of snapshots: whenever enough events have come since the last.
pub(crate) fn start(service: &Arc<CommandService>) {
    let weak = Arc::downgrade(service);
    let mut head = service.log.subscribe_head();
    let mut stored = head.borrow().position;
    tokio::spawn(async move {
        while head.changed().await.is_ok() {
            let Some(service) = weak.upgrade() else { return };
            let now = *head.borrow_and_update();
            if now.position - stored >= service.config.snapshot_events {
                store(&service, now).await;
                stored = now.position;
            }
        }
    });
}

/// Stores a snapshot of all shows now; failing costs time at the next start and nothing else.
pub async fn store_now(service: &Arc<CommandService>) {
    let head = service.log.head();
    if head.position > 0 {
        store(service, head).await;
    }
}

/// Each show is folded at least up to `head`, because its task answered after the head was read.
async fn store(service: &Arc<CommandService>, head: Head) {
    let mut shows = Vec::new();
    for (show_id, handle) in service.shows.all() {
        if let Some(show) = handle.snapshot().await {
            shows.push((show_id, show));
        }
    }
    let log = service.log.clone();
    match tokio::task::spawn_blocking(move || store_shows(&log, head, shows)).await {
        Ok(Ok(())) => tracing::info!(position = head.position, "stored a snapshot of the shows"),
        Ok(Err(error)) => tracing::warn!(%error, "no snapshot was stored; the next start folds more events"),
        Err(error) => tracing::warn!(%error, "storing a snapshot ended early"),
    }
}
