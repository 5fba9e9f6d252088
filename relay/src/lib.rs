//! The relay: follows the log and publishes integration messages to the JetStream stream `ORDERS`, for billing and whoever
//! else wants to know of orders.
//!
//! Invariants: the stream holds one message for each event that has one, in the log's order, exactly once, through crashes of
//! either side, lost acknowledgements and several relays at once. There is no checkpoint: how far it is, the last message of the
//! stream says. Selling never waits for it. Who consumes the stream is left to the consumers.
//!
//! | question | answer |
//! |---|---|
//! | which events become which messages | `messages` |
//! | how is the log read, and what makes a stream this log's | `source` |
//! | what is asked of the stream | `orders_stream` |
//! | how do messages get there exactly once | `runner` |

mod messages;
mod options;
mod orders_stream;
mod refusal;
mod runner;
mod source;
mod status;

pub use messages::{CONTENT_TYPE, IntegrationMessage, MessageKind, ShowBook, UnknownShow};
pub use options::RelayOptions;
pub use orders_stream::{CHAIN_HASH_HEADER, POSITION_HEADER, STREAM};
pub use refusal::RelayRefusal;
pub use runner::{Relay, RelayHandle, RelayStartError};
pub use status::{RelayState, RelayStatus};
