//! Builds the tables anew beside those that serve, and puts them in their place by one statement.
//!
//! Invariants: readers see the old tables or the new ones and nothing in between; a rebuild that ends anywhere leaves tables that
//! nobody reads, which the next one drops.

use std::time::Duration;

use sqlx::mysql::{MySqlConnection, MySqlDatabaseError};
use sqlx::{AssertSqlSafe, Connection};
use ticketflow_event_store::{Head, Position};

use super::error::{DatabaseError, SessionError};
use super::folding::Folding;
use super::schema::{self, FOLD_VERSION, within};
use super::session::WRITE_LIMIT;
use super::write::{TableSet, prepare_staging, write};
use super::{InvoiceTables, lock};

/// So near to the head the live tables may be held up for the rest.
const NEAR: u64 = 2_000;
/// All tables, in the order in which they are named in the swap.
const TABLES: [&str; 5] = ["invoice_checkpoint", "issuers", "invoices", "deliveries", "tickets"];
/// Tries of the swap. Each waits a second at most, the least that the server knows, for transactions that hold the old tables:
/// whoever comes meanwhile waits behind it, and reads of orders go to the replica.
const SWAPS: usize = 30;
const BETWEEN_SWAPS: Duration = Duration::from_millis(500);
/// The server's number for a lock that was not given in time.
const LOCK_TIMEOUT: u16 = 1205;
/// Making and dropping tables.
const DEFINITION_LIMIT: Duration = Duration::from_secs(60);

/// Why the tables were not built anew. Those that serve are as they were.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Here or in another process.
    #[error("the invoices are being rebuilt already")]
    UnderWay,
    /// The database, or the log, and why.
    #[error("the invoices cannot be rebuilt: {0}")]
    Failed(String),
}

impl From<SessionError> for RebuildError {
    fn from(error: SessionError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl InvoiceTables {
    /// Builds all tables from the first event of the log while the present ones serve, and puts them in their place. Says how far
    /// they were then. Also gets tables of another history out of the way.
    ///
    /// # Errors
    /// [`RebuildError`].
    pub async fn rebuild(&self) -> Result<Position, RebuildError> {
        let _one = self.rebuilding.try_lock().map_err(|_| RebuildError::UnderWay)?;
        let mut connection = schema::connect(&self.primary).await.map_err(SessionError::from)?;
        let lock_query = "SELECT COALESCE(GET_LOCK(CONCAT('ticketflow-rebuild-', LEFT(SHA2(DATABASE(), 256), 40)), 0), 0) = 1";
        let is_alone = sqlx::query_scalar::<_, bool>(lock_query).fetch_one(&mut connection).await;
        if !is_alone.map_err(SessionError::from)? {
            return Err(RebuildError::UnderWay);
        }
        let built = self.build(&mut connection).await;
        lock(&self.status).rebuilding = None;
        // The lock goes with the connection.
        drop(within(Duration::from_secs(2), connection.close()).await);
        let position = built?;
        tracing::info!(position, "the invoices were rebuilt");
        self.wanted.send_modify(|wanted| wanted.turn += 1);
        Ok(position)
    }

    async fn build(&self, connection: &mut MySqlConnection) -> Result<Position, SessionError> {
        within(DEFINITION_LIMIT, make(connection)).await?;
        let log = self.store.log();
        let mut folding =
            Folding::start(self.facts.clone(), log, Head::default(), std::collections::HashMap::new())
                .await?;
        while folding.behind() > NEAR {
            self.step(connection, &mut folding, Position::MAX).await?;
        }
        // From here on this process writes nothing into the live tables; another one is found out by its checkpoint.
        let _turn = self.turn.lock().await;
        let to = log.head().position;
        while folding.at().position < to {
            self.step(connection, &mut folding, to).await?;
        }
        within(DEFINITION_LIMIT, swap(connection)).await?;
        Ok(folding.at().position)
    }

    async fn step(
        &self,
        connection: &mut MySqlConnection,
        folding: &mut Folding,
        to: Position,
    ) -> Result<(), SessionError> {
        if !folding.ready().await? {
            return Err(SessionError::Closed);
        }
        let from = folding.at();
        let gathered = folding.gather(to).await?;
        if let Some(error) = gathered.error {
            return Err(error.into());
        }
        let written = write(connection, from, &gathered.changes, TableSet::Building);
        let slow = |_| DatabaseError::Slow { limit: WRITE_LIMIT };
        tokio::time::timeout(WRITE_LIMIT, written).await.map_err(slow)??;
        lock(&self.status).rebuilding = Some(folding.at().position);
        Ok(())
    }
}

/// Empty tables like the live ones.
async fn make(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    prepare_staging(connection).await?;
    for table in TABLES {
        for statement in [
            format!("DROP TABLE IF EXISTS building_{table}, retired_{table}"),
            format!("CREATE TABLE building_{table} LIKE {table}"),
        ] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await?;
        }
    }
    let first = "INSERT INTO building_invoice_checkpoint (id, position, chain_hash, fold_version)
                 VALUES (1, 0, REPEAT(x'00', 32), ?)";
    sqlx::query(first).bind(FOLD_VERSION).execute(connection).await?;
    Ok(())
}

/// All tables at once.
async fn swap(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    let renames = TABLES.map(|table| format!("{table} TO retired_{table}, building_{table} TO {table}"));
    let swap = format!("SET STATEMENT lock_wait_timeout = 1 FOR RENAME TABLE {}", renames.join(", "));
    let mut tries = 1;
    while let Err(error) = sqlx::query(AssertSqlSafe(swap.clone())).execute(&mut *connection).await {
        // Somebody reads the old tables for long.
        let is_held = error.as_database_error().is_some_and(|error| {
            error.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|error| error.number() == LOCK_TIMEOUT)
        });
        if !is_held || tries == SWAPS {
            return Err(error);
        }
        tries += 1;
        tokio::time::sleep(BETWEEN_SWAPS).await;
    }
    for table in TABLES {
        let drop = format!("DROP TABLE IF EXISTS retired_{table}");
        sqlx::query(AssertSqlSafe(drop)).execute(&mut *connection).await?;
    }
    Ok(())
}
