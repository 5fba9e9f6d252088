//! The tables are built anew while the present ones serve.

use std::sync::Arc;

use ticketflow_billing_projector::{Freshness, InvoiceTables, InvoiceTablesState, RebuildError};
use ticketflow_testbed::MariaDb;

use crate::barrier::Barrier;
use crate::bed::{
    all_is_well, bill, billed, caught_up, deliver, office, play, sold, start, until, until_state, urls,
    verified,
};

/// Tables that a rebuild makes or puts aside.
const LEFT_OVER: &str = "SELECT COUNT(*) FROM information_schema.tables
                         WHERE table_name LIKE 'building%' OR table_name LIKE 'retired%'";
/// A read that goes on: the tables cannot be swapped under it.
const READING: &str = "START TRANSACTION; SELECT COUNT(*) FROM invoices";

type Rebuild = tokio::task::JoinHandle<Result<u64, RebuildError>>;

/// A rebuild that is ready, and waits for somebody who reads.
async fn waiting_rebuild(server: &MariaDb, tables: &Arc<InvoiceTables>) -> Rebuild {
    let tables = tables.clone();
    let rebuild = tokio::spawn(async move { tables.rebuild().await });
    let waiting =
        "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SET STATEMENT%RENAME TABLE%'";
    until("the swap waits", async || server.query(waiting).unwrap() == "1").await;
    rebuild
}

#[test]
fn a_rebuild_waits_for_who_reads_and_the_end_of_the_server_leaves_the_tables_as_they_were() {
    play(MariaDb::start(), |mut server| async move {
        let (log, mut history) = sold(52, 900);
        bill(&log).await;
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        let reader = Barrier::raise(&server, READING).await;
        let rebuild = waiting_rebuild(&server, &tables).await;
        assert!(matches!(tables.rebuild().await, Err(RebuildError::UnderWay)));
        reader.lower(&server);
        rebuild.await.unwrap().unwrap();
        caught_up(&tables, &log).await;
        all_is_well(&server, &log).await;
        assert_eq!(server.query(LEFT_OVER).unwrap(), "0");
        let reader = Barrier::raise(&server, READING).await;
        let rebuild = waiting_rebuild(&server, &tables).await;
        server.process().kill();
        reader.falls();
        let failed = rebuild.await.unwrap();
        assert!(matches!(failed, Err(RebuildError::Failed(_))), "{failed:?}");
        until_state(&tables, InvoiceTablesState::Unreachable).await;
        history.append(&log, 100);
        bill(&log).await;
        server.restart().unwrap();
        caught_up(&tables, &log).await;
        all_is_well(&server, &log).await;
        assert_eq!(tables.status().rebuilding, None);
        // The next one clears away what this one left.
        assert_ne!(server.query(LEFT_OVER).unwrap(), "0");
        tables.rebuild().await.unwrap();
        caught_up(&tables, &log).await;
        all_is_well(&server, &log).await;
        assert_eq!(server.query(LEFT_OVER).unwrap(), "0");
        tables.stop().await;
    });
}

#[test]
fn rebuilt_while_documents_arrive_and_are_read_the_tables_are_the_fold() {
    play(MariaDb::start(), |server| async move {
        let (log, mut history) = sold(51, 4_000);
        bill(&log).await;
        deliver(&log, 1).await;
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        server.query("UPDATE invoices SET total = 1 WHERE folio = 3").unwrap();
        assert_ne!(verified(&server, &log).await.faults, Vec::<String>::new());
        let order_id = history.orders().next().unwrap();
        let billing = office(&log).await;
        let rebuild = tokio::spawn({
            let tables = tables.clone();
            async move { tables.rebuild().await }
        });
        let mut reads = 0;
        while !rebuild.is_finished() {
            let (documents, freshness) = tables.documents_of(order_id).await.unwrap();
            assert!(documents.is_some(), "at every moment there is a set of tables");
            assert!(matches!(freshness, Freshness::Fresh { .. }));
            reads += 1;
            history.append(&log, 3);
        }
        rebuild.await.unwrap().unwrap();
        assert!(reads > 0);
        billed(&log, &billing).await;
        billing.stop().await;
        caught_up(&tables, &log).await;
        all_is_well(&server, &log).await;
        assert_eq!(server.query(LEFT_OVER).unwrap(), "0");
        tables.stop().await;
    });
}
