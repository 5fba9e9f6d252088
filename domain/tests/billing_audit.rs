//! The audit of the books finds each planted mistake, and none where there is none.

use ticketflow_domain::billing::*;
use ticketflow_domain::show::{OrderPaid, ShowEvent, TicketsRefunded};
use ticketflow_domain::{Currency, CustomerId, HoldId, OrderId, RefundId, ShowId, Timestamp};

const NOW: Timestamp = Timestamp::from_millis(1_893_456_000_000);

fn id(number: u8) -> [u8; 16] {
    [number; 16]
}

fn series() -> SeriesCode {
    "CALETA".parse().expect("a code")
}

fn paid(number: u8, total: i64) -> ShowEvent {
    ShowEvent::OrderPaid(OrderPaid {
        order_id: OrderId::from_bytes(id(number)),
        hold_id: HoldId::from_bytes(id(100)),
        customer_id: CustomerId::from_bytes(id(101)),
        seats: Default::default(),
        tickets: Default::default(),
        total,
        payment_reference: String::new(),
        paid_at: NOW,
    })
}

fn refunded(number: u8, of: u8, amount: i64) -> ShowEvent {
    ShowEvent::TicketsRefunded(TicketsRefunded {
        refund_id: RefundId::from_bytes(id(number)),
        order_id: OrderId::from_bytes(id(of)),
        tickets: Default::default(),
        seats: Default::default(),
        amount,
        reason: String::new(),
        at: NOW,
    })
}

fn loaded() -> BillingEvent {
    BillingEvent::FolioRangeLoaded(FolioRangeLoaded {
        document_type: DocumentType::TaxedReceipt,
        first: 1,
        last: 9,
        expires_at: None,
        authorisation: String::new(),
        at: NOW,
    })
}

fn issued(folio: u64, of: u8, source_position: u64, total: i64) -> DocumentIssued {
    DocumentIssued {
        document: DocumentId { document_type: DocumentType::TaxedReceipt, folio },
        order_id: OrderId::from_bytes(id(of)),
        customer_id: CustomerId::from_bytes(id(101)),
        show_id: ShowId::from_bytes(id(102)),
        refund: None,
        source_position,
        amounts: Amounts::of(DocumentType::TaxedReceipt, total),
        currency: Currency::CLP,
        issued_at: NOW,
    }
}

fn mailed(folio: u64) -> BillingEvent {
    let document = DocumentId { document_type: DocumentType::TaxedReceipt, folio };
    BillingEvent::DocumentMailed(DocumentMailed { document, message_id: "a@b".into(), at: NOW })
}

/// Two orders at 1 and 2, a refund at 3; the range and two receipts as they should be, then what is planted.
fn violations(planted: Vec<BillingEvent>) -> Vec<String> {
    let mut audit = BillingAudit::default();
    audit.observe_show(&paid(1, 1_190), 1);
    audit.observe_show(&paid(2, 500), 2);
    audit.observe_show(&refunded(9, 1, 1_000), 3);
    let sound = [loaded(), BillingEvent::DocumentIssued(issued(1, 1, 1, 1_190)), mailed(1)];
    for (event, position) in sound.iter().chain(&planted).zip(10..) {
        audit.observe(series(), event, position);
    }
    audit.finish().1.iter().map(ToString::to_string).collect()
}

fn note(folio: u64, amount: i64) -> BillingEvent {
    let mut note = issued(folio, 1, 3, amount);
    note.refund = Some(RefundReference {
        refund_id: RefundId::from_bytes(id(9)),
        receipt: DocumentId { document_type: DocumentType::TaxedReceipt, folio: 1 },
        annuls: false,
    });
    BillingEvent::DocumentIssued(note)
}

#[test]
fn sound_books_have_no_violation() {
    let sound =
        vec![BillingEvent::DocumentIssued(issued(2, 2, 2, 500)), note(3, 1_000), mailed(2), mailed(3)];
    assert_eq!(violations(sound), Vec::<String>::new());
}

#[test]
fn each_planted_mistake_is_found_and_named() {
    let receipt = |folio, of, source, total| BillingEvent::DocumentIssued(issued(folio, of, source, total));
    let mut torn = issued(2, 2, 2, 500);
    torn.amounts.tax += 1;
    for (planted, says) in [
        (vec![receipt(3, 2, 2, 500)], "does not follow"),
        (vec![receipt(1, 2, 2, 500)], "does not follow"),
        (vec![receipt(10, 2, 2, 500)], "outside of every range"),
        (vec![receipt(2, 1, 1, 1_190)], "second document"),
        (vec![receipt(2, 1, 1, 1_190)], "second receipt"),
        (vec![receipt(2, 2, 2, 501)], "not what position 2 asks for"),
        (vec![receipt(2, 2, 3, 500)], "not what position 3 asks for"),
        (vec![receipt(2, 2, 4, 500)], "where nothing was sold"),
        (vec![BillingEvent::DocumentIssued(torn)], "does not add up"),
        (vec![note(2, 1_000), note(3, 1_000)], "takes back more"),
        (vec![mailed(1)], "mailed twice"),
        (vec![mailed(2)], "never issued"),
        (vec![loaded()], "overlaps"),
    ] {
        let found = violations(planted);
        assert!(found.iter().any(|violation| violation.contains(says)), "{says}: {found:?}");
    }
}

#[test]
fn a_second_series_gives_no_second_receipt() {
    let mut audit = BillingAudit::default();
    audit.observe_show(&paid(1, 1_190), 1);
    for code in ["CALETA", "OTRA"] {
        let series = code.parse().expect("a code");
        audit.observe(series, &loaded(), 2);
        audit.observe(series, &BillingEvent::DocumentIssued(issued(1, 1, 1, 1_190)), 3);
    }
    let (documents, violations) = audit.finish();
    assert_eq!(documents, 2);
    assert!(violations.iter().any(|violation| violation.what.contains("second receipt")), "{violations:?}");
}
