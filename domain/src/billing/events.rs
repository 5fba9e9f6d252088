//! What happened in the books of an issuer: the stored contract. Field names and tags are what is on disk.

use serde::{Deserialize, Serialize};

use super::amounts::Amounts;
use super::documents::{DocumentId, DocumentType, Scheme, SeriesCode};
use crate::ids::{CustomerId, OrderId, RefundId, ShowId};
use crate::money::Currency;
use crate::time::Timestamp;

/// Whose documents they are, as printed on them.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct Issuer {
    /// In full.
    pub name: String,
    /// As its authority writes it, such as `76.123.456-0`; empty where there is none.
    pub tax_id: String,
    /// What it does for a living (in Chile: giro).
    pub activity: String,
    /// Street and number.
    pub address: String,
    /// In Chile: comuna.
    pub district: String,
    /// City.
    pub city: String,
    /// Of the decision by which it may issue (in Chile: number and date of the resolución), for the envelope.
    pub resolution: String,
    /// Whether it is nobody's business: every document then says that it is a demonstration.
    pub is_demo: bool,
}

/// An issuer begins to make documents here.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct SeriesOpened {
    /// The stream.
    pub series: SeriesCode,
    /// By whose rules.
    pub scheme: Scheme,
    /// Whose.
    pub issuer: Issuer,
    /// When.
    pub at: Timestamp,
}

/// Folios may be used from here on, after those that were loaded before.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct FolioRangeLoaded {
    /// Of which kind.
    pub document_type: DocumentType,
    /// The first folio.
    pub first: u64,
    /// The last folio.
    pub last: u64,
    /// From when on what is left of it may not be used.
    pub expires_at: Option<Timestamp>,
    /// The authorisation as its authority signed it, without the private key that came with it; empty where there is none.
    pub authorisation: String,
    /// When it was loaded.
    pub at: Timestamp,
}

/// What a credit note takes back.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct RefundReference {
    /// The refund.
    pub refund_id: RefundId,
    /// The receipt.
    pub receipt: DocumentId,
    /// Whether it takes back all of the receipt at once (in Chile: `CodRef` 1, otherwise 3).
    pub annuls: bool,
}

/// A folio was used: from here on the document exists. What else is printed on it follows from the log.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct DocumentIssued {
    /// The document.
    pub document: DocumentId,
    /// The order that it is about.
    pub order_id: OrderId,
    /// Whose order.
    pub customer_id: CustomerId,
    /// Of which show.
    pub show_id: ShowId,
    /// For a credit note: what it takes back.
    pub refund: Option<RefundReference>,
    /// Position of the event in the log that it is made for.
    pub source_position: u64,
    /// What it adds up to.
    pub amounts: Amounts,
    /// Of all amounts.
    pub currency: Currency,
    /// When.
    pub issued_at: Timestamp,
}

/// The authority was given the document.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct DocumentSubmitted {
    /// The document.
    pub document: DocumentId,
    /// Under which the authority is asked about it.
    pub track_id: String,
    /// When.
    pub at: Timestamp,
}

/// The authority took it.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct DocumentAccepted {
    /// The document.
    pub document: DocumentId,
    /// When.
    pub at: Timestamp,
}

/// The authority did not take it: somebody has to see why. The folio is used.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct DocumentRefused {
    /// The document.
    pub document: DocumentId,
    /// In the authority's words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A mail server took the buyer's mail with the document.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct DocumentMailed {
    /// The document.
    pub document: DocumentId,
    /// The mail's, the same at every try.
    pub message_id: String,
    /// When.
    pub at: Timestamp,
}

/// An operator has a document that the authority did not take submitted once more.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct DocumentReopened {
    /// The document.
    pub document: DocumentId,
    /// When.
    pub at: Timestamp,
}

/// An order or refund could not be brought to its document and waits for an operator.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct SourceParked {
    /// Position of the order's or refund's event in the log.
    pub source_position: u64,
    /// Of which order.
    pub order_id: OrderId,
    /// Why, the last time.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When.
    pub at: Timestamp,
}

/// An operator has it tried again.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct SourceRetried {
    /// As in [`SourceParked`].
    pub source_position: u64,
    /// When.
    pub at: Timestamp,
}

/// An operator passed over it: it gets no document from here.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct SourceSkipped {
    /// As in [`SourceParked`].
    pub source_position: u64,
    /// The operator's.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Any event of a billing stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[allow(missing_docs, reason = "each variant is its struct, which says what it is")]
pub enum BillingEvent {
    SeriesOpened(SeriesOpened),
    FolioRangeLoaded(FolioRangeLoaded),
    DocumentIssued(DocumentIssued),
    DocumentSubmitted(DocumentSubmitted),
    DocumentAccepted(DocumentAccepted),
    DocumentRefused(DocumentRefused),
    DocumentMailed(DocumentMailed),
    DocumentReopened(DocumentReopened),
    SourceParked(SourceParked),
    SourceRetried(SourceRetried),
    SourceSkipped(SourceSkipped),
}
