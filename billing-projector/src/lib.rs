//! Billing: from the paid order to its document, exactly once, whenever that becomes possible.
//!
//! Invariants: selling never waits for it; what is done is in the issuer's stream and nowhere else, so that there is no checkpoint
//! to lose and a second instance does no harm. Which folio a document gets is the domain's to decide.

mod books;
mod buyers;
mod follower;
mod handlers;
mod mariadb;
mod order_facts;
mod papers;
mod press;
mod sources;
mod words;

pub use books::{Books, BooksError};
pub use buyers::{Buyer, BuyerError, Buyers};
pub use follower::{Billing, BillingHandle, BillingOptions, BillingStatus, Phase};
pub use handlers::{DocumentPorts, FindPapers, OrderPapers, openapi, router};
pub use mariadb::{
    Freshness, InvalidInvoicesSetting, InvoicePorts, InvoiceTables, InvoiceTablesState, InvoiceTablesStatus,
    InvoiceUrls, InvoicesSetting, InvoicesVerified, ReadFailure, RebuildError, VerifyInvoicesError,
    verify_invoices,
};
pub use order_facts::{FactReader, FactsError, KnownShow, OrderFacts, TicketFacts};
pub use papers::{PaperStyle, description, receipt_kind, receipt_sheet, ticket_sheet};
pub use press::{Copy, Press, PressError};
