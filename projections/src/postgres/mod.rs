//! The read models in PostgreSQL: tables that a runner keeps at the head of the log, and what operators do with them.
//!
//! Invariants: rows and checkpoint move in one transaction; one runner at a time; nothing here holds up selling, and whatever
//! the database does, the log is never waited for. What the rows say is left to `rows.rs`, which is pure.
//!
//! | question | answer |
//! |---|---|
//! | which rows does an event change | `rows`, `order_rows` |
//! | how do they get into the tables | `folding` -> `write`, `write_new` |
//! | who keeps them up to date | `session` |
//! | which generation of tables serves | `control` |
//! | how is it built anew | `rebuild`, compared by `digest` with `reference` |
//! | who reads them | `reads` |

mod connections;
mod control;
mod digest;
mod error;
mod folding;
mod load;
mod order_rows;
mod reads;
mod rebuild;
mod reference;
mod rows;
mod session;
mod state;
mod verify;
mod write;
mod write_new;

use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use ticketflow_domain::Timestamp;
use ticketflow_domain::ops::{OpsEvent, ProjectionBatchSkipped};
use ticketflow_event_store::{EventStore, Position};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::head_clock::HeadClock;
use crate::projection::ActionError;
use crate::status::{ProjectionAction, ProjectionStatus, Rate};
use control::Generation;
pub(crate) use error::DatabaseError;
use error::SessionError;
pub(crate) use reads::{PostgresReads, PostgresShow};
use rows::RowChanges;
use state::{Activity, State};
pub use verify::{SeatMapVerified, VerifySeatMapError, verify_seat_map};

/// The name of the projection in PostgreSQL.
pub(crate) const POSTGRES: &str = "postgres";
/// How long an action waits until the runner has taken notice.
const NOTICE_LIMIT: Duration = Duration::from_secs(5);
/// How long a stop waits for the database.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// Log lines at most in that time about a database that cannot be reached.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(30);

/// Appends what an operator did to the log, and says at which position.
pub type Audit =
    Arc<dyn Fn(OpsEvent) -> Pin<Box<dyn Future<Output = Result<Position, String>> + Send>> + Send + Sync>;

/// What a projection in PostgreSQL needs.
pub struct PostgresPorts {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub url: String,
    /// Whose log is folded.
    pub store: EventStore,
    /// For what operators do.
    pub audit: Audit,
    /// The time, for the audit.
    pub now: fn() -> Timestamp,
}

/// A URL that names no PostgreSQL database.
#[derive(Debug, thiserror::Error)]
#[error("not the URL of a PostgreSQL database: {0}")]
pub struct InvalidUrl(#[source] sqlx::Error);

/// What the runner is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    stop: bool,
    /// Raised when a session has to start afresh.
    turn: u64,
    /// Raised when something changed that a session looks at.
    looks: u64,
}

/// The read models in PostgreSQL.
pub struct PostgresProjection {
    options: PgConnectOptions,
    store: EventStore,
    audit: Audit,
    now: fn() -> Timestamp,
    clock: Arc<HeadClock>,
    position: watch::Sender<Position>,
    wanted: watch::Sender<Wanted>,
    /// Held while the live tables are written, or put in another's place.
    turn: tokio::sync::Mutex<()>,
    state: State,
    /// The tables are near enough to the head, and can be reached.
    serves: AtomicBool,
    reads: Arc<PostgresReads>,
    /// One action at a time.
    acting: tokio::sync::Mutex<()>,
    complained: std::sync::Mutex<Option<std::time::Instant>>,
    runner: std::sync::Mutex<Option<JoinHandle<()>>>,
}

pub(crate) fn options_of(url: &str) -> Result<PgConnectOptions, InvalidUrl> {
    let options = PgConnectOptions::from_str(url).map_err(InvalidUrl)?;
    Ok(options.application_name("ticketflow").disable_statement_logging())
}

impl PostgresProjection {
    /// Starts to keep the tables at the head of the log; whether the database can be reached or not. To be called within a
    /// Tokio runtime.
    ///
    /// # Errors
    /// [`InvalidUrl`].
    pub fn start(ports: PostgresPorts) -> Result<Arc<Self>, InvalidUrl> {
        let options = options_of(&ports.url)?;
        let clock = HeadClock::new(ports.store.clone());
        clock.start();
        let projection = Arc::new(Self {
            reads: Arc::new(PostgresReads::new(options.clone())),
            options,
            store: ports.store,
            audit: ports.audit,
            now: ports.now,
            clock,
            position: watch::Sender::new(0),
            wanted: watch::Sender::default(),
            turn: tokio::sync::Mutex::default(),
            state: State::new(),
            serves: AtomicBool::new(false),
            acting: tokio::sync::Mutex::default(),
            complained: std::sync::Mutex::default(),
            runner: std::sync::Mutex::default(),
        });
        let running = tokio::spawn(session::run(projection.clone()));
        *projection.runner.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(running);
        Ok(projection)
    }

