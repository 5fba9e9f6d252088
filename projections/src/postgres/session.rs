//! Keeps the live tables at the head of the log: one session per connection, and again with backoff when it breaks.
//!
//! Invariant: there is one runner at a time, by a lock that lives as long as the connection that writes. Whatever ends a
//! session, the next one starts from the checkpoint in the tables.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use ticketflow_backoff::Backoff;
use ticketflow_event_store::{Head, Position};

use super::control::{self, Generation, within};
use super::error::{DatabaseError, Poison, SessionError};
use super::folding::{Folding, Limit, check_history};
use super::load;
use super::state::Activity;
use super::write::{Target, write};
use super::{PostgresProjection, Wanted};

/// Weight of a run while it follows the log: a commit is over within a fraction of the second that readers may lag.
const LIVE_WEIGHT: u64 = 10_000;
/// Weight of a run that has much to do: fewer commits, and more changes of the same row become one.
pub(crate) const CATCH_UP_WEIGHT: u64 = 100_000;
/// From so many events behind on it has much to do.
const MUCH_BEHIND: u64 = 20_000;
/// So near to the head the tables are fit to be read: about a quarter of a second at full speed.
const NEAR: u64 = 5_000;
/// Between two looks at the connection while there is nothing to write.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// A server that does not answer a look by then hangs.
const PING_LIMIT: Duration = Duration::from_secs(2);
/// How long a process that is behind the tables waits for its event store.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(10);
/// Setting up waits for locks of a runner that is just ending, and reads one row or two.
const SETUP_LIMIT: Duration = Duration::from_secs(30);
/// One run is written in less, even on a slow disk; past it the connection is given up.
pub(crate) const WRITE_LIMIT: Duration = Duration::from_secs(60);

enum End {
    /// The log was closed, or the projection is to stop.
    Over,
    /// Something changed that a new session finds.
    Again,
}

/// What one session has to know of the one before.
#[derive(Default)]
struct Memory {
    backoff: Backoff,
    /// Up to here batch by batch: one of them was refused with its run.
    careful_to: Position,
}

