//! How a relay is doing. What follows from it, such as its lag, is left to whoever watches.

use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics::Counter;
use ticketflow_event_store::{EmbeddedLog, Position};

/// What a relay does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayState {
    /// Looks where the stream ends.
    Starting,
    /// Publishes what the log brings.
    Live,
    /// Another relay publishes; this one watches, and takes over when that stops.
    Standby,
    /// The servers cannot be reached or take nothing; it tries again by itself.
    Waiting,
    /// Somebody has to look at `last_error`.
    Stopped,
}

/// How a relay is doing.
#[derive(Debug, Clone)]
pub struct RelayStatus {
    /// What it does.
    pub state: RelayState,
    /// All messages about events up to here are in the stream, acknowledged.
    pub position: Position,
    /// What the last trouble was; none once it is over.
    pub last_error: Option<String>,
}

/// What the task writes and others read.
pub(crate) struct Progress {
    log: EmbeddedLog,
    inner: Mutex<Inner>,
    published: Counter,
    recoveries: Counter,
    lost_races: Counter,
}

struct Inner {
    state: RelayState,
    position: Position,
    last_error: Option<String>,
}

impl Progress {
    pub(crate) fn new(log: EmbeddedLog) -> Self {
        let inner = Inner { state: RelayState::Starting, position: 0, last_error: None };
        Self {
            log,
            inner: Mutex::new(inner),
            published: metrics::counter!("relay_messages_total"),
            recoveries: metrics::counter!("relay_recoveries_total"),
            lost_races: metrics::counter!("relay_lost_races_total"),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes over to a state; the trouble before is over unless this is trouble itself.
    pub(crate) fn enter(&self, state: RelayState, error: Option<String>) {
        let mut inner = self.inner();
        if inner.state != state || inner.last_error != error {
            match &error {
                Some(error) if state == RelayState::Stopped => {
                    tracing::error!(%error, position = inner.position, "the relay has stopped; selling goes on");
                }
                Some(error) => {
                    tracing::warn!(%error, ?state, position = inner.position, "the relay is held up")
                }
                None => tracing::info!(?state, position = inner.position, "the relay goes on"),
            }
        }
        inner.state = state;
        inner.last_error = error;
    }

    /// Whether the log has nothing behind `position`.
    pub(crate) fn is_at_head(&self, position: Position) -> bool {
        self.log.head().position <= position
    }

    /// Everything up to `position` is in the stream.
    pub(crate) fn reached(&self, position: Position) {
        self.inner().position = position;
    }

    /// A message was acknowledged.
    pub(crate) fn published(&self) {
        self.published.increment(1);
    }

    /// The stream was asked where it ends, after an outcome that was unknown.
    pub(crate) fn recovered(&self) {
        self.recoveries.increment(1);
    }

    /// Another relay was faster.
    pub(crate) fn lost_race(&self) {
        self.lost_races.increment(1);
    }

    pub(crate) fn status(&self) -> RelayStatus {
        let inner = self.inner();
        RelayStatus { state: inner.state, position: inner.position, last_error: inner.last_error.clone() }
    }
}
