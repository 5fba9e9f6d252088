//! A minimal HTTP/1.1 client of our own: little CPU per request, and never a hidden retry.
//!
//! [`ResponseReader`] turns bytes into answers without allocating in steady state and serves the non-blocking load
//! loop; [`Client`] is the blocking client of set-up, kill test and checker. A request whose answer did not arrive is
//! reported as unknown: deciding what that means is left to the caller.

mod client;
mod response;

pub use client::{Client, ClientError, Response};
pub use response::{ProtocolError, ResponseReader, json_text};
