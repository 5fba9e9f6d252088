//! Every event type in every version ever written reads back, byte for byte and meaning for meaning.
//!
//! `golden/events` holds one stored sample per type and version. A sample is never edited: a changed event gets the next
//! version and a sample of its own. New samples are written with `WRITE_GOLDEN_EVENTS=1`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use ticketflow_domain::billing::{
    Amounts, BillingEvent, DocumentAccepted, DocumentId, DocumentIssued, DocumentMailed, DocumentRefused,
    DocumentReopened, DocumentSubmitted, DocumentType, FolioRangeLoaded, Issuer, RefundReference, Scheme,
    SeriesOpened, SourceParked, SourceRetried, SourceSkipped,
};
use ticketflow_domain::customer::{BuyerDetailsRecorded, CustomerEvent, PlaceholderCreated};
use ticketflow_domain::ops::{OpsEvent, ProjectionBatchSkipped};
use ticketflow_domain::plan::{
    Decor, GeneralAdmission, Plan, Point, Row, RowSeats, SeatIndex, Zone, ZoneKind,
};
use ticketflow_domain::show::*;
use ticketflow_domain::{Currency, CustomerId, HoldId, OrderId, RefundId, ShowId, TicketId, Timestamp};
use ticketflow_event_store::{
    CodecError, EncodedEvents, EventRecord, billing_event, customer_event, ops_event, push_billing_event,
    push_customer_event, push_ops_event, push_show_event, show_event,
};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + millis)
}

fn seats() -> SeatRevisions {
    [
        SeatRevision { seat: SeatIndex(7), revision: 1 },
        SeatRevision { seat: SeatIndex(4_000_000), revision: 9 },
    ]
    .into_iter()
    .chain([SeatRevision { seat: SeatIndex(8), revision: u32::MAX }])
    .collect()
}

fn plan() -> Plan {
    let row = |label: &str, seats, path: &[(i32, i32)]| Row {
        label: label.into(),
        seats,
        path: path.iter().copied().map(Point::from).collect(),
    };
    let rows = vec![
        row("A", RowSeats::Count(12), &[]),
        row("Ñ", RowSeats::Labels(["1", "1b"].into_iter().collect()), &[(-5, 10), (60, 10)]),
    ];
    let area = GeneralAdmission { capacity: 900, outline: vec![Point { x: 0, y: 0 }, Point { x: 9, y: 9 }] };
    Plan {
        focal_point: Point { x: 3, y: -200 },
        zones: vec![
            Zone {
                name: "Platea".into(),
                price: 25_000,
                color: Some("#ab9400".into()),
                kind: ZoneKind::Numbered(rows),
            },
            Zone { name: "Cancha".into(), price: 0, color: None, kind: ZoneKind::General(area) },
        ],
        decor: vec![Decor { label: "Escenario".into(), outline: vec![Point { x: -1, y: 1 }] }],
    }
}

fn show_events() -> Vec<(&'static str, ShowEvent)> {
    let (hold_id, order_id) = (HoldId::from_bytes([1; 16]), OrderId::from_bytes([2; 16]));
    let (customer_id, refund_id) = (CustomerId::from_bytes([3; 16]), RefundId::from_bytes([4; 16]));
    let tickets: TicketIds = (5..8).map(|n| TicketId::from_bytes([n; 16])).collect();
    let created = ShowCreated {
        show_id: ShowId::from_bytes([9; 16]),
        name: "Función de gala".into(),
        venue: "Teatro".into(),
        starts_at: at(1),
        currency: Currency::CLP,
        sales_open_at: Some(at(2)),
        max_seats_per_customer: Some(6),
        hold_seconds: 600,
        plan: plan(),
        created_at: at(3),
    };
    let held = SeatsHeld {
        hold_id,
        customer_id: Some(customer_id),
        seats: seats(),
        total: 75_000,
        expires_at: at(4),
    };
    let started = PaymentStarted {
        order_id,
        hold_id,
        customer_id,
        amount: 75_000,
        started_at: at(5),
        give_up_at: at(6),
    };
    let paid = OrderPaid {
        order_id,
        hold_id,
        customer_id,
        seats: seats(),
        tickets: tickets.clone(),
        total: 75_000,
        payment_reference: "sim-1".into(),
        paid_at: at(7),
    };
    let failed = PaymentFailed {
        order_id,
        hold_id,
        seats: seats(),
        reason: PaymentFailure::TimedOut,
        charge_unknown: true,
    };
    let refunded = TicketsRefunded {
        refund_id,
        order_id,
        tickets,
        seats: seats(),
        amount: 75_000,
        reason: "enfermedad".into(),
        at: at(8),
    };
    let seat = SeatRevision { seat: SeatIndex(7), revision: 3 };
    let entered =
        TicketCheckedIn { ticket_id: TicketId::from_bytes([5; 16]), seat, gate: "Norte".into(), at: at(9) };
    vec![
        ("show_created", ShowEvent::ShowCreated(Box::new(created))),
        ("sales_opened", ShowEvent::SalesOpened(SalesOpened { at: at(10) })),
        ("sales_closed", ShowEvent::SalesClosed(SalesClosed { at: at(11) })),
        ("show_cancelled", ShowEvent::ShowCancelled(ShowCancelled { reason: "lluvia".into(), at: at(12) })),
        ("seats_blocked", ShowEvent::SeatsBlocked(SeatsBlocked { seats: seats(), reason: "técnica".into() })),
        ("seats_unblocked", ShowEvent::SeatsUnblocked(SeatsUnblocked { seats: seats() })),
        ("seats_held", ShowEvent::SeatsHeld(held)),
        ("hold_released", ShowEvent::HoldReleased(HoldReleased { hold_id, seats: seats() })),
        ("hold_expired", ShowEvent::HoldExpired(HoldExpired { hold_id, seats: seats() })),
        ("payment_started", ShowEvent::PaymentStarted(started)),
        ("order_paid", ShowEvent::OrderPaid(paid)),
        ("payment_failed", ShowEvent::PaymentFailed(failed)),
        ("payment_captured", ShowEvent::PaymentCaptured(PaymentCaptured { order_id, at: at(13) })),
        ("charge_voided", ShowEvent::ChargeVoided(ChargeVoided { order_id, at: at(14) })),
        ("tickets_refunded", ShowEvent::TicketsRefunded(refunded)),
        ("refund_settled", ShowEvent::RefundSettled(RefundSettled { refund_id, order_id, at: at(15) })),
        ("ticket_checked_in", ShowEvent::TicketCheckedIn(entered)),
    ]
}

