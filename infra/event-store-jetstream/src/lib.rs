//! The event store on NATS JetStream: one message a batch, one subject a stream, one order for all.
//!
//! Owns the wire: addresses, the server's stream and what is demanded of it, publishing with the expected sequence of the
//! subject, and the ordered feed. Invariants: nothing is acknowledged that the server may lose in a power cut; a batch is
//! stored once, however often it is offered. Positions, the chain and unknown outcomes are the replica's business.

mod address;
mod arrivals;
mod connection;
mod feed;
mod message;
mod server;
mod server_stream;
mod sync_check;
mod tails;

pub use address::{AddressError, JetStreamAddress};
pub use connection::ConnectError;
pub use server::JetStreamServer;
