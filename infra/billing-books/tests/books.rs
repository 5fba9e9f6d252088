//! The books of a log, folded whichever way: all ways come to the same, and each event counts once.

use std::sync::Arc;

use ticketflow_billing_books::{BillingBooks, BooksPart, RECEIPTS_PER_PART};
use ticketflow_domain::billing::{
    BillingCommand, BillingEvent, BillingState, DocumentId, DocumentType, IssueCreditNote, IssueReceipt,
    Issuer, LoadFolioRange, Scheme, SeriesCode, decide,
};
use ticketflow_domain::{Currency, CustomerId, OrderId, RefundId, ShowId, Timestamp};
use ticketflow_event_store::{
    Append, Category, EmbeddedLog, EncodedEvents, Expected, LogOptions, Position, SimDisk, StreamId, Urgency,
    push_billing_event,
};

const NOW: Timestamp = Timestamp::from_millis(1_893_456_000_000);

fn id(number: u64) -> [u8; 16] {
    (u128::from(number) << 64 | u128::from(number)).to_be_bytes()
}

fn stream(series: SeriesCode) -> StreamId {
    StreamId::new(Category::Billing, series.to_bytes())
}

fn series(name: &str) -> SeriesCode {
    name.parse().expect("a name")
}

fn open_log() -> EmbeddedLog {
    EmbeddedLog::open(Arc::new(SimDisk::new(1)), LogOptions::default()).expect("a new log").0
}

fn append(log: &EmbeddedLog, series: SeriesCode, events: &[BillingEvent]) {
    let mut encoded = EncodedEvents::new();
    events.iter().for_each(|event| push_billing_event(&mut encoded, event).expect("it is bounded"));
    let pending = log.append(Append {
        stream: stream(series),
        expected: Expected::Any,
        batch_id: id(log.head().position + 1),
        recorded_at_ms: NOW.as_millis(),
        metadata: Vec::new(),
        events: encoded,
        urgency: Urgency::Essential,
    });
    pending.wait().expect("it is durable");
}

fn issuer() -> Issuer {
    Issuer {
        name: "Teatro Caleta Clara SpA".into(),
        tax_id: "76.123.456-0".into(),
        activity: "Espectáculos".into(),
        address: "Costanera 12".into(),
        district: "Ñuñoa".into(),
        city: "Santiago".into(),
        resolution: "0/2014-08-22".into(),
        is_demo: true,
    }
}

fn receipt(number: u64) -> BillingCommand {
    BillingCommand::IssueReceipt(IssueReceipt {
        document_type: DocumentType::TaxedReceipt,
        order_id: OrderId::from_bytes(id(number)),
        customer_id: CustomerId::from_bytes(id(7)),
        show_id: ShowId::from_bytes(id(8)),
        total: 25_000,
        currency: Currency::CLP,
        source_position: 1_000 + number,
    })
}

fn note(number: u64, amount: i64) -> BillingCommand {
    BillingCommand::IssueCreditNote(IssueCreditNote {
        refund_id: RefundId::from_bytes(id(100 * number + amount.unsigned_abs())),
        order_id: OrderId::from_bytes(id(number)),
        amount,
        source_position: 5_000 + 2 * number + u64::from(amount > 9_000),
    })
}

fn range(document_type: DocumentType) -> BillingCommand {
    BillingCommand::LoadFolioRange(LoadFolioRange {
        document_type,
        first: 1,
        last: 100_000,
        expires_at: None,
        authorisation: "<CAF/>".into(),
    })
}

/// A log with two issuers' books: receipts, of some parts given back in one or two notes, what became of others, something parked and
/// something given up.
fn history() -> (EmbeddedLog, [SeriesCode; 2]) {
    let log = open_log();
    let both = [series("CALETA"), series("OTHER")];
    for series in both {
        let mut books = BillingState::default();
        let mut commands =
            vec![BillingCommand::OpenSeries { series, scheme: Scheme::Chile, issuer: issuer() }];
        commands.extend([range(DocumentType::TaxedReceipt), range(DocumentType::FiscalCreditNote)]);
        for number in 1..=40 {
            let document = DocumentId { document_type: DocumentType::TaxedReceipt, folio: number };
            commands.push(receipt(number));
            match number % 8 {
                1 => commands.extend([note(number, 5_000), note(number, 10_000)]),
                2 => {
                    commands.push(BillingCommand::RecordSubmission { document, track_id: number.to_string() })
                }
                3 => commands.extend([
                    BillingCommand::RecordVerdict { document, refusal: Some("esquema".into()) },
                    BillingCommand::Reopen { document },
                ]),
                4 => commands.extend([
                    BillingCommand::RecordVerdict { document, refusal: None },
                    BillingCommand::RecordMail { document, message_id: number.to_string() },
                ]),
                5 => commands.push(BillingCommand::Park {
                    source_position: 9_000 + number,
                    order_id: OrderId::from_bytes(id(number)),
                    error: "no such mailbox".into(),
                    attempts: 1,
                }),
                6 => commands.push(BillingCommand::Skip {
                    source_position: 9_000 + number - 1,
                    reason: "by hand".into(),
                }),
                _ => {}
            }
        }
        for part in commands.chunks(3) {
            let mut events = Vec::new();
            for command in part {
                let decided = decide(&books, command, NOW).unwrap_or_else(|why| panic!("{command:?}: {why}"));
                decided.iter().for_each(|event| books.evolve(event));
                events.extend(decided);
            }
            append(&log, series, &events);
        }
    }
    (log, both)
}