    /// Stops the runner, after the run that it is writing, and closes all connections. Bounded: a run that a database which
    /// hangs does not take is left to the next start, which finds the checkpoint in front of it.
    pub async fn stop(&self) {
        self.wanted.send_modify(|wanted| wanted.stop = true);
        let running = self.runner.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        self.serves.store(false, Ordering::SeqCst);
        let ended = async {
            if let Some(running) = running {
                // A panic of the runner was reported where it happened.
                drop(running.await);
            }
            self.reads.close();
        };
        if tokio::time::timeout(STOP_LIMIT, ended).await.is_err() {
            tracing::warn!("the database of the read models does not answer; its connections are dropped");
        }
    }

    /// How far the live tables are.
    pub fn position(&self) -> Position {
        *self.position.borrow()
    }

    /// Waits until the tables have reached a position; `false` when they did not in time.
    pub async fn wait_for(&self, position: Position, timeout: Duration) -> bool {
        let mut reached = self.position.subscribe();
        let reached = reached.wait_for(|now| *now >= position);
        matches!(tokio::time::timeout(timeout, reached).await, Ok(Ok(_)))
    }

    /// The reader of the tables, while they are fit to be read.
    pub(crate) fn reads(&self) -> Option<Arc<PostgresReads>> {
        self.serves.load(Ordering::SeqCst).then(|| self.reads.clone())
    }

    /// Age of the oldest event that the tables do not have yet.
    pub(crate) fn age(&self) -> Duration {
        self.clock.age_after(self.position())
    }

    /// A read failed: readers are answered from memory until the runner has reached the database again.
    pub(crate) fn read_failed(&self, error: &DatabaseError) {
        metrics::counter!("projection_read_errors_total", "projection" => POSTGRES).increment(1);
        tracing::debug!(%error, "a read of the database failed; it is answered from memory");
        if !error.is_replaced_table() {
            self.serves.store(false, Ordering::SeqCst);
        }
    }

    /// How it is doing.
    pub fn status(&self) -> ProjectionStatus {
        let (position, head) = (self.position(), self.clock.head());
        let (state, actions) = (self.state.shown(), self.state.actions().to_vec());
        let mut inner = self.state.inner();
        let rebuild = inner.rebuild.as_ref().map(|rebuild| {
            let rate = rebuild.position as f64 / rebuild.begun.elapsed().as_secs_f64().max(f64::EPSILON);
            (rebuild.position as f64 / head.max(1) as f64, rate, head.saturating_sub(rebuild.position) as f64)
        });
        ProjectionStatus {
            name: POSTGRES,
            state,
            position,
            head,
            lag_events: head.saturating_sub(position),
            lag_seconds: self.age().as_secs_f64(),
            rate: inner.rate.per_second(position),
            rebuild_ratio: rebuild.map(|(ratio, ..)| ratio.min(1.0)),
            rebuild_rate: rebuild.map(|(_, rate, _)| rate),
            eta_seconds: rebuild.and_then(|(_, rate, left)| (rate > 0.0).then(|| left / rate)),
            last_error: inner.error.clone().or_else(|| inner.rebuild_error.clone()),
            actions,
        }
    }

    fn attached(&self, generation: Generation, position: Position, paused: bool) {
        self.position.send_replace(position);
        let mut inner = self.state.inner();
        inner.rate = Rate::new(position);
        (inner.generation, inner.paused) = (Some(generation), paused);
        (inner.error, inner.poison) = (None, None);
        drop(inner);
        self.state.set(if paused { Activity::Paused } else { Activity::CatchingUp });
        tracing::info!(generation, position, "keeping the read models in the database");
    }

    /// The tables are near the head.
    fn near(&self) {
        self.state.set(Activity::Live);
        self.serves.store(true, Ordering::SeqCst);
    }

    /// The database answered a look.
    fn answered(&self) {
        if self.state.activity() == Activity::Live {
            self.serves.store(true, Ordering::SeqCst);
        }
    }

    fn reached(&self, position: Position, changes: &RowChanges, took: Duration) {
        self.position.send_replace(position);
        self.state.inner().rate.reached(position);
        metrics::histogram!("projection_batch_events", "projection" => POSTGRES)
            .record(changes.events as f64);
        metrics::histogram!("projection_batch_seconds", "projection" => POSTGRES).record(took.as_secs_f64());
        metrics::counter!("projection_rows_total", "projection" => POSTGRES).increment(changes.rows() as u64);
    }

    fn unreachable(&self, error: &SessionError) {
        metrics::counter!("projection_errors_total", "projection" => POSTGRES).increment(1);
        self.serves.store(false, Ordering::SeqCst);
        self.state.inner().error = Some(error.to_string());
        self.state.set(Activity::Unreachable);
        let mut complained = self.complained.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if complained.is_none_or(|at| at.elapsed() > COMPLAINT_INTERVAL) {
            *complained = Some(std::time::Instant::now());
            tracing::warn!(%error, "the database of the read models cannot be used now; trying again, reads are answered from memory");
        }
    }

    /// Another process keeps the tables, which are at this position.
    fn stands_by(&self, position: Position) {
        self.position.send_replace(position);
        self.serves.store(false, Ordering::SeqCst);
        self.state.inner().error = None;
        self.state.set(Activity::Standby);
    }

