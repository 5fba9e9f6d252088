//! What can go wrong between a projection and its database, told apart by what to do about it.

use std::time::Duration;

use sqlx::migrate::MigrateError;
use ticketflow_event_store::{Batch, CodecError, FeedError, Position, ReadError};

/// Why work with the database ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// It cannot be reached or does not take part now: to be tried again.
    #[error("the database cannot be reached: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// It did not answer in time: to be tried again on a new connection.
    #[error("the database did not answer within {} s", limit.as_secs())]
    Slow {
        /// How long was waited.
        limit: Duration,
    },
    /// It will not take what it was given: trying again is of no use.
    #[error("the database refuses it: {0}")]
    Rejected(#[source] sqlx::Error),
    /// The tables are not those of this version of the software.
    #[error("the tables cannot be set up: {0}")]
    Migration(#[source] MigrateError),
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        let refused = match &error {
            sqlx::Error::Database(database) => database.code().is_some_and(|code| !passes_by_itself(&code)),
            sqlx::Error::Configuration(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::RowNotFound => true,
            _ => false,
        };
        if refused { Self::Rejected(error) } else { Self::Unavailable(error) }
    }
}

impl From<MigrateError> for DatabaseError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => Self::from(error),
            other => Self::Migration(other),
        }
    }
}

impl DatabaseError {
    /// Whether it gave up waiting for a lock.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        match self {
            Self::Unavailable(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code == LOCK_NOT_AVAILABLE)
            }
            _ => false,
        }
    }

    /// Whether the tables were replaced by others between two steps of a read.
    pub(crate) fn is_replaced_table(&self) -> bool {
        let (Self::Unavailable(sqlx::Error::Database(error)) | Self::Rejected(sqlx::Error::Database(error))) =
            self
        else {
            return false;
        };
        error.code().is_some_and(|code| code == UNDEFINED_TABLE)
    }
}

/// Connection, rights, rollback, resources, a lock, an operator's or the system's doing: classes of SQLSTATE in which the same
/// statement may work later.
fn passes_by_itself(code: &str) -> bool {
    ["08", "25", "28", "3D", "40", "53", "55", "57", "58", "XX"].iter().any(|class| code.starts_with(class))
}

/// A table that a name in the search path stood for is gone.
const UNDEFINED_TABLE: &str = "42P01";
/// A lock was not given within `lock_timeout`.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Why a projection ended a session with its database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Another runner keeps these tables.
    #[error("another process keeps the tables of this projection; waiting for it to end")]
    Kept {
        /// How far it is.
        position: Position,
    },
    /// Rows that another runner wrote meanwhile.
    #[error("the checkpoint was moved by another process")]
    Moved,
    #[error("the log cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("the log cannot be followed: {0}")]
    Feed(#[from] FeedError),
    /// Another process was further, and this one has not heard of it yet.
    #[error("the tables are at position {position}, which this process has not got from the event store yet")]
    Ahead { position: Position },
    /// The tables are of another log, or this one lost its end.
    #[error("the tables are at position {position} of another history ({reason}); rebuild the projection")]
    OtherHistory { position: Position, reason: &'static str },
    #[error("{0}")]
    Poison(Poison),
}

impl SessionError {
    /// Whether trying again may help.
    pub(crate) fn passes(&self) -> bool {
        matches!(
            self,
            Self::Kept { .. }
                | Self::Moved
                | Self::Ahead { .. }
                | Self::Database(DatabaseError::Unavailable(_) | DatabaseError::Slow { .. })
        )
    }
}

impl From<sqlx::Error> for SessionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A batch of the log that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the batch at position {first} cannot be applied: {error}")]
pub(crate) struct Poison {
    /// Which one, whatever another history has at its position.
    pub(crate) batch_id: [u8; 16],
    /// Of its first event.
    pub(crate) first: Position,
    /// Of its last event.
    pub(crate) last: Position,
    /// Why.
    pub(crate) error: String,
}

impl Poison {
    pub(crate) fn codec(batch: &Batch<'_>, error: &CodecError) -> Self {
        let mut text = error.to_string();
        if let Some(source) = std::error::Error::source(error) {
            text.push_str(&format!(": {source}"));
        }
        let (first, last) = (batch.first_position(), batch.last_position());
        Self { batch_id: batch.batch_id(), first, last, error: text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_database_says_decides_between_trying_again_and_stopping() {
        for passing in ["08006", "57P01", "57P03", "53300", "40001", "40P01", "25006", "55P03"] {
            assert!(passes_by_itself(passing), "{passing}");
        }
        for lasting in ["23505", "23514", "22021", "42703", "22003", "42P01"] {
            assert!(!passes_by_itself(lasting), "{lasting}");
        }
        assert!(matches!(DatabaseError::from(sqlx::Error::PoolTimedOut), DatabaseError::Unavailable(_)));
        assert!(matches!(DatabaseError::from(sqlx::Error::RowNotFound), DatabaseError::Rejected(_)));
    }
}
