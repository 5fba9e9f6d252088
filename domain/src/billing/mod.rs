//! Billing: which fiscal document has which folio, and what became of it. Stream: `billing-{series}`, one per issuer.
//!
//! Invariants: the folios of a document type are used in order, none twice and none left out; an order has one receipt, a
//! refund one credit note, however often and by whomever they are asked for. What a document looks like, where it is sent and
//! who keeps it is left to the shells.

mod amounts;
mod audit;
mod commands;
mod decide;
mod documents;
mod events;
mod order_documents;
mod receipts;
mod rejection;
mod snapshot;
mod state;

pub use amounts::{Amounts, CHILEAN_VAT_PERCENT};
pub use audit::BillingAudit;
pub use commands::{BillingCommand, IssueCreditNote, IssueReceipt, LoadFolioRange};
pub use decide::decide;
pub use documents::{DocumentId, DocumentType, InvalidSeriesCode, Scheme, SeriesCode};
pub use events::{
    BillingEvent, DocumentAccepted, DocumentIssued, DocumentMailed, DocumentRefused, DocumentReopened,
    DocumentSubmitted, FolioRangeLoaded, Issuer, RefundReference, SeriesOpened, SourceParked, SourceRetried,
    SourceSkipped,
};
pub use order_documents::{AuthorityStatus, DocumentView, DocumentsState, OrderDocuments};
pub use rejection::BillingRejection;
pub use snapshot::{BooksSnapshot, StoredReceipt};
pub use state::{BillingState, CreditNote, DocumentProgress, FolioStock, ParkedSource, Receipt};
