//! Independent checker: proves a journal against what the server shows after its last restart.
//!
//! It reads the journal and the public API and nothing else, and believes only the journal. Every rule is one-sided:
//! it reports what no correct server could have done, and accepts whatever an open outcome leaves possible, so that a
//! finding is always a fault.

mod answers;
mod history;
mod observe;
mod orders;
mod ownership;
mod shown;
mod story;
mod tickets;

#[cfg(test)]
mod planted;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use self::history::Outcome;
pub use self::history::{History, HistoryError};
pub use self::observe::Observation;
use self::story::Stories;
use crate::journal::read_journal;
use crate::load::parse_address;
use crate::plan::read_operator_key;

/// Findings printed for people; the rest is counted.
const MOST_PRINTED: usize = 40;

/// Something that no correct server could have done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    /// One of a fixed set of names, such as `two_owners`.
    pub kind: String,
    /// The seat or order, and the two facts that contradict each other.
    pub message: String,
}

impl Violation {
    pub(crate) fn new(kind: &'static str, message: String) -> Self {
        Self { kind: kind.to_owned(), message }
    }
}

/// What to check.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckOptions {
    /// The journal.
    pub journal: PathBuf,
    /// The server, restarted and idle.
    pub url: String,
    /// Bearer key that may read every order; none reads `operator.key` in `data`.
    pub operator_key: Option<String>,
    /// The server's data folder.
    pub data: PathBuf,
    /// Path or address of a listing `[{key, status, amount, refunded}]` of the gateway's charges.
    pub charges_url: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CheckReport {
    /// Seed of the run that wrote the journal.
    pub seed: Option<u64>,
    /// Kills in the journal.
    pub restarts: u32,
    /// Operations by what was asked and what came of it, such as `hold done`.
    pub operations: BTreeMap<String, u64>,
    /// Operations whose outcome had been open and was settled by asking again.
    pub settled: u64,
    /// Successes given again for a repeated key.
    pub replays: u64,
    /// Shows, seats and orders compared with what is shown.
    pub shows: usize,
    /// Seats on those maps.
    pub seats: usize,
    /// Acknowledged orders.
    pub orders: usize,
    /// Charges compared, when a listing was given.
    pub charges: Option<usize>,
    /// Everything wrong.
    pub violations: Vec<Violation>,
}

impl CheckReport {
    /// For people.
    pub fn text(&self) -> String {
        let charges =
            self.charges.map_or("charges not compared".to_owned(), |count| format!("{count} charges"));
        let mut text = format!(
            "  {} restarts; {} open outcomes settled, {} replays; {} shows, {} seats, {} orders, {charges}\n  {:?}\n",
            self.restarts, self.settled, self.replays, self.shows, self.seats, self.orders, self.operations
        );
        if self.violations.is_empty() {
            text.push_str(
                "  every acknowledged operation is there exactly once, nothing refused took effect\n",
            );
        }
        for violation in self.violations.iter().take(MOST_PRINTED) {
            text.push_str(&format!("  VIOLATION {}: {}\n", violation.kind, violation.message));
        }
        if self.violations.len() > MOST_PRINTED {
            text.push_str(&format!("  and {} more\n", self.violations.len() - MOST_PRINTED));
        }
        text
    }
}

/// Reads journal and server, and judges.
///
/// # Errors
/// When either cannot be read. What is wrong is not an error but in the report.
pub fn check(options: &CheckOptions) -> Result<CheckReport> {
    let history = History::of(&read_journal(&options.journal)?)?;
    let key = match &options.operator_key {
        Some(key) => key.clone(),
        None => read_operator_key(&options.data)?,
    };
    let address = parse_address(&options.url)?;
    let seen = Observation::fetch(address, &key, options.charges_url.as_deref(), &history)?;
    Ok(judge(&history, &seen))
}

/// Judges what was read. Pure: the same input gives the same findings.
pub fn judge(history: &History, seen: &Observation) -> CheckReport {
    let stories = Stories::of(history);
    let mut found = Vec::new();
    answers::judge(history, &mut found);
    ownership::judge(&stories, &mut found);
    tickets::judge(history, &stories, &mut found);
    shown::judge(history, &stories, seen, &mut found);
    orders::judge(&stories, seen, &mut found);
    if let Some(charges) = &seen.charges {
        orders::judge_charges(history, &stories, charges, &mut found);
    }
    found.sort();
    found.dedup();
    summary(history, &stories, seen, found)
}

fn summary(
    history: &History,
    stories: &Stories<'_>,
    seen: &Observation,
    violations: Vec<Violation>,
) -> CheckReport {
    let mut operations = BTreeMap::new();
    let (mut settled, mut replays) = (0, 0);
    for operation in history.operations.values() {
        let outcome = operation.outcome();
        let word = match outcome {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
            Outcome::Open => "open",
        };
        *operations.entry(format!("{} {word}", operation.action.name())).or_insert(0) += 1;
        let unknown =
            operation.answers().any(|(_, answer)| matches!(answer, history::Answer::Unknown { .. }));
        settled += u64::from(unknown && outcome != Outcome::Open);
        let successes =
            operation.answers().filter(|(_, answer)| matches!(answer, history::Answer::Ok { .. }));
        replays += (successes.count() as u64).saturating_sub(1);
    }
    CheckReport {
        seed: history.seed,
        restarts: history.restarts,
        operations,
        settled,
        replays,
        shows: seen.shows.len(),
        seats: seen.shows.values().map(|show| show.seats.len()).sum(),
        orders: stories.orders().count(),
        charges: seen.charges.as_ref().map(Vec::len),
        violations,
    }
}
