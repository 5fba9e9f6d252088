//! Proves the live tables: that they equal the fold of the log up to their checkpoint.

use sqlx::Connection;
use ticketflow_event_store::{EmbeddedLog, FeedError, Position};

use super::control::{self, within};
use super::error::{DatabaseError, SessionError};
use super::folding::check_history;
use super::{InvalidUrl, digest, load, options_of, reference};
use crate::feed_runner::FoldError;

/// Digests of everything that there is.
const DIGEST_LIMIT: std::time::Duration = std::time::Duration::from_secs(600);

/// Why the tables cannot be compared.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct VerifySeatMapError(#[from] Cause);

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("the database holds no read models")]
    None,
    #[error(transparent)]
    Fold(#[from] FoldError),
}

impl From<DatabaseError> for Cause {
    fn from(error: DatabaseError) -> Self {
        Self::Session(error.into())
    }
}

impl From<sqlx::Error> for Cause {
    fn from(error: sqlx::Error) -> Self {
        Self::Session(error.into())
    }
}

/// What the comparison found.
#[derive(Debug)]
pub struct SeatMapVerified {
    /// How far the tables are.
    pub position: Position,
    /// Shows that were compared.
    pub shows: usize,
    /// Batches that an operator had passed over.
    pub skipped: usize,
    /// What differs, a show each.
    pub faults: Vec<String>,
}

/// Compares the tables with the fold of the log up to their checkpoint. `progress` is told how far the fold is.
///
/// # Errors
/// [`VerifySeatMapError`] when they cannot be compared, such as tables of another log.
pub async fn verify_seat_map(
    url: &str,
    log: &EmbeddedLog,
    progress: impl FnMut(Position) + Send + 'static,
) -> Result<SeatMapVerified, VerifySeatMapError> {
    Ok(verify(url, log, progress).await?)
}

async fn verify(
    url: &str,
    log: &EmbeddedLog,
    progress: impl FnMut(Position) + Send + 'static,
) -> Result<SeatMapVerified, Cause> {
    let mut connection = control::connect(&options_of(url)?).await?;
    let mut snapshot = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    if control::use_live(&mut snapshot).await?.is_none() {
        return Err(Cause::None);
    }
    let at = load::checkpoint(&mut snapshot).await?;
    let skipped = control::skipped(&mut snapshot).await?;
    let tables = within(DIGEST_LIMIT, digest::digests(&mut snapshot)).await?;
    snapshot.rollback().await?;
    let (log, count) = (log.clone(), skipped.len());
    let folding = tokio::task::spawn_blocking(move || {
        check_history(&log, at)?;
        Ok::<_, Cause>(reference::digests_at(&log, at.position, &skipped, progress)?)
    });
    let fold = folding.await.map_err(|error| SessionError::from(FeedError::Task(error)))??;
    let differing = digest::differences(&tables, &fold);
    let faults = differing.into_iter().map(|(show_id, part)| {
        format!("show {show_id}: the {part} in the database differ from the fold at position {}", at.position)
    });
    Ok(SeatMapVerified { position: at.position, shows: fold.len(), skipped: count, faults: faults.collect() })
}
