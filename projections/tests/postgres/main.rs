//! The read models in a real PostgreSQL server: kept, killed, paused, poisoned, rebuilt and read.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../history/mod.rs"]
mod history;

mod bed;
mod keeping;
mod poison;
mod reading;
mod rebuilding;
