//! Billing over a log: documents for what is sold, mails for documents, and what becomes of them when parts fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod buffer;
mod calendars;
mod eml;
mod ended_between_steps;
mod following;
#[path = "../../../projections/tests/history/mod.rs"]
mod history;
mod mailing;
#[path = "../../../infra/documents/tests/documents/tools.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod pages;
mod stage;
