//! The books of an issuer: given what happened, when a command comes, then these events or that refusal; and for any sequence of
//! commands folios without gap or duplicate.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use ticketflow_domain::billing::*;
use ticketflow_domain::{Currency, CustomerId, OrderId, RefundId, ShowId, Timestamp};

const NOW: Timestamp = Timestamp::from_millis(1_893_456_000_000);

fn later(days: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + days * 86_400_000)
}

fn id(number: u64) -> [u8; 16] {
    (u128::from(number) << 64 | u128::from(number)).to_be_bytes()
}

fn order(number: u64) -> OrderId {
    OrderId::from_bytes(id(number))
}

fn issuer() -> Issuer {
    Issuer {
        name: "Teatro Caleta Clara SpA".into(),
        tax_id: "76.123.456-0".into(),
        activity: "Espectáculos".into(),
        address: "Costanera 12".into(),
        district: "Ñuñoa".into(),
        city: "Santiago".into(),
        resolution: "0 del 2026-01-01".into(),
        is_demo: true,
    }
}

fn series(code: &str) -> SeriesCode {
    code.parse().expect("a code")
}

fn open(scheme: Scheme) -> BillingCommand {
    BillingCommand::OpenSeries { series: series("CALETA"), scheme, issuer: issuer() }
}

fn range(
    document_type: DocumentType,
    first: u64,
    last: u64,
    expires_at: Option<Timestamp>,
) -> BillingCommand {
    BillingCommand::LoadFolioRange(LoadFolioRange {
        document_type,
        first,
        last,
        expires_at,
        authorisation: "<CAF/>".into(),
    })
}

fn receipt(document_type: DocumentType, number: u64, total: i64) -> BillingCommand {
    BillingCommand::IssueReceipt(IssueReceipt {
        document_type,
        order_id: order(number),
        customer_id: CustomerId::from_bytes(id(7)),
        show_id: ShowId::from_bytes(id(8)),
        total,
        currency: Currency::CLP,
        source_position: 1_000 + number,
    })
}

fn note(number: u64, of: u64, amount: i64) -> BillingCommand {
    BillingCommand::IssueCreditNote(IssueCreditNote {
        refund_id: RefundId::from_bytes(id(number)),
        order_id: order(of),
        amount,
        source_position: 5_000 + number,
    })
}

fn document(document_type: DocumentType, folio: u64) -> DocumentId {
    DocumentId { document_type, folio }
}

/// Books that are written to.
#[derive(Default)]
struct Books(BillingState);

impl Books {
    fn of(scheme: Scheme) -> Self {
        let mut books = Self::default();
        books.take(&open(scheme));
        books
    }

    fn at(
        &mut self,
        command: &BillingCommand,
        now: Timestamp,
    ) -> Result<Vec<BillingEvent>, BillingRejection> {
        let events = decide(&self.0, command, now)?;
        events.iter().for_each(|event| self.0.evolve(event));
        Ok(events)
    }

    #[track_caller]
    fn take(&mut self, command: &BillingCommand) -> Vec<BillingEvent> {
        self.at(command, NOW).expect("it is taken")
    }

    #[track_caller]
    fn issue(&mut self, command: &BillingCommand) -> DocumentIssued {
        match &self.take(command)[..] {
            [BillingEvent::DocumentIssued(issued)] => issued.clone(),
            other => panic!("not one document: {other:?}"),
        }
    }

    #[track_caller]
    fn refuses(&mut self, command: &BillingCommand, why: &BillingRejection) {
        assert_eq!(self.at(command, NOW).as_ref(), Err(why));
    }

    fn left(&self, document_type: DocumentType, now: Timestamp) -> (u64, Option<u64>) {
        let stock =
            self.0.stock(now).find(|stock| stock.document_type == document_type).expect("it was loaded");
        (stock.left, stock.next)
    }
}