/// Runs until the log is closed or the projection is to stop.
pub(crate) async fn run(projection: Arc<PostgresProjection>) {
    let mut wanted = projection.wanted.subscribe();
    let mut memory = Memory::default();
    loop {
        let seen = *wanted.borrow_and_update();
        if seen.stop {
            return;
        }
        match session(&projection, seen, &mut memory).await {
            Ok(End::Over) => return,
            Ok(End::Again) => {}
            Err(error) if error.passes() => {
                match error {
                    SessionError::Kept { position } => projection.stands_by(position),
                    error => projection.unreachable(&error),
                }
                let pause = tokio::time::sleep(memory.backoff.next_wait());
                tokio::select! {
                    () = pause => {}
                    _ = wanted.changed() => {}
                }
            }
            Err(error) => {
                projection.stopped(error);
                // An operator has to do something first.
                if wanted.wait_for(|now| now.stop || now.turn != seen.turn).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Takes the runner's place and makes sure that there are tables, of this history.
async fn attach(
    projection: &PostgresProjection,
    connection: &mut PgConnection,
) -> Result<(Generation, Head), SessionError> {
    if !control::try_lock_runner(connection).await? {
        // Tables that are only just being made have no checkpoint yet.
        let position = kept_position(connection).await.unwrap_or_default();
        return Err(SessionError::Kept { position });
    }
    control::prepare(connection).await?;
    control::drop_unused(connection).await?;
    let found = control::read(connection).await?;
    let generation = match found.live {
        Some(generation) => {
            control::use_generation(connection, generation).await?;
            generation
        }
        None => {
            let generation = control::create(connection).await?;
            control::make_live(connection, generation, None).await?;
            generation
        }
    };
    let at = load::checkpoint(connection).await?;
    let store = &projection.store;
    // Whoever kept the tables before may have been further than this process is.
    if at.position > store.log().head().position && store.catch_up(CATCHES_UP_WITHIN).await.is_err() {
        return Err(SessionError::Ahead { position: at.position });
    }
    let log = store.log().clone();
    let checked = tokio::task::spawn_blocking(move || check_history(&log, at)).await;
    checked.map_err(ticketflow_event_store::FeedError::Task)??;
    projection.attached(generation, at.position, found.paused);
    Ok((generation, at))
}

/// How far the process that keeps the tables is.
async fn kept_position(connection: &mut PgConnection) -> Result<Position, DatabaseError> {
    let mut looking = connection.begin().await?;
    let position = match control::use_live(&mut looking).await? {
        Some(_) => load::checkpoint(&mut looking).await?.position,
        None => 0,
    };
    looking.rollback().await?;
    Ok(position)
}

async fn session(
    projection: &PostgresProjection,
    seen: Wanted,
    memory: &mut Memory,
) -> Result<End, SessionError> {
    let mut connection = control::connect(&projection.options).await?;
    let setup = attach(projection, &mut connection);
    let (generation, at) = tokio::time::timeout(SETUP_LIMIT, setup)
        .await
        .map_err(|_| DatabaseError::Slow { limit: SETUP_LIMIT })??;
    let target = Target::Live(generation);
    let mut folding = Folding::start(projection.store.log(), at, &mut connection).await?;
    let mut has_written = false;
    let mut wanted = projection.wanted.subscribe();
    let mut ping = tokio::time::interval(PING_INTERVAL);
    ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let now = *wanted.borrow_and_update();
        if now.stop || now.turn != seen.turn {
            return Ok(close(connection, if now.stop { End::Over } else { End::Again }).await);
        }
        let paused = projection.state.is_paused();
        if paused {
            projection.state.set(Activity::Paused);
        } else if folding.behind() == 0 || has_written && folding.behind() <= NEAR {
            // Not before something was written: a database that takes nothing is not fit to be read for long.
            projection.near();
        }
        tokio::select! {
            biased;
            _ = wanted.changed() => continue,
            ready = folding.ready(), if !paused => if !ready? { return Ok(End::Over) },
            _ = ping.tick() => {
                // Another process may have put other tables in the place of these.
                if within(PING_LIMIT, control::read(&mut connection)).await?.live != Some(generation) {
                    return Ok(close(connection, End::Again).await);
                }
                memory.backoff.reset();
                projection.answered();
                continue;
            }
        }
        // A rebuild that is about to take over holds the turn: what it changes is looked at before anything is written.
        let turn = projection.turn.lock().await;
        if wanted.has_changed().unwrap_or(true) {
            continue;
        }
        let went_on = step(projection, &mut connection, target, &mut folding, memory).await?;
        drop(turn);
        if !went_on {
            return Ok(close(connection, End::Again).await);
        }
        has_written = true;
    }
}

/// Closed in good order, so that whoever comes next, and be it this runner, need not wait for the place.
async fn close(connection: PgConnection, end: End) -> End {
    drop(within(PING_LIMIT, connection.close()).await);
    end
}

/// Gathers a run, writes it, and makes known how far the tables are. `false`: a batch of the run is refused, and a new session
/// has to find out which.
async fn step(
    projection: &PostgresProjection,
    connection: &mut PgConnection,
    target: Target,
    folding: &mut Folding,
    memory: &mut Memory,
) -> Result<bool, SessionError> {
    let from = folding.at();
    let careful = from.position < memory.careful_to;
    let weight = match folding.behind() {
        _ if careful => 1,
        behind if behind > MUCH_BEHIND => CATCH_UP_WEIGHT,
        _ => LIVE_WEIGHT,
    };
    let gathered = folding.gather(connection, Limit { weight, to: Position::MAX }).await?;
    let begun = Instant::now();
    let changes = &gathered.changes;
    let written = tokio::time::timeout(WRITE_LIMIT, write(connection, from, changes, target)).await;
    match written.map_err(|_| DatabaseError::Slow { limit: WRITE_LIMIT })? {
        // Tables that are gone are nothing that a batch did.
        Err(SessionError::Database(error)) if error.is_replaced_table() => return Err(error.into()),
        Err(SessionError::Database(DatabaseError::Rejected(error))) => {
            let to = changes.to.map_or(from.position, |to| to.position);
            if changes.batches == 1 {
                let (batch_id, first) = (gathered.last_id, from.position + 1);
                let poison = Poison { batch_id, first, last: to, error: error.to_string() };
                return Err(SessionError::Poison(poison));
            }
            memory.careful_to = to;
            return Ok(false);
        }
        written => written?,
    }
    if changes.batches > 0 {
        memory.backoff.reset();
        projection.reached(folding.at().position, changes, begun.elapsed());
    }
    gathered.poison.map_or(Ok(true), |poison| Err(SessionError::Poison(poison)))
}
