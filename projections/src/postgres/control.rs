//! The tables beside the generations: which generation serves, whether the projection is paused, what was skipped; and the
//! making and dropping of generations.
//!
//! Invariant: whoever uses a generation holds a shared advisory lock on it, and only who holds the exclusive one drops it: no
//! table goes while somebody reads it.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, SqlSafeStr};
use ticketflow_event_store::{Batch, Position};

use super::error::{DatabaseError, Poison};

/// Number of a generation of the tables.
pub(crate) type Generation = i32;

/// First key of all advisory locks of this projection; "tick" in ASCII.
const LOCK_CLASS: i32 = 0x7469_636B;
/// Second key of the runner's lock; generations have their number.
const RUNNER_LOCK: i32 = 0;
/// A query of a few rows that has not come back by then never will.
pub(crate) const QUERY_LIMIT: Duration = Duration::from_secs(30);
/// A server that does not answer by then is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// What operators decided, and what serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Control {
    pub(crate) live: Option<Generation>,
    pub(crate) paused: bool,
}

/// Waits for an answer of the database, bounded.
pub(crate) async fn within<T, E: Into<DatabaseError>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, DatabaseError> {
    tokio::time::timeout(limit, work).await.map_err(|_| DatabaseError::Slow { limit })?.map_err(Into::into)
}

/// A connection of its own. The server lets go of it, and of its locks, soon after this process or its machine has vanished.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, DatabaseError> {
    within(CONNECT_LIMIT, async {
        let mut connection = PgConnection::connect_with(options).await?;
        let keepalives = "SELECT set_config('tcp_keepalives_idle', '10', false),
                                 set_config('tcp_keepalives_interval', '5', false),
                                 set_config('tcp_keepalives_count', '3', false)";
        sqlx::query(keepalives).execute(&mut connection).await?;
        Ok::<_, sqlx::Error>(connection)
    })
    .await
}

/// Takes the one runner's place, for as long as the connection lives.
pub(crate) async fn try_lock_runner(connection: &mut PgConnection) -> Result<bool, DatabaseError> {
    let lock = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, $2)");
    Ok(lock.bind(LOCK_CLASS).bind(RUNNER_LOCK).fetch_one(connection).await?)
}

/// Makes the control tables, or brings them to this version. For who has the runner's place.
pub(crate) async fn prepare(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::query("CREATE SCHEMA IF NOT EXISTS ticketflow").execute(&mut *connection).await?;
    let migrations = [
        ("control", include_str!("../../migrations/control/0001_control.sql")),
        ("skipped batches by id", include_str!("../../migrations/control/0002_skipped_batch_id.sql")),
    ];
    migrate(connection, "ticketflow", &migrations).await
}

