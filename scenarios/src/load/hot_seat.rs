//! Workload `hot-seat`: every connection wants the same seat, round after round on a fresh one.
//!
//! Each round must have exactly one winner; every loser must be told which seat was gone.

use anyhow::Result;
use serde::Serialize;

use super::driver::{Answer, Turn, Workload, run};
use super::options::LoadOptions;
use super::recorder::RunReport;
use super::requests::{HoldRequest, Keys, SeatSupply};
use crate::plan::SEAT_NAME_LENGTH;

struct HotSeat {
    supply: SeatSupply,
    holds: Vec<HoldRequest>,
    keys: Keys,
    racers: usize,
    seat: Option<(usize, usize)>,
    seat_name: [u8; SEAT_NAME_LENGTH],
    started: usize,
    answered: usize,
    won: usize,
    lost_answers: usize,
    rounds: u64,
    wake: bool,
    wrong: Vec<String>,
}

/// Wrong rounds named in the report.
const MOST_NAMED: usize = 20;

impl Workload for HotSeat {
    fn lanes(&self) -> Vec<&'static str> {
        vec!["hold"]
    }

    fn next(&mut self, _connection: usize, _now_ns: u64, request: &mut Vec<u8>) -> Turn {
        if self.started == self.racers {
            return Turn::Park;
        }
        let Some((show, seat)) = self.seat else { return Turn::Finished };
        self.started += 1;
        self.holds[show].write(seat, &mut self.keys, request);
        Turn::Send(0)
    }

    fn answered(&mut self, _connection: usize, answer: &Answer<'_>) {
        match answer.status {
            201 => self.won += 1,
            409 if names_conflict(answer.body, &self.seat_name) => {}
            status => self.complain(format!(
                "got {status} without its conflicting seat: {}",
                String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)])
            )),
        }
        self.finish_one();
    }

    fn lost(&mut self, _connection: usize) {
        self.lost_answers += 1;
        self.finish_one();
    }

    fn wakes_parked(&mut self) -> bool {
        std::mem::take(&mut self.wake)
    }
}

impl HotSeat {
    fn new(supply: SeatSupply, racers: usize) -> Self {
        let mut workload = Self {
            holds: supply.shows().iter().map(HoldRequest::new).collect(),
            supply,
            keys: Keys::new(),
            racers,
            seat: None,
            seat_name: [0; SEAT_NAME_LENGTH],
            started: 0,
            answered: 0,
            won: 0,
            lost_answers: 0,
            rounds: 0,
            wake: false,
            wrong: Vec::new(),
        };
        workload.next_round();
        workload
    }

    fn finish_one(&mut self) {
        self.answered += 1;
        if self.answered < self.racers {
            return;
        }
        self.rounds += 1;
        // A lost answer may have been the winner's.
        if self.won > 1 || self.won + self.lost_answers == 0 {
            self.complain(format!("{} winners", self.won));
        }
        self.next_round();
        self.wake = true;
    }

    fn next_round(&mut self) {
        self.seat = self.supply.take();
        if let Some((show, seat)) = self.seat {
            self.supply.shows()[show].plan.write_seat_name(seat, &mut self.seat_name);
        }
        (self.started, self.answered, self.won, self.lost_answers) = (0, 0, 0, 0);
    }

    fn complain(&mut self, what: String) {
        if self.wrong.len() < MOST_NAMED {
            self.wrong.push(format!("seat {}: {what}", String::from_utf8_lossy(&self.seat_name)));
        }
    }
}

fn names_conflict(body: &[u8], seat: &[u8]) -> bool {
    let position = |needle: &[u8]| body.windows(needle.len()).position(|window| window == needle);
    position(b"\"conflicting_seats\"")
        .is_some_and(|start| body[start..].windows(seat.len()).any(|window| window == seat))
}

/// Result of `hot-seat`.
#[derive(Clone, Debug, Serialize)]
pub struct HotSeatReport {
    /// Rates and latencies.
    pub run: RunReport,
    /// Seats raced for, warm-up included.
    pub rounds: u64,
    /// Rounds that went wrong (the first twenty).
    pub wrong: Vec<String>,
}

impl HotSeatReport {
    /// For people.
    pub fn text(&self) -> String {
        let verdict = if self.wrong.is_empty() {
            "exactly one winner each".to_owned()
        } else {
            self.wrong.join("\n  ")
        };
        format!("{}  {} seats raced for: {verdict}\n", self.run.text(), self.rounds)
    }
}

/// All connections want the same seat, again and again. Uses `connections`, `seconds`, `seats_per_show`.
///
/// # Errors
/// When the server cannot be reached or the show cannot be made.
pub fn hot_seat(options: &LoadOptions) -> Result<HotSeatReport> {
    let supply = SeatSupply::new(options.make_shows(1, options.seats_per_show)?);
    let mut workload = HotSeat::new(supply, options.connections);
    let mut load = options.run(options.connections)?;
    // Rounds are what is paced here; an arrival rate makes no sense.
    load.pace = super::driver::Pace::Closed;
    let run = run(load, &mut workload)?;
    Ok(HotSeatReport { run, rounds: workload.rounds, wrong: workload.wrong })
}
