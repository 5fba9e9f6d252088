//! Words that documents, mails and pages have in common: money, dates, the names of documents, sentences with values in them, and which
//! characters of other people's texts are left out. Pure.
//!
//! Whole sentences are each crate's own, and so is what becomes of a text that is too long for its place.

mod calendar_words;
mod documents;
mod money;
mod sentence;
mod steering;

pub use calendar_words::{date, date_time, long_date, month, time};
pub use documents::{document_name, document_number, document_title};
pub use money::{grouped, money};
pub use sentence::fill;
pub use steering::{joins, steers};
