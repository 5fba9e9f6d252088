//! What does not fit is refused with its reason.

use jiff::civil::date;
use ticketflow_fiscal_chile::*;

use crate::fixture::*;

fn refused(document: Document) -> DocumentError {
    let (caf, key) = caf(document.document_type());
    issue(&document, &caf, &key, &identity(), SIGNED_AT).unwrap_err()
}

fn refused_receipt(change: impl FnOnce(&mut Receipt)) -> DocumentError {
    let mut receipt = receipt(DocumentType::TaxedReceipt, 1);
    change(&mut receipt);
    refused(Document::Receipt(receipt))
}

fn refused_note(change: impl FnOnce(&mut CreditNote)) -> DocumentError {
    let mut note = credit_note(DocumentType::TaxedReceipt, 1);
    change(&mut note);
    refused(Document::CreditNote(note))
}

#[test]
fn receipts_that_do_not_fit_the_schema() {
    let lines = |lines| DocumentError::Lines { lines, max: MAX_RECEIPT_LINES };
    assert_eq!(refused_receipt(|receipt| receipt.lines.clear()), lines(0));
    let many = |receipt: &mut Receipt| receipt.lines = vec![receipt.lines[0].clone(); 1_001];
    assert_eq!(refused_receipt(many), lines(1_001));
    let wrong_kind = |receipt: &mut Receipt| receipt.document_type = DocumentType::CreditNote;
    assert_eq!(refused_receipt(wrong_kind), DocumentError::NotAReceipt(DocumentType::CreditNote));
    assert_eq!(refused_receipt(|receipt| receipt.folio = 0), DocumentError::OutOfRange("the folio"));
    let early = |receipt: &mut Receipt| receipt.issued_on = date(2010, 3, 9);
    assert_eq!(refused_receipt(early), DocumentError::Date("the date of issue"));
    let two = |receipt: &mut Receipt| receipt.lines[0].quantity = 2;
    assert_eq!(refused_receipt(two), DocumentError::OutOfRange("the quantity of a ticket"));
    assert_eq!(refused_receipt(|receipt| receipt.totals.net += 1), DocumentError::Totals);
    assert_eq!(refused_receipt(|receipt| receipt.lines[0].unit_price += 1), DocumentError::Totals);
    let huge = |receipt: &mut Receipt| receipt.lines[0].unit_price = u64::MAX;
    assert_eq!(refused_receipt(huge), DocumentError::OutOfRange("a price"));
}

#[test]
fn credit_notes_that_do_not_fit_the_schema() {
    let many = |note: &mut CreditNote| note.lines = vec![note.lines[0].clone(); 61];
    assert_eq!(refused_note(many), DocumentError::Lines { lines: 61, max: MAX_CREDIT_NOTE_LINES });
    let of_a_note = |note: &mut CreditNote| note.reference.document_type = DocumentType::CreditNote;
    assert_eq!(refused_note(of_a_note), DocumentError::NotAReceipt(DocumentType::CreditNote));
    let no_code = |note: &mut CreditNote| note.issuer.activity_code = 0;
    assert_eq!(refused_note(no_code), DocumentError::OutOfRange("the code of the activity"));
    let exempt = |note: &mut CreditNote| note.reference.document_type = DocumentType::ExemptReceipt;
    assert_eq!(refused_note(exempt), DocumentError::Totals);
}

#[test]
fn folios_that_are_not_authorised() {
    let not = |what| DocumentError::NotAuthorised { folio: 1_001, what };
    assert_eq!(refused_receipt(|receipt| receipt.folio = 1_001), not("the folio is outside of the range"));
    let other = |receipt: &mut Receipt| (receipt.folio, receipt.issuer.rut) = (1_001, "1-9".parse().unwrap());
    assert_eq!(refused_receipt(other), not("it is another issuer's"));
    let document = Document::Receipt(receipt(DocumentType::ExemptReceipt, 1));
    let (caf_39, key_39) = caf(DocumentType::TaxedReceipt);
    let (caf_41, _) = caf(DocumentType::ExemptReceipt);
    let wrong_kind = issue(&document, &caf_39, &key_39, &identity(), SIGNED_AT).unwrap_err();
    assert_eq!(
        wrong_kind,
        DocumentError::NotAuthorised { folio: 1, what: "it is for another kind of document" }
    );
    assert_eq!(
        issue(&document, &caf_41, &key_39, &identity(), SIGNED_AT).unwrap_err(),
        DocumentError::OtherKey
    );
}

#[test]
fn envelopes_that_do_not_fit() {
    let one = signed_receipt(DocumentType::TaxedReceipt, 1);
    let seal =
        |documents: &[SignedDocument], header: &EnvelopeHeader| seal_envelope(header, documents, &identity());
    assert_eq!(seal(&[], &header()), Err(EnvelopeError::Count(0)));
    assert_eq!(seal(&vec![one.clone(); 501], &header()), Err(EnvelopeError::Count(501)));
    assert_eq!(seal(&[one.clone(), one.clone()], &header()), Err(EnvelopeError::Twice(1)));
    assert_eq!(seal(&[one.clone(), signed_credit_note(1)], &header()), Err(EnvelopeError::Mixed));
    let other = EnvelopeHeader { issuer: "1-9".parse().unwrap(), ..header() };
    assert_eq!(seal(std::slice::from_ref(&one), &other), Err(EnvelopeError::OtherIssuer(1)));
    let number = EnvelopeHeader { resolution_number: 1_000_000, ..header() };
    assert_eq!(
        seal(std::slice::from_ref(&one), &number),
        Err(EnvelopeError::OutOfRange("the number of the resolution"))
    );
}
