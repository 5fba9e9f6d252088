//! The promises of the event log, each broken on purpose.
//!
//! Everything runs on the simulated disk in one thread unless a test is about threads, processes or the real disk.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod bit_flips;
mod concurrency;
mod faults;
mod golden;
mod locking;
mod low_space;
mod model;
mod reading;
mod refusals;
mod snapshots;
mod world;
