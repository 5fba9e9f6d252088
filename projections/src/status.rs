//! How a projection is doing, as operators read it.

use std::time::{Duration, Instant};

use serde::Serialize;
use ticketflow_event_store::Position;
use utoipa::ToSchema;

/// Weight of the newest sample in the shown rate.
const RATE_WEIGHT: f64 = 0.3;
/// Between two samples of the rate.
const RATE_INTERVAL: Duration = Duration::from_secs(1);

/// What a projection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProjectionState {
    /// Follows the log.
    Live,
    /// Folds what the log had at the start; follows it afterwards.
    CatchingUp,
    /// Follows the log while it is built anew beside.
    Rebuilding,
    /// Held by an operator, also across restarts.
    Paused,
    /// Stopped where it cannot go on, such as at an event that cannot be applied; the rest of the service goes on.
    Stopped,
    /// What it keeps up cannot be reached; it goes on once that can.
    Unreachable,
    /// Another process keeps it up; this one watches, and takes over when that one ends.
    Standby,
}

impl ProjectionState {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::CatchingUp => "catching_up",
            Self::Rebuilding => "rebuilding",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Unreachable => "unreachable",
            Self::Standby => "standby",
        }
    }
}

/// What an operator can do with a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProjectionAction {
    /// Let it go on, or try again.
    Resume,
    /// Hold it where it is.
    Pause,
    /// Pass over what it stopped at.
    Skip,
    /// Build it anew beside what serves.
    Rebuild,
}

/// How a projection is doing.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Projection, example = json!({
    "name": "postgres", "state": "rebuilding", "position": 1204, "head": 1210, "lag_events": 6, "lag_seconds": 0.012,
    "rate": 310.5, "rebuild_ratio": 0.25, "rebuild_rate": 84000.0, "eta_seconds": 12.5, "last_error": null,
    "actions": []
}))]
pub struct ProjectionStatus {
    /// Its name.
    pub name: &'static str,
    /// What it is doing.
    pub state: ProjectionState,
    /// How far it is.
    #[schema(value_type = u64)]
    pub position: Position,
    /// How far the log is.
    #[schema(value_type = u64)]
    pub head: Position,
    /// The difference, in events.
    pub lag_events: u64,
    /// Age of the oldest event that it does not have yet.
    pub lag_seconds: f64,
    /// Events folded per second, smoothed.
    pub rate: f64,
    /// How much of a rebuild is done, from 0 to 1; null while none is under way.
    #[schema(required = true)]
    pub rebuild_ratio: Option<f64>,
    /// Events per second of the rebuild under way.
    #[schema(required = true)]
    pub rebuild_rate: Option<f64>,
    /// Until the rebuild under way is done, at its rate so far.
    #[schema(required = true)]
    pub eta_seconds: Option<f64>,
    /// Why it stopped, or what went wrong last and has not been mended since.
    #[schema(required = true)]
    pub last_error: Option<String>,
    /// What an operator can do with it now.
    pub actions: Vec<ProjectionAction>,
}

/// A smoothed rate of positions.
#[derive(Debug)]
pub(crate) struct Rate {
    since: Instant,
    from: Position,
    per_second: f64,
}

impl Rate {
    /// From this position on.
    pub(crate) fn new(from: Position) -> Self {
        Self { since: Instant::now(), from, per_second: 0.0 }
    }

    /// So far now.
    pub(crate) fn reached(&mut self, position: Position) {
        if self.since.elapsed() >= RATE_INTERVAL {
            self.sample(position);
        }
    }

    fn sample(&mut self, position: Position) {
        let rate = position.saturating_sub(self.from) as f64 / self.since.elapsed().as_secs_f64();
        self.per_second = self.per_second * (1.0 - RATE_WEIGHT) + rate * RATE_WEIGHT;
        (self.since, self.from) = (Instant::now(), position);
    }

    /// Events per second, to a tenth. Also falls while nothing comes.
    pub(crate) fn per_second(&mut self, position: Position) -> f64 {
        self.reached(position);
        (self.per_second * 10.0).round() / 10.0
    }
}
