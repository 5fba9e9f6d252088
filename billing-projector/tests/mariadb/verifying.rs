//! What a hand changes in the tables is found, whichever column it is.

use ticketflow_billing_projector::{FactReader, verify_invoices};
use ticketflow_testbed::MariaDb;

use crate::bed::{all_is_well, bill, caught_up, deliver, play, sold, start, urls, verified};

/// A table, its key, and what a hand may do to its columns.
type Hands = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const OTHER_ID: &str = "CONCAT(LEFT(order_id, 24), 'ZZ')";

const HANDS: [Hands; 4] = [
    (
        "issuers",
        &["series"],
        &[
            ("scheme", "'plain'"),
            ("opened_at", "opened_at + INTERVAL 1 SECOND"),
            ("position", "position + 1"),
            ("issuer", "JSON_REPLACE(issuer, '$.name', 'Otro')"),
        ],
    ),
    (
        "invoices",
        &["series", "document_type", "folio"],
        &[
            ("folio", "folio + 5000000"),
            ("kind", "'credit_note'"),
            ("order_id", OTHER_ID),
            ("customer_id", OTHER_ID),
            ("show_id", OTHER_ID),
            ("position", "position + 1"),
            ("source_position", "source_position + 5000000"),
            ("refund_id", "IF(refund_id IS NULL, order_id, NULL)"),
            ("reference_type", "'receipt'"),
            ("reference_folio", "5"),
            ("annuls", "1 - annuls"),
            ("total", "total + 1"),
            ("net", "net + 1"),
            ("tax", "tax - 1"),
            ("exempt", "exempt + 1"),
            ("currency", "'XXX'"),
            ("issued_at", "issued_at + INTERVAL 1 SECOND"),
            ("document", "JSON_REPLACE(document, '$.show.venue', 'Otro')"),
            ("status", "IF(status = 'issued', 'refused', 'issued')"),
            ("track_id", "CONCAT(COALESCE(track_id, ''), 'x')"),
            ("reason", "IF(reason IS NULL, '', NULL)"),
            ("mailed_at", "COALESCE(mailed_at, issued_at) + INTERVAL 1 SECOND"),
        ],
    ),
    (
        "deliveries",
        &["position"],
        &[
            ("position", "position + 5000000"),
            ("series", "'OTRA'"),
            ("document_type", "'receipt'"),
            ("folio", "folio + 1"),
            ("what", "IF(what = 'mailed', 'refused', 'mailed')"),
            ("at", "at + INTERVAL 1 SECOND"),
            ("detail", "CONCAT(COALESCE(detail, ''), 'x')"),
        ],
    ),
    (
        "tickets",
        &["ticket_id"],
        &[
            ("ticket_id", OTHER_ID),
            ("order_id", "CONCAT(LEFT(order_id, 24), 'YY')"),
            ("show_id", OTHER_ID),
            ("seat", "CONCAT(seat, ' ')"),
            ("zone", "UPPER(zone)"),
            ("price", "price + 1"),
            ("status", "IF(status = 'paid', 'used', 'paid')"),
            ("used_at", "COALESCE(used_at, NOW(3)) + INTERVAL 1 SECOND"),
            ("gate", "CONCAT(COALESCE(gate, ''), 'x')"),
        ],
    ),
];

#[test]
fn whatever_a_hand_changes_is_found() {
    play(MariaDb::start(), |server| async move {
        let (log, _) = sold(41, 1_200);
        bill(&log).await;
        for round in 0..4 {
            deliver(&log, round).await;
        }
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        tables.stop().await;
        all_is_well(&server, &log).await;
        for (table, key, columns) in HANDS {
            // The last row: among the documents a receipt.
            let (order, join) = (format!("{} DESC", key.join(" DESC, ")), key.join(","));
            server.query(&format!("CREATE TABLE kept AS SELECT * FROM {table}")).unwrap();
            let found = async |what: &str| {
                let faults = verified(&server, &log).await.faults;
                assert!(faults.iter().any(|fault| fault.starts_with(table)), "{table} {what}: {faults:?}");
            };
            for (column, change) in columns {
                server
                    .query(&format!("UPDATE {table} SET {column} = {change} ORDER BY {order} LIMIT 1"))
                    .unwrap();
                found(column).await;
                if key.contains(column) {
                    let back = format!(
                        "UPDATE {table} SET {column} = (SELECT {column} FROM kept ORDER BY {order} LIMIT 1)
                        WHERE ({join}) NOT IN (SELECT {join} FROM kept)"
                    );
                    server.query(&back).unwrap();
                } else {
                    let back = format!(
                        "UPDATE {table} JOIN kept USING ({join}) SET {table}.{column} = kept.{column}"
                    );
                    server.query(&back).unwrap();
                }
            }
            server.query(&format!("DELETE FROM {table} ORDER BY {order} LIMIT 1")).unwrap();
            found("a row that is gone").await;
            let names = "SELECT GROUP_CONCAT(column_name) FROM information_schema.columns
                         WHERE table_schema = DATABASE() AND is_generated = 'NEVER' AND table_name =";
            let names = server.query(&format!("{names} '{table}'")).unwrap();
            let back =
                format!("INSERT IGNORE INTO {table} ({names}) SELECT {names} FROM kept; DROP TABLE kept");
            server.query(&back).unwrap();
            all_is_well(&server, &log).await;
        }
        server.query("UPDATE invoice_checkpoint SET position = position - 1").unwrap();
        let facts = FactReader::new(log.clone());
        let error = verify_invoices(&urls(&server), &log.clone().into(), facts, |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("another history"), "{error}");
    });
}
