//! The event store on KurrentDB: one stream a stream, one event an event, all events of a batch in one append.
//!
//! Owns the wire: addresses, the connection and its renewal, appending at the expected revision, and the feed that puts the
//! events of `$all` together to batches again. Invariants: a batch is stored once and whole, however often it is offered,
//! because its events have ids that follow from the batch's; nothing is offered again that may have been written. Positions,
//! the chain and unknown outcomes are the replica's business.
//!
//! A server holds any number of logs, each under its own name: the events of the log `TICKETFLOW` are in the streams
//! `TICKETFLOW.show-...` and `TICKETFLOW.customer-...`, what the log is in the stream `TICKETFLOW`. Where the log ends is
//! asked by reading `$all` backwards for these names, which the server does quickly as long as the log is not idle for
//! millions of other events. The question opens a call of its own and so waits for Nagle's algorithm, 40 ms, which an append
//! does not (see `calls`).
//!
//! KurrentDB syncs before it acknowledges, unless it was started to keep its data in memory or not to flush. A server that says so
//! in its options is refused; who may not read the options (they are for `$ops` and `$admins`) has to see to it himself.

mod address;
mod assembly;
mod calls;
mod connection;
mod events;
mod feed;
mod genesis;
mod outcome;
mod server;
mod sync_check;

pub use address::{AddressError, KurrentAddress};
pub use connection::ConnectError;
pub use server::KurrentServer;
