//! Whatever ends in the middle of a transaction, and be it again and again, leaves rows and checkpoint together.

use ticketflow_billing_projector::InvoiceTablesState;
use ticketflow_testbed::MariaDb;

use crate::barrier::Barrier;
use crate::bed::{
    all_is_well, bill, caught_up, deliver, sold, start, started, until, until_state, urls, verified,
};

/// Keeps everybody from the table of tickets, which a run writes after its checkpoint and its documents.
const LOCKED: &str = "LOCK TABLES tickets WRITE";

/// A run has written its checkpoint and its documents, and not committed.
async fn in_a_transaction(server: &MariaDb) {
    let waiting = "SELECT COUNT(*) FROM information_schema.processlist
                   WHERE info LIKE 'INSERT INTO tickets%' AND state = 'Waiting for table metadata lock'";
    until("a run stands before the barrier", async || server.query(waiting).unwrap() == "1").await;
}

#[test]
fn a_server_killed_in_the_middle_of_a_transaction_has_all_of_it_or_nothing() {
    let Some(mut server) = started(MariaDb::start()) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (log, mut history) = sold(21, 600);
        bill(&log).await;
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        for round in 0..6 {
            let barrier = Barrier::raise(&server, LOCKED).await;
            history.append(&log, 100);
            bill(&log).await;
            deliver(&log, round).await;
            in_a_transaction(&server).await;
            // Runs before this one may have found no tickets in their way.
            let before = tables.status().position;
            server.process().kill();
            barrier.falls();
            until_state(&tables, InvoiceTablesState::Unreachable).await;
            assert_eq!(tables.status().position, before, "nothing of it is said to be there");
            server.restart().unwrap();
            caught_up(&tables, &log).await;
            all_is_well(&server, &log).await;
        }
        tables.stop().await;
    });
}

#[test]
fn a_process_killed_in_the_middle_of_a_transaction_leaves_nothing_of_it() {
    let Some(server) = started(MariaDb::start()) else { return };
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let outer = runtime();
    let (log, mut history) = sold(22, 600);
    outer.block_on(async {
        bill(&log).await;
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        tables.stop().await;
    });
    for round in 0..6 {
        history.append(&log, 100);
        let barrier = outer.block_on(async {
            bill(&log).await;
            deliver(&log, round).await;
            Barrier::raise(&server, LOCKED).await
        });
        // Its connection ends without a word, as a killed process's does.
        let inner = runtime();
        let tables = inner.block_on(async { start(urls(&server), &log) });
        outer.block_on(in_a_transaction(&server));
        let position = tables.status().position;
        inner.shutdown_background();
        drop(tables);
        barrier.lower(&server);
        let left = outer.block_on(async {
            // Whoever comes next may have to wait until the server has noticed.
            let running = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'ticketflow'";
            until("its connection is gone", async || server.query(running).unwrap() == "0").await;
            verified(&server, &log).await
        });
        assert_eq!((left.position, left.faults), (position, Vec::new()), "round {round}");
        outer.block_on(async {
            let tables = start(urls(&server), &log);
            caught_up(&tables, &log).await;
            all_is_well(&server, &log).await;
            tables.stop().await;
        });
    }
}