fn customer_events() -> Vec<(&'static str, CustomerEvent)> {
    let placeholder = PlaceholderCreated { customer_id: CustomerId::from_bytes([3; 16]), at: at(16) };
    let details = BuyerDetailsRecorded {
        order_id: OrderId::from_bytes([2; 16]),
        sealed: (0..100).collect(),
        at: at(17),
    };
    vec![
        ("placeholder_created", CustomerEvent::PlaceholderCreated(placeholder)),
        ("buyer_details_recorded", CustomerEvent::BuyerDetailsRecorded(details)),
    ]
}

fn billing_events() -> Vec<(&'static str, BillingEvent)> {
    let issuer = Issuer {
        name: "Teatro Caleta Clara SpA".into(),
        tax_id: "76.123.456-0".into(),
        activity: "Espectáculos".into(),
        address: "Costanera 12".into(),
        district: "Ñuñoa".into(),
        city: "Santiago".into(),
        resolution: "0 del 2026-01-01".into(),
        is_demo: true,
    };
    let document = DocumentId { document_type: DocumentType::FiscalCreditNote, folio: 12 };
    let receipt = DocumentId { document_type: DocumentType::TaxedReceipt, folio: u64::MAX };
    let order_id = OrderId::from_bytes([2; 16]);
    let issued = DocumentIssued {
        document,
        order_id,
        customer_id: CustomerId::from_bytes([3; 16]),
        show_id: ShowId::from_bytes([9; 16]),
        refund: Some(RefundReference { refund_id: RefundId::from_bytes([4; 16]), receipt, annuls: true }),
        source_position: 41,
        amounts: Amounts { total: 11_900, net: 10_000, tax: 1_900, exempt: 0 },
        currency: Currency::CLP,
        issued_at: at(21),
    };
    let loaded = FolioRangeLoaded {
        document_type: DocumentType::ExemptReceipt,
        first: 1,
        last: 500,
        expires_at: Some(at(20)),
        authorisation: "<AUTORIZACION/>".into(),
        at: at(19),
    };
    let parked = SourceParked {
        source_position: 41,
        order_id,
        error: "connection refused".into(),
        attempts: 8,
        at: at(26),
    };
    let series = "CALETA".parse().unwrap();
    vec![
        (
            "series_opened",
            BillingEvent::SeriesOpened(SeriesOpened { series, scheme: Scheme::Chile, issuer, at: at(18) }),
        ),
        ("folio_range_loaded", BillingEvent::FolioRangeLoaded(loaded)),
        ("document_issued", BillingEvent::DocumentIssued(issued)),
        (
            "document_submitted",
            BillingEvent::DocumentSubmitted(DocumentSubmitted {
                document,
                track_id: "000000000000123".into(),
                at: at(22),
            }),
        ),
        ("document_accepted", BillingEvent::DocumentAccepted(DocumentAccepted { document, at: at(23) })),
        (
            "document_refused",
            BillingEvent::DocumentRefused(DocumentRefused { document, reason: "esquema".into(), at: at(24) }),
        ),
        (
            "document_mailed",
            BillingEvent::DocumentMailed(DocumentMailed {
                document,
                message_id: "<1@caleta>".into(),
                at: at(25),
            }),
        ),
        ("document_reopened", BillingEvent::DocumentReopened(DocumentReopened { document, at: at(29) })),
        ("source_parked", BillingEvent::SourceParked(parked)),
        ("source_retried", BillingEvent::SourceRetried(SourceRetried { source_position: 41, at: at(27) })),
        (
            "source_skipped",
            BillingEvent::SourceSkipped(SourceSkipped {
                source_position: 41,
                reason: "a mano".into(),
                at: at(28),
            }),
        ),
    ]
}

