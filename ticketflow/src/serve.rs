//! `ticketflow serve`: everything in one process; and the same parts as processes of their own: `ticketflow command-service`,
//! `ticketflow projections`, `ticketflow portal`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::node::{self, CommandArguments, NodeArguments, Pages, Role};

/// Options of `serve`.
#[derive(Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(flatten)]
    commands: CommandArguments,
    /// Fills an empty store with the demo shows
    #[arg(long, env = "TICKETFLOW_DEMO")]
    demo: bool,
}

/// Runs everything until SIGTERM or SIGINT.
pub(crate) fn run(arguments: ServeArguments) -> Result<ExitCode> {
    let role = Role { commands: Some(arguments.commands), pages: Pages::OfThisProcess, demo: arguments.demo };
    node::run(arguments.node, role)
}

/// Options of `command-service`.
#[derive(Args)]
pub(crate) struct CommandServiceArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(flatten)]
    commands: CommandArguments,
    /// Fills an empty store with the demo shows
    #[arg(long, env = "TICKETFLOW_DEMO")]
    demo: bool,
}

/// Takes commands until SIGTERM or SIGINT.
pub(crate) fn run_command_service(arguments: CommandServiceArguments) -> Result<ExitCode> {
    let role = Role { commands: Some(arguments.commands), pages: Pages::None, demo: arguments.demo };
    node::run(arguments.node, role)
}

/// Options of `projections`.
#[derive(Args)]
pub(crate) struct ProjectionsArguments {
    #[command(flatten)]
    node: NodeArguments,
}

/// Answers reads until SIGTERM or SIGINT.
pub(crate) fn run_projections(arguments: ProjectionsArguments) -> Result<ExitCode> {
    node::run(arguments.node, Role { commands: None, pages: Pages::None, demo: false })
}

/// Options of `portal`.
#[derive(Args)]
pub(crate) struct PortalArguments {
    #[command(flatten)]
    node: NodeArguments,
    /// The API that takes the commands, such as a load balancer: http://HOST:PORT
    #[arg(long, env = "TICKETFLOW_API")]
    api: String,
}

/// Serves pages until SIGTERM or SIGINT.
pub(crate) fn run_portal(arguments: PortalArguments) -> Result<ExitCode> {
    node::run(arguments.node, Role { commands: None, pages: Pages::Before(arguments.api), demo: false })
}
