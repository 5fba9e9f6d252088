//! Billing over a log: documents for what is sold, mails for documents, and what becomes of them when parts fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod buffer;
mod ended_between_steps;
mod following;
#[path = "../../../projections/tests/history/mod.rs"]
mod history;
mod mailing;
mod stage;
