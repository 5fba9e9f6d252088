//! How a relay is doing: what operators see, and what Prometheus scrapes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::Counter;
use serde::Serialize;
use ticketflow_event_store::{EmbeddedLog, Position};

/// Weight of the newest sample in the shown rate.
const RATE_WEIGHT: f64 = 0.3;
/// Samples are no shorter.
const RATE_WINDOW: Duration = Duration::from_secs(1);

/// What a relay does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
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

/// How a relay is doing. The same members as a projection has.
#[derive(Debug, Clone, Serialize)]
pub struct RelayStatus {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub state: RelayState,
    /// All messages about events up to here are in the stream, acknowledged.
    pub position: Position,
    /// How far the log is.
    pub head: Position,
    /// The difference, in events.
    pub lag_events: u64,
    /// For how long it has been behind.
    pub lag_seconds: f64,
    /// Events relayed per second, smoothed; most of them need no message.
    pub rate: f64,
    /// Always null: a stream is not rebuilt beside itself.
    pub rebuild_ratio: Option<f64>,
    /// What the last trouble was; null once it is over.
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
    rate: f64,
    window: (Instant, Position),
    behind_since: Option<Instant>,
    last_error: Option<String>,
}

impl Progress {
    pub(crate) fn new(log: EmbeddedLog) -> Self {
        let inner = Inner {
            state: RelayState::Starting,
            position: 0,
            rate: 0.0,
            window: (Instant::now(), 0),
            behind_since: None,
            last_error: None,
        };
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
        let mut inner = self.inner();
        inner.position = position;
        let elapsed = inner.window.0.elapsed();
        if elapsed >= RATE_WINDOW {
            let rate = position.saturating_sub(inner.window.1) as f64 / elapsed.as_secs_f64();
            inner.rate = inner.rate * (1.0 - RATE_WEIGHT) + rate * RATE_WEIGHT;
            inner.window = (Instant::now(), position);
        }
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
        let head = self.log.head().position;
        let mut inner = self.inner();
        let position = inner.position;
        let behind = head > position;
        let since = inner.behind_since.filter(|_| behind);
        inner.behind_since = behind.then(|| since.unwrap_or_else(Instant::now));
        RelayStatus {
            name: "relay",
            state: inner.state,
            position,
            head,
            lag_events: head.saturating_sub(position),
            lag_seconds: inner.behind_since.map_or(0.0, |since| since.elapsed().as_secs_f64()),
            rate: inner.rate,
            rebuild_ratio: None,
            last_error: inner.last_error.clone(),
        }
    }

    /// Sets the gauges to what holds now.
    pub(crate) fn publish_gauges(&self) {
        let status = self.status();
        metrics::gauge!("relay_position").set(status.position as f64);
        metrics::gauge!("relay_lag_events").set(status.lag_events as f64);
        metrics::gauge!("relay_lag_seconds").set(status.lag_seconds);
        let works = matches!(status.state, RelayState::Live | RelayState::Standby);
        metrics::gauge!("relay_up").set(if works { 1.0 } else { 0.0 });
    }
}
