//! Compares the tables with the fold of the log at their checkpoint, row by row, and looks at what has to hold between rows.
//!
//! Invariant: all of it is of one moment, in one snapshot of the database; nothing is changed.

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection, Row};
use ticketflow_event_store::{EventStore, Position};

use super::error::{DatabaseError, SessionError};
use super::folding::check_history;
use super::reference::{Expected, digest, key_text, reference_at};
use super::schema::{self, within};
use super::setting::InvoiceUrls;
use super::tables::Table;
use super::write::TableSet;
use crate::order_facts::FactReader;

/// Faults of a table that are named; the others are counted.
const NAMED_FAULTS: usize = 20;
/// Reading all rows of a table.
const TABLE_LIMIT: Duration = Duration::from_secs(1_800);

/// What has to hold between rows: a query for those in which it does not, by order, and what that means.
const BETWEEN_ROWS: [(&str, &str); 4] = [
    (
        "an order has more than one receipt",
        "SELECT order_id FROM invoices WHERE kind = 'receipt' GROUP BY order_id HAVING COUNT(*) > 1",
    ),
    (
        "a document is of an order that has no tickets",
        "SELECT DISTINCT i.order_id FROM invoices AS i LEFT JOIN tickets AS t ON t.order_id = i.order_id
         WHERE t.ticket_id IS NULL",
    ),
    (
        "a receipt is not what the order's tickets cost",
        "SELECT i.order_id FROM invoices AS i JOIN tickets AS t ON t.order_id = i.order_id
         WHERE i.kind = 'receipt' GROUP BY i.order_id, i.total HAVING SUM(t.price) <> i.total",
    ),
    (
        "credit notes take back more than the receipt",
        "SELECT order_id FROM invoices GROUP BY order_id
         HAVING SUM(IF(kind = 'credit_note', total, 0)) > SUM(IF(kind = 'receipt', total, 0))",
    ),
];

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoicesVerified {
    /// Of the tables.
    pub position: Position,
    /// Documents in them.
    pub documents: usize,
    /// Rows in all of them.
    pub rows: usize,
    /// Where they differ from the log, or the books from what they promise; empty when all is well.
    pub faults: Vec<String>,
}

/// Why tables could not be compared.
#[derive(Debug, thiserror::Error)]
#[error("the invoices cannot be verified: {0}")]
pub struct VerifyInvoicesError(String);

impl From<SessionError> for VerifyInvoicesError {
    fn from(error: SessionError) -> Self {
        Self(error.to_string())
    }
}

impl From<DatabaseError> for VerifyInvoicesError {
    fn from(error: DatabaseError) -> Self {
        Self(error.to_string())
    }
}

/// Compares the tables of the primary with the fold of the log, which has to reach as far as they do. `progress` hears how far the
/// log is read.
///
/// # Errors
/// [`VerifyInvoicesError`] when there is nothing to compare with, or it cannot be read.
pub async fn verify_invoices(
    urls: &InvoiceUrls,
    store: &EventStore,
    facts: FactReader,
    progress: impl FnMut(Position) + Send + 'static,
) -> Result<InvoicesVerified, VerifyInvoicesError> {
    let mut connection = schema::connect(&urls.primary).await?;
    let snapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
    within(schema::QUERY_LIMIT, sqlx::query(snapshot).execute(&mut connection)).await?;
    let snapshot = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
    within(schema::QUERY_LIMIT, sqlx::query(snapshot).execute(&mut connection)).await?;
    let at = within(schema::QUERY_LIMIT, schema::checkpoint(&mut connection, TableSet::Live)).await?;
    let log = store.log().clone();
    let reading = tokio::task::spawn_blocking(move || {
        check_history(&log, at)?;
        Ok::<_, SessionError>(reference_at(facts, &log, at.position, progress)?)
    });
    let reference = reading.await.map_err(SessionError::Task)??;
    let (mut faults, mut rows, mut documents) = (reference.faults, 0, 0);
    for (table, expected) in reference.tables {
        let found = within(TABLE_LIMIT, compare(&mut connection, table, expected, &mut faults)).await?;
        rows += found;
        if table.name == "invoices" {
            documents = found;
        }
    }
    for (what, query) in BETWEEN_ROWS {
        let orders = sqlx::query_scalar::<_, String>(query).fetch_all(&mut connection);
        let orders = within(TABLE_LIMIT, orders).await?;
        let named: Vec<String> = orders.iter().map(|order_id| format!("{what}: order {order_id}")).collect();
        add(&mut faults, what, named);
    }
    // What is not closed in good order is closed all the same.
    drop(within(schema::QUERY_LIMIT, connection.close()).await);
    Ok(InvoicesVerified { position: at.position, documents, rows, faults })
}

/// Compares a table with the rows that it has to have, and says how many it has.
async fn compare(
    connection: &mut MySqlConnection,
    table: &'static Table,
    mut expected: Expected,
    faults: &mut Vec<String>,
) -> Result<usize, DatabaseError> {
    let name = table.name;
    let columns: Vec<String> = table.columns.iter().map(|column| format!("CAST({column} AS CHAR)")).collect();
    let keys = table.columns[..table.key_columns].join(", ");
    let select = format!("SELECT {} FROM {name} ORDER BY {keys}", columns.join(", "));
    let (mut count, mut found) = (0, Vec::new());
    let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        count += 1;
        let cells = (0..table.columns.len()).map(|column| row.try_get(column));
        let cells = cells.collect::<Result<Vec<Option<String>>, _>>()?;
        let key = key_text(table, &cells);
        match expected.remove(&key) {
            Some(wanted) if wanted == digest(table, &cells) => {}
            Some(_) => found.push(format!("{name}: row {key} is not what the log says")),
            None => found.push(format!("{name}: row {key} comes from no event")),
        }
    }
    found.extend(expected.into_keys().map(|key| format!("{name}: row {key} is missing")));
    add(faults, name, found);
    Ok(count)
}

fn add(faults: &mut Vec<String>, what: &str, mut found: Vec<String>) {
    let more = found.len().saturating_sub(NAMED_FAULTS);
    found.truncate(NAMED_FAULTS);
    faults.append(&mut found);
    if more > 0 {
        faults.push(format!("{what}: and {more} more"));
    }
}
