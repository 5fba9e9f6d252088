//! The Chilean side of billing: the keys of an issuer, the folios that its authority grants, documents as the authority wants them, and
//! giving them to it.
//!
//! Invariants: a document is signed when it is asked for and is the same each time, so that there is no file of documents to lose;
//! private keys are in one folder and nowhere else. What a document is about, and which folio it has, is decided without any of this.

mod authority;
mod boleta;
mod folios;
mod key_files;
mod keys;
mod measures;
mod office;
mod rounds;
mod submission;

pub use authority::{AuthorityControl, FiscalAuthority, InvalidAuthorityControl};
pub use boleta::chilean_document;
pub(crate) use folios::LOW_STOCK;
pub use folios::{FolioDesk, FolioError, FolioLine, LoadedFolios};
pub use key_files::KeyFileError;
pub use keys::{FiscalKeys, TestIssuer};
pub(crate) use measures::announce;
pub use office::{FiscalError, FiscalOffice, InvalidResolution, Resolution};
pub(crate) use submission::Submission;

use std::sync::Arc;

use ticketflow_domain::billing::DocumentType;

use crate::press::Press;

/// What billing needs to give documents to the authority.
#[derive(Clone)]
pub struct FiscalPorts {
    /// Signs documents and envelopes.
    pub office: Arc<FiscalOffice>,
    /// Where folios come from.
    pub folios: Arc<FolioDesk>,
    /// To whom documents go.
    pub authority: FiscalAuthority,
    /// Makes the documents; it has the same office.
    pub press: Press,
}

/// The authority's word for a kind of document; `None` for those that it has none for.
pub(crate) const fn chilean_type(
    document_type: DocumentType,
) -> Option<ticketflow_fiscal_chile::DocumentType> {
    match document_type {
        DocumentType::Receipt | DocumentType::CreditNote => None,
        DocumentType::TaxedReceipt => Some(ticketflow_fiscal_chile::DocumentType::TaxedReceipt),
        DocumentType::ExemptReceipt => Some(ticketflow_fiscal_chile::DocumentType::ExemptReceipt),
        DocumentType::FiscalCreditNote => Some(ticketflow_fiscal_chile::DocumentType::CreditNote),
    }
}

/// Billing's word for a kind of document of the authority.
pub(crate) const fn own_type(document_type: ticketflow_fiscal_chile::DocumentType) -> DocumentType {
    match document_type {
        ticketflow_fiscal_chile::DocumentType::TaxedReceipt => DocumentType::TaxedReceipt,
        ticketflow_fiscal_chile::DocumentType::ExemptReceipt => DocumentType::ExemptReceipt,
        ticketflow_fiscal_chile::DocumentType::CreditNote => DocumentType::FiscalCreditNote,
    }
}
