//! `ticketflow up`: the distributed system on one machine with one command, to be looked at and played with.
//!
//! Everything runs in temporary folders on free ports, and is gone when the command ends.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use ticketflow_scenarios::system::{Node, System, SystemOptions};

use crate::demo;
use crate::stop_signal::stop_signal;

/// Options of `up`.
#[derive(Args)]
pub(crate) struct UpArguments {
    /// Command services
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
    command_services: u8,
    /// Sends writes to any command service instead of always the same for a show: slower, and as correct
    #[arg(long)]
    random_routing: bool,
    /// Issues Chilean boletas, as a demonstration, instead of plain receipts
    #[arg(long)]
    boletas: bool,
    /// Leaves the demo shows out
    #[arg(long)]
    empty: bool,
}

/// Runs until SIGTERM or SIGINT.
pub(crate) fn run(arguments: UpArguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("cannot start the threads")?.block_on(async {
        // Asked for before anything is started: what a signal ends then still ends whole.
        let ended = stop_signal().context("cannot listen for signals")?;
        let options = SystemOptions {
            binary: std::env::current_exe().context("cannot tell where this program is")?,
            command_services: arguments.command_services.into(),
            random_routing: arguments.random_routing,
            billing: 2,
            mail: None,
            boletas: arguments.boletas,
        };
        let started =
            tokio::task::spawn_blocking(move || System::start(&options, |what| println!("starting {what}")));
        let system = started.await??;
        let url = system.balancer.url();
        if !arguments.empty {
            demo::fill(&url, &system.operator_key).await?;
        }
        print(&system);
        ended.await;
        println!("stopping");
        tokio::task::spawn_blocking(move || drop(system)).await?;
        Ok(ExitCode::SUCCESS)
    })
}

fn print(system: &System) {
    let line = |name: &str, address: String| println!("  {name:<20} {address}");
    println!("the system runs; everything goes through the load balancer:");
    line("load balancer", system.balancer.url());
    let of = |node: &Node| format!("http://{}", node.address());
    let services = system.commands.iter().chain(&system.projections).chain(&system.billing);
    for node in services.chain([&system.portal, &system.gateway]) {
        line(node.name(), of(node));
    }
    line("PostgreSQL", system.postgres.url());
    for node in system.nats.nodes() {
        line(node.name(), format!("{} (monitoring http://{})", node.url(), node.monitor()));
    }
    println!("  data, process logs and the operator's key: {}", system.folder().display());
    println!("  mails to buyers, a file each: {}", system.mail_folder().display());
    println!("end it with Ctrl-C; all of it is temporary");
    println!("listening on {}", system.balancer.url());
}
