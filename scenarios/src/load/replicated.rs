//! Holds on one hot show of two command services that share a log on three NATS servers, with batches and with one message
//! per command, side by side.
//!
//! The load goes straight to the show's command service, as the load balancer would send it; the other one follows. What
//! answers reads stands still meanwhile, and has to come to the same log afterwards.

use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::options::LoadOptions;
use super::recorder::RunReport;
use crate::system::{System, SystemOptions};

/// What is measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplicatedOptions {
    /// The program.
    pub binary: PathBuf,
    /// Connections that hold.
    pub connections: usize,
    /// Length of each measured window.
    pub seconds: u64,
    /// Seats of each show; they are sold one after the other.
    pub seats_per_show: usize,
}

impl Default for ReplicatedOptions {
    fn default() -> Self {
        Self {
            binary: PathBuf::from("target/release/ticketflow"),
            connections: 256,
            seconds: 8,
            seats_per_show: 45_000,
        }
    }
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
pub struct ReplicatedReport {
    /// A message carries all commands that wait.
    pub batched: RunReport,
    /// A message carries one command.
    pub one_per_message: RunReport,
    /// How many times as many holds per second the first makes.
    pub ratio: f64,
    /// Where all replicas stood at the end, with the same chain hash.
    pub position: u64,
}

impl ReplicatedReport {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "  batched\n{}  one message per command\n{}  {:.1} times as many; all replicas agree at position {}\n",
            self.batched.text(),
            self.one_per_message.text(),
            self.ratio,
            self.position
        )
    }
}

/// Measures both.
///
/// # Errors
/// When the system does not start or does not answer.
pub fn replicated(options: &ReplicatedOptions) -> Result<ReplicatedReport> {
    let system = SystemOptions {
        binary: options.binary.clone(),
        command_services: 2,
        random_routing: false,
        billing: 0,
        mail: None,
        boletas: false,
    };
    let mut system = System::start(&system, |what| eprintln!("starting {what}"))?;
    let load = LoadOptions {
        url: system.commands[0].address().to_string(),
        operator_key: Some(system.operator_key.clone()),
        connections: options.connections,
        seconds: options.seconds,
        seats_per_show: options.seats_per_show,
        ..LoadOptions::default()
    };
    for node in system.readers_mut() {
        node.stop()?;
    }
    let batched = super::holds(&load)?;
    for node in &mut system.commands {
        node.stop()?;
        node.add_arguments(&["--batch-commands", "1"]);
        node.start()?;
    }
    let one_per_message = super::holds(&load)?;
    let ratio = batched.lane("hold").per_second / one_per_message.lane("hold").per_second;
    for node in system.readers_mut() {
        node.start()?;
    }
    let (position, _) = system.agree()?;
    Ok(ReplicatedReport { batched, one_per_message, ratio, position })
}
