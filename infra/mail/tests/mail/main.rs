//! Mails as they arrive: read by Python's email package, taken by a real SMTP server, found in a folder after a crash.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod composing;
mod encryption;
mod folder;
mod hostile;
mod reader;
mod sample;
mod setting;
mod smtp;
