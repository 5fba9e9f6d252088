//! An event that cannot be in the tables stops them, with everything before it in them, and stops nothing else.

use ticketflow_billing_projector::{Books, FactReader, InvoiceTablesState, verify_invoices};
use ticketflow_domain::billing::{BillingEvent, DocumentId, DocumentIssued, DocumentType};
use ticketflow_event_store::{
    Append, Category, EmbeddedLog, EncodedEvents, Expected, StreamId, Urgency, push_billing_event,
};
use ticketflow_testbed::MariaDb;

use crate::bed::{bill, caught_up, now, play, series, sold, start, until_state, urls};
use crate::history::durable;

fn append(log: &EmbeddedLog, event: &BillingEvent) {
    let mut events = EncodedEvents::new();
    push_billing_event(&mut events, event).unwrap();
    durable(log.append(Append {
        stream: StreamId::new(Category::Billing, series().to_bytes()),
        expected: Expected::Any,
        batch_id: [9; 16],
        recorded_at_ms: now().as_millis(),
        metadata: Vec::new(),
        events,
        urgency: Urgency::Essential,
    }));
}

/// As of the first order, with other numbers.
fn forged(
    log: &EmbeddedLog,
    order_id: ticketflow_domain::OrderId,
    folio: u64,
    source_position: u64,
) -> BillingEvent {
    let books = Books::open(log.clone().into(), std::sync::Arc::default(), series()).unwrap();
    let documents = books.state().documents(order_id).unwrap();
    BillingEvent::DocumentIssued(DocumentIssued {
        document: DocumentId { document_type: DocumentType::TaxedReceipt, folio },
        order_id,
        customer_id: documents.customer_id,
        show_id: documents.show_id,
        refund: None,
        source_position,
        amounts: documents.receipt.amounts,
        currency: documents.currency,
        issued_at: now(),
    })
}

#[test]
fn a_document_about_nothing_stops_the_tables_and_says_where() {
    play(MariaDb::start(), |server| async move {
        let (log, mut history) = sold(61, 600);
        bill(&log).await;
        let before = log.head().position;
        let order_id = history.orders().next().unwrap();
        append(&log, &forged(&log, order_id, 999_999, 1));
        history.append(&log, 50);
        let tables = start(urls(&server), &log);
        until_state(&tables, InvoiceTablesState::Stopped).await;
        let status = tables.status();
        assert_eq!(status.position, before, "what comes before it is there: {status:?}");
        let error = status.last_error.unwrap();
        assert!(error.contains(&format!("position {}", before + 1)), "{error}");
        assert!(error.contains("no order and no refund at position 1"), "{error}");
        let facts = FactReader::new(log.clone());
        let verified = verify_invoices(&urls(&server), &log.clone().into(), facts, |_| {}).await.unwrap();
        assert_eq!((verified.position, verified.faults), (before, Vec::new()));
        tables.stop().await;
    });
}

#[test]
fn a_second_receipt_of_an_order_is_refused_by_the_database() {
    play(MariaDb::start(), |server| async move {
        let (log, history) = sold(62, 600);
        bill(&log).await;
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        let before = log.head().position;
        let mut orders = history.orders();
        let (order_id, other) = (orders.next().unwrap(), orders.next().unwrap());
        let source = |order_id| {
            let books = Books::open(log.clone().into(), std::sync::Arc::default(), series()).unwrap();
            books.state().documents(order_id).unwrap().receipt.source_position
        };
        append(&log, &forged(&log, order_id, 999_999, source(other)));
        until_state(&tables, InvoiceTablesState::Stopped).await;
        let error = tables.status().last_error.unwrap();
        assert!(error.contains("Duplicate entry"), "{error}");
        assert_eq!(tables.status().position, before);
        tables.stop().await;
    });
}
