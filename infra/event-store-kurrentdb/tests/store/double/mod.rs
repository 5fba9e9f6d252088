//! A double of KurrentDB: the calls that the adapter makes, with events in memory.
//!
//! Speaks the protocol over TCP, so that the whole of the client is in the tests. Keeps what the server promises: expected
//! revisions, appends that are recognised when repeated, one order for all, limits on the size of an append. A subscription
//! never ends by itself. Leaves out users, TLS, clusters and all else that the adapter does not ask for.

mod kept;
mod messages;
mod network;
mod service;

pub(crate) use kept::Refusal;
pub(crate) use network::Double;
