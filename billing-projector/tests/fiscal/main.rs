//! Fiscal documents of random histories: as the authority wants them, the same each time, given to it once whatever goes wrong between;
//! and what is loaded and refused of folios.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod documents;
mod ended_between_steps;
mod endpoints;
mod folios;
#[path = "../../../projections/tests/history/mod.rs"]
mod history;
#[path = "../../../infra/documents/tests/documents/tools.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod pages;
mod submission;
#[path = "../../../infra/fiscal-chile/tests/fiscal/tools.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod tools;
mod world;