    /// Other tables are in the place of those that could not go on.
    fn replaced(&self) {
        if self.state.activity() == Activity::Stopped {
            let mut inner = self.state.inner();
            (inner.error, inner.poison) = (None, None);
            drop(inner);
            self.state.set(Activity::CatchingUp);
        }
    }

    fn stopped(&self, error: SessionError) {
        metrics::counter!("projection_errors_total", "projection" => POSTGRES).increment(1);
        tracing::error!(%error, "the read models in the database have stopped; everything else goes on");
        let mut inner = self.state.inner();
        inner.error = Some(error.to_string());
        if let SessionError::Poison(poison) = error {
            inner.poison = Some(poison);
        }
        drop(inner);
        // Memory is further, or of this log at least.
        self.serves.store(false, Ordering::SeqCst);
        self.state.set(Activity::Stopped);
    }

    /// Has the runner look again, or start afresh.
    fn wake(&self, afresh: bool) {
        self.wanted.send_modify(|wanted| {
            wanted.looks += 1;
            wanted.turn += u64::from(afresh);
        });
    }

    async fn wait_until(&self, wanted: impl Fn(Activity) -> bool) {
        let mut activity = self.state.follow();
        let reached = activity.wait_for(|now| wanted(*now));
        // Who asked sees in the status how far it is.
        drop(tokio::time::timeout(NOTICE_LIMIT, reached).await);
    }

    /// Whether an action fits what the projection is doing.
    fn allow(&self, action: ProjectionAction) -> Result<(), ActionError> {
        match self.state.actions().contains(&action) {
            true => Ok(()),
            false => Err(ActionError::WrongState { state: self.state.shown() }),
        }
    }

    /// Builds the tables anew beside the live ones and puts them in their place.
    ///
    /// # Errors
    /// [`ActionError`].
    pub async fn rebuild(self: &Arc<Self>) -> Result<(), ActionError> {
        let _alone = self.acting.lock().await;
        self.allow(ProjectionAction::Rebuild)?;
        rebuild::begin(self);
        Ok(())
    }

    /// Holds the tables where they are, also across restarts.
    ///
    /// # Errors
    /// [`ActionError`].
    pub async fn pause(&self) -> Result<(), ActionError> {
        let _alone = self.acting.lock().await;
        self.allow(ProjectionAction::Pause)?;
        self.set_paused(true).await?;
        self.wait_until(|now| now == Activity::Paused).await;
        Ok(())
    }

    /// Goes on after a pause, or tries again what it stopped at.
    ///
    /// # Errors
    /// [`ActionError`].
    pub async fn resume(&self) -> Result<(), ActionError> {
        let _alone = self.acting.lock().await;
        self.allow(ProjectionAction::Resume)?;
        if self.state.is_paused() {
            self.set_paused(false).await?;
        }
        if self.state.activity() == Activity::Stopped {
            self.wake(true);
        }
        self.wait_until(|now| !matches!(now, Activity::Paused | Activity::Stopped)).await;
        Ok(())
    }

    async fn set_paused(&self, paused: bool) -> Result<(), ActionError> {
        let unavailable = |error: DatabaseError| ActionError::Unavailable(error.to_string());
        let mut connection = control::connect(&self.options).await.map_err(unavailable)?;
        control::set_paused(&mut connection, paused).await.map_err(unavailable)?;
        self.state.inner().paused = paused;
        if paused {
            self.serves.store(false, Ordering::SeqCst);
        } else if self.state.activity() == Activity::Paused {
            self.state.set(Activity::CatchingUp);
        }
        self.wake(false);
        Ok(())
    }

    /// Passes over the batch that it stopped at: first the event in the log, then the row that the runner goes by.
    ///
    /// # Errors
    /// [`ActionError`].
    pub async fn skip(&self, reason: &str) -> Result<(), ActionError> {
        let _alone = self.acting.lock().await;
        let poison = self.state.inner().poison.clone();
        let Some(poison) = poison.filter(|_| self.state.activity() == Activity::Stopped) else {
            return Err(ActionError::NothingToSkip(POSTGRES));
        };
        let unavailable = |error: DatabaseError| ActionError::Unavailable(error.to_string());
        let mut connection = control::connect(&self.options).await.map_err(unavailable)?;
        let skipped = ProjectionBatchSkipped {
            projection: POSTGRES.to_owned(),
            first_position: poison.first,
            last_position: poison.last,
            error: poison.error.clone(),
            reason: reason.to_owned(),
            at: (self.now)(),
        };
        let appended = (self.audit)(OpsEvent::ProjectionBatchSkipped(skipped)).await;
        let event = appended.map_err(ActionError::Unavailable)?;
        control::note_skip(&mut connection, &poison, reason, event).await.map_err(unavailable)?;
        tracing::warn!(
            position = poison.first,
            reason,
            "a batch is passed over by the read models in the database"
        );
        self.wake(true);
        self.wait_until(|now| now != Activity::Stopped).await;
        Ok(())
    }
}
