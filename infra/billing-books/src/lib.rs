//! The books of all issuers, folded once in a process: who answers reads shows them, who bills decides on them.
//!
//! Invariants: what is folded is durable in the log; each event is folded once, whichever way it came first: by the feed, or by
//! whoever appended it. So the books can be ahead of the read models beside them, never behind.

mod folding;
mod snapshot;

pub use folding::{BillingBooks, BooksGuard, FoldBooksError};
pub use snapshot::{BooksPart, RECEIPTS_PER_PART};
