//! Where the relay publishes.

use std::time::Duration;

/// An acknowledgement is there in milliseconds; a cluster that elects needs the caller to ask again anyway.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Options of a relay.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    /// The servers, `nats://HOST:PORT`, with commas between.
    pub nats: String,
    /// Copies of the stream when it is made: 1, or 3 in a cluster. One that exists keeps what it has.
    pub replicas: usize,
    /// After this an acknowledgement counts as lost, and the stream is asked what it holds.
    pub ack_timeout: Duration,
}

impl RelayOptions {
    /// For these servers, with one copy of the stream.
    #[must_use]
    pub fn new(nats: impl Into<String>) -> Self {
        Self { nats: nats.into(), replicas: 1, ack_timeout: ACK_TIMEOUT }
    }
}
