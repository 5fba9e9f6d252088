//! Options of every load run, with the defaults that the published figures use.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::driver::{Pace, Run};
use crate::plan::{Operator, Plan, Show, read_operator_key};

/// Price of the seats made for measuring, minor units.
const PRICE: i64 = 25_000;

/// So long without an event a server is quiet.
const QUIET_FOR: Duration = Duration::from_secs(3);
/// How often a server is asked whether it is quiet.
const QUIET_LOOKS: u64 = 100;

/// Whom to load, how hard and for how long. Each workload says which of the later fields it uses.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadOptions {
    /// Server address, `host:port` or `http://host:port`.
    pub url: String,
    /// The server's data folder: `operator.key` is read there, and the disk floor is measured beside it.
    pub data: PathBuf,
    /// Bearer key of the operator, instead of the file.
    pub operator_key: Option<String>,
    /// The server's process id, to report its CPU and memory.
    pub pid: Option<u32>,
    /// Connections that hold and buy.
    pub connections: usize,
    /// Length of the measured window.
    pub seconds: u64,
    /// Load before the window, not counted.
    pub warm_up_seconds: u64,
    /// Arrivals per second for an open loop; none means closed loop.
    pub rate_per_second: Option<f64>,
    /// Most arrivals that may wait for a connection in an open loop.
    pub backlog_limit: usize,
    /// Shows made for the run; they are sold one after the other.
    pub shows: usize,
    /// Seats of each.
    pub seats_per_show: usize,
    /// Connections that read seat maps.
    pub readers: usize,
    /// Reads per second of each of them; none means closed loop.
    pub reads_per_second: Option<f64>,
    /// Seats that `fill` sells.
    pub seats_to_sell: usize,
    /// Distinct buyers.
    pub buyers: u64,
    /// Seconds between two looks at the server's memory in `soak`.
    pub sample_seconds: u64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            url: "127.0.0.1:8080".to_owned(),
            data: PathBuf::from("./data"),
            operator_key: None,
            pid: None,
            connections: 256,
            seconds: 8,
            warm_up_seconds: 1,
            rate_per_second: None,
            backlog_limit: 100_000,
            shows: 16,
            seats_per_show: 45_000,
            readers: 32,
            reads_per_second: Some(10.0),
            seats_to_sell: 1_000_000,
            buyers: 50_000,
            sample_seconds: 10,
        }
    }
}

impl LoadOptions {
    /// The server's address.
    ///
    /// # Errors
    /// When `url` is no address of an HTTP server without TLS.
    pub fn address(&self) -> Result<SocketAddr> {
        parse_address(&self.url)
    }

    pub(crate) fn operator(&self) -> Result<Operator> {
        let key = match &self.operator_key {
            Some(key) => key.clone(),
            None => read_operator_key(&self.data)?,
        };
        Ok(Operator::new(self.address()?, &key))
    }

    pub(crate) fn make_shows(&self, shows: usize, seats: usize) -> Result<Vec<Show>> {
        let plan = Plan::with_seats(seats, PRICE)?;
        let mut operator = self.operator()?;
        (0..shows).map(|_| operator.create_open_show(plan, None)).collect()
    }

    /// Waits until the server has recorded nothing for a while: charges of a sale are captured after it.
    pub(crate) fn wait_until_quiet(&self) -> Result<()> {
        let mut operator = self.operator()?;
        let mut before = None;
        for _ in 0..QUIET_LOOKS {
            let now = operator.events_recorded()?;
            if now == before {
                return Ok(());
            }
            before = now;
            std::thread::sleep(QUIET_FOR);
        }
        bail!("the server goes on recording events {} s after the sale", QUIET_FOR.as_secs() * QUIET_LOOKS)
    }

    pub(crate) fn run(&self, connections: usize) -> Result<Run> {
        let pace = match self.rate_per_second {
            None => Pace::Closed,
            Some(per_second) => Pace::Open {
                per_second,
                connections: self.connections.min(connections),
                backlog_limit: self.backlog_limit,
            },
        };
        Ok(Run {
            address: self.address()?,
            connections,
            pace,
            warm_up: Duration::from_secs(self.warm_up_seconds),
            measure: Duration::from_secs(self.seconds),
            server_pid: self.pid,
        })
    }
}

/// Reads `host:port`, with or without `http://` and a slash at the end.
///
/// # Errors
/// When it names no address.
pub fn parse_address(url: &str) -> Result<SocketAddr> {
    use std::net::ToSocketAddrs;
    let plain = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    let mut found =
        plain.to_socket_addrs().with_context(|| format!("{url:?} is no address of the form host:port"))?;
    found.next().with_context(|| format!("{url:?} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_scheme() {
        for url in ["127.0.0.1:80", "http://127.0.0.1:80", "http://127.0.0.1:80/"] {
            assert_eq!(parse_address(url).expect("an address").port(), 80, "{url}");
        }
        assert!(parse_address("https://").is_err());
        assert!(parse_address("nowhere").is_err());
    }
}
