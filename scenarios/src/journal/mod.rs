//! The client's own account of what it asked and what it was told: JSON lines, synced to disk, shared with nobody.
//!
//! A record's line number is the checker's clock: an invocation is written before the request is sent and an answer
//! after it was received, so that line order never contradicts real time. An answer counts only once it is on disk.

mod moment;
mod record;
mod writer;

pub use moment::{now_ms, parse_rfc3339_ms};
pub use record::{Action, Facts, Record, TicketFact};
pub use writer::{JournalError, JournalWriter, read_journal};
