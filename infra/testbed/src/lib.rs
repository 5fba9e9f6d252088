//! Real servers as local processes, for tests, scenarios and the system on one machine: each in a private folder on free
//! ports of 127.0.0.1, with durable settings, started, stopped, killed, paused and restarted by its process id; and a proxy that makes the network between them fail.
//!
//! Invariants: nothing that runs already is used or touched; a server ends with its handle, and its folder with it. Which
//! servers there are is left to the files of their names; what they store, to the callers.

mod error;
mod http_probe;
mod load_balancer;
mod mariadb;
mod nats;
mod ports;
mod postgres;
mod process;
mod program;
mod server_user;
mod smtp;
mod tcp_proxy;

pub use error::TestbedError;
pub use load_balancer::{Backends, LoadBalancer, Routing};
pub use mariadb::{MariaDb, MariaDbPair};
pub use nats::{NatsCluster, NatsServer};
pub use ports::free_port;
pub use postgres::Postgres;
pub use process::ServerProcess;
pub use program::nginx;
pub use smtp::{AcceptedMail, SmtpFaults, SmtpSecurity, SmtpServer};
pub use tcp_proxy::TcpProxy;
