//! Documents as the authority wants them, and the same each time.

use std::collections::BTreeMap;

use rxing::BarcodeFormat;
use ticketflow_billing_projector::{IssuedDocument, OrderFacts, TicketFacts, chilean_document};
use ticketflow_domain::billing::{
    Amounts, AuthorityStatus, DocumentId, DocumentType, DocumentView, OrderDocuments, Scheme,
};
use ticketflow_domain::show::{ShowEvent, ShowInfo};
use ticketflow_domain::{Currency, CustomerId, OrderId, RefundId, SeatIndex, TicketId};
use ticketflow_fiscal_chile::{Document, MAX_DOCUMENTS, SignedDocument};

use crate::pages;
use crate::tools::{OF_DOCUMENT, validates, xmlsec_believes};
use crate::world::*;

/// Dots per inch of a page that a telephone could have photographed.
const RESOLUTION: u32 = 300;

async fn sold(seed: u64, receipt_type: DocumentType) -> World {
    let mut world = World::new(seed, receipt_type);
    world.sell(900).await;
    let billing = world.start();
    world.all_taken(&billing).await;
    billing.stop().await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_document_of_a_history_is_what_the_schemas_and_other_programs_want() {
    for receipt_type in [DocumentType::TaxedReceipt, DocumentType::ExemptReceipt] {
        let world = sold(81, receipt_type).await;
        let signed = world.signed().await;
        let mut folios: BTreeMap<DocumentType, Vec<u64>> = BTreeMap::new();
        for (document, signed) in &signed {
            folios.entry(document.document_type).or_default().push(document.folio);
            let believes = xmlsec_believes(&signed.to_xml(), identity().certificate_der(), OF_DOCUMENT);
            assert_ne!(believes, Some(false), "{document:?}");
        }
        assert_eq!(folios.len(), 2, "receipts and credit notes");
        for (kind, folios) in &folios {
            assert!(folios.len() > 10, "{kind:?}: {}", folios.len());
            assert!(folios.iter().copied().eq(1..=folios.len() as u64), "{kind:?}: {folios:?}");
        }
        let (receipts, notes): (Vec<_>, Vec<_>) =
            signed.into_values().partition(|signed| signed.document_type().is_receipt());
        for (documents, schema) in [(receipts, "EnvioBOLETA_v11.xsd"), (notes, "EnvioDTE_v10.xsd")] {
            for part in documents.chunks(MAX_DOCUMENTS) {
                let office = world.ports().office;
                let envelope = office.envelope(&world.options.issuer, part, now()).unwrap();
                assert!(validates(&envelope, schema));
            }
        }
        assert_eq!(world.count(refused), BTreeMap::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_the_same_bytes_each_time_and_after_each_restart() {
    let world = sold(82, DocumentType::TaxedReceipt).await;
    let first = world.signed().await;
    // Later, by other processes: keys, press and books are opened anew.
    set_clock_seconds_after_start(400_000);
    let bytes = |all: &BTreeMap<DocumentId, SignedDocument>| {
        all.values().map(SignedDocument::to_xml).collect::<Vec<_>>()
    };
    let second = world.signed().await;
    assert!(first.len() > 50);
    assert_eq!(bytes(&first), bytes(&second));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_forgotten_is_anonymous_and_nobody_else() {
    let world = sold(83, DocumentType::ExemptReceipt).await;
    let (order_id, documents, _) = world.documents().remove(0);
    let before = world.signed().await;
    world.forget(documents.customer_id).await;
    let after = world.signed().await;
    let changed: Vec<DocumentId> =
        before.iter().filter(|(id, signed)| after[id] != **signed).map(|(id, _)| *id).collect();
    let own = std::iter::once(&documents.receipt).chain(&documents.credit_notes);
    let mut own: Vec<DocumentId> = own.map(|view| view.document).collect();
    own.sort_unstable();
    assert_eq!(changed, own, "of order {order_id}");
    let xml = String::from_utf8_lossy(&after[&own[0]].to_xml()).into_owned();
    assert!(xml.contains("<RUTRecep>66666666-6</RUTRecep>") && !xml.contains("<RznSocRecep>"), "{xml}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_printed_stamp_reads_as_the_signed_one() {
    let world = sold(84, DocumentType::TaxedReceipt).await;
    let press = world.ports().press;
    let documents = world.documents();
    let notes = documents.iter().filter(|(_, _, view)| view.refund_id.is_some());
    for (order_id, documents, view) in documents.iter().take(6).chain(notes.take(2)) {
        let copy = copy(&press, documents, *order_id, view).await;
        let signed = press.signed(documents, *view, copy.clone()).await.unwrap().unwrap();
        let pdf = press.receipt(documents, *view, copy, style()).await.unwrap();
        if let Some(picture) = pages::picture(&pdf, 1, RESOLUTION) {
            assert_eq!(pages::decode(&picture, BarcodeFormat::PDF_417), signed.stamp().as_xml());
        }
        if let Some(words) = pages::words(&pdf) {
            assert!(words.contains("Timbre Electrónico SII") && words.contains("80 de 2014"), "{words}");
        }
    }
}

/// A refund of so many places without numbers of the first show.
fn refund(world: &mut World, count: u32) -> (OrderFacts, OrderDocuments, DocumentView) {
    let decided = world.history.next();
    let ShowEvent::ShowCreated(created) = &decided.events[0] else { panic!("a history begins with a show") };
    let show = std::sync::Arc::new(ShowInfo::new(created));
    let seats = show.seating.seat_count() as u32;
    let ticket =
        |seat| TicketFacts { ticket_id: TicketId::from_bytes([1; 16]), seat: SeatIndex(seat), revision: 1 };
    let order_id = OrderId::from_bytes([2; 16]);
    let total = i64::from(count) * 10_000;
    let view = DocumentView {
        document: DocumentId { document_type: DocumentType::TaxedReceipt, folio: 1 },
        refund_id: None,
        annuls: false,
        source_position: 1,
        issued_at: now(),
        amounts: Amounts::of(DocumentType::TaxedReceipt, total),
        authority: AuthorityStatus::Waiting,
        is_mailed: false,
    };
    let note = DocumentView {
        document: DocumentId { document_type: DocumentType::FiscalCreditNote, folio: 1 },
        refund_id: Some(RefundId::from_bytes([3; 16])),
        annuls: true,
        ..view
    };
    let documents = OrderDocuments {
        scheme: Scheme::Chile,
        issuer: world.options.issuer.clone(),
        customer_id: CustomerId::from_bytes([4; 16]),
        show_id: show.show_id,
        currency: Currency::CLP,
        receipt: view,
        credit_notes: vec![note],
    };
    let tickets = (seats - count..seats).map(ticket).collect();
    let facts = OrderFacts { show, order_id, tickets, amount: total, reason: String::new(), at: now() };
    (facts, documents, note)
}

#[test]
fn lines_that_a_credit_note_has_no_room_for_become_one() {
    let mut world = World::new(85, DocumentType::TaxedReceipt);
    for (count, lines) in [(1, 1), (60, 60), (61, 60), (79, 60)] {
        let (facts, documents, note) = refund(&mut World::new(85, DocumentType::TaxedReceipt), count);
        let issued = IssuedDocument { documents: &documents, view: &note, facts: &facts, buyer: None };
        let Document::CreditNote(note) = chilean_document(&issued, 799_000, &santiago()).unwrap() else {
            panic!("a credit note was expected")
        };
        assert_eq!(note.lines.len(), lines);
        assert_eq!(note.lines.iter().map(|line| line.amount).sum::<u64>(), u64::from(count) * 10_000);
        if count > 60 {
            assert_eq!(note.lines[59].name, format!("Otras {} entradas", count - 59));
        }
    }
    let (facts, mut documents, note) = refund(&mut world, 2);
    documents.currency = "USD".parse().unwrap();
    let issued = IssuedDocument { documents: &documents, view: &note, facts: &facts, buyer: None };
    let error = chilean_document(&issued, 799_000, &santiago()).unwrap_err().to_string();
    assert!(error.contains("USD"), "{error}");
}
