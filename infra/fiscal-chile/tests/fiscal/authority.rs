//! The simulated authority: what it takes, what it refuses and why.

use jiff::civil::datetime;
use ticketflow_fiscal_chile::*;

use crate::fixture::*;

fn authority() -> SimulatedAuthority {
    SimulatedAuthority::new(authority_key().public_key(), 1)
}

fn outcome(authority: &mut SimulatedAuthority, envelope: &[u8]) -> SubmissionStatus {
    let track_id = authority.submit(envelope).unwrap();
    authority.status(track_id).unwrap()
}

fn refusals(status: SubmissionStatus) -> Vec<Refusal> {
    match status {
        SubmissionStatus::Processed { refused, .. } => {
            refused.into_iter().map(|document| document.refusal).collect()
        }
        SubmissionStatus::Refused(refusal) => vec![refusal],
        SubmissionStatus::Processing => panic!("still processing"),
    }
}

#[test]
fn good_documents_are_taken() {
    let (taxed, exempt) = (DocumentType::TaxedReceipt, DocumentType::ExemptReceipt);
    let documents = [signed_receipt(taxed, 1), signed_receipt(exempt, 1), signed_receipt(taxed, 2)];
    let mut authority = authority();
    let accepted = vec![(taxed, 1), (exempt, 1), (taxed, 2)];
    let status = outcome(&mut authority, &sealed(&documents));
    assert_eq!(status, SubmissionStatus::Processed { accepted, refused: vec![] });
    let accepted = vec![(DocumentType::CreditNote, 1)];
    let status = outcome(&mut authority, &sealed(&[signed_credit_note(1)]));
    assert_eq!(status, SubmissionStatus::Processed { accepted, refused: vec![] });
}

#[test]
fn a_folio_is_taken_once_and_a_repeat_is_told_from_another_document() {
    let mut authority = authority();
    let document = Document::Receipt(receipt(DocumentType::TaxedReceipt, 1));
    let first = sealed(&[signed(&document)]);
    let other = sealed(&[signed_at(&document, datetime(2026, 11, 28, 0, 0, 0, 0))]);
    assert_eq!(refusals(outcome(&mut authority, &first)), []);
    assert_eq!(refusals(outcome(&mut authority, &first)), [Refusal::Repeated]);
    assert_eq!(refusals(outcome(&mut authority, &other)), [Refusal::FolioUsed]);
}

#[test]
fn a_lost_answer_is_a_repeat_later() {
    let mut authority = authority();
    let envelope = sealed(&[signed_receipt(DocumentType::TaxedReceipt, 1)]);
    authority.lose_answers(1);
    assert_eq!(authority.submit(&envelope), Err(SubmitError::Unavailable));
    assert_eq!(refusals(outcome(&mut authority, &envelope)), [Refusal::Repeated]);
}

#[test]
fn an_authorisation_by_another_is_refused() {
    let other = RsaKey::from_seed(&[77; 32], 512).unwrap();
    let (caf, key) = caf_by(DocumentType::TaxedReceipt, &other);
    let document = Document::Receipt(receipt(DocumentType::TaxedReceipt, 1));
    let document = issue(&document, &caf, &key, &identity(), SIGNED_AT).unwrap();
    assert_eq!(refusals(outcome(&mut authority(), &sealed(&[document]))), [Refusal::ForeignAuthorisation]);
}

#[test]
fn an_expired_credit_note_is_refused() {
    let mut note = credit_note(DocumentType::TaxedReceipt, 1);
    note.issued_on = jiff::civil::date(2027, 3, 1);
    let document = signed(&Document::CreditNote(note));
    assert_eq!(refusals(outcome(&mut authority(), &sealed(&[document]))), [Refusal::Expired]);
}

#[test]
fn any_changed_byte_of_the_documents_is_noticed() {
    let envelope = sealed(&[signed_receipt(DocumentType::TaxedReceipt, 1)]);
    let find = |what: &[u8]| envelope.windows(what.len()).position(|window| window == what).unwrap();
    let (from, until) = (find(b"<SetDTE"), find(b"</SetDTE>"));
    for position in (from..until).step_by(13) {
        let mut changed = envelope.clone();
        changed[position] ^= 1;
        let mut authority = authority();
        let taken = authority.submit(&changed).is_ok_and(|track_id| {
            matches!(authority.status(track_id).unwrap(), SubmissionStatus::Processed { accepted, .. } if !accepted.is_empty())
        });
        assert!(!taken, "byte {position}");
    }
}

#[test]
fn a_changed_document_is_not_read_back() {
    let document = signed_receipt(DocumentType::ExemptReceipt, 9);
    let xml = document.to_xml();
    assert_eq!(SignedDocument::from_xml(&xml), Ok(document));
    // Who signed is not asked here: what else the certificate says may change.
    let until = xml.windows(9).position(|window| window == b"<KeyInfo>").unwrap();
    for position in (0..until).step_by(7) {
        let mut changed = xml.clone();
        changed[position] ^= 1;
        assert_eq!(SignedDocument::from_xml(&changed), Err(UnreadableDocument), "byte {position}");
    }
}

#[test]
fn a_verdict_takes_as_many_polls_as_set_and_chance_follows_from_the_seed() {
    let envelope =
        sealed(&(1..=20).map(|folio| signed_receipt(DocumentType::TaxedReceipt, folio)).collect::<Vec<_>>());
    let run = || {
        let mut authority = authority();
        authority.set_polls_until_verdict(2);
        authority.set_refusals_per_mille(500);
        let track_id = authority.submit(&envelope).unwrap();
        for _ in 0..2 {
            assert_eq!(authority.status(track_id), Ok(SubmissionStatus::Processing));
        }
        let first = authority.status(track_id).unwrap();
        authority.set_refusals_per_mille(0);
        authority.set_polls_until_verdict(0);
        (first, outcome(&mut authority, &envelope))
    };
    let (first, second) = run();
    let refused = refusals(first.clone()).len();
    assert!((1..20).contains(&refused), "{refused}");
    // What was refused by chance is taken at the next try, the rest is known.
    assert_eq!(refusals(second), vec![Refusal::Repeated; 20 - refused]);
    assert_eq!(run().0, first);
}
