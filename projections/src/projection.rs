//! The projections of this process by name, and what an operator can do with each.

use std::sync::Arc;

use crate::feed_runner::{FeedRunner, MEMORY};
use crate::postgres::{POSTGRES, PostgresProjection};
use crate::status::{ProjectionState, ProjectionStatus};

/// Why an action was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// It is folded at every start and has nothing beside which it could be built.
    #[error("the projection {0} cannot be rebuilt while it serves; it is folded anew at a start")]
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
}

impl Projection {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Memory(_) => MEMORY,
            Self::Postgres(_) => POSTGRES,
        }
    }

    /// How it is doing.
    pub fn status(&self) -> ProjectionStatus {
        match self {
            Self::Memory(runner) => runner.status(),
            Self::Postgres(projection) => projection.status(),
        }
    }

    /// Begins to build it anew beside what serves.
    ///
    /// # Errors
    /// [`ActionError`].
    pub async fn rebuild(&self) -> Result<(), ActionError> {
        match self {
            Self::Memory(_) => Err(ActionError::NotRebuildable(MEMORY)),
            Self::Postgres(projection) => projection.rebuild().await,
        }
    }

    /// Holds it where it is, also across restarts.
    ///
    /// # Errors
    /// [`ActionError`].
    pub async fn pause(&self) -> Result<(), ActionError> {
        match self {
            Self::Memory(_) => Err(ActionError::NotPausable(MEMORY)),
            Self::Postgres(projection) => projection.pause().await,
        }
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// [`ActionError`].
    pub async fn resume(&self) -> Result<(), ActionError> {
        match self {
            Self::Memory(_) => Err(ActionError::NotPausable(MEMORY)),
            Self::Postgres(projection) => projection.resume().await,
        }
    }

    /// Passes over the batch that it stopped at.
    ///
    /// # Errors
    /// [`ActionError`].
    pub async fn skip(&self, reason: &str) -> Result<(), ActionError> {
        match self {
            Self::Memory(_) => Err(ActionError::NothingToSkip(MEMORY)),
            Self::Postgres(projection) => projection.skip(reason).await,
        }
    }
}

/// All projections of this process: the one in memory, which is always there, and what is kept elsewhere.
#[derive(Clone)]
pub struct Projections {
    memory: Arc<FeedRunner>,
    postgres: Option<Arc<PostgresProjection>>,
}

impl Projections {
    /// These.
    pub fn new(memory: Arc<FeedRunner>, postgres: Option<Arc<PostgresProjection>>) -> Self {
        Self { memory, postgres }
    }

    fn all(&self) -> impl Iterator<Item = Projection> {
        let memory = Projection::Memory(self.memory.clone());
        [memory].into_iter().chain(self.postgres.clone().map(Projection::Postgres))
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