#[test]
fn a_series_has_a_short_name_of_letters_and_digits() {
    assert_eq!(series("A1b2C3d4E5f6G7h8").to_string(), "A1b2C3d4E5f6G7h8");
    for wrong in ["", "A1b2C3d4E5f6G7h8i", "a b", "ñ", "a-b"] {
        assert_eq!(wrong.parse::<SeriesCode>(), Err(InvalidSeriesCode), "{wrong}");
    }
}

#[test]
fn books_are_opened_once_by_one_issuer() {
    let mut books = Books::default();
    books.refuses(&receipt(DocumentType::Receipt, 1, 100), &BillingRejection::SeriesUnknown);
    assert_eq!(books.take(&open(Scheme::Plain)).len(), 3, "who counts by itself has its folios at once");
    assert_eq!(books.take(&open(Scheme::Plain)), [], "said again it is no news");
    books.refuses(&open(Scheme::Chile), &BillingRejection::SeriesTaken);
    let nameless = BillingCommand::OpenSeries {
        series: series("OTHER"),
        scheme: Scheme::Plain,
        issuer: Issuer { name: "  ".into(), ..issuer() },
    };
    assert!(matches!(Books::default().at(&nameless, NOW), Err(BillingRejection::InvalidText(_))));
    assert_eq!(books.0.issuer(), Some((&issuer(), Scheme::Plain)));
}

#[test]
fn an_order_has_one_receipt_however_often_it_is_asked_for() {
    let mut books = Books::of(Scheme::Plain);
    let first = books.issue(&receipt(DocumentType::Receipt, 1, 25_000));
    assert_eq!((first.document.folio, first.amounts.exempt), (1, 25_000));
    assert_eq!(books.take(&receipt(DocumentType::Receipt, 1, 25_000)), []);
    assert_eq!(books.issue(&receipt(DocumentType::Receipt, 2, 1)).document.folio, 2);
    assert_eq!(books.0.receipt(order(1)).map(|receipt| receipt.document), Some(first.document));
    let wrong = [DocumentType::CreditNote, DocumentType::TaxedReceipt];
    for document_type in wrong {
        books.refuses(&receipt(document_type, 3, 1), &BillingRejection::WrongDocumentType(document_type));
    }
    books.refuses(&receipt(DocumentType::Receipt, 3, -1), &BillingRejection::InvalidAmount);
}

#[test]
fn folios_are_used_in_order_across_ranges_and_what_expired_is_left_behind() {
    let mut books = Books::of(Scheme::Chile);
    let taxed = DocumentType::TaxedReceipt;
    books.refuses(&receipt(taxed, 1, 1), &BillingRejection::NoFolioLeft(taxed));
    books.refuses(
        &range(DocumentType::Receipt, 1, 9, None),
        &BillingRejection::WrongDocumentType(DocumentType::Receipt),
    );
    books.refuses(&range(taxed, 0, 9, None), &BillingRejection::InvalidRange);
    books.refuses(&range(taxed, 9, 8, None), &BillingRejection::InvalidRange);
    books.take(&range(taxed, 5, 6, None));
    books.refuses(&range(taxed, 6, 9, None), &BillingRejection::RangeNotNext { last: 6 });
    books.take(&range(taxed, 21, 30, Some(later(1))));
    books.take(&range(taxed, 31, 31, None));
    assert_eq!(books.left(taxed, NOW), (13, Some(5)));
    let folio = |books: &mut Books, number, now| match &books.at(&receipt(taxed, number, 1), now).unwrap()[..]
    {
        [BillingEvent::DocumentIssued(issued)] => issued.document.folio,
        other => panic!("{other:?}"),
    };
    assert_eq!([1, 2, 3].map(|number| folio(&mut books, number, NOW)), [5, 6, 21]);
    assert_eq!(books.left(taxed, later(2)), (1, Some(31)), "nine folios have expired");
    assert_eq!(folio(&mut books, 4, later(2)), 31);
    assert_eq!(books.at(&receipt(taxed, 5, 1), later(2)), Err(BillingRejection::NoFolioLeft(taxed)));
    // Folios of other kinds are their own.
    books.take(&range(DocumentType::ExemptReceipt, 1, 2, None));
    assert_eq!(books.issue(&receipt(DocumentType::ExemptReceipt, 6, 1)).document.folio, 1);
}

