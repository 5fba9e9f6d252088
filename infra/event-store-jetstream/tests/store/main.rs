//! The event store on real NATS servers.

mod contract;
mod refusals;
mod replica;
mod servers;