async fn migrate(
    connection: &mut PgConnection,
    schema: &str,
    migrations: &[(&'static str, &'static str)],
) -> Result<(), DatabaseError> {
    let migration = |(&(name, sql), number): (&(&'static str, &'static str), i64)| {
        Migration::new(number, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let migrations = migrations.iter().zip(1..).map(migration).collect();
    set_search_path(connection, schema).await?;
    Ok(Migrator::with_migrations(migrations).run_direct(None, connection, false).await?)
}

async fn set_search_path(connection: &mut PgConnection, schema: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT set_config('search_path', $1, false)").bind(schema).execute(connection).await?;
    Ok(())
}

/// What the control tables say.
pub(crate) async fn read(connection: &mut PgConnection) -> Result<Control, DatabaseError> {
    let row =
        sqlx::query_as("SELECT live_generation, paused FROM ticketflow.projection WHERE name = 'postgres'");
    let (live, paused) = row.fetch_one(connection).await?;
    Ok(Control { live, paused })
}

/// Keeps the pause across restarts.
pub(crate) async fn set_paused(connection: &mut PgConnection, paused: bool) -> Result<(), DatabaseError> {
    let update = sqlx::query("UPDATE ticketflow.projection SET paused = $1 WHERE name = 'postgres'");
    update.bind(paused).execute(connection).await?;
    Ok(())
}

/// The batches that are passed over, by their first position.
#[derive(Debug, Default)]
pub(crate) struct Skipped(HashMap<Position, Option<Vec<u8>>>);

impl Skipped {
    /// Whether this very batch is: another history may have another one at its position.
    pub(crate) fn contains(&self, batch: &Batch<'_>) -> bool {
        match self.0.get(&batch.first_position()) {
            None => false,
            // Noted before ids were.
            Some(None) => true,
            Some(Some(id)) => id[..] == batch.batch_id(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What operators passed over.
pub(crate) async fn skipped(connection: &mut PgConnection) -> Result<Skipped, DatabaseError> {
    let rows = sqlx::query_as::<_, (i64, Option<Vec<u8>>)>(
        "SELECT first_position, batch_id FROM ticketflow.skipped_batch",
    );
    let rows = within(QUERY_LIMIT, rows.fetch_all(connection)).await?;
    Ok(Skipped(rows.into_iter().map(|(position, id)| (position as Position, id)).collect()))
}

/// Notes that a batch is passed over from now on.
pub(crate) async fn note_skip(
    connection: &mut PgConnection,
    poison: &Poison,
    reason: &str,
    event: Position,
) -> Result<(), DatabaseError> {
    let insert = sqlx::query(
        "INSERT INTO ticketflow.skipped_batch (first_position, last_position, error, reason, event_position, batch_id)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (first_position) DO UPDATE SET last_position = excluded.last_position, error = excluded.error,
           reason = excluded.reason, event_position = excluded.event_position, batch_id = excluded.batch_id",
    );
    let insert = insert.bind(poison.first as i64).bind(poison.last as i64);
    let insert = insert.bind(text(&poison.error)).bind(text(reason)).bind(event as i64);
    within(QUERY_LIMIT, insert.bind(&poison.batch_id[..]).execute(connection)).await?;
    Ok(())
}

/// The database's texts cannot hold the character zero.
pub(crate) fn text(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// The schema of a generation.
fn schema(generation: Generation) -> String {
    format!("ticketflow_seats_{generation}")
}

/// Makes an empty generation and uses it.
pub(crate) async fn create(connection: &mut PgConnection) -> Result<Generation, DatabaseError> {
    let mut transaction = connection.begin().await?;
    let insert = "INSERT INTO ticketflow.generation (state) VALUES ('building') RETURNING number";
    let generation = sqlx::query_scalar(insert).fetch_one(&mut *transaction).await?;
    // Locked before anyone else can see it: who cleans up meanwhile leaves it alone.
    lock_shared(&mut transaction, generation).await?;
    let create = format!("CREATE SCHEMA {}", schema(generation));
    sqlx::query(AssertSqlSafe(create)).execute(&mut *transaction).await?;
    transaction.commit().await?;
    migrate_generation(connection, generation).await?;
    Ok(generation)
}

/// Uses a generation: names mean its tables from here on, and it stays as long as the connection.
pub(crate) async fn use_generation(
    connection: &mut PgConnection,
    generation: Generation,
) -> Result<(), DatabaseError> {
    lock_shared(connection, generation).await?;
    migrate_generation(connection, generation).await
}

async fn migrate_generation(
    connection: &mut PgConnection,
    generation: Generation,
) -> Result<(), DatabaseError> {
    let migrations = [("read models", include_str!("../../migrations/generation/0001_read_models.sql"))];
    migrate(connection, &schema(generation), &migrations).await
}

async fn lock_shared(connection: &mut PgConnection, generation: Generation) -> Result<(), sqlx::Error> {
    let lock = sqlx::query("SELECT pg_advisory_lock_shared($1, $2)");
    lock.bind(LOCK_CLASS).bind(generation).execute(connection).await?;
    Ok(())
}

/// For one transaction: names mean the tables of the live generation, which stays until its end. `None` without one.
pub(crate) async fn use_live(connection: &mut PgConnection) -> Result<Option<Generation>, DatabaseError> {
    let using = sqlx::query_as::<_, (Option<Generation>,)>(
        "SELECT live_generation,
                set_config('search_path', 'ticketflow_seats_' || live_generation, true),
                pg_advisory_xact_lock_shared($1, live_generation)
         FROM ticketflow.projection WHERE name = 'postgres'",
    );
    let (generation,) = using.bind(LOCK_CLASS).fetch_one(connection).await?;
    Ok(generation)
}

/// For one transaction: names mean the tables of this generation.
pub(crate) async fn look_at(
    connection: &mut PgConnection,
    generation: Generation,
) -> Result<(), DatabaseError> {
    let set = sqlx::query("SELECT set_config('search_path', $1, true)");
    set.bind(schema(generation)).execute(connection).await?;
    Ok(())
}

/// Puts a generation in the place of the one that served; `false` when that was another one.
pub(crate) async fn make_live(
    connection: &mut PgConnection,
    generation: Generation,
    instead_of: Option<Generation>,
) -> Result<bool, DatabaseError> {
    let mut transaction = connection.begin().await?;
    let update = sqlx::query(
        "UPDATE ticketflow.projection SET live_generation = $1
         WHERE name = 'postgres' AND live_generation IS NOT DISTINCT FROM $2",
    );
    let moved = update.bind(generation).bind(instead_of).execute(&mut *transaction).await?;
    if moved.rows_affected() == 0 {
        transaction.rollback().await?;
        return Ok(false);
    }
    let states = sqlx::query(
        "UPDATE ticketflow.generation SET state = CASE WHEN number = $1 THEN 'live' ELSE 'retired' END
         WHERE number = $1 OR state = 'live'",
    );
    states.bind(generation).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Drops the generations that do not serve and that nobody uses: retired ones, and what a crash left of a rebuild. Says how
/// many are left because they are in use.
pub(crate) async fn drop_unused(connection: &mut PgConnection) -> Result<usize, DatabaseError> {
    let unused = "SELECT number FROM ticketflow.generation
                  WHERE number IS DISTINCT FROM (SELECT live_generation FROM ticketflow.projection WHERE name = 'postgres')";
    let unused: Vec<Generation> = sqlx::query_scalar(unused).fetch_all(&mut *connection).await?;
    let mut in_use = 0;
    for generation in unused {
        let mut transaction = connection.begin().await?;
        let lock = sqlx::query_scalar::<_, bool>("SELECT pg_try_advisory_xact_lock($1, $2)");
        if !lock.bind(LOCK_CLASS).bind(generation).fetch_one(&mut *transaction).await? {
            in_use += 1;
            transaction.rollback().await?;
            continue;
        }
        // Somebody else may read it, such as a backup: then it stays for now.
        let drop =
            format!("SET LOCAL lock_timeout = '1s'; DROP SCHEMA IF EXISTS {} CASCADE", schema(generation));
        match sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *transaction).await.map_err(DatabaseError::from)
        {
            Err(error) if error.is_lock_timeout() => {
                in_use += 1;
                transaction.rollback().await?;
                continue;
            }
            dropped => dropped?,
        };
        let delete = sqlx::query("DELETE FROM ticketflow.generation WHERE number = $1");
        delete.bind(generation).execute(&mut *transaction).await?;
        transaction.commit().await?;
    }
    Ok(in_use)
}