#[test]
fn a_refund_has_one_credit_note_and_no_more_is_given_back_than_was_paid() {
    let mut books = Books::of(Scheme::Chile);
    books.take(&range(DocumentType::TaxedReceipt, 1, 9, None));
    books.take(&range(DocumentType::FiscalCreditNote, 100, 109, None));
    books.refuses(&note(1, 1, 100), &BillingRejection::ReceiptMissing(order(1)));
    let receipt_1 = books.issue(&receipt(DocumentType::TaxedReceipt, 1, 11_900));
    let part = books.issue(&note(1, 1, 5_000));
    let rest = books.issue(&note(2, 1, 6_900));
    assert_eq!((part.document, rest.document.folio), (document(DocumentType::FiscalCreditNote, 100), 101));
    assert_eq!(part.amounts.net + rest.amounts.net, receipt_1.amounts.net);
    assert_eq!(part.amounts.tax + rest.amounts.tax, 1_900);
    let refund = part.refund.expect("it says what it takes back");
    assert_eq!((refund.receipt, refund.annuls), (receipt_1.document, false));
    assert_eq!(books.take(&note(2, 1, 6_900)), [], "said again it is no news");
    books.refuses(&note(3, 1, 1), &BillingRejection::InvalidAmount);
    books.take(&receipt(DocumentType::TaxedReceipt, 2, 7));
    books.refuses(&note(4, 2, -1), &BillingRejection::InvalidAmount);
    assert!(books.issue(&note(4, 2, 7)).refund.expect("a reference").annuls);
    let notes =
        |of| books.0.credit_notes(order(of)).iter().map(|note| note.document.folio).collect::<Vec<_>>();
    assert_eq!((notes(1), notes(2), notes(3)), (vec![100, 101], vec![102], vec![]));
}

#[test]
fn a_document_is_done_with_when_it_is_mailed_and_accepted_whatever_comes_first() {
    let taxed = document(DocumentType::TaxedReceipt, 1);
    let submission =
        |track_id: &str| BillingCommand::RecordSubmission { document: taxed, track_id: track_id.into() };
    let verdict = |refusal: Option<&str>| BillingCommand::RecordVerdict {
        document: taxed,
        refusal: refusal.map(str::to_owned),
    };
    let mail =
        |message_id: &str| BillingCommand::RecordMail { document: taxed, message_id: message_id.into() };
    for mail_first in [true, false] {
        let mut books = Books::of(Scheme::Chile);
        books.take(&range(DocumentType::TaxedReceipt, 1, 9, None));
        for early in [mail("m"), BillingCommand::Reopen { document: taxed }] {
            books.refuses(&early, &BillingRejection::DocumentUnknown(taxed));
        }
        books.take(&receipt(DocumentType::TaxedReceipt, 1, 11_900));
        if mail_first {
            assert_eq!(books.take(&mail("m")).len(), 1);
            assert_eq!(books.take(&mail("m")), [], "one mail");
        }
        assert_eq!(books.take(&submission("7")).len(), 1);
        assert_eq!(books.take(&submission("7")), []);
        assert_eq!(books.take(&verdict(Some("schema"))).len(), 1);
        assert_eq!(books.take(&verdict(Some("schema"))), []);
        let progress = books.0.progress(taxed).expect("somebody has to look at it");
        assert_eq!((progress.refusal.as_deref(), progress.is_accepted), (Some("schema"), false));
        // An operator has it sent again, once; and it is taken.
        assert_eq!(books.take(&BillingCommand::Reopen { document: taxed }).len(), 1);
        assert_eq!(books.take(&BillingCommand::Reopen { document: taxed }), []);
        let progress = books.0.progress(taxed).expect("it is to be given to the authority");
        assert_eq!((&progress.refusal, &progress.track_id, progress.was_submitted), (&None, &None, true));
        assert_eq!(books.take(&submission("8")).len(), 1);
        assert_eq!(books.take(&verdict(None)).len(), 1);
        if !mail_first {
            assert_eq!(books.0.open().count(), 1);
            assert_eq!(books.take(&mail("m")).len(), 1);
        }
        assert_eq!(books.0.open().count(), 0);
        let reopen = BillingCommand::Reopen { document: taxed };
        for again in [submission("9"), verdict(None), verdict(Some("late")), mail("m"), reopen] {
            assert_eq!(books.take(&again), [], "{again:?}");
        }
    }
    let mut plain = Books::of(Scheme::Plain);
    let issued = plain.issue(&receipt(DocumentType::Receipt, 1, 1)).document;
    plain.take(&BillingCommand::RecordMail { document: issued, message_id: "m".into() });
    assert_eq!(plain.0.open().count(), 0, "no authority has a say");
}

