//! Builds a generation of the tables anew from position 0 beside the live one, compares both with the fold of the log, and
//! puts it in the live one's place.
//!
//! Order: build; look at old and new at one position in one snapshot, while both go on; only what equals the fold may serve;
//! then one transaction, between two runs of the live tables, makes the new generation the one that readers find. The old one
//! goes when its last reader has gone. A crash leaves a generation that nobody uses, which the next session drops.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use ticketflow_domain::ShowId;
use ticketflow_event_store::{FeedError, Head, Position};

use super::control::{self, Generation, QUERY_LIMIT, within};
use super::digest::{self, Digests};
use super::error::{DatabaseError, SessionError};
use super::folding::{Folding, Limit};
use super::reference;
use super::session::{CATCH_UP_WEIGHT, WRITE_LIMIT};
use super::state::{Activity, RebuildProgress};
use super::write::{Target, write};
use super::{POSTGRES, PostgresProjection, load};

/// So near to the live tables the last steps are taken, while those wait.
const NEAR: u64 = 10_000;
/// Digests of everything that there is.
const DIGEST_LIMIT: Duration = Duration::from_secs(600);
/// Statistics of everything that there is.
const ANALYZE_LIMIT: Duration = Duration::from_secs(120);
/// Between two tries to drop tables that are still read.
const DROP_INTERVAL: Duration = Duration::from_millis(500);
/// Tries; after that the next session of the runner drops them.
const DROP_TRIES: u32 = 120;

