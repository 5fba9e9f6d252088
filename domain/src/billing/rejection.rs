//! Why an issuer's books say no.

use super::documents::{DocumentId, DocumentType};
use crate::ids::OrderId;

/// The rule that said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BillingRejection {
    /// No such books.
    #[error("there is no such series")]
    SeriesUnknown,
    /// They are another issuer's.
    #[error("the series is another issuer's")]
    SeriesTaken,
    /// The issuer's rules know no such document, or it is not for this purpose.
    #[error("the issuer makes no such document")]
    WrongDocumentType(DocumentType),
    /// A range has to begin at 1 or later and may not end before it begins.
    #[error("folios go from 1 up")]
    InvalidRange,
    /// Folios are used in order.
    #[error("the range has to begin after folio {last}, where the ones before it end")]
    RangeNotNext {
        /// The last folio that was loaded.
        last: u64,
    },
    /// None is left that may be used.
    #[error("there is no folio left for it; load a range")]
    NoFolioLeft(DocumentType),
    /// A credit note needs the receipt that it takes back.
    #[error("order {0} has no receipt yet")]
    ReceiptMissing(OrderId),
    /// More than was paid would be given back, or less than nothing.
    #[error("the amount is not within what was paid")]
    InvalidAmount,
    /// No such document.
    #[error("there is no such document")]
    DocumentUnknown(DocumentId),
    /// There is nothing parked under that position.
    #[error("nothing is parked for position {0}")]
    NotParked(u64),
    /// An operator gave it up before.
    #[error("position {0} was passed over by an operator")]
    Skipped(u64),
    /// A text is missing or too long.
    #[error("{0}")]
    InvalidText(&'static str),
}
