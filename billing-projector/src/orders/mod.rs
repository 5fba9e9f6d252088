//! The durable buffer in front of billing: the JetStream stream `ORDERS`, read by a durable consumer, by one instance at a time.
//!
//! Invariants: a message is acknowledged when what it asks for is in the books, and not before; it names an event and says nothing
//! that is believed: what is billed is read from the log. Whatever the servers lose, the sweep of the log finds.

mod consumer;
mod lease;

use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::context::{Context, ContextBuilder};
use data_encoding::HEXLOWER;

pub(crate) use consumer::{Consumed, OrdersConsumer};
pub(crate) use lease::{Lease, LeaseError};

/// After this an answer counts as lost.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// A server that does not answer by then is down.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// A server that leaves the third question open is given up for another one: its machine may be gone without a word.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// A server on the way down or up is tried again this soon.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Addresses that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the addresses of the NATS servers cannot be used")]
pub struct OrdersAddressError(#[source] async_nats::ConnectError);

/// A connection to the servers of `ORDERS`. It comes back by itself.
#[derive(Clone)]
pub struct Orders {
    pub(crate) context: Context,
    pub(crate) replicas: usize,
    pub(crate) instance: String,
}

impl Orders {
    /// Ready to be asked; the servers, `nats://HOST:PORT` with commas between, need not be there yet. `replicas` is how many copies
    /// are kept of what billing keeps there, `instance` what this process is called: for whoever looks at the lease.
    ///
    /// # Errors
    /// [`OrdersAddressError`].
    pub async fn connect(nats: &str, replicas: usize, instance: String) -> Result<Self, OrdersAddressError> {
        let servers: Vec<&str> = nats.split(',').map(str::trim).collect();
        let connect = ConnectOptions::new()
            .name("ticketflow billing")
            .connection_timeout(CONNECT_LIMIT)
            .request_timeout(Some(ANSWER_LIMIT))
            .ping_interval(PING_INTERVAL)
            .reconnect_delay_callback(|attempts| {
                RECONNECT.0.saturating_mul(1 << attempts.min(10)).min(RECONNECT.1)
            })
            .retry_on_initial_connect();
        let client = connect.connect(servers).await.map_err(OrdersAddressError)?;
        let context = ContextBuilder::new().timeout(ANSWER_LIMIT).ack_timeout(ANSWER_LIMIT).build(client);
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).expect("the operating system has randomness once it has booted");
        // Two processes may have been given one name.
        let instance = format!("{instance} {}", HEXLOWER.encode(&nonce));
        Ok(Self { context, replicas, instance })
    }
}
