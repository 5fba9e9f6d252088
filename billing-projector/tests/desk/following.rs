//! Random histories of shows get their documents: each order one receipt, each refund one credit note, folios without a gap, whatever
//! ends billing in between and however many work at it.

use std::time::Duration;

use ticketflow_billing_projector::{BillingOptions, Books, Phase};
use ticketflow_domain::billing::{BillingCommand, DocumentType, LoadFolioRange, Scheme, SeriesCode};
use ticketflow_event_store::EventStore;

use crate::history::History;
use crate::stage::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sold_before_and_what_is_sold_then_gets_its_documents() {
    let (log, mut history) = (log(), History::new(71, 4, 4));
    history.append(&log, 2_000);
    let billing = start(&log);
    caught_up(&log, &billing).await;
    complete(&log);
    for _ in 0..20 {
        history.append(&log, 50);
        caught_up(&log, &billing).await;
    }
    complete(&log);
    assert!(documents(&log).len() > 100);
    let status = billing.status();
    assert_eq!((status.parked, status.last_error), (0, None));
    let receipts = status.stock.iter().find(|kind| kind.document_type == DocumentType::Receipt).unwrap();
    assert_eq!(receipts.next, Some(receipts.issued + 1));
    billing.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn billing_that_ends_anywhere_goes_on_with_the_next_folio() {
    let (log, mut history) = (log(), History::new(72, 4, 4));
    for step in 0..40_u64 {
        history.append(&log, 60);
        let billing = start(&log);
        tokio::time::sleep(Duration::from_micros(step * 137)).await;
        billing.stop().await;
    }
    let billing = start(&log);
    caught_up(&log, &billing).await;
    complete(&log);
    billing.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_instances_make_one_document_each_and_no_gap() {
    let (log, mut history) = (log(), History::new(73, 4, 4));
    let instances: Vec<_> = (0..3).map(|_| start(&log)).collect();
    for _ in 0..30 {
        history.append(&log, 40);
        tokio::task::yield_now().await;
    }
    for billing in &instances {
        caught_up(&log, billing).await;
    }
    complete(&log);
    for billing in instances {
        billing.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_folios_it_waits_and_goes_on_when_a_range_is_loaded() {
    let (log, mut history) = (log(), History::new(74, 4, 4));
    history.append(&log, 1_500);
    let store = EventStore::embedded(log.clone());
    let billing = start_with(&log, options(Scheme::Chile, DocumentType::TaxedReceipt));
    until("it says what is missing", || {
        let status = billing.status();
        status.phase == Phase::Waiting
            && status.last_error.is_some_and(|error| error.contains("no folio left"))
    })
    .await;
    assert_eq!(documents(&log), []);
    let load = |document_type, first, last| {
        BillingCommand::LoadFolioRange(LoadFolioRange {
            document_type,
            first,
            last,
            expires_at: None,
            authorisation: String::new(),
        })
    };
    let books = Books::open(store.clone(), std::sync::Arc::default(), series()).unwrap();
    // A few first, and credit notes that have to wait for their receipts.
    for command in [load(DocumentType::FiscalCreditNote, 1, 5_000), load(DocumentType::TaxedReceipt, 1, 10)] {
        let answers = books.carry_out(&[command], now()).await;
        // The other instance may have been at it; then it is given again.
        if answers.is_err() {
            panic!("{:?}", answers.err());
        }
    }
    until("the few are used", || documents(&log).iter().filter(|one| one.refund.is_none()).count() == 10)
        .await;
    until("it waits again", || billing.status().phase == Phase::Waiting).await;
    assert_eq!(billing.status().parked, 0, "nothing is given up");
    let books = Books::open(store, std::sync::Arc::default(), series()).unwrap();
    books.carry_out(&[load(DocumentType::TaxedReceipt, 11, 50_000)], now()).await.unwrap();
    caught_up(&log, &billing).await;
    complete(&log);
    billing.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_issuer_takes_new_orders_and_leaves_old_ones_and_their_refunds_where_they_are() {
    let (log, mut history) = (log(), History::new(75, 4, 4));
    history.append(&log, 1_500);
    let billing = start(&log);
    caught_up(&log, &billing).await;
    billing.stop().await;
    let old = documents(&log);
    let orders: std::collections::HashSet<_> = old.iter().map(|issued| issued.order_id).collect();

    let next: SeriesCode = "NUEVA".parse().unwrap();
    let billing =
        start_with(&log, BillingOptions { series: next, ..options(Scheme::Plain, DocumentType::Receipt) });
    history.append(&log, 1_500);
    caught_up(&log, &billing).await;
    billing.stop().await;

    let (first, second) = (documents(&log), documents_of(&log, next));
    assert!(second.len() > 50, "{}", second.len());
    assert!(
        second.iter().all(|issued| !orders.contains(&issued.order_id)),
        "each order has its documents in one place"
    );
    assert_eq!(first[..old.len()], old);
    let late_refunds = &first[old.len()..];
    assert!(!late_refunds.is_empty() && late_refunds.iter().all(|issued| issued.refund.is_some()));
    let mut given: Vec<u64> = first.iter().chain(&second).map(|issued| issued.source_position).collect();
    given.sort_unstable();
    assert!(given.into_iter().eq(wanted(&log).into_keys()), "one document for each");
    assert_eq!(
        second
            .iter()
            .filter(|issued| issued.refund.is_none())
            .map(|issued| issued.document.folio)
            .collect::<Vec<_>>(),
        (1..=second.iter().filter(|issued| issued.refund.is_none()).count() as u64).collect::<Vec<_>>()
    );
}
