//! What a projection kept in PostgreSQL is doing, as its parts tell each other and operators.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ticketflow_event_store::Position;
use tokio::sync::watch;

use super::control::Generation;
use super::error::Poison;
use crate::status::{ProjectionAction, ProjectionState, Rate};

/// What the runner of the live tables is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Has not reached the head since it was started or lost its connection.
    CatchingUp,
    /// Follows the log.
    Live,
    /// Held by an operator.
    Paused,
    /// Waits for an operator.
    Stopped,
    /// Tries to reach the database.
    Unreachable,
    /// Waits for the process that keeps the tables to end.
    Standby,
}

/// A rebuild under way.
#[derive(Debug)]
pub(crate) struct RebuildProgress {
    pub(crate) position: Position,
    pub(crate) begun: Instant,
}

/// Guarded parts of the state.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) rate: Rate,
    pub(crate) paused: bool,
    /// Why it stopped or cannot reach the database; gone once it works.
    pub(crate) error: Option<String>,
    pub(crate) poison: Option<Poison>,
    pub(crate) generation: Option<Generation>,
    pub(crate) rebuild: Option<RebuildProgress>,
    /// How the last rebuild ended, if not well.
    pub(crate) rebuild_error: Option<String>,
}

/// The state of a projection.
#[derive(Debug)]
pub(crate) struct State {
    activity: watch::Sender<Activity>,
    inner: Mutex<Inner>,
}

impl State {
    pub(crate) fn new() -> Self {
        let inner = Inner {
            rate: Rate::new(0),
            paused: false,
            error: None,
            poison: None,
            generation: None,
            rebuild: None,
            rebuild_error: None,
        };
        Self { activity: watch::Sender::new(Activity::CatchingUp), inner: Mutex::new(inner) }
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn activity(&self) -> Activity {
        *self.activity.borrow()
    }

    pub(crate) fn follow(&self) -> watch::Receiver<Activity> {
        self.activity.subscribe()
    }

    pub(crate) fn set(&self, activity: Activity) {
        self.activity.send_if_modified(|now| std::mem::replace(now, activity) != activity);
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.inner().paused
    }

    /// As operators read it.
    pub(crate) fn shown(&self) -> ProjectionState {
        match self.activity() {
            Activity::Unreachable => ProjectionState::Unreachable,
            Activity::Standby => ProjectionState::Standby,
            _ if self.inner().rebuild.is_some() => ProjectionState::Rebuilding,
            Activity::Stopped => ProjectionState::Stopped,
            Activity::Paused => ProjectionState::Paused,
            Activity::CatchingUp => ProjectionState::CatchingUp,
            Activity::Live => ProjectionState::Live,
        }
    }

    /// What an operator can do now.
    pub(crate) fn actions(&self) -> &'static [ProjectionAction] {
        use ProjectionAction::{Pause, Rebuild, Resume, Skip};
        match self.shown() {
            ProjectionState::Live | ProjectionState::CatchingUp => &[Pause, Rebuild],
            ProjectionState::Paused => &[Resume],
            ProjectionState::Stopped if self.inner().poison.is_some() => &[Resume, Skip, Rebuild],
            ProjectionState::Stopped => &[Resume, Rebuild],
            ProjectionState::Rebuilding | ProjectionState::Unreachable | ProjectionState::Standby => &[],
        }
    }
}
