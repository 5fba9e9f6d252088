//! Feeds the read models from the log: everything there is at start, then as it becomes durable.
//!
//! An event that does not read back stops the projection and is reported: a map that skips is wrong. Selling goes on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use ticketflow_event_store::{CodecError, EmbeddedLog, Feed, Position, ReadError};
use utoipa::ToSchema;

use crate::read_models::ReadModels;

/// Weight of the newest sample in the shown rate.
const RATE_WEIGHT: f64 = 0.3;

/// Whether a projection works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectionState {
    /// Follows the log.
    Live,
    /// Stopped at an event that does not read back, or because the log can't be read.
    Stopped,
}

/// How a projection is doing.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Projection)]
pub struct ProjectionStatus {
    /// Its name.
    pub name: &'static str,
    /// `live`, or `stopped` at an event that does not read back.
    #[schema(value_type = String)]
    pub state: ProjectionState,
    /// How far it is.
    #[schema(value_type = u64)]
    pub position: Position,
    /// How far the log is.
    #[schema(value_type = u64)]
    pub head: Position,
    /// The difference, in events.
    pub lag_events: u64,
    /// Age of what it does not have yet.
    pub lag_seconds: f64,
    /// Events folded per second, smoothed.
    pub rate: f64,
    /// How much of a rebuild is done; null while none is under way.
    #[schema(required = true)]
    pub rebuild_ratio: Option<f64>,
    /// Why it stopped.
    #[schema(required = true)]
    pub last_error: Option<String>,
}

/// Why the read models cannot be folded.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The log cannot be read.
    #[error("the log cannot be read for the read models")]
    Read(#[from] ReadError),
    /// An event does not read back.
    #[error("the batch at position {position} holds an event that does not read back")]
    Event {
        /// Of the batch's first event.
        position: Position,
        /// Why.
        #[source]
        source: CodecError,
    },
}

/// Folds what the models do not have yet, up to and with the batch that ends at `to`. Blocks on the disk.
pub(crate) fn fold_up_to(log: &EmbeddedLog, models: &ReadModels, to: Position) -> Result<(), FoldError> {
    let mut reader = log.read_from(models.position() + 1)?;
    while reader.next_position() <= to {
        let Some(batch) = reader.next_batch()? else { break };
        let position = batch.first_position();
        models.apply(&batch).map_err(|source| FoldError::Event { position, source })?;
        models.reached(batch.last_position());
    }
    Ok(())
}

/// Keeps the read models up to date.
pub struct FeedRunner {
    models: Arc<ReadModels>,
    log: EmbeddedLog,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    rate: f64,
    /// A head that was not reached when it was seen, and when that was.
    behind_since: Option<(Position, Instant)>,
    last_error: Option<String>,
}

impl FeedRunner {
    /// Folds what the log has. Blocks on the disk.
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn catch_up(log: EmbeddedLog, models: Arc<ReadModels>) -> Result<Arc<Self>, FoldError> {
        fold_up_to(&log, &models, log.head().position)?;
        Ok(Arc::new(Self { models, log, progress: Mutex::default() }))
    }

    /// Follows the log from here on. To be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn follow(self: &Arc<Self>) -> Result<(), ReadError> {
        let feed = Feed::new(&self.log, self.models.position() + 1)?;
        tokio::spawn(self.clone().run(feed));
        Ok(())
    }

    async fn run(self: Arc<Self>, mut feed: Feed) {
        let mut window = (Instant::now(), self.models.position());
        loop {
            let chunk = match feed.next().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return,
                Err(error) => return self.stop(&error),
            };
            for batch in chunk.batches() {
                if let Err(error) = self.models.apply(&batch) {
                    return self.stop(&error);
                }
                self.models.reached(batch.last_position());
            }
            let elapsed = window.0.elapsed();
            if elapsed >= Duration::from_secs(1) {
                let rate = (self.models.position() - window.1) as f64 / elapsed.as_secs_f64();
                let mut progress = self.progress();
                progress.rate = progress.rate * (1.0 - RATE_WEIGHT) + rate * RATE_WEIGHT;
                window = (Instant::now(), self.models.position());
            }
        }
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self, error: &dyn std::error::Error) {
        tracing::error!(%error, position = self.models.position(), "the read models have stopped; selling goes on");
        self.progress().last_error = Some(error.to_string());
    }

    /// How the projection is doing.
    pub fn status(&self) -> ProjectionStatus {
        let (position, head) = (self.models.position(), self.log.head().position);
        let mut progress = self.progress();
        let behind = head > position;
        // Under load there is always something on its way; what was on its way the last time has arrived meanwhile.
        let since = progress.behind_since.filter(|(seen, _)| position < *seen);
        progress.behind_since = behind.then(|| since.unwrap_or_else(|| (head, Instant::now())));
        ProjectionStatus {
            name: "memory",
            state: match progress.last_error {
                Some(_) => ProjectionState::Stopped,
                None => ProjectionState::Live,
            },
            position,
            head,
            lag_events: head.saturating_sub(position),
            lag_seconds: progress.behind_since.map_or(0.0, |(_, since)| since.elapsed().as_secs_f64()),
            rate: progress.rate,
            rebuild_ratio: None,
            last_error: progress.last_error.clone(),
        }
    }
}