#[test]
fn what_is_parked_waits_for_an_operator_who_retries_or_gives_it_up() {
    let mut books = Books::of(Scheme::Plain);
    let park = BillingCommand::Park {
        source_position: 1_001,
        order_id: order(1),
        error: "x".repeat(2_000),
        attempts: 8,
    };
    assert_eq!(books.take(&park).len(), 1);
    assert_eq!(books.take(&park), []);
    let (position, parked) = books.0.parked().next().expect("it is parked");
    assert_eq!((position, parked.attempts, parked.error.len()), (1_001, 8, 500));
    let retry = |source_position| BillingCommand::Retry { source_position };
    let skip = |reason: &str| BillingCommand::Skip { source_position: 1_001, reason: reason.into() };
    books.refuses(&retry(9), &BillingRejection::NotParked(9));
    books.take(&retry(1_001));
    books.refuses(&skip("late"), &BillingRejection::NotParked(1_001));
    books.take(&park);
    assert!(matches!(books.at(&skip(" "), NOW), Err(BillingRejection::InvalidText(_))));
    books.take(&skip("paid by hand"));
    assert_eq!(books.take(&skip("paid by hand")), []);
    books.refuses(&receipt(DocumentType::Receipt, 1, 1), &BillingRejection::Skipped(1_001));
    assert!(books.0.is_set_aside(1_001) && books.0.parked().next().is_none());
    // A document ends the wait by itself.
    let again =
        BillingCommand::Park { source_position: 1_002, order_id: order(2), error: "x".into(), attempts: 1 };
    books.take(&again);
    books.issue(&receipt(DocumentType::Receipt, 2, 1));
    assert!(books.0.parked().next().is_none());
}

