//! The invoices in real MariaDB servers: kept, killed, read from the replica, verified and rebuilt.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../projections/tests/history/mod.rs"]
mod history;

mod barrier;
mod bed;
mod hostile;
mod interrupted;
mod keeping;
mod poison;
mod reading;
mod rebuilding;
mod verifying;
