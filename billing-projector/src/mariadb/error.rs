//! What can go wrong between the log and the database, told apart by what to do about it.

use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::mysql::MySqlDatabaseError;
use ticketflow_event_store::{FeedError, Position};
use ticketflow_telemetry::with_causes;

use super::fold::FoldError;

/// Why work with the database ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// It cannot be reached, does not let us in or does not take part now: to be tried again.
    #[error("the database cannot be used: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// It did not answer in time: to be tried again on a new connection.
    #[error("the database did not answer within {limit:?}")]
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
            sqlx::Error::Database(database) => {
                let error = database.try_downcast_ref::<MySqlDatabaseError>();
                error.is_some_and(|error| !passes(error.number(), error.code().unwrap_or_default()))
            }
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

/// Whether the same may work later: classes of SQLSTATE, and of the class of everything else (`HY`) the numbers.
fn passes(number: u16, code: &str) -> bool {
    // Connection, rights, serialisation, interruption.
    ["08", "28", "40", "70"].iter().any(|class| code.starts_with(class))
        || matches!(
            number,
            // No such database, or not for this user: somebody makes it, or is let in.
            1044 | 1049 | 1142
            // Disk full, out of memory, too many files.
            | 1021 | 1037 | 1038 | 1041 | 1114 | 23..=28
            // A lock was not given in time; the row was changed by another; the table was.
            | 1205 | 1020 | 1412 | 1615
            // The server is a replica now, or is read-only for maintenance, or is just ending.
            | 1290 | 1836 | 1053 | 1077..=1079
            // A statement took too long.
            | 1969 | 3024
        )
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Another runner keeps these tables.
    #[error("another process keeps the tables of the invoices; waiting for it to end")]
    Kept {
        /// How far it is.
        position: Position,
    },
    /// Rows that another runner wrote meanwhile.
    #[error("the checkpoint was moved by another process")]
    Moved,
    #[error("the log cannot be followed: {0}")]
    Feed(#[from] FeedError),
    /// Another process was further, and this one has not heard of it yet.
    #[error("the tables are at position {position}, which this process has not got from the event store yet")]
    Ahead { position: Position },
    /// The tables are of another log, or this one lost its end.
    #[error("the tables are at position {position} of another history ({reason}); rebuild the invoices")]
    OtherHistory { position: Position, reason: &'static str },
    #[error("{}", with_causes(.0))]
    Fold(#[from] FoldError),
    #[error("the log was closed")]
    Closed,
    #[error("folding the log ended by an error of this software")]
    Task(#[source] tokio::task::JoinError),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_database_says_decides_between_trying_again_and_stopping() {
        let passing = [
            (1045, "28000"),
            (1049, "42000"),
            (1044, "42000"),
            (1213, "40001"),
            (1205, "HY000"),
            (1290, "HY000"),
            (1040, "08004"),
            (1927, "70100"),
            (1021, "HY000"),
        ];
        for (number, code) in passing {
            assert!(passes(number, code), "{number}");
        }
        let lasting = [
            (1062, "23000"),
            (1146, "42S02"),
            (1366, "22007"),
            (1406, "22001"),
            (1064, "42000"),
            (4025, "23000"),
        ];
        for (number, code) in lasting {
            assert!(!passes(number, code), "{number}");
        }
        assert!(matches!(DatabaseError::from(sqlx::Error::PoolTimedOut), DatabaseError::Unavailable(_)));
        assert!(matches!(DatabaseError::from(sqlx::Error::RowNotFound), DatabaseError::Rejected(_)));
    }
}
