//! Command line of the measurements: names, options as `--name value`, a report on standard output.
//!
//! Option names are the fields of the option structs, with dashes; an unknown one is an error. `--json` prints the
//! report as JSON. The exit code is 0 only if what was asked for holds.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::checker::{CheckOptions, check};
use crate::kill::{KillOptions, kill_test};
use crate::load::{self, BaselineOptions, LoadOptions};
use crate::outages::{OutageOptions, outages};
use crate::race::race;

/// Names and one line each.
const COMMANDS: [(&str, &str); 15] = [
    ("holds", "distinct single-seat holds"),
    ("hot-seat", "all connections want the same seat"),
    ("beside-readers", "holds alone and beside readers of the seat map"),
    ("seat-map", "reads of the compact seat map"),
    ("purchases", "hold and purchase end to end"),
    ("fill", "sell a million seats, holds before and after, memory per seat"),
    ("soak", "steady load with memory samples"),
    ("one-connection", "sequential holds beside the machine's floor"),
    ("baseline", "SELECT ... FOR UPDATE on a private Postgres"),
    ("paired", "holds and baseline in one run, with their ratio"),
    ("race", "200 clients race for one seat; overlapping holds"),
    ("kill", "kill -9 under load, then the independent checker"),
    (
        "outages",
        "the distributed system under load, its processes killed and paused in turn, then the checker",
    ),
    ("replicated", "holds on one show of two command services and three NATS servers, batched and not"),
    ("check", "the independent checker alone, on a journal and a server"),
];

/// What came out: text for people, JSON for machines, and whether it holds.
pub struct Outcome {
    text: String,
    json: Value,
    holds: bool,
}

impl Outcome {
    fn new(report: &impl Serialize, text: String, holds: bool) -> Result<Self> {
        Ok(Self { text, json: serde_json::to_value(report).context("writing the report as JSON")?, holds })
    }
}

/// Runs one command and prints its report.
///
/// `prefix` is what stands between the program's name and these commands: the kill test runs the checker as a process
/// of its own through the same program.
pub fn run(prefix: &[&str], arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let mut arguments: Vec<String> = arguments.into_iter().collect();
    let json =
        arguments.iter().position(|argument| argument == "--json").map(|at| arguments.remove(at)).is_some();
    if arguments.is_empty() || matches!(arguments[0].as_str(), "help" | "--help") {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    match dispatch(prefix, &arguments[0], &arguments[1..]) {
        Ok(outcome) => {
            if json {
                println!("{}", outcome.json);
            } else {
                print!("{}\n{}", arguments[0], outcome.text);
            }
            if outcome.holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{}: {error:#}", arguments[0]);
            ExitCode::from(2)
        }
    }
}

fn usage() -> String {
    let mut text = "commands, each with --name value options and --json:\n".to_owned();
    for (name, what) in COMMANDS {
        text.push_str(&format!("  {name:<16} {what}\n"));
    }
    text
}

fn dispatch(prefix: &[&str], name: &str, arguments: &[String]) -> Result<Outcome> {
    match name {
        "holds" | "seat-map" | "purchases" => {
            let options: LoadOptions = read_options(arguments)?;
            let report = match name {
                "holds" => load::holds(&options)?,
                "seat-map" => load::seat_map(&options)?,
                _ => load::purchases(&options)?,
            };
            Outcome::new(&report, report.text(), true)
        }
        "hot-seat" => {
            let report = load::hot_seat(&read_options(arguments)?)?;
            Outcome::new(&report, report.text(), report.wrong.is_empty())
        }
        "beside-readers" => {
            let report = load::holds_beside_readers(&read_options(arguments)?)?;
            Outcome::new(&report, report.text(), true)
        }
        "fill" => {
            let report = load::fill(&read_options(arguments)?)?;
            Outcome::new(&report, report.text(), report.refused == 0)
        }
        "soak" => {
            let report = load::soak(&read_options(arguments)?)?;
            Outcome::new(&report, report.text(), true)
        }
        "one-connection" => {
            let report = load::one_connection(&read_options(arguments)?)?;
            Outcome::new(&report, report.text(), true)
        }
        "baseline" => {
            let report = load::baseline(&read_options::<BaselineOptions>(arguments)?)?;
            Outcome::new(&report, report.text(), true)
        }
        "paired" => {
            let report = load::beside_baseline(&read_options(arguments)?, &BaselineOptions::default())?;
            Outcome::new(&report, report.text(), true)
        }
        "race" => {
            let report = race(&read_options(arguments)?)?;
            Outcome::new(&report, report.text(), report.holds())
        }
        "replicated" => {
            let report = load::replicated(&read_options(arguments)?)?;
            Outcome::new(&report, report.text(), true)
        }
        "outages" => {
            let options: OutageOptions = read_options(arguments)?;
            let report = outages(&options)?;
            Outcome::new(&report, report.text(), report.holds())
        }
        "kill" => {
            let mut options: KillOptions = read_options(arguments)?;
            if options.check_command.is_empty() {
                let program = std::env::current_exe().context("finding the own program")?;
                let words = prefix.iter().copied().chain(["check"]).map(str::to_owned);
                options.check_command =
                    std::iter::once(program.to_string_lossy().into_owned()).chain(words).collect();
            }
            let report = kill_test(&options)?;
            Outcome::new(&report, report.text(), report.holds())
        }
        "check" => {
            let report = check(&read_options::<CheckOptions>(arguments)?)?;
            Outcome::new(&report, report.text(), report.violations.is_empty())
        }
        _ => bail!("unknown command; these exist:\n{}", usage()),
    }
}

/// Turns `--name value` pairs into an option struct through its field names.
fn read_options<T: DeserializeOwned>(arguments: &[String]) -> Result<T> {
    let mut fields = Map::new();
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { bail!("option {} has no value", pair[0]) };
        let name =
            name.strip_prefix("--").with_context(|| format!("{name:?} is no option of the form --name"))?;
        // Numbers, lists and null are JSON; everything else is text.
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.clone()));
        fields.insert(name.replace('-', "_"), value);
    }
    serde_json::from_value(Value::Object(fields)).context("reading the options")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_are_read_by_field_name() {
        let options: LoadOptions = read_options(&words(
            "--url 127.0.0.1:9 --connections 7 --rate-per-second 50 --reads-per-second null",
        ))
        .expect("valid");
        assert_eq!((options.url.as_str(), options.connections), ("127.0.0.1:9", 7));
        assert_eq!((options.rate_per_second, options.reads_per_second), (Some(50.0), None));
    }

    #[test]
    fn wrong_options_are_named() {
        for (line, part) in [
            ("--conections 7", "conections"),
            ("--connections", "no value"),
            ("connections 7", "--name"),
            ("--connections many", "many"),
        ] {
            let error = read_options::<LoadOptions>(&words(line)).expect_err(line);
            assert!(format!("{error:#}").contains(part), "{line}: {error:#}");
        }
    }
}
