//! The tables equal the fold of the log, whatever ends the server or the runner in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ticketflow_billing_projector::{InvoiceTablesState, InvoiceUrls};
use ticketflow_testbed::MariaDb;

use crate::bed::{
    all_is_well, bill, billed, caught_up, deliver, log, office, play, sold, start, started, until,
    until_state, urls, verified,
};
use crate::history::History;

#[test]
fn kept_once_kept_twice_and_resumed_at_every_step_the_tables_are_the_fold() {
    play(MariaDb::start(), |server| async move {
        let (log, mut history) = sold(11, 900);
        for step in 0..6 {
            bill(&log).await;
            deliver(&log, step).await;
            let tables = start(urls(&server), &log);
            caught_up(&tables, &log).await;
            all_is_well(&server, &log).await;
            // What comes while it runs.
            history.append(&log, 60);
            deliver(&log, step + 1).await;
            caught_up(&tables, &log).await;
            all_is_well(&server, &log).await;
            tables.stop().await;
            // The second time there is nothing left to do, and the migrations are run already.
            let again = start(urls(&server), &log);
            caught_up(&again, &log).await;
            all_is_well(&server, &log).await;
            again.stop().await;
            history.append(&log, 1 + step as usize * 97);
        }
        let kinds = "SELECT COUNT(DISTINCT status), COUNT(DISTINCT kind), COUNT(mailed_at) > 0, COUNT(reason) > 0 FROM invoices";
        assert_eq!(server.query(kinds).unwrap(), "4\t2\t1\t1", "every kind of row was there to be compared");
        assert_eq!(server.query("SELECT COUNT(DISTINCT status) FROM tickets").unwrap(), "3");
        let steps = "SELECT GROUP_CONCAT(DISTINCT what ORDER BY what) FROM deliveries";
        assert_eq!(
            server.query(steps).unwrap(),
            "submitted,accepted,refused,mailed,reopened",
            "every step was"
        );
        assert_eq!(server.query("SELECT COUNT(*) FROM invoice_migrations").unwrap(), "2");
    });
}

#[test]
fn a_server_killed_again_and_again_costs_time_and_nothing_else() {
    play(MariaDb::start(), |mut server| async move {
        let (log, mut history) = sold(12, 3_000);
        let billing = office(&log).await;
        billed(&log, &billing).await;
        let tables = start(urls(&server), &log);
        let stop = Arc::new(AtomicBool::new(false));
        let selling = std::thread::spawn({
            let (log, stop) = (log.clone(), stop.clone());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    history.append(&log, 20);
                    std::thread::yield_now();
                }
            }
        });
        for round in 0..8 {
            let (before, head) = (tables.status().position, log.head().position);
            until("rows on the way", async || tables.status().position > before).await;
            deliver(&log, round).await;
            server.process().kill();
            until_state(&tables, InvoiceTablesState::Unreachable).await;
            assert!(tables.status().last_error.is_some());
            // Selling and billing do not notice.
            until("the log goes on", async || log.head().position > head + 200).await;
            server.restart().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        selling.join().unwrap();
        billed(&log, &billing).await;
        billing.stop().await;
        caught_up(&tables, &log).await;
        assert_eq!(tables.status().last_error, None);
        all_is_well(&server, &log).await;
        tables.stop().await;
    });
}

#[test]
fn a_runner_that_vanishes_in_the_middle_of_a_transaction_leaves_rows_and_checkpoint_together() {
    let Some(server) = started(MariaDb::start()) else { return };
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let outer = runtime();
    let (log, mut history) = sold(13, 1_500);
    for round in 0..10 {
        history.append(&log, 400);
        outer.block_on(async {
            bill(&log).await;
            deliver(&log, round).await;
        });
        // Its threads end wherever they are, as they do when a process is killed.
        let inner = runtime();
        let tables = inner.block_on(async { start(urls(&server), &log) });
        let before = tables.status().position;
        outer.block_on(until("it is at work", async || {
            tables.status().position > before
                || round % 2 == 0 && tables.status().state != InvoiceTablesState::Starting
        }));
        inner.shutdown_background();
        // A transaction that nobody ends is rolled back when its connection is gone.
        let verified = outer.block_on(verified(&server, &log));
        assert_eq!(verified.faults, Vec::<String>::new(), "round {round}");
    }
    outer.block_on(async {
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        all_is_well(&server, &log).await;
        tables.stop().await;
    });
}

