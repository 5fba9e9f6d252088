//! Chilean electronic receipts: boletas (39, 41) and credit notes (61) from plain data to signed XML, and an authority to test with.
//!
//! Data in, bytes out: no I/O, no clock, no randomness of its own. The same input gives the same bytes, so a document can be made
//! again instead of being stored. Which folio a document gets, when it is sent and who keeps it is left to billing.
//!
//! | step | here |
//! |---|---|
//! | folios are authorised | [`Caf::parse`], for tests [`test_caf`] |
//! | a document is written, stamped with the folio's key, signed with the issuer's | [`issue`] |
//! | its stamp is printed as PDF417 | [`Stamp::to_pdf417_bytes`] |
//! | documents are put into an envelope, which is signed | [`seal_envelope`] |
//! | the envelope is sent | [`SimulatedAuthority`] stands in |
//!
//! SHA-1 signs everything here because the schemas of the authority fix it: `rsa-sha1` for documents and envelopes, `SHA1withRSA`
//! for stamps and authorisations, the latter with keys of 512 bits that the authority hands out. None of it is a choice, and none
//! of it protects anything else in TicketFlow. Tests hold the output against the authority's schemas, where those are at hand.

mod authority;
mod caf;
mod certificate;
mod document_xml;
mod documents;
mod envelope;
mod issue;
mod keys;
mod latin1;
mod signature;
mod stamp;
mod verdict;
mod xml_tree;
mod xml_writer;

pub use authority::{
    InvalidTrackId, SimulatedAuthority, StatusError, SubmissionStatus, SubmitError, TrackId,
};
pub use caf::{Caf, CafError, TestCaf, test_caf};
pub use certificate::{CertificateError, SigningIdentity, test_identity};
pub use documents::{
    Correction, CreditLine, CreditNote, Document, DocumentError, DocumentType, Issuer, LineKind,
    MAX_CREDIT_NOTE_LINES, MAX_RECEIPT_LINES, Receipt, ReceiptLine, ReceiptReference, Receiver, TicketInfo,
    Totals,
};
pub use envelope::{EnvelopeError, EnvelopeHeader, MAX_DOCUMENTS, seal_envelope};
pub use issue::{SignedDocument, UnreadableDocument, issue};
pub use keys::{KeyError, PublicKey, RsaKey};
pub use stamp::Stamp;
pub use verdict::{NotAnEnvelope, Refusal, RefusedDocument};
pub use xml_tree::XmlError;

/// The tax authority's own RUT, to which envelopes are addressed.
pub const AUTHORITY_RUT: &str = "60803000-K";
/// Stands for a buyer who gave no RUT.
pub const ANONYMOUS_RUT: &str = "66666666-6";