/// Anything that may come, in any order.
fn command() -> impl Strategy<Value = (BillingCommand, i64)> {
    let taxed = DocumentType::TaxedReceipt;
    let kinds = prop_oneof![
        6 => (0..30_u64, 0..50_000_i64).prop_map(move |(number, total)| receipt(taxed, number, total)),
        3 => (0..20_u64, 0..30_u64, 0..30_000_i64).prop_map(|(number, of, amount)| note(number, of, amount)),
        2 => (1..120_u64, 0..12_u64, proptest::option::of(0..10_i64), any::<bool>()).prop_map(
            move |(first, more, days, is_note)| {
                let document_type = if is_note { DocumentType::FiscalCreditNote } else { taxed };
                range(document_type, first, first + more, days.map(later))
            }
        ),
        1 => (0..40_u64).prop_map(|number| BillingCommand::Park {
            source_position: 1_000 + number,
            order_id: order(number),
            error: "down".into(),
            attempts: 3,
        }),
        1 => (0..40_u64).prop_map(|number| BillingCommand::Skip {
            source_position: 1_000 + number,
            reason: "by hand".into(),
        }),
        2 => (1..120_u64).prop_map(move |folio| BillingCommand::RecordMail {
            document: document(taxed, folio),
            message_id: folio.to_string(),
        }),
        1 => (1..120_u64, 0..3_u64).prop_map(move |(folio, number)| BillingCommand::RecordSubmission {
            document: document(taxed, folio),
            track_id: number.to_string(),
        }),
        1 => (1..120_u64, any::<bool>()).prop_map(move |(folio, is_refused)| BillingCommand::RecordVerdict {
            document: document(taxed, folio),
            refusal: is_refused.then(|| "schema".into()),
        }),
        1 => (1..120_u64).prop_map(move |folio| BillingCommand::Reopen { document: document(taxed, folio) }),
        1 => (0..40_u64).prop_map(|number| BillingCommand::Retry { source_position: 1_000 + number }),
    ];
    (kinds, 0..12_i64)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn folios_have_no_gap_and_no_duplicate_whatever_comes(steps in proptest::collection::vec(command(), 1..120)) {
        let mut books = Books::of(Scheme::Chile);
        let mut day = 0;
        let mut history = Vec::new();
        let mut ranges: BTreeMap<DocumentType, Vec<(u64, u64, Option<Timestamp>)>> = BTreeMap::new();
        let mut used: BTreeMap<DocumentType, BTreeSet<u64>> = BTreeMap::new();
        let mut owners = BTreeSet::new();
        for (command, days) in steps {
            day += days / 10;
            let now = later(day);
            let Ok(events) = books.at(&command, now) else { continue };
            prop_assert_eq!(decide(&books.0, &command, now).unwrap_or_default(), [], "said again it is no news");
            for event in &events {
                match event {
                    BillingEvent::FolioRangeLoaded(loaded) => {
                        ranges.entry(loaded.document_type).or_default().push((loaded.first, loaded.last, loaded.expires_at));
                    }
                    BillingEvent::DocumentIssued(issued) => {
                        let DocumentId { document_type, folio } = issued.document;
                        let used = used.entry(document_type).or_default();
                        // The first folio, in the order of the ranges, that is neither used nor expired.
                        let usable = ranges[&document_type].iter().filter(|range| range.2.is_none_or(|end| now < end));
                        let expected = usable.flat_map(|range| range.0..=range.1).find(|folio| !used.contains(folio));
                        prop_assert_eq!(Some(folio), expected);
                        prop_assert!(used.insert(folio));
                        let owner = (issued.order_id, issued.refund.as_ref().map(|refund| refund.refund_id));
                        prop_assert!(owners.insert(owner), "a second document for {:?}", owner);
                        let Amounts { total, net, tax, exempt } = issued.amounts;
                        prop_assert_eq!(net + tax + exempt, total);
                    }
                    _ => {}
                }
            }
            history.extend(events);
        }
        let mut restored = BillingState::from_snapshot(books.0.to_snapshot());
        books.0.stored_receipts().for_each(|receipt| restored.restore_receipt(receipt));
        prop_assert_eq!(&restored, &books.0, "a snapshot is the state");
        let mut folded = BillingState::default();
        folded.evolve(&open_event());
        history.iter().for_each(|event| folded.evolve(event));
        prop_assert_eq!(folded, books.0, "the fold of the history is the state");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn a_batch_decided_on_an_excerpt_is_decided_as_on_the_books(
        before in proptest::collection::vec(command(), 0..80),
        batch in proptest::collection::vec(command(), 1..40),
    ) {
        let mut books = Books::of(Scheme::Chile);
        for (command, _) in before {
            let _ = books.at(&command, NOW);
        }
        let commands: Vec<BillingCommand> = batch.into_iter().map(|(command, _)| command).collect();
        let mut excerpt = books.0.excerpt(&commands);
        for command in &commands {
            let decided = decide(&excerpt, command, NOW);
            decided.iter().flatten().for_each(|event| excerpt.evolve(event));
            prop_assert_eq!(decided, books.at(command, NOW), "{:?}", command);
        }
    }
}

fn open_event() -> BillingEvent {
    decide(&BillingState::default(), &open(Scheme::Chile), NOW).expect("it opens").remove(0)
}
