//! The tables: made, brought to this version of the software, emptied when another version folded them, and who may write them.
//!
//! Invariant: one runner at a time, by a lock of the server that lives as long as the connection that writes.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, SqlSafeStr};
use ticketflow_domain::billing::{Scheme, SeriesCode};
use ticketflow_event_store::Head;

use super::document_model::KnownIssuer;
use super::error::DatabaseError;
use super::tables::{DELIVERIES, INVOICES, ISSUERS, TICKETS};
use super::write::TableSet;

/// Raised when the same events come to other rows: tables that an older version filled are emptied and filled anew.
pub(crate) const FOLD_VERSION: u32 = 1;
/// A query of a few rows that has not come back by then never will.
pub(crate) const QUERY_LIMIT: Duration = Duration::from_secs(30);
/// A server that does not answer by then is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Where it is noted which migrations were run, beside other programs' tables.
const MIGRATIONS_TABLE: &str = "invoice_migrations";

const MIGRATIONS: [(&str, &str); 2] = [
    ("invoices", include_str!("../../migrations/0001_invoices.sql")),
    ("reopened", include_str!("../../migrations/0002_reopened.sql")),
];

/// Waits for an answer of the database, bounded.
pub(crate) async fn within<T, E: Into<DatabaseError>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, DatabaseError> {
    tokio::time::timeout(limit, work).await.map_err(|_| DatabaseError::Slow { limit })?.map_err(Into::into)
}

/// A connection of its own. A value that does not fit is refused, whatever the server's settings are, and nothing waits for a lock
/// for longer than a runner that is just ending holds one.
pub(crate) async fn connect(options: &MySqlConnectOptions) -> Result<MySqlConnection, DatabaseError> {
    within(CONNECT_LIMIT, async {
        let mut connection = options.connect().await?;
        let settings = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
                            innodb_lock_wait_timeout = 10, lock_wait_timeout = 10";
        sqlx::query(settings).execute(&mut connection).await?;
        Ok::<_, sqlx::Error>(connection)
    })
    .await
}

/// Takes the one runner's place, for as long as the connection lives. The lock is the server's, so the database is in its name.
pub(crate) async fn try_lock_runner(connection: &mut MySqlConnection) -> Result<bool, DatabaseError> {
    // A runner says something every second: the server lets go of one whose machine or network has vanished.
    sqlx::query("SET SESSION wait_timeout = 60").execute(&mut *connection).await?;
    let lock = "SELECT COALESCE(GET_LOCK(CONCAT('ticketflow-', LEFT(SHA2(DATABASE(), 256), 40)), 0), 0) = 1";
    Ok(sqlx::query_scalar::<_, bool>(lock).fetch_one(connection).await?)
}

/// Makes the tables, or brings them to this version. For who has the runner's place.
pub(crate) async fn prepare(connection: &mut MySqlConnection) -> Result<(), DatabaseError> {
    // A migration that a crash ended is run again: its statements can be.
    let interrupted = "DELETE FROM invoice_migrations WHERE success = FALSE";
    if exists(connection, MIGRATIONS_TABLE).await? {
        sqlx::query(interrupted).execute(&mut *connection).await?;
    }
    let migration = |(&(name, sql), number): (&(&'static str, &'static str), i64)| {
        Migration::new(number, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(MIGRATIONS.iter().zip(1..).map(migration).collect());
    // The runner's place is the lock.
    migrator.set_locking(false).dangerous_set_table_name(MIGRATIONS_TABLE);
    migrator.run_direct(None, connection, false).await?;
    let first = "INSERT IGNORE INTO invoice_checkpoint (id, position, chain_hash, fold_version)
                 VALUES (1, 0, REPEAT(x'00', 32), ?)";
    sqlx::query(first).bind(FOLD_VERSION).execute(&mut *connection).await?;
    if fold_version(connection).await? != FOLD_VERSION {
        empty(connection).await?;
    }
    Ok(())
}

async fn exists(connection: &mut MySqlConnection, table: &'static str) -> Result<bool, sqlx::Error> {
    let exists = "SELECT COUNT(*) FROM information_schema.tables
                  WHERE table_schema = DATABASE() AND table_name = ?";
    Ok(sqlx::query_scalar::<_, i64>(exists).bind(table).fetch_one(connection).await? > 0)
}

async fn fold_version(connection: &mut MySqlConnection) -> Result<u32, sqlx::Error> {
    sqlx::query_scalar("SELECT fold_version FROM invoice_checkpoint").fetch_one(connection).await
}

/// Back to the beginning of the log.
async fn empty(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    tracing::warn!(
        "another version of this software filled the tables of the invoices; they are filled anew"
    );
    // The checkpoint first: emptying is not part of a transaction, and rows without a checkpoint are emptied again.
    let reset =
        "UPDATE invoice_checkpoint SET position = 0, chain_hash = REPEAT(x'00', 32), fold_version = 0";
    sqlx::query(reset).execute(&mut *connection).await?;
    for table in [&DELIVERIES, &INVOICES, &TICKETS, &ISSUERS] {
        sqlx::query(AssertSqlSafe(format!("TRUNCATE TABLE {}", table.name)))
            .execute(&mut *connection)
            .await?;
    }
    let done = sqlx::query("UPDATE invoice_checkpoint SET fold_version = ?").bind(FOLD_VERSION);
    done.execute(connection).await?;
    Ok(())
}

/// How far the rows are.
pub(crate) async fn checkpoint(
    connection: &mut MySqlConnection,
    set: TableSet,
) -> Result<Head, DatabaseError> {
    let select = format!("SELECT position, chain_hash FROM {}invoice_checkpoint", set.prefix());
    let row = sqlx::query_as::<_, (u64, Vec<u8>)>(AssertSqlSafe(select)).fetch_one(connection).await?;
    let chain_hash = row.1.try_into().map_err(|_| damaged("the checkpoint's hash is not one"))?;
    Ok(Head { position: row.0, chain_hash })
}

/// Who issues, as the rows have it.
pub(crate) async fn issuers(
    connection: &mut MySqlConnection,
    set: TableSet,
) -> Result<HashMap<SeriesCode, KnownIssuer>, DatabaseError> {
    let select = format!("SELECT series, scheme, issuer FROM {}issuers", set.prefix());
    let rows = sqlx::query_as::<_, (String, String, String)>(AssertSqlSafe(select));
    let known = |(series, scheme, issuer): (String, String, String)| {
        let scheme = if scheme == "chile" { Scheme::Chile } else { Scheme::Plain };
        let series = series.parse().map_err(|_| damaged("the name of an issuer's books is none"))?;
        let issuer = serde_json::from_str(&issuer).map_err(|_| damaged("an issuer does not read back"))?;
        Ok((series, KnownIssuer { scheme, issuer }))
    };
    rows.fetch_all(connection).await?.into_iter().map(known).collect()
}

/// Rows that this software did not write.
pub(crate) fn damaged(what: &'static str) -> DatabaseError {
    DatabaseError::Rejected(sqlx::Error::Decode(what.into()))
}
