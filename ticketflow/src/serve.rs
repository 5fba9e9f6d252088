//! `ticketflow serve`: everything in one process; and the same parts as processes of their own: `ticketflow command-service`,
//! `ticketflow projections`, `ticketflow billing`, `ticketflow portal`, `ticketflow relay`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::billing::BillingArguments;
use crate::buffer::BufferArguments;
use crate::node::{self, CommandArguments, NodeArguments, PageArguments, Pages, Role};

/// Options of `serve`.
#[derive(Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(flatten)]
    commands: CommandArguments,
    #[command(flatten)]
    buffer: BufferArguments,
    #[command(flatten)]
    billing: BillingArguments,
    #[command(flatten)]
    pages: PageArguments,
    /// Fills an empty store with the demo shows
    #[arg(long, env = "TICKETFLOW_DEMO")]
    demo: bool,
}

/// Runs everything until SIGTERM or SIGINT.
pub(crate) fn run(arguments: ServeArguments) -> Result<ExitCode> {
    let role = Role {
        commands: Some(arguments.commands),
        pages: Pages::OfThisProcess(arguments.pages),
        billing_buffer: Some(arguments.buffer.clone()),
        buffer: Some(arguments.buffer),
        billing: Some(arguments.billing),
        demo: arguments.demo,
    };
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
    let role = Role { commands: Some(arguments.commands), demo: arguments.demo, ..Role::default() };
    node::run(arguments.node, role)
}

/// Options of `projections`.
#[derive(Args)]
pub(crate) struct ProjectionsArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(flatten)]
    buffer: BufferArguments,
}

/// Answers reads, and relays where there is a buffer, until SIGTERM or SIGINT.
pub(crate) fn run_projections(arguments: ProjectionsArguments) -> Result<ExitCode> {
    node::run(arguments.node, Role { buffer: Some(arguments.buffer), ..Role::default() })
}

/// Options of `portal`.
#[derive(Args)]
pub(crate) struct PortalArguments {
    #[command(flatten)]
    node: NodeArguments,
    /// The API that takes the commands, such as a load balancer: http://HOST:PORT
    #[arg(long, env = "TICKETFLOW_API")]
    api: String,
    #[command(flatten)]
    pages: PageArguments,
}

/// Serves pages until SIGTERM or SIGINT.
pub(crate) fn run_portal(arguments: PortalArguments) -> Result<ExitCode> {
    let pages = Pages::Before(arguments.api, arguments.pages);
    node::run(arguments.node, Role { pages, ..Role::default() })
}

/// Options of `billing`.
#[derive(Args)]
pub(crate) struct BillingRoleArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(flatten)]
    billing: BillingArguments,
    #[command(flatten)]
    buffer: BufferArguments,
    #[command(flatten)]
    pages: PageArguments,
}

/// Issues and mails documents until SIGTERM or SIGINT.
pub(crate) fn run_billing(arguments: BillingRoleArguments) -> Result<ExitCode> {
    let role = Role {
        billing: Some(arguments.billing),
        billing_buffer: Some(arguments.buffer),
        pages: Pages::Elsewhere(arguments.pages),
        ..Role::default()
    };
    node::run(arguments.node, role)
}

/// Options of `relay`.
#[derive(Args)]
pub(crate) struct RelayArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(flatten)]
    buffer: BufferArguments,
}

/// Relays integration messages until SIGTERM or SIGINT.
pub(crate) fn run_relay(arguments: RelayArguments) -> Result<ExitCode> {
    node::run(arguments.node, Role { buffer: Some(arguments.buffer), ..Role::default() })
}