fn folded(log: &EmbeddedLog) -> BillingBooks {
    let books = BillingBooks::default();
    books.catch_up_all(log, Position::MAX).expect("it folds");
    books
}

fn assert_same(one: &BillingBooks, other: &BillingBooks, both: [SeriesCode; 2], what: &str) {
    let (one, other) = (one.read(), other.read());
    for series in both {
        assert_eq!(one.revision(stream(series)), other.revision(stream(series)), "{what}");
        assert_eq!(one.of(stream(series)), other.of(stream(series)), "{what}");
    }
}

#[test]
fn a_batch_counts_once_whether_it_came_from_the_feed_or_from_who_wrote_it() {
    let (log, both) = history();
    let expected = folded(&log);
    assert!(
        expected.documents(OrderId::from_bytes(id(1))).is_some_and(|order| order.credit_notes.len() == 2)
    );
    assert_eq!(expected.parked().len(), 0, "what was parked was given up");
    // By the feed alone, each batch twice.
    let fed = BillingBooks::default();
    // By whoever wrote it first, and by the feed afterwards.
    let written = BillingBooks::default();
    let mut reader = log.read_from(1).expect("readable");
    while let Some(batch) = reader.next_batch().expect("readable") {
        let events: Vec<BillingEvent> = batch
            .events()
            .map(|record| ticketflow_event_store::billing_event(record).expect("it reads"))
            .collect();
        for _ in 0..2 {
            fed.fold(&batch).expect("it folds");
        }
        written.fold_appended(batch.stream(), batch.first_revision(), &events);
        written.fold(&batch).expect("it folds");
        written.fold_appended(batch.stream(), batch.first_revision(), &events);
    }
    assert_same(&fed, &expected, both, "fed");
    assert_same(&written, &expected, both, "written");
}

#[test]
fn stopped_anywhere_stored_and_restored_it_is_the_same() {
    let (log, both) = history();
    let expected = folded(&log);
    let mut parts = 0;
    for stop in 0..=log.head().position {
        let books = BillingBooks::default();
        books.catch_up_all(&log, stop).expect("it folds");
        let restored = BillingBooks::default();
        let stored = books.store(|part: BooksPart| {
            parts += 1;
            restored.restore(part);
            Ok::<_, ()>(())
        });
        assert_eq!(stored, Ok(()));
        assert_same(&restored, &books, both, "restored");
        restored.catch_up_all(&log, Position::MAX).expect("it folds");
        assert_same(&restored, &expected, both, "and brought up to date");
    }
    assert!(parts > 0);
}

#[test]
fn many_receipts_come_in_parts_and_storing_ends_with_the_first_error() {
    let books = BillingBooks::default();
    let caleta = series("CALETA");
    let count = RECEIPTS_PER_PART as u64 + 1;
    let mut state = BillingState::default();
    let mut commands =
        vec![BillingCommand::OpenSeries { series: caleta, scheme: Scheme::Chile, issuer: issuer() }];
    commands.push(range(DocumentType::TaxedReceipt));
    commands.extend((1..=count).map(receipt));
    let mut events = Vec::new();
    for command in &commands {
        let decided = decide(&state, command, NOW).expect("it is taken");
        decided.iter().for_each(|event| state.evolve(event));
        events.extend(decided);
    }
    books.fold_appended(stream(caleta), 1, &events);
    let restored = BillingBooks::default();
    let mut lengths = Vec::new();
    let stored = books.store(|part| {
        if let BooksPart::Receipts { receipts, .. } = &part {
            lengths.push(receipts.len());
        }
        restored.restore(part);
        Ok::<_, ()>(())
    });
    assert_eq!((stored, lengths), (Ok(()), vec![RECEIPTS_PER_PART, 1]));
    assert_eq!(restored.read().of(stream(caleta)), &state);
    assert_eq!(books.store(|_| Err("the disk is full")), Err("the disk is full"));
}

#[test]
fn what_does_not_read_back_is_said_and_changes_nothing() {
    let (log, both) = history();
    let before = folded(&log);
    let mut events = EncodedEvents::new();
    push_billing_event(
        &mut events,
        &decide(
            &BillingState::default(),
            &BillingCommand::OpenSeries { series: both[0], scheme: Scheme::Plain, issuer: issuer() },
            NOW,
        )
        .expect("it opens")[0],
    )
    .expect("it is bounded");
    // An event of a customer, as a later version might have put it there.
    events.push(4_095, 1, b"unknown");
    let pending = log.append(Append {
        stream: stream(both[0]),
        expected: Expected::Any,
        batch_id: [9; 16],
        recorded_at_ms: 0,
        metadata: Vec::new(),
        events,
        urgency: Urgency::Essential,
    });
    pending.wait().expect("it is durable");
    let books = folded_until_it_fails(&log);
    assert_same(&books, &before, both, "as far as it reads back");
}

fn folded_until_it_fails(log: &EmbeddedLog) -> BillingBooks {
    let books = BillingBooks::default();
    let error = books.catch_up_all(log, Position::MAX).expect_err("the last batch does not read back");
    assert!(error.to_string().contains("does not read back"), "{error}");
    books.catch_up_all(log, log.head().position - 2).expect("the rest folds");
    books
}
