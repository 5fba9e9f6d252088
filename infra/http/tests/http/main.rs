//! The server, the shell and the extractors as a client sees them: real sockets, bytes written and read by hand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helper functions too")]

mod answers;
mod bodies;
mod client;
mod limits;
mod shutdown;
