//! Billing: from the paid order to its document, exactly once, whenever that becomes possible.
//!
//! Invariants: selling never waits for it; what is done is in the issuer's stream and nowhere else, so that there is no checkpoint
//! to lose and a second instance does no harm. Which folio a document gets is the domain's to decide.

// Steps between which tests end billing are marked with `fail_point!`, which is nothing in a program that is not tested.
mod billing;
mod books;
mod buffer_reader;
mod buyers;
mod desk;
mod fiscal;
mod follower;
mod handlers;
mod issued;
mod issuing;
mod letter;
mod mariadb;
mod order_facts;
mod orders;
mod outbox;
mod papers;
mod press;
mod shelf;
mod sources;
mod words;

pub use billing::{BillingHandle, BillingOptions, BillingPorts, BillingStatus, Phase, start};
pub use books::{Books, BooksError};
pub use buyers::{Buyer, BuyerError, Buyers};
pub use fiscal::{
    AuthorityControl, FiscalAuthority, FiscalError, FiscalKeys, FiscalOffice, FiscalPorts, FolioDesk,
    FolioError, FolioLine, InvalidAuthorityControl, InvalidResolution, KeyFileError, LoadedFolios,
    Resolution, TestIssuer, chilean_document,
};
pub use handlers::{
    DocumentPorts, FindPapers, FiscalHttpPorts, OrderPapers, PoisonPorts, fiscal_openapi, fiscal_router,
    openapi, poison_openapi, poison_router, router,
};
pub use issued::{IssuedDocument, IssuedLine};
pub use letter::MailPorts;
pub use mariadb::{
    Freshness, InvalidInvoicesSetting, InvoicePorts, InvoiceTables, InvoiceTablesState, InvoiceTablesStatus,
    InvoiceUrls, InvoicesSetting, InvoicesVerified, ReadFailure, RebuildError, VerifyInvoicesError,
    verify_invoices,
};
pub use order_facts::{FactReader, FactsError, KnownShow, OrderFacts, TicketFacts};
pub use orders::{Orders, OrdersAddressError};
pub use papers::{PaperStyle, description, receipt_sheet, ticket_sheet};
pub use press::{Copy, Press, PressError};
/// The kinds of documents of the Chilean authority.
pub use ticketflow_fiscal_chile::DocumentType as ChileanDocumentType;
