//! `--buffer`: where integration messages go, for billing and others.

use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use ticketflow_billing_projector::Orders;
use ticketflow_event_store::EventStore;
use ticketflow_projections::{FollowerReport, ProjectionState, Projections};
use ticketflow_relay::{Relay, RelayHandle, RelayOptions, RelayState, RelayStatus};

/// Which buffer.
#[derive(Args, Clone)]
pub(crate) struct BufferArguments {
    /// Where integration messages go: `log`, which has everything anyway, or nats://HOST:PORT[,nats://HOST:PORT...], into the
    /// JetStream stream ORDERS
    #[arg(long, default_value = "log", env = "TICKETFLOW_BUFFER", hide_env_values = true)]
    buffer: Buffer,
    /// Copies of the stream ORDERS when it is made: 1, or 3 in a cluster
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5), env = "TICKETFLOW_BUFFER_REPLICAS")]
    buffer_replicas: u8,
}

#[derive(Clone)]
enum Buffer {
    Log,
    /// The servers' addresses, which may have a password in them.
    Nats(String),
}

impl FromStr for Buffer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_address = |part: &str| part.starts_with("nats://") || part.starts_with("tls://");
        match text {
            "log" => Ok(Self::Log),
            urls if urls.split(',').all(is_address) => Ok(Self::Nats(urls.to_owned())),
            _ => Err("`log` or nats://HOST:PORT is expected"),
        }
    }
}

impl BufferArguments {
    /// Where billing takes orders from; `None`: from the log.
    pub(crate) async fn orders(&self, instance: &str) -> Result<Option<Orders>> {
        let Buffer::Nats(urls) = &self.buffer else { return Ok(None) };
        let replicas = usize::from(self.buffer_replicas);
        Ok(Some(Orders::connect(urls, replicas, instance.to_owned()).await?))
    }

    /// Starts the relay, where there is a buffer. It waits for servers that are not there, and nobody waits for it.
    pub(crate) async fn start(&self, store: &EventStore) -> Result<Option<RelayHandle>> {
        let Buffer::Nats(urls) = &self.buffer else { return Ok(None) };
        let replicas = usize::from(self.buffer_replicas);
        let options = RelayOptions { replicas, ..RelayOptions::new(urls.clone()) };
        Ok(Some(Relay::start(store.clone(), options).await?))
    }
}

/// Watches the relay like a projection: it follows the log as they do.
pub(crate) fn watch(projections: Projections, relay: &RelayHandle) -> Projections {
    let report = relay.reporter();
    projections.with_follower(
        "relay",
        move || {
            let RelayStatus { state, position, last_error } = report();
            let state = match state {
                RelayState::Starting => ProjectionState::CatchingUp,
                RelayState::Live => ProjectionState::Live,
                RelayState::Standby => ProjectionState::Standby,
                RelayState::Waiting => ProjectionState::Unreachable,
                RelayState::Stopped => ProjectionState::Stopped,
            };
            FollowerReport { state, position, last_error, rebuilding: None }
        },
        None,
    )
}
