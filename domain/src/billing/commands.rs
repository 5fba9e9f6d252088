//! What an issuer's books can be asked to do.

use super::documents::{DocumentId, DocumentType, Scheme, SeriesCode};
use super::events::Issuer;
use crate::ids::{CustomerId, OrderId, RefundId, ShowId};
use crate::money::Currency;
use crate::time::Timestamp;

/// Makes folios usable.
#[derive(Debug, Clone)]
pub struct LoadFolioRange {
    /// Of which kind.
    pub document_type: DocumentType,
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// From when on what is left of it may not be used.
    pub expires_at: Option<Timestamp>,
    /// The authorisation without its private key.
    pub authorisation: String,
}

/// Makes the receipt of a paid order.
#[derive(Debug, Clone)]
pub struct IssueReceipt {
    /// Which kind of receipt.
    pub document_type: DocumentType,
    /// Of which order.
    pub order_id: OrderId,
    /// Whose.
    pub customer_id: CustomerId,
    /// Of which show.
    pub show_id: ShowId,
    /// What was paid, minor units.
    pub total: i64,
    /// In what.
    pub currency: Currency,
    /// Of the order's event in the log.
    pub source_position: u64,
}

/// Makes the credit note of a refund.
#[derive(Debug, Clone)]
pub struct IssueCreditNote {
    /// Of which refund.
    pub refund_id: RefundId,
    /// Of which order.
    pub order_id: OrderId,
    /// What is given back, minor units.
    pub amount: i64,
    /// Of the refund's event in the log.
    pub source_position: u64,
}

/// A command.
#[derive(Debug, Clone)]
pub enum BillingCommand {
    /// Begins the books of an issuer.
    OpenSeries {
        /// The stream.
        series: SeriesCode,
        /// By whose rules.
        scheme: Scheme,
        /// Whose.
        issuer: Issuer,
    },
    /// See [`LoadFolioRange`].
    LoadFolioRange(LoadFolioRange),
    /// See [`IssueReceipt`].
    IssueReceipt(IssueReceipt),
    /// See [`IssueCreditNote`].
    IssueCreditNote(IssueCreditNote),
    /// The authority was given a document.
    RecordSubmission {
        /// Which.
        document: DocumentId,
        /// Under which the authority is asked about it.
        track_id: String,
    },
    /// The authority said what it thinks of it.
    RecordVerdict {
        /// Which.
        document: DocumentId,
        /// `None`: it was taken. Otherwise why not.
        refusal: Option<String>,
    },
    /// An operator wants a document that the authority did not take submitted again.
    Reopen {
        /// Which.
        document: DocumentId,
    },
    /// A mail server took the mail.
    RecordMail {
        /// Which document was in it.
        document: DocumentId,
        /// The mail's.
        message_id: String,
    },
    /// Trying further makes no sense for now.
    Park {
        /// Of the order's or refund's event.
        source_position: u64,
        /// Of which order.
        order_id: OrderId,
        /// Why.
        error: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// Tries again what is parked.
    Retry {
        /// Of the order's or refund's event.
        source_position: u64,
    },
    /// Gives up what is parked.
    Skip {
        /// Of the order's or refund's event.
        source_position: u64,
        /// Why.
        reason: String,
    },
}
