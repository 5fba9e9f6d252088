//! Races: many clients want one seat at the same moment, and two holds overlap in part.
//!
//! One seat has one winner, every loser is told which seat was gone, and a hold of several seats wins whole or takes
//! nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::http::{Client, Response};
use crate::load::parse_address;
use crate::plan::{Operator, Plan, Show, read_operator_key};
use crate::seeded::Seeded;

/// Price of the seats, minor units.
const PRICE: i64 = 10_000;
/// A racer that waits longer counts as wrong.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Seats of each of two overlapping holds, and how far the second is shifted.
const OVERLAPPING_SEATS: usize = 4;
const SHIFT: usize = 2;
/// Findings kept; more of the same adds nothing.
const MOST_KEPT: usize = 50;

/// Who races, how often, and against whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RaceOptions {
    /// The server.
    pub url: String,
    /// Bearer key of the operator; none reads `operator.key` in `data`.
    pub operator_key: Option<String>,
    /// The server's data folder.
    pub data: PathBuf,
    /// Clients that want the same seat.
    pub clients: usize,
    /// Seats raced for.
    pub rounds: usize,
    /// Pairs of overlapping holds.
    pub overlapping_rounds: usize,
}

impl Default for RaceOptions {
    fn default() -> Self {
        Self {
            url: "127.0.0.1:8080".to_owned(),
            operator_key: None,
            data: PathBuf::from("./data"),
            clients: 200,
            rounds: 100,
            overlapping_rounds: 100,
        }
    }
}

/// What came out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RaceReport {
    /// Seats raced for.
    pub rounds: usize,
    /// Answers by status in those races.
    pub statuses: BTreeMap<String, u64>,
    /// Pairs of overlapping holds.
    pub overlapping_rounds: usize,
    /// Everything wrong, at most fifty.
    pub wrong: Vec<String>,
}

impl RaceReport {
    /// Whether every race had one winner.
    pub fn holds(&self) -> bool {
        self.wrong.is_empty()
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "  {} seats raced for: {:?}; {} overlapping pairs\n",
            self.rounds, self.statuses, self.overlapping_rounds
        );
        for wrong in &self.wrong {
            text.push_str(&format!("  WRONG {wrong}\n"));
        }
        text
    }
}

/// Runs both races.
///
/// # Errors
/// When the server cannot be reached or the shows cannot be made.
pub fn race(options: &RaceOptions) -> Result<RaceReport> {
    let address = parse_address(&options.url)?;
    let key = match &options.operator_key {
        Some(key) => key.clone(),
        None => read_operator_key(&options.data)?,
    };
    let mut operator = Operator::new(address, &key);
    let mut report = RaceReport {
        rounds: options.rounds,
        overlapping_rounds: options.overlapping_rounds,
        ..RaceReport::default()
    };
    let one_seat = operator
        .create_open_show(Plan::with_seats(options.rounds.div_ceil(100).max(1) * 100, PRICE)?, None)?;
    let asks: Vec<Vec<Vec<String>>> = (0..options.rounds)
        .map(|round| vec![vec![one_seat.plan.seat_name(round)]; options.clients])
        .collect();
    for (round, answers) in run_rounds(address, &one_seat, &asks).into_iter().enumerate() {
        judge_one_seat(&one_seat.plan.seat_name(round), &answers, &mut report);
    }
    let width = OVERLAPPING_SEATS + SHIFT;
    let seats = (options.overlapping_rounds * width).div_ceil(100).max(1) * 100;
    let pairs = operator.create_open_show(Plan::with_seats(seats, PRICE)?, None)?;
    let asks: Vec<Vec<Vec<String>>> =
        (0..options.overlapping_rounds).map(|round| overlapping(&pairs, round * width)).collect();
    let answers = run_rounds(address, &pairs, &asks);
    let map = seat_map(address, &pairs)?;
    for (ask, answer) in asks.iter().zip(&answers) {
        judge_pair(ask, answer, &map, &mut report);
    }
    report.wrong.truncate(MOST_KEPT);
    Ok(report)
}

fn overlapping(show: &Show, first: usize) -> Vec<Vec<String>> {
    [0, SHIFT]
        .map(|shift| (0..OVERLAPPING_SEATS).map(|seat| show.plan.seat_name(first + shift + seat)).collect())
        .to_vec()
}

type Answer = Result<Response, String>;

