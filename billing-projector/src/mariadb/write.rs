//! Writes the row changes of a run and the checkpoint in one transaction.
//!
//! Invariant: rows and checkpoint move together or not at all, and only from the very checkpoint that the run was folded on.
//! Every statement is made of names and question marks that stand in this program; values travel apart from it.

use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::{Arguments as _, AssertSqlSafe, Connection};
use ticketflow_event_store::Head;

use super::changes::RowChanges;
use super::error::SessionError;
use super::tables::{Cells, DELIVERIES, INVOICES, ISSUERS, TICKETS, Table};

/// Rows of one statement: enough to make its round trip cheap. A power of two: what is left over goes in halves of it, so that
/// the statements are few and stay prepared.
const MOST_ROWS: usize = 256;
/// Bytes of one statement's values, well within the 16 MiB that a server takes by default.
const MOST_BYTES: usize = 4 << 20;

/// Changes of rows that were there before, with their keys; gone with the connection.
const STAGED_INVOICES: Table = Table {
    name: "staged_invoices",
    columns: &["series", "document_type", "folio", "status", "track_id", "reason", "mailed_at"],
    key_columns: 3,
    changing_columns: 4,
};
const STAGED_TICKETS: Table = Table {
    name: "staged_tickets",
    columns: &["ticket_id", "status", "used_at", "gate"],
    key_columns: 1,
    changing_columns: 3,
};

/// Which set of tables: those that serve, or those that are just being built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableSet {
    Live,
    Building,
}

impl TableSet {
    /// In front of each table's name.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Live => "",
            Self::Building => "building_",
        }
    }
}

/// Makes the places for changes of rows. To be called once for each connection that writes.
pub(crate) async fn prepare_staging(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    let staged_invoices = "CREATE TEMPORARY TABLE IF NOT EXISTS staged_invoices (
        series VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        document_type VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        folio BIGINT UNSIGNED NOT NULL,
        status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin,
        track_id MEDIUMTEXT, reason MEDIUMTEXT, mailed_at DATETIME(3),
        PRIMARY KEY (series, document_type, folio)
      ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4";
    let staged_tickets = "CREATE TEMPORARY TABLE IF NOT EXISTS staged_tickets (
        ticket_id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
        status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin,
        used_at DATETIME(3), gate VARCHAR(400)
      ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4";
    sqlx::query(staged_invoices).execute(&mut *connection).await?;
    sqlx::query(staged_tickets).execute(&mut *connection).await?;
    Ok(())
}

