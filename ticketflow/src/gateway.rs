//! `ticketflow gateway`: the payment simulator on its own, for several replicas or for faults by hand.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use ticketflow_http::{Server, ServerOptions, Shell, ShellOptions, Shutdown};
use ticketflow_payment::{SimulatedGateway, simulator_router};

use crate::node::begin_on_signal;

/// Options of `gateway`.
#[derive(Args)]
pub(crate) struct GatewayArguments {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8090", env = "TICKETFLOW_GATEWAY_LISTEN")]
    listen: SocketAddr,
    /// File that the charges are kept in; without it they are forgotten at the end
    #[arg(long)]
    charges: Option<PathBuf>,
}

/// Runs until SIGTERM or SIGINT.
pub(crate) fn run(arguments: GatewayArguments) -> Result<ExitCode> {
    let _metrics = ticketflow_telemetry::init(&ticketflow_telemetry::Options::default())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("cannot start the threads")?.block_on(serve(arguments))
}

async fn serve(arguments: GatewayArguments) -> Result<ExitCode> {
    let gateway = match &arguments.charges {
        Some(path) => SimulatedGateway::open(path)?,
        None => SimulatedGateway::in_memory(),
    };
    let instance = "gateway".to_owned();
    let options =
        ShellOptions { instance: instance.clone(), max_in_flight: ticketflow_http::DEFAULT_MAX_IN_FLIGHT };
    let router = Shell::new(options).wrap(simulator_router(gateway));
    let server = Server::bind(arguments.listen, ServerOptions { instance, ..ServerOptions::default() })?;
    println!("listening on http://{}", server.local_address());
    let shutdown = Shutdown::new();
    tokio::spawn(begin_on_signal(shutdown.clone(), Arc::default()));
    server.serve(router, shutdown).await;
    Ok(ExitCode::SUCCESS)
}