fn ops_events() -> Vec<(&'static str, OpsEvent)> {
    let skipped = ProjectionBatchSkipped {
        projection: "postgres".into(),
        first_position: 41,
        last_position: u64::MAX,
        error: "an event of type 7 does not read back".into(),
        reason: "función cancelada".into(),
        at: at(18),
    };
    vec![("projection_batch_skipped", OpsEvent::ProjectionBatchSkipped(skipped))]
}

/// Type number and version in the file's name; the bytes are the payload.
fn golden(name: &str, event_type: u16) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events");
    folder.join(format!("{event_type:03}-v1-{name}.bin"))
}

/// An encoded event as the log would hand it out: read back from a batch.
fn stored(event_type: u16, payload: &[u8]) -> rkyv::util::AlignedVec<16> {
    assert!(event_type > 0);
    let mut aligned = rkyv::util::AlignedVec::new();
    aligned.extend_from_slice(payload);
    aligned
}

fn check(name: &str, encoded: &EncodedEvents, read: impl Fn(EventRecord<'_>)) {
    let record = encoded.records().next().unwrap();
    assert_eq!(record.version, 1);
    let path = golden(name, record.event_type);
    if std::env::var_os("WRITE_GOLDEN_EVENTS").is_some() && !path.exists() {
        std::fs::write(&path, record.payload).unwrap();
    }
    let sample = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("no sample of {name} ({}): {error}", path.display()));
    assert_eq!(sample, record.payload, "{name} is archived in another layout than it was");
    let aligned = stored(record.event_type, &sample);
    read(EventRecord { event_type: record.event_type, version: 1, payload: &aligned });
}

#[test]
fn every_show_event_has_a_sample_that_reads_back() {
    for (name, event) in show_events() {
        let mut encoded = EncodedEvents::new();
        push_show_event(&mut encoded, &event).unwrap();
        check(name, &encoded, |record| assert_eq!(show_event(record).unwrap(), event, "{name}"));
    }
}

#[test]
fn every_customer_event_has_a_sample_that_reads_back() {
    for (name, event) in customer_events() {
        let mut encoded = EncodedEvents::new();
        push_customer_event(&mut encoded, &event).unwrap();
        check(name, &encoded, |record| assert_eq!(customer_event(record).unwrap(), event, "{name}"));
    }
}

#[test]
fn every_billing_event_has_a_sample_that_reads_back() {
    for (name, event) in billing_events() {
        let mut encoded = EncodedEvents::new();
        push_billing_event(&mut encoded, &event).unwrap();
        check(name, &encoded, |record| assert_eq!(billing_event(record).unwrap(), event, "{name}"));
    }
}

#[test]
fn every_ops_event_has_a_sample_that_reads_back() {
    for (name, event) in ops_events() {
        let mut encoded = EncodedEvents::new();
        push_ops_event(&mut encoded, &event).unwrap();
        check(name, &encoded, |record| assert_eq!(ops_event(record).unwrap(), event, "{name}"));
    }
}

#[test]
fn every_event_survives_json() {
    for (name, event) in show_events() {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<ShowEvent>(&json).unwrap(), event, "{name}: {json}");
    }
    for (name, event) in customer_events() {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<CustomerEvent>(&json).unwrap(), event, "{name}: {json}");
    }
    for (name, event) in billing_events() {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<BillingEvent>(&json).unwrap(), event, "{name}: {json}");
    }
    for (name, event) in ops_events() {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<OpsEvent>(&json).unwrap(), event, "{name}: {json}");
    }
}

#[test]
fn unknown_types_newer_versions_and_damaged_bytes_are_told_apart() {
    let record = |event_type, version, payload| EventRecord { event_type, version, payload };
    for (event_type, version) in [(0, 1), (999, 1), (7, 2), (101, 1)] {
        assert!(matches!(show_event(record(event_type, version, &[])), Err(CodecError::UnknownType { .. })));
    }
    let (_, event) = show_events().swap_remove(10);
    let mut encoded = EncodedEvents::new();
    push_show_event(&mut encoded, &event).unwrap();
    let whole = encoded.records().next().unwrap();
    let aligned = stored(whole.event_type, whole.payload);
    for length in 0..aligned.len() {
        let cut = record(whole.event_type, 1, &aligned[..length]);
        assert!(show_event(cut).ok() != Some(event.clone()), "cut to {length}");
    }
}
