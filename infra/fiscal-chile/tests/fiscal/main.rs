//! The crate from outside: documents against the official schemas, signatures against other people's programs, texts that mean harm.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authority;
mod fixture;
mod golden;
mod limits;
mod schemas;
mod signatures;
mod tools;
