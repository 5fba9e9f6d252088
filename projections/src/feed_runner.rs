//! Feeds the read models from the log: everything there is at start, then as it becomes durable.
//!
//! An event that does not read back stops the projection and is reported: a map that skips is wrong. Selling goes on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ticketflow_event_store::{CodecError, EmbeddedLog, EventStore, Feed, Position, ReadError};

use crate::head_clock::HeadClock;
use crate::read_models::ReadModels;
use crate::status::{ProjectionState, ProjectionStatus, Rate};

/// The name of the projection in memory.
pub(crate) const MEMORY: &str = "memory";

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
    clock: Arc<HeadClock>,
    progress: Mutex<Progress>,
}

struct Progress {
    rate: Rate,
    last_error: Option<String>,
}

impl FeedRunner {
    /// Folds what the log has. Blocks on the disk.
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn catch_up(store: impl Into<EventStore>, models: Arc<ReadModels>) -> Result<Arc<Self>, FoldError> {
        let store = store.into();
        let log = store.log().clone();
        fold_up_to(&log, &models, log.head().position)?;
        let progress = Progress { rate: Rate::new(models.position()), last_error: None };
        let clock = HeadClock::new(store);
        Ok(Arc::new(Self { models, log, clock, progress: Mutex::new(progress) }))
    }

    /// Follows the log from here on. To be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn follow(self: &Arc<Self>) -> Result<(), ReadError> {
        let feed = Feed::new(&self.log, self.models.position() + 1)?;
        self.clock.start();
        tokio::spawn(self.clone().run(feed));
        Ok(())
    }

    async fn run(self: Arc<Self>, mut feed: Feed) {
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
            self.progress().rate.reached(self.models.position());
        }
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self, error: &dyn std::error::Error) {
        tracing::error!(%error, position = self.models.position(), "the read models have stopped; selling goes on");
        self.progress().last_error = Some(error.to_string());
    }

    pub(crate) fn clock(&self) -> &Arc<HeadClock> {
        &self.clock
    }

    /// Age of the oldest event that the models do not have yet.
    pub(crate) fn age(&self) -> Duration {
        self.clock.age_after(self.models.position())
    }

    /// How the projection is doing.
    pub fn status(&self) -> ProjectionStatus {
        let (position, head) = (self.models.position(), self.log.head().position);
        let mut progress = self.progress();
        ProjectionStatus {
            name: MEMORY,
            state: match progress.last_error {
                Some(_) => ProjectionState::Stopped,
                None => ProjectionState::Live,
            },
            position,
            head,
            lag_events: head.saturating_sub(position),
            lag_seconds: self.age().as_secs_f64(),
            rate: progress.rate.per_second(position),
            rebuild_ratio: None,
            rebuild_rate: None,
            eta_seconds: None,
            last_error: progress.last_error.clone(),
            actions: Vec::new(),
        }
    }
}
