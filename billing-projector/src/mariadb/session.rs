//! Keeps the tables at the head of the log: one session per connection, and again with backoff when it breaks.
//!
//! Invariant: whatever ends a session, the next one starts from the checkpoint in the tables.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::mysql::MySqlConnection;
use ticketflow_backoff::Backoff;
use ticketflow_event_store::{Head, Position};

use super::InvoiceTables;
use super::error::{DatabaseError, SessionError};
use super::folding::{Folding, check_history};
use super::schema::{self, within};
use super::write::{TableSet, prepare_staging, write};

/// From so many events behind on there is no pause between runs.
const MUCH_BEHIND: u64 = 1_000;
/// Between the beginnings of two runs near the head: the database gets ten transactions a second at most, however many seats are
/// held, and a document is in the tables a tenth of a second after it was issued.
const PACE: Duration = Duration::from_millis(100);
/// Between two looks at the connection while there is nothing to write.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// A server that does not answer a look by then hangs.
const PING_LIMIT: Duration = Duration::from_secs(2);
/// How long a process that is behind the tables waits for its event store.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(10);
/// Making the tables takes a second or two; emptying large ones longer.
const SETUP_LIMIT: Duration = Duration::from_secs(60);
/// One run is written in less, even on a slow disk; past it the connection is given up.
pub(crate) const WRITE_LIMIT: Duration = Duration::from_secs(60);

enum End {
    /// The log was closed, or the tables are to be left alone.
    Over,
    /// Something changed that a new session finds.
    Again,
}

/// Runs until the log is closed or the tables are to be left alone.
pub(crate) async fn run(tables: Arc<InvoiceTables>) {
    let mut wanted = tables.wanted.subscribe();
    let mut backoff = Backoff::default();
    loop {
        let seen = *wanted.borrow_and_update();
        if seen.stop {
            return;
        }
        match session(&tables, seen.turn, &mut backoff).await {
            Ok(End::Over) => return,
            Ok(End::Again) => {}
            Err(error) if error.passes() => {
                match error {
                    SessionError::Kept { position } => tables.stands_by(position),
                    error => tables.unreachable(&error),
                }
                tokio::select! {
                    () = tokio::time::sleep(backoff.next_wait()) => {}
                    _ = wanted.changed() => {}
                }
            }
            Err(error) => {
                tables.stopped(&error);
                // Other tables have to be put in the place of these first.
                if wanted.wait_for(|now| now.stop || now.turn != seen.turn).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Takes the runner's place and makes sure that there are tables, of this history.
async fn attach(tables: &InvoiceTables, connection: &mut MySqlConnection) -> Result<Folding, SessionError> {
    if !schema::try_lock_runner(connection).await? {
        // Tables that are only just being made have no checkpoint yet.
        let kept = schema::checkpoint(connection, TableSet::Live).await;
        return Err(SessionError::Kept { position: kept.map_or(0, |head| head.position) });
    }
    schema::prepare(connection).await?;
    prepare_staging(connection).await?;
    let at = schema::checkpoint(connection, TableSet::Live).await?;
    let issuers = schema::issuers(connection, TableSet::Live).await?;
    let store = &tables.store;
    // Whoever kept the tables before may have been further than this process is.
    if at.position > store.log().head().position && store.catch_up(CATCHES_UP_WITHIN).await.is_err() {
        return Err(SessionError::Ahead { position: at.position });
    }
    check(tables, at).await?;
    let folding = Folding::start(tables.facts.clone(), store.log(), at, issuers).await?;
    tables.attached(at.position);
    Ok(folding)
}

async fn check(tables: &InvoiceTables, at: Head) -> Result<(), SessionError> {
    let log = tables.store.log().clone();
    tokio::task::spawn_blocking(move || check_history(&log, at)).await.map_err(SessionError::Task)?
}

async fn session(tables: &InvoiceTables, turn: u64, backoff: &mut Backoff) -> Result<End, SessionError> {
    let mut connection = schema::connect(&tables.primary).await?;
    let mut folding = tokio::time::timeout(SETUP_LIMIT, attach(tables, &mut connection))
        .await
        .map_err(|_| DatabaseError::Slow { limit: SETUP_LIMIT })??;
    let mut wanted = tables.wanted.subscribe();
    let mut ping = tokio::time::interval(PING_INTERVAL);
    ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut next_run = tokio::time::Instant::now();
    loop {
        let now = *wanted.borrow_and_update();
        if now.stop || now.turn != turn {
            return Ok(close(connection, if now.stop { End::Over } else { End::Again }).await);
        }
        if folding.behind() == 0 {
            tables.near();
        }
        let ready = async {
            if folding.behind() < MUCH_BEHIND {
                tokio::time::sleep_until(next_run).await;
            }
            folding.ready().await
        };
        tokio::select! {
            biased;
            _ = wanted.changed() => continue,
            ready = ready => if !ready? { return Ok(End::Over) },
            _ = ping.tick() => {
                let at = within(PING_LIMIT, schema::checkpoint(&mut connection, TableSet::Live)).await?;
                // Others may have been put in the place of the tables.
                if at != folding.at() {
                    return Ok(close(connection, End::Again).await);
                }
                backoff.reset();
                continue;
            }
        }
        next_run = tokio::time::Instant::now() + PACE;
        // A rebuild that is about to take over holds the turn: what it changes is looked at before anything is written.
        let held = tables.turn.lock().await;
        if wanted.has_changed().unwrap_or(true) {
            continue;
        }
        step(tables, &mut connection, &mut folding).await?;
        drop(held);
        backoff.reset();
    }
}

/// Closed in good order, so that whoever comes next, and be it this runner, need not wait for the place.
async fn close(connection: MySqlConnection, end: End) -> End {
    drop(within(PING_LIMIT, connection.close()).await);
    end
}

/// Gathers a run, writes it, and makes known how far the tables are.
async fn step(
    tables: &InvoiceTables,
    connection: &mut MySqlConnection,
    folding: &mut Folding,
) -> Result<(), SessionError> {
    let from = folding.at();
    let gathered = folding.gather(Position::MAX).await?;
    let begun = Instant::now();
    let written = write(connection, from, &gathered.changes, TableSet::Live);
    tokio::time::timeout(WRITE_LIMIT, written)
        .await
        .map_err(|_| DatabaseError::Slow { limit: WRITE_LIMIT })??;
    tables.reached(folding.at().position, &gathered.changes, begun.elapsed());
    gathered.error.map_or(Ok(()), |error| Err(error.into()))
}