/// Writes the changes onto rows that are at `from`.
pub(crate) async fn write(
    connection: &mut MySqlConnection,
    from: Head,
    changes: &RowChanges,
    set: TableSet,
) -> Result<(), SessionError> {
    let Some(to) = changes.to else { return Ok(()) };
    let prefix = set.prefix();
    let mut transaction = connection.begin().await?;
    // First, so that of two runners one waits here for the other and then finds the checkpoint moved.
    let moved = format!(
        "UPDATE {prefix}invoice_checkpoint SET position = ?, chain_hash = ?
         WHERE id = 1 AND position = ? AND chain_hash = ?"
    );
    let moved = sqlx::query(AssertSqlSafe(moved)).bind(to.position).bind(&to.chain_hash[..]);
    let moved = moved.bind(from.position).bind(&from.chain_hash[..]).execute(&mut *transaction).await?;
    if moved.rows_affected() != 1 {
        return Err(SessionError::Moved);
    }
    let RowChanges { issuers, invoices, progress, deliveries, tickets, ticket_changes, .. } = changes;
    insert(&mut transaction, prefix, &ISSUERS, issuers.iter().map(|row| row.cells())).await?;
    insert(&mut transaction, prefix, &INVOICES, invoices.values().map(|row| row.cells())).await?;
    insert(&mut transaction, prefix, &DELIVERIES, deliveries.iter().map(|row| row.cells())).await?;
    insert(&mut transaction, prefix, &TICKETS, tickets.values().map(|row| row.cells())).await?;
    let with_key = |mut key: Cells, cells: Cells| {
        key.extend(cells);
        key
    };
    if !progress.is_empty() {
        let rows = progress.iter().map(|(key, progress)| with_key(key.cells(), progress.cells()));
        insert(&mut transaction, "", &STAGED_INVOICES, rows).await?;
        let update = format!(
            "UPDATE {prefix}invoices AS i JOIN staged_invoices AS s USING (series, document_type, folio)
             SET i.reason = IF(s.status IS NULL, i.reason, s.reason), i.status = COALESCE(s.status, i.status),
                 i.track_id = COALESCE(s.track_id, i.track_id), i.mailed_at = COALESCE(s.mailed_at, i.mailed_at)"
        );
        sqlx::query(AssertSqlSafe(update)).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM staged_invoices").execute(&mut *transaction).await?;
    }
    if !ticket_changes.is_empty() {
        let rows = ticket_changes
            .iter()
            .map(|(ticket_id, change)| with_key(vec![Some(ticket_id.to_string())], change.cells()));
        insert(&mut transaction, "", &STAGED_TICKETS, rows).await?;
        let update = format!(
            "UPDATE {prefix}tickets AS t JOIN staged_tickets AS s USING (ticket_id)
             SET t.status = s.status, t.used_at = COALESCE(s.used_at, t.used_at), t.gate = COALESCE(s.gate, t.gate)"
        );
        sqlx::query(AssertSqlSafe(update)).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM staged_tickets").execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Inserts rows, hundreds at a time.
async fn insert(
    connection: &mut MySqlConnection,
    prefix: &'static str,
    table: &Table,
    rows: impl Iterator<Item = Cells>,
) -> Result<(), sqlx::Error> {
    let mut waiting: Vec<Cells> = Vec::new();
    let mut bytes = 0;
    for row in rows {
        bytes += row.iter().flatten().map(String::len).sum::<usize>();
        waiting.push(row);
        if waiting.len() == MOST_ROWS || bytes > MOST_BYTES {
            insert_all(connection, prefix, table, &mut waiting).await?;
            bytes = 0;
        }
    }
    insert_all(connection, prefix, table, &mut waiting).await
}

async fn insert_all(
    connection: &mut MySqlConnection,
    prefix: &'static str,
    table: &Table,
    rows: &mut Vec<Cells>,
) -> Result<(), sqlx::Error> {
    while !rows.is_empty() {
        // The largest power of two among them.
        let count = 1 << rows.len().ilog2();
        let mut values = MySqlArguments::default();
        for cell in rows.drain(rows.len() - count..).flatten() {
            values.add(cell).map_err(sqlx::Error::Encode)?;
        }
        let insert = insert_statement(prefix, table, count);
        sqlx::query_with(AssertSqlSafe(insert), values).execute(&mut *connection).await?;
    }
    Ok(())
}

fn insert_statement(prefix: &'static str, table: &Table, rows: usize) -> String {
    let row = format!("({})", vec!["?"; table.columns.len()].join(","));
    let (name, columns) = (table.name, table.columns.join(","));
    format!("INSERT INTO {prefix}{name} ({columns}) VALUES {}", vec![row.as_str(); rows].join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_a_question_mark_for_each_cell() {
        let statement = insert_statement(TableSet::Building.prefix(), &STAGED_TICKETS, 2);
        let expected =
            "INSERT INTO building_staged_tickets (ticket_id,status,used_at,gate) VALUES (?,?,?,?),(?,?,?,?)";
        assert_eq!(statement, expected);
        for table in [&ISSUERS, &INVOICES, &DELIVERIES, &TICKETS] {
            assert!(table.columns.len() * MOST_ROWS < 65_535, "{}: the server's limit", table.name);
        }
    }
}
