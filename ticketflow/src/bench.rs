//! `ticketflow bench`: the load generator and the kill test, each in a process of its own beside the server.

use std::process::ExitCode;

use clap::Args;

/// Options of `bench`: those of the measurement, see `ticketflow bench help`.
#[derive(Args)]
pub(crate) struct BenchArguments {
    /// Name of the measurement and its options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Runs one measurement.
pub(crate) fn run(arguments: BenchArguments) -> ExitCode {
    ticketflow_scenarios::command::run(&["bench"], arguments.words)
}