#[test]
fn a_server_that_hangs_is_given_up_and_found_again() {
    play(MariaDb::start(), |mut server| async move {
        let (log, mut history) = sold(14, 600);
        bill(&log).await;
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        server.process().pause().unwrap();
        until_state(&tables, InvoiceTablesState::Unreachable).await;
        history.append(&log, 100);
        server.process().resume().unwrap();
        caught_up(&tables, &log).await;
        all_is_well(&server, &log).await;
        tables.stop().await;
    });
}

#[test]
fn of_two_runners_one_waits_for_the_other() {
    play(MariaDb::start(), |server| async move {
        let (log, mut history) = sold(15, 600);
        bill(&log).await;
        let first = start(urls(&server), &log);
        caught_up(&first, &log).await;
        let second = start(urls(&server), &log);
        until_state(&second, InvoiceTablesState::Standby).await;
        assert_eq!(second.status().last_error, None);
        history.append(&log, 100);
        bill(&log).await;
        caught_up(&first, &log).await;
        let head = log.head().position;
        until("the second one sees how far the first is", async || second.status().position == head).await;
        first.stop().await;
        history.append(&log, 100);
        bill(&log).await;
        caught_up(&second, &log).await;
        all_is_well(&server, &log).await;
        second.stop().await;
    });
}

#[test]
fn what_keeps_it_out_is_said_without_the_password_and_waited_for() {
    play(MariaDb::start(), |mut server| async move {
        let (log, _) = sold(16, 600);
        bill(&log).await;
        let said = async |urls: InvoiceUrls, part: &str| {
            let tables = start(urls, &log);
            until_state(&tables, InvoiceTablesState::Unreachable).await;
            let error = tables.status().last_error.unwrap();
            assert!(error.contains(part), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
            tables
        };
        let (_, address) = server.url().rsplit_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let wrong = format!("mysql://ticketflow:hunter2@{address}").parse().unwrap();
        said(wrong, "Access denied").await.stop().await;
        let nowhere = format!("{}_two", server.url());
        let tables = said(nowhere.parse().unwrap(), "ticketflow_two").await;
        // The operator makes it.
        server
            .query(
                "CREATE DATABASE ticketflow_two CHARACTER SET utf8mb4;
                 GRANT ALL PRIVILEGES ON ticketflow_two.* TO 'ticketflow'@'127.0.0.1'",
            )
            .unwrap();
        caught_up(&tables, &log).await;
        tables.stop().await;
        // A server that is down at the start.
        server.process().kill();
        let tables = said(urls(&server), "refused").await;
        server.restart().unwrap();
        caught_up(&tables, &log).await;
        all_is_well(&server, &log).await;
        tables.stop().await;
    });
}

#[test]
fn a_migration_that_a_crash_ended_is_run_again() {
    play(MariaDb::start(), |server| async move {
        let (log, _) = sold(17, 600);
        bill(&log).await;
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        tables.stop().await;
        // Some tables made, others not, and the note of it unfinished.
        server
            .query("DROP TABLE tickets; DROP TABLE deliveries; UPDATE invoice_migrations SET success = FALSE")
            .unwrap();
        server
            .query("TRUNCATE TABLE invoices; TRUNCATE TABLE issuers; TRUNCATE TABLE invoice_checkpoint")
            .unwrap();
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        all_is_well(&server, &log).await;
        tables.stop().await;
        // Tables of another version of the fold are filled anew.
        server
            .query("UPDATE invoice_checkpoint SET fold_version = 0; UPDATE invoices SET total = total + 1")
            .unwrap();
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        all_is_well(&server, &log).await;
        tables.stop().await;
    });
}

#[test]
fn tables_of_another_log_are_refused_until_they_are_rebuilt() {
    play(MariaDb::start(), |server| async move {
        let (first, _) = sold(18, 600);
        bill(&first).await;
        let tables = start(urls(&server), &first);
        caught_up(&tables, &first).await;
        tables.stop().await;
        let other = log();
        History::new(19, 3, 4).append(&other, 900);
        bill(&other).await;
        let tables = start(urls(&server), &other);
        until_state(&tables, InvoiceTablesState::Stopped).await;
        let error = tables.status().last_error.unwrap();
        assert!(error.contains("rebuild"), "{error}");
        tables.rebuild().await.unwrap();
        until("it goes on", async || tables.status().state == InvoiceTablesState::Live).await;
        all_is_well(&server, &other).await;
        tables.stop().await;
    });
}