/// Why a rebuild came to nothing. The live tables serve on.
#[derive(Debug, thiserror::Error)]
enum RebuildError {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("the log does not fold: {0}")]
    Fold(#[from] crate::feed_runner::FoldError),
    #[error("show {show_id}: the {part} built anew differ from the fold of the log")]
    Differs { show_id: ShowId, part: &'static str },
    #[error("the log was closed")]
    LogClosed,
}

impl From<DatabaseError> for RebuildError {
    fn from(error: DatabaseError) -> Self {
        Self::Session(error.into())
    }
}

impl From<sqlx::Error> for RebuildError {
    fn from(error: sqlx::Error) -> Self {
        Self::Session(error.into())
    }
}

/// Begins a rebuild on a task of its own.
pub(super) fn begin(projection: &Arc<PostgresProjection>) {
    let mut inner = projection.state.inner();
    inner.rebuild = Some(RebuildProgress { position: 0, begun: Instant::now() });
    inner.rebuild_error = None;
    drop(inner);
    let projection = projection.clone();
    tokio::spawn(async move {
        let outcome = rebuild(&projection).await;
        tokio::spawn(drop_unused(projection.options.clone()));
        let mut inner = projection.state.inner();
        let took = inner.rebuild.take().map(|rebuild| rebuild.begun.elapsed());
        match outcome {
            Ok(noticed) => {
                tracing::info!(?took, "the read models in the database were rebuilt");
                inner.rebuild_error = noticed;
                drop(inner);
                projection.replaced();
            }
            Err(error) => {
                metrics::counter!("projection_errors_total", "projection" => POSTGRES).increment(1);
                tracing::error!(%error, "the rebuild came to nothing; the tables that serve stay");
                inner.rebuild_error = Some(format!("the last rebuild came to nothing: {error}"));
            }
        }
    });
}

/// Builds, compares and swaps. Gives what was found wrong with the generation that was replaced.
async fn rebuild(projection: &PostgresProjection) -> Result<Option<String>, RebuildError> {
    let mut connection = control::connect(&projection.options).await?;
    let new = within(QUERY_LIMIT, control::create(&mut connection)).await?;
    let outcome = build(projection, &mut connection, new).await;
    // Lets go of whichever generation is not needed, so that it can be dropped.
    drop(within(QUERY_LIMIT, connection.close()).await);
    outcome
}

async fn build(
    projection: &PostgresProjection,
    connection: &mut PgConnection,
    new: Generation,
) -> Result<Option<String>, RebuildError> {
    let mut folding = Folding::start(projection.store.log(), Head::default(), connection).await?;
    catch_up(projection, connection, &mut folding).await?;
    within(ANALYZE_LIMIT, sqlx::query("ANALYZE").execute(&mut *connection)).await.ok();
    let noticed = compare(projection, connection, &mut folding, new).await?;
    catch_up(projection, connection, &mut folding).await?;
    let _turn = projection.turn.lock().await;
    follow_to(projection, connection, &mut folding, target(projection)).await?;
    let live = within(QUERY_LIMIT, control::read(connection)).await?.live;
    if !within(QUERY_LIMIT, control::make_live(connection, new, live)).await? {
        return Err(SessionError::Moved.into());
    }
    projection.wake(true);
    Ok(noticed)
}

/// How far the new tables may go: not beyond the live ones, so that both can be looked at at one position; to the head where
/// those do not move.
fn target(projection: &PostgresProjection) -> Position {
    match projection.state.activity() {
        Activity::Stopped => projection.store.log().head().position,
        _ => projection.position(),
    }
}

/// Until the new tables are near.
async fn catch_up(
    projection: &PostgresProjection,
    connection: &mut PgConnection,
    folding: &mut Folding,
) -> Result<(), RebuildError> {
    loop {
        let target = target(projection);
        follow_to(projection, connection, folding, target).await?;
        if self::target(projection).saturating_sub(folding.at().position) <= NEAR {
            return Ok(());
        }
    }
}

/// Until the new tables are at the end of the last batch that ends at or before `to`.
async fn follow_to(
    projection: &PostgresProjection,
    connection: &mut PgConnection,
    folding: &mut Folding,
    to: Position,
) -> Result<(), RebuildError> {
    while folding.at().position < to {
        if !folding.ready().await? {
            return Err(RebuildError::LogClosed);
        }
        let from = folding.at();
        let gathered = folding.gather(connection, Limit { weight: CATCH_UP_WEIGHT, to }).await?;
        if gathered.changes.batches > 0 {
            let written = write(connection, from, &gathered.changes, Target::Building);
            let written = tokio::time::timeout(WRITE_LIMIT, written).await;
            written.map_err(|_| DatabaseError::Slow { limit: WRITE_LIMIT })??;
        }
        if let Some(poison) = gathered.poison {
            return Err(SessionError::Poison(poison).into());
        }
        if let Some(rebuild) = &mut projection.state.inner().rebuild {
            rebuild.position = folding.at().position;
        }
        if gathered.changes.batches == 0 {
            // The next batch ends beyond.
            return Ok(());
        }
    }
    Ok(())
}

/// Compares the new tables with the fold of the log, which they must equal, and with the live ones, which should have.
async fn compare(
    projection: &PostgresProjection,
    connection: &mut PgConnection,
    folding: &mut Folding,
    new: Generation,
) -> Result<Option<String>, RebuildError> {
    let skipped = control::skipped(connection).await?;
    let mut looking = control::connect(&projection.options).await?;
    let begin = looking.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
    let mut snapshot = within(QUERY_LIMIT, begin).await?;
    let turn = projection.turn.lock().await;
    follow_to(projection, connection, folding, target(projection)).await?;
    let position = folding.at().position;
    let live = within(QUERY_LIMIT, control::read(&mut snapshot)).await?.live;
    drop(turn);
    let new_digests = of_generation(&mut snapshot, new, position).await?;
    // Tables that cannot be read are a reason to replace them, and none to keep them.
    let live_digests = match live {
        Some(live) => of_generation(&mut snapshot, live, position).await,
        None => Ok(None),
    };
    drop(within(QUERY_LIMIT, snapshot.rollback()).await);
    let log = projection.store.log().clone();
    let fold = tokio::task::spawn_blocking(move || reference::digests_at(&log, position, &skipped, |_| {}));
    let fold = fold.await.map_err(|error| SessionError::from(FeedError::Task(error)))??;
    let new_digests = new_digests.unwrap_or_default();
    if let Some(&(show_id, part)) = digest::differences(&new_digests, &fold).first() {
        return Err(RebuildError::Differs { show_id, part });
    }
    let live_digests = match live_digests {
        Ok(digests) => digests,
        Err(error) => {
            tracing::error!(%error, "the tables that served could not be read");
            return Ok(Some(format!(
                "before the last rebuild the tables could not be read ({error}); the rebuild replaced them"
            )));
        }
    };
    let differing = live_digests.map(|live| digest::differences(&live, &new_digests)).unwrap_or_default();
    Ok(differing.first().map(|(show_id, part)| {
        let more = differing.len() - 1;
        let noticed = format!(
            "before the last rebuild {part} of show {show_id} differed from the fold of the log at position {position}, and \
             {more} other shows; the rebuild replaced them"
        );
        tracing::error!(noticed, "the tables that served were wrong");
        noticed
    }))
}

/// The digests of a generation, if it is at that position.
async fn of_generation(
    snapshot: &mut PgConnection,
    generation: Generation,
    position: Position,
) -> Result<Option<Digests>, DatabaseError> {
    within(QUERY_LIMIT, control::look_at(snapshot, generation)).await?;
    if within(QUERY_LIMIT, load::checkpoint(snapshot)).await?.position != position {
        return Ok(None);
    }
    within(DIGEST_LIMIT, digest::digests(snapshot)).await.map(Some)
}

/// Drops what is not used any more, as soon as its last reader has gone.
async fn drop_unused(options: PgConnectOptions) {
    for _ in 0..DROP_TRIES {
        let mut dropping = match control::connect(&options).await {
            Ok(connection) => connection,
            // The next session drops them.
            Err(_) => return,
        };
        match within(QUERY_LIMIT, control::drop_unused(&mut dropping)).await {
            Ok(0) | Err(_) => return,
            Ok(_) => tokio::time::sleep(DROP_INTERVAL).await,
        }
    }
}