/// Every racer sends its hold of each round at the same moment; answers by round and racer.
fn run_rounds(address: SocketAddr, show: &Show, asks: &[Vec<Vec<String>>]) -> Vec<Vec<Answer>> {
    let racers = asks.first().map_or(0, Vec::len);
    let barrier = Barrier::new(racers);
    let answers: Mutex<Vec<Vec<Option<Answer>>>> = Mutex::new(vec![vec![None; racers]; asks.len()]);
    let run = Seeded::fresh_seed();
    std::thread::scope(|scope| {
        for racer in 0..racers {
            let (barrier, answers) = (&barrier, &answers);
            scope.spawn(move || {
                let mut client = Client::new(address, ANSWER_LIMIT);
                for (round, ask) in asks.iter().enumerate() {
                    let key = format!("race-{run}-{round}-{racer}");
                    let body = json!({"seats": ask[racer]});
                    let path = format!("/v1/shows/{}/holds", show.id);
                    barrier.wait();
                    let answer = client.send("POST", &path, &[("Idempotency-Key", &key)], Some(&body));
                    let answer = answer.map_err(|error| error.to_string());
                    answers.lock().expect("no racer panics while it holds the list")[round][racer] =
                        Some(answer);
                }
            });
        }
    });
    let answers = answers.into_inner().expect("no racer panicked");
    answers.into_iter().map(|round| round.into_iter().flatten().collect()).collect()
}

fn judge_one_seat(seat: &str, answers: &[Answer], report: &mut RaceReport) {
    let mut winners = 0;
    for answer in answers {
        let status = answer.as_ref().map_or("no answer".to_owned(), |response| response.status.to_string());
        *report.statuses.entry(status).or_insert(0) += 1;
        match answer {
            Ok(response) if response.status == 201 => winners += 1,
            Ok(response) if response.status == 409 && conflicts(response) == [seat] => {}
            Ok(response) => {
                report.wrong.push(format!("seat {seat}: {} {}", response.status, response.excerpt()))
            }
            Err(error) => report.wrong.push(format!("seat {seat}: {error}")),
        }
    }
    if winners != 1 {
        report.wrong.push(format!("seat {seat} had {winners} winners"));
    }
}

fn conflicts(response: &Response) -> Vec<String> {
    let answer = response.json();
    let seats = answer["conflicting_seats"].as_array().map(Vec::as_slice).unwrap_or_default();
    seats.iter().filter_map(|seat| seat.as_str().map(str::to_owned)).collect()
}

/// One wins whole; the loser is told seats of the overlap and has taken none of its own.
fn judge_pair(
    asks: &[Vec<String>],
    answers: &[Answer],
    map: &BTreeMap<String, String>,
    report: &mut RaceReport,
) {
    let statuses: Vec<u16> =
        answers.iter().map(|answer| answer.as_ref().map_or(0, |response| response.status)).collect();
    let (winner, loser) = match statuses.as_slice() {
        [201, 409] => (0, 1),
        [409, 201] => (1, 0),
        _ => {
            report.wrong.push(format!("overlapping holds {asks:?} were answered {statuses:?}"));
            return;
        }
    };
    let told = answers[loser].as_ref().map(conflicts).unwrap_or_default();
    if told.is_empty() || told.iter().any(|seat| !asks[winner].contains(seat)) {
        report.wrong.push(format!(
            "the loser of {:?} was told {told:?} instead of seats of {:?}",
            asks[loser], asks[winner]
        ));
    }
    for seat in asks.concat() {
        let expected = if asks[winner].contains(&seat) { "held" } else { "available" };
        let shown = map.get(&seat).map_or("missing", String::as_str);
        if shown != expected {
            report.wrong.push(format!(
                "seat {seat} shows {shown} instead of {expected} after {:?} won",
                asks[winner]
            ));
        }
    }
}

fn seat_map(address: SocketAddr, show: &Show) -> Result<BTreeMap<String, String>> {
    let response = Client::new(address, ANSWER_LIMIT).get(&format!("/v1/shows/{}/seats", show.id), &[])?;
    let answer = response.json();
    let seats = answer["seats"].as_array().with_context(|| format!("no seat map: {}", response.excerpt()))?;
    let seat = |seat: &serde_json::Value| {
        Some((seat["seat"].as_str()?.to_owned(), seat["status"].as_str()?.to_owned()))
    };
    Ok(seats.iter().filter_map(seat).collect())
}
