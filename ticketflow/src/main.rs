//! The one executable: a subcommand per role and per tool. What each does is in the file of its name.

mod bench;
mod billing;
mod buffer;
mod data_folder;
mod demo;
mod doctor;
mod export;
mod fiscal;
mod folios;
mod gateway;
mod health;
mod hexadecimal;
mod import;
mod import_folder;
mod invoices;
mod node;
mod openapi;
mod plan;
mod poison;
mod progress;
mod rebuild;
mod replay;
mod seat_map;
mod serve;
mod snapshot_keeper;
mod stop_signal;
mod store;
mod up;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Replaces the system's allocator, which gives memory back late and costs more per request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sells seats from an append-only event log.
#[derive(Parser)]
#[command(name = "ticketflow", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs everything in one process: API, portal, payment simulator
    Serve(serve::ServeArguments),
    /// Takes commands as one of several replicas of an event store
    #[command(name = "command-service")]
    Commands(serve::CommandServiceArguments),
    /// Answers reads from its own replica of an event store
    Projections(serve::ProjectionsArguments),
    /// Serves the pages: reads from its own replica, commands through an API
    Portal(serve::PortalArguments),
    /// Issues receipts and credit notes for what is sold and given back
    Billing(serve::BillingRoleArguments),
    /// Relays integration messages from the log to the buffer of billing and others
    Relay(serve::RelayArguments),
    /// Runs the whole distributed system on this machine, each part a process of its own
    Up(up::UpArguments),
    /// Creates the demo shows on a running server, and a crowd that buys if asked for
    Demo(demo::DemoArguments),
    /// Proves a data folder: checksums, hash chain, invariants, read models
    Verify(verify::VerifyArguments),
    /// Folds the log and shows the result, as of any position
    Replay(replay::ReplayArguments),
    /// Has a running server build a projection anew beside the one that serves, and waits until it took its place
    Rebuild(rebuild::RebuildArguments),
    /// Lists what billing gave up on, tries it again or gives it up
    Poison(poison::PoisonArguments),
    /// Folios of fiscal documents: lists them, loads more, makes some for tests
    Folios(folios::FoliosArguments),
    /// Writes the log as JSON lines, a batch each
    Export(export::ExportArguments),
    /// Makes a log from JSON lines, or moves a data folder to the servers of an event store
    Import(import::ImportArguments),
    /// Checks, draws and converts seating plans
    Plan(plan::PlanArguments),
    /// Prints the OpenAPI document of the HTTP API
    Openapi,
    /// Runs the payment simulator on its own
    Gateway(gateway::GatewayArguments),
    /// Looks at machine and data folder and says what would hinder selling
    Doctor(doctor::DoctorArguments),
    /// Measures; `ticketflow bench help` lists the measurements
    #[command(disable_help_flag = true)]
    Bench(bench::BenchArguments),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Commands(arguments) => serve::run_command_service(arguments),
        Command::Projections(arguments) => serve::run_projections(arguments),
        Command::Portal(arguments) => serve::run_portal(arguments),
        Command::Billing(arguments) => serve::run_billing(arguments),
        Command::Relay(arguments) => serve::run_relay(arguments),
        Command::Up(arguments) => up::run(arguments),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Rebuild(arguments) => rebuild::run(arguments),
        Command::Poison(arguments) => poison::run(arguments),
        Command::Folios(arguments) => folios::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Import(arguments) => import::run(arguments),
        Command::Plan(arguments) => plan::run(arguments),
        Command::Openapi => openapi::run(),
        Command::Gateway(arguments) => gateway::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Bench(arguments) => return bench::run(arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
