//! Everything that is written validates against the authority's schemas, whatever the texts.

use ticketflow_fiscal_chile::*;

use crate::fixture::*;
use crate::tools::{OF_DOCUMENT, validates, xmlsec_believes};

const BOLETAS: &str = "EnvioBOLETA_v11.xsd";
const DTES: &str = "EnvioDTE_v10.xsd";
const DTE: &str = "DTE_v10.xsd";

#[test]
fn the_judge_says_no() {
    let broken = sealed(&[signed_receipt(DocumentType::TaxedReceipt, 1)]);
    let broken = String::from_utf8_lossy(&broken).replace("<IndServicio>4", "<IndServicio>7");
    let nonsense = broken.replace("ISO-8859-1", "UTF-8");
    // Where xmllint or the schemas are missing everything passes, and says so.
    let program = crate::tools::ask("xmllint", "libxml2-utils", &["--version".as_ref()]).is_some();
    let judge = program && crate::tools::official(BOLETAS).is_some();
    assert_eq!(validates(nonsense.as_bytes(), BOLETAS), !judge);
}

#[test]
fn boletas_validate() {
    for documents in [
        vec![signed_receipt(DocumentType::TaxedReceipt, 1)],
        vec![signed_receipt(DocumentType::ExemptReceipt, 1)],
        vec![signed_receipt(DocumentType::ExemptReceipt, 1), signed_receipt(DocumentType::TaxedReceipt, 1)],
    ] {
        assert!(validates(&sealed(&documents), BOLETAS));
    }
}

#[test]
fn credit_notes_validate_alone_and_in_an_envelope() {
    let partial = |of, folio| {
        Document::CreditNote(CreditNote { correction: Correction::CorrectsAmounts, ..credit_note(of, folio) })
    };
    let documents = [
        signed_credit_note(1),
        signed(&partial(DocumentType::TaxedReceipt, 2)),
        signed(&partial(DocumentType::ExemptReceipt, 3)),
    ];
    for document in &documents {
        assert!(validates(&document.to_xml(), DTE));
    }
    assert!(validates(&sealed(&documents), DTES));
}

#[test]
fn documents_with_little_in_them_validate() {
    let mut receipt = receipt(DocumentType::TaxedReceipt, 1);
    receipt.receiver = Receiver::default();
    receipt.issuer =
        Issuer { address: String::new(), district: String::new(), city: String::new(), ..receipt.issuer };
    receipt.lines.truncate(1);
    receipt.lines[0].unit_price = 0;
    receipt.totals = Totals::default();
    assert!(validates(&sealed(&[signed(&Document::Receipt(receipt))]), BOLETAS));

    let mut note = credit_note(DocumentType::ExemptReceipt, 1);
    note.receiver = Receiver::default();
    note.reason = String::new();
    note.lines = vec![CreditLine { name: String::new(), amount: 0 }];
    note.totals = Totals::default();
    assert!(validates(&signed(&Document::CreditNote(note)).to_xml(), DTE));
}

#[test]
fn the_largest_documents_validate() {
    let mut receipt = receipt(DocumentType::ExemptReceipt, 1);
    receipt.lines = std::iter::repeat_n(receipt.lines[0].clone(), MAX_RECEIPT_LINES).collect();
    receipt.totals = Totals { exempt: 20_000_000, total: 20_000_000, ..Totals::default() };
    assert!(validates(&sealed(&[signed(&Document::Receipt(receipt))]), BOLETAS));

    let mut note = credit_note(DocumentType::ExemptReceipt, 1);
    note.lines = std::iter::repeat_n(note.lines[1].clone(), MAX_CREDIT_NOTE_LINES).collect();
    note.totals = Totals { exempt: 60_000, total: 60_000, ..Totals::default() };
    assert!(validates(&signed(&Document::CreditNote(note)).to_xml(), DTE));
}

#[test]
fn texts_that_mean_harm_change_nothing() {
    let mut authority = SimulatedAuthority::new(authority_key().public_key(), 1);
    let (boletas, notes): (Vec<_>, Vec<_>) = hostile_texts()
        .into_iter()
        .zip(1..)
        .map(|(text, folio)| (hostile_receipt(&text, folio), hostile_credit_note(&text, folio)))
        .unzip();
    for (documents, schema) in [(boletas, BOLETAS), (notes, DTES)] {
        let envelope = sealed(&documents);
        assert!(validates(&envelope, schema));
        let track_id = authority.submit(&envelope).unwrap();
        let SubmissionStatus::Processed { accepted, refused } = authority.status(track_id).unwrap() else {
            panic!("the envelope was refused")
        };
        assert_eq!((accepted.len(), refused), (documents.len(), vec![]));
        for document in documents {
            let xml = document.to_xml();
            assert_ne!(xmlsec_believes(&xml, identity().certificate_der(), OF_DOCUMENT), Some(false));
            assert_eq!(SignedDocument::from_xml(&xml), Ok(document));
        }
    }
}

fn hostile_issuer(text: &str) -> Issuer {
    let [name, activity, address, district, city] = std::array::from_fn(|_| text.to_owned());
    Issuer { name, activity, address, district, city, ..issuer() }
}

fn hostile_receiver(text: &str) -> Receiver {
    Receiver { name: Some(text.to_owned()), contact: Some(text.to_owned()), ..Receiver::default() }
}

fn hostile_receipt(text: &str, folio: u64) -> SignedDocument {
    let mut receipt = receipt(DocumentType::TaxedReceipt, folio);
    receipt.issuer = hostile_issuer(text);
    receipt.receiver = hostile_receiver(text);
    for line in &mut receipt.lines {
        line.name = text.to_owned();
        if let LineKind::Ticket(ticket) = &mut line.kind {
            ticket.event_name = text.to_owned();
            ticket.ticket_type = text.to_owned();
            ticket.event_code = text.to_owned();
            ticket.venue = text.to_owned();
            ticket.section = text.to_owned();
            ticket.row = Some(text.to_owned());
            ticket.seat = Some(text.to_owned());
        }
    }
    signed(&Document::Receipt(receipt))
}

fn hostile_credit_note(text: &str, folio: u64) -> SignedDocument {
    let mut note = credit_note(DocumentType::TaxedReceipt, folio);
    note.issuer = hostile_issuer(text);
    note.receiver = hostile_receiver(text);
    note.reason = text.to_owned();
    for line in &mut note.lines {
        line.name = text.to_owned();
    }
    signed(&Document::CreditNote(note))
}
