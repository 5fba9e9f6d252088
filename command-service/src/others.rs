//! What other replicas write: wakes the tasks of the shows that it concerns.
//!
//! A task folds what others wrote before it decides anything, so nothing depends on being woken for correctness. But a show
//! that was created elsewhere needs a task here as well, and holds and charges made elsewhere have to be ended here should
//! the other replica be gone.

use std::sync::Weak;
use std::time::Duration;

use ticketflow_domain::ShowId;
use ticketflow_event_store::{Category, Feed};

use crate::service::CommandService;

/// Pause before the log is followed again after it could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows the log until the service is gone or the log is closed.
pub(crate) async fn follow(service: Weak<CommandService>) {
    let Some(mut next) = service.upgrade().map(|service| service.ports.store.log().head().position + 1)
    else {
        return;
    };
    loop {
        let Some(log) = service.upgrade().map(|service| service.ports.store.log().clone()) else { return };
        let opened = tokio::task::spawn_blocking(move || Feed::new(&log, next)).await;
        let error: Box<dyn std::error::Error + Send + Sync> = match opened {
            Ok(Ok(mut feed)) => match wake_along(&service, &mut feed).await {
                Ok(()) => return,
                Err(error) => {
                    next = feed.next_position();
                    error.into()
                }
            },
            Ok(Err(error)) => error.into(),
            Err(error) => error.into(),
        };
        tracing::error!(%error, "the log cannot be followed; holds of other replicas end later meanwhile");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn wake_along(
    service: &Weak<CommandService>,
    feed: &mut Feed,
) -> Result<(), ticketflow_event_store::FeedError> {
    while let Some(chunk) = feed.next().await? {
        let Some(service) = service.upgrade() else { return Ok(()) };
        for batch in chunk.batches() {
            let stream = batch.stream();
            if stream.category == Category::Show {
                service.start_show(ShowId::from_bytes(stream.id)).moved();
            }
        }
    }
    Ok(())
}
