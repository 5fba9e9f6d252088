//! Billing: from the paid order to its document, exactly once, whenever that becomes possible.
//!
//! Invariants: selling never waits for it; what is done is in the issuer's stream and nowhere else, so that there is no checkpoint
//! to lose and a second instance does no harm. Which folio a document gets is the domain's to decide.

mod books;
mod follower;
mod sources;

pub use books::{Books, BooksError};
pub use follower::{Billing, BillingHandle, BillingOptions, BillingStatus, Phase};
