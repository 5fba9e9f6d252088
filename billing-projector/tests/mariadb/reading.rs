//! Reads are answered from the replica while the primary is away, and say so.

use std::time::{Duration, Instant};

use ticketflow_billing_projector::{Books, Freshness, InvoiceTables, InvoiceUrls, ReadFailure};
use ticketflow_domain::OrderId;
use ticketflow_domain::billing::OrderDocuments;
use ticketflow_event_store::EmbeddedLog;
use ticketflow_testbed::{MariaDb, MariaDbPair};

use crate::bed::{all_is_well, bill, caught_up, deliver, play, series, sold, start, until, urls};

fn both(pair: &MariaDbPair) -> InvoiceUrls {
    format!("{},{}", pair.primary.url(), pair.replica.url()).parse().unwrap()
}

/// As the books have it.
fn in_the_books(log: &EmbeddedLog, order_id: OrderId) -> Option<OrderDocuments> {
    Books::open(log.clone().into(), std::sync::Arc::default(), series()).unwrap().state().documents(order_id)
}

/// As the tables have it, whoever answers.
async fn read(tables: &InvoiceTables, order_id: OrderId) -> (Option<OrderDocuments>, Freshness) {
    tables.documents_of(order_id).await.unwrap()
}

#[test]
fn what_is_read_is_what_the_books_say() {
    play(MariaDb::start(), |server| async move {
        let (log, history) = sold(31, 1_500);
        bill(&log).await;
        for round in 0..6 {
            deliver(&log, round).await;
        }
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        let position = log.head().position;
        let mut with_notes = 0;
        for order_id in history.orders() {
            let expected = in_the_books(&log, order_id);
            with_notes += usize::from(expected.as_ref().is_some_and(|all| !all.credit_notes.is_empty()));
            assert_eq!(read(&tables, order_id).await, (expected, Freshness::Fresh { position }));
        }
        assert!(with_notes > 3);
        let nobody = OrderId::from_bytes([7; 16]);
        assert_eq!(read(&tables, nobody).await, (None, Freshness::Fresh { position }));
        tables.stop().await;
    });
}

#[test]
fn a_primary_that_is_killed_or_hangs_is_covered_by_its_replica() {
    play(MariaDbPair::start(), |mut pair| async move {
        let (log, mut history) = sold(32, 900);
        bill(&log).await;
        let tables = start(both(&pair), &log);
        caught_up(&tables, &log).await;
        pair.catch_up().unwrap();
        let order_id = history.orders().next().unwrap();
        let expected = in_the_books(&log, order_id);
        assert!(expected.is_some());
        let position = log.head().position;
        assert_eq!(read(&tables, order_id).await, (expected.clone(), Freshness::Fresh { position }));
        for end in ["kill", "pause"] {
            let position = tables.status().position;
            match end {
                "kill" => pair.primary.process().kill(),
                _ => pair.primary.process().pause().unwrap(),
            }
            // What is sold and billed now is not in the replica, and the reads say up to where it is.
            let sold_before: Vec<OrderId> = history.orders().collect();
            history.append(&log, 300);
            bill(&log).await;
            let (mut longest, since) = (Duration::ZERO, Instant::now());
            while since.elapsed() < Duration::from_secs(3) {
                let begun = Instant::now();
                let answer = read(&tables, order_id).await;
                longest = longest.max(begun.elapsed());
                assert_eq!(answer, (expected.clone(), Freshness::Stale { position }), "{end}");
            }
            assert!(longest < Duration::from_millis(2_500), "{end}: {longest:?}");
            match end {
                "kill" => pair.primary.restart().unwrap(),
                _ => pair.primary.process().resume().unwrap(),
            }
            caught_up(&tables, &log).await;
            let is_new = |order: &OrderId| !sold_before.contains(order);
            let new = history.orders().find(is_new).expect("something was sold meanwhile");
            until("reads are fresh again", async || {
                matches!(read(&tables, new).await.1, Freshness::Fresh { .. })
            })
            .await;
            assert_eq!(read(&tables, new).await.0, in_the_books(&log, new));
            pair.catch_up().unwrap();
        }
        all_is_well(&pair.primary, &log).await;
        // The replica by itself has the very same rows.
        all_is_well(&pair.replica, &log).await;
        pair.primary.process().kill();
        pair.replica.process().kill();
        let failed = tables.documents_of(order_id).await;
        assert!(matches!(failed, Err(ReadFailure::Unavailable(_))), "{failed:?}");
        tables.stop().await;
    });
}

#[test]
fn a_replica_that_is_away_is_not_missed() {
    play(MariaDbPair::start(), |mut pair| async move {
        let (log, mut history) = sold(33, 600);
        pair.replica.process().kill();
        bill(&log).await;
        let tables = start(both(&pair), &log);
        caught_up(&tables, &log).await;
        let order_id = history.orders().next().unwrap();
        assert!(matches!(read(&tables, order_id).await.1, Freshness::Fresh { .. }));
        history.append(&log, 100);
        pair.replica.restart().unwrap();
        caught_up(&tables, &log).await;
        pair.catch_up().unwrap();
        all_is_well(&pair.replica, &log).await;
        tables.stop().await;
    });
}
