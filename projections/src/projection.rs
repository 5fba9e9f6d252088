//! The projections of this process by name, and what an operator can do with each.

use std::sync::{Arc, Mutex, PoisonError};

use ticketflow_event_store::Position;

use crate::feed_runner::{FeedRunner, MEMORY};
use crate::head_clock::HeadClock;
use crate::postgres::{POSTGRES, PostgresProjection};
use crate::status::{ProjectionAction, ProjectionState, ProjectionStatus, Rate};

/// Why an action was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// It has nothing beside which it could be built.
    #[error(
        "the projection {0} cannot be built anew beside what serves; what it keeps follows from the log at every start"
    )]
    NotRebuildable(&'static str),
    /// It has nothing that could be held.
    #[error("the projection {0} cannot be paused")]
    NotPausable(&'static str),
    /// It has not stopped at an event.
    #[error("the projection {0} has not stopped at an event that it could pass over")]
    NothingToSkip(&'static str),
    /// It is doing something that the action does not fit.
    #[error("the projection is {}", state.as_str())]
    WrongState {
        /// What it is doing.
        state: ProjectionState,
    },
    /// The action could not be recorded.
    #[error("the action cannot be recorded now: {0}")]
    Unavailable(String),
}

/// A projection of this process.
#[derive(Clone)]
pub enum Projection {
    /// The read models in memory.
    Memory(Arc<FeedRunner>),
    /// The read models in PostgreSQL.
    Postgres(Arc<PostgresProjection>),
    /// Something else that follows the log and is looked after elsewhere.
    Follower(Arc<Follower>),
}

/// How something else that follows the log is doing, in its own words.
pub struct FollowerReport {
    /// What it does.
    pub state: ProjectionState,
    /// How far it is.
    pub position: Position,
    /// What the last trouble was, while it lasts.
    pub last_error: Option<String>,
    /// How far it is built anew, while it is.
    pub rebuilding: Option<Position>,
}

/// Begins to build something anew beside what serves; the report says how far that is.
pub type BeginRebuild = Box<dyn Fn() -> Result<(), ActionError> + Send + Sync>;

/// Something else that follows the log. It is watched like a read model, and built anew where it can be.
pub struct Follower {
    name: &'static str,
    report: Box<dyn Fn() -> FollowerReport + Send + Sync>,
    rebuild: Option<BeginRebuild>,
    clock: Arc<HeadClock>,
    rate: Mutex<Rate>,
}

impl Follower {
    fn status(&self) -> ProjectionStatus {
        let FollowerReport { state, position, last_error, rebuilding } = (self.report)();
        let head = self.clock.head();
        let can_be_rebuilt = self.rebuild.is_some() && rebuilding.is_none();
        ProjectionStatus {
            name: self.name,
            state,
            position,
            head,
            lag_events: head.saturating_sub(position),
            lag_seconds: self.clock.age_after(position).as_secs_f64(),
            rate: self.rate.lock().unwrap_or_else(PoisonError::into_inner).per_second(position),
            rebuild_ratio: rebuilding.map(|done| done as f64 / head.max(1) as f64),
            rebuild_rate: None,
            eta_seconds: None,
            last_error,
            actions: can_be_rebuilt.then_some(ProjectionAction::Rebuild).into_iter().collect(),
        }
    }
}

impl Projection {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Memory(_) => MEMORY,
            Self::Postgres(_) => POSTGRES,
            Self::Follower(follower) => follower.name,
        }
    }

    /// How it is doing.
    pub fn status(&self) -> ProjectionStatus {
        match self {
            Self::Memory(runner) => runner.status(),
            Self::Postgres(projection) => projection.status(),
            Self::Follower(follower) => follower.status(),
        }
    }

    /// Begins to build it anew beside what serves.
    ///
    /// # Errors
    /// [`ActionError`].
    pub async fn rebuild(&self) -> Result<(), ActionError> {
        match self {
            Self::Memory(_) => Err(ActionError::NotRebuildable(self.name())),
            Self::Follower(follower) => match &follower.rebuild {
                Some(begin) => begin(),
                None => Err(ActionError::NotRebuildable(self.name())),
            },
            Self::Postgres(projection) => projection.rebuild().await,
        }
    }

    /// Holds it where it is, also across restarts.
    ///
    /// # Errors
    /// [`ActionError`].
    pub async fn pause(&self) -> Result<(), ActionError> {
        match self {
            Self::Memory(_) | Self::Follower(_) => Err(ActionError::NotPausable(self.name())),
            Self::Postgres(projection) => projection.pause().await,
        }
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// [`ActionError`].
    pub async fn resume(&self) -> Result<(), ActionError> {
        match self {
            Self::Memory(_) | Self::Follower(_) => Err(ActionError::NotPausable(self.name())),
            Self::Postgres(projection) => projection.resume().await,
        }
    }

    /// Passes over the batch that it stopped at.
    ///
    /// # Errors
    /// [`ActionError`].
    pub async fn skip(&self, reason: &str) -> Result<(), ActionError> {
        match self {
            Self::Memory(_) | Self::Follower(_) => Err(ActionError::NothingToSkip(self.name())),
            Self::Postgres(projection) => projection.skip(reason).await,
        }
    }
}

/// All projections of this process: the one in memory, which is always there, and what is kept elsewhere.
#[derive(Clone)]
pub struct Projections {
    memory: Arc<FeedRunner>,
    postgres: Option<Arc<PostgresProjection>>,
    followers: Vec<Arc<Follower>>,
}

impl Projections {
    /// These.
    pub fn new(memory: Arc<FeedRunner>, postgres: Option<Arc<PostgresProjection>>) -> Self {
        Self { memory, postgres, followers: Vec::new() }
    }

    /// And something else that follows the log under a name of its own, as it reports of itself.
    #[must_use]
    pub fn with_follower(
        mut self,
        name: &'static str,
        report: impl Fn() -> FollowerReport + Send + Sync + 'static,
        rebuild: Option<BeginRebuild>,
    ) -> Self {
        let rate = Mutex::new(Rate::new(report().position));
        let clock = self.memory.clock().clone();
        self.followers.push(Arc::new(Follower { name, report: Box::new(report), rebuild, clock, rate }));
        self
    }

    fn all(&self) -> impl Iterator<Item = Projection> {
        let memory = Projection::Memory(self.memory.clone());
        let postgres = self.postgres.clone().map(Projection::Postgres);
        let followers = self.followers.iter().cloned().map(Projection::Follower);
        [memory].into_iter().chain(postgres).chain(followers)
    }

    /// The one with this name.
    pub fn named(&self, name: &str) -> Option<Projection> {
        self.all().find(|projection| projection.name() == name)
    }

    /// How each is doing.
    pub fn statuses(&self) -> Vec<ProjectionStatus> {
        self.all().map(|projection| projection.status()).collect()
    }

    pub(crate) fn memory(&self) -> &Arc<FeedRunner> {
        &self.memory
    }

    pub(crate) fn postgres(&self) -> Option<&Arc<PostgresProjection>> {
        self.postgres.as_ref()
    }
}
