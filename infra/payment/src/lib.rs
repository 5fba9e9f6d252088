//! Payment: the port through which an order is charged, its adapters, and the simulated gateway.
//!
//! [`PaymentGateway`] is the port. [`HttpGateway`] speaks to a gateway over HTTP, [`SimulatedGateway`] is the one
//! inside the process, and [`simulator_router`] serves the same simulator to others. Every call is idempotent by the
//! caller's key, and every failure says whether money may have moved. When to charge, void and refund is decided by
//! the purchase process, not here.

mod control;
mod gateway;
mod http_client;
mod in_process;
mod journal;
mod key_table;
mod simulator;
mod simulator_http;
mod wire;

pub use control::{Call, Control, ControlError};
pub use gateway::{
    Authorization, AuthorizeRequest, Capture, ChargeStatus, GatewayError, GatewayFuture, PaymentGateway,
    Refund, Void,
};
pub use http_client::{GatewayUrlError, HttpGateway};
pub use in_process::SimulatedGateway;
pub use journal::JournalError;
pub use simulator::{ChargePage, ListedCharge};
pub use simulator_http::{simulator_openapi, simulator_router};
