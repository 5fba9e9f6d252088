//! The measurements and tests as a program of their own, for work on this crate alone.

fn main() -> std::process::ExitCode {
    ticketflow_scenarios::command::run(&[], std::env::args().skip(1))
}
