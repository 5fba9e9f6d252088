//! Workloads that end their holds: `purchases`, `fill` and `soak`.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::driver::{Answer, Pace, Turn, Workload, run};
use super::holds::holds;
use super::options::LoadOptions;
use super::process::{self, ProcessSample};
use super::recorder::RunReport;
use super::requests::{HeldSeats, HoldEnding, HoldRequest, Keys, SeatSupply};
use crate::buyer::Buyer;

/// Longest time that selling a given number of seats may take.
const FILL_LIMIT: Duration = Duration::from_secs(3600);
/// Arrivals per second of the soak unless told otherwise.
const SOAK_RATE: f64 = 2000.0;

#[derive(Clone, Copy, PartialEq)]
enum Ending {
    Purchase,
    Release,
}

/// Each connection holds a seat, then buys or releases it, then takes the next.
struct HoldAndEnd {
    supply: SeatSupply,
    holds: Vec<HoldRequest>,
    keys: Keys,
    ending: Ending,
    endings: HoldEnding,
    buyers: Vec<Buyer>,
    next_buyer: usize,
    held: Vec<HeldSeats>,
    holding: Vec<bool>,
    asked: Vec<usize>,
    ended: u64,
    refused: u64,
    samples: Option<Samples>,
}

struct Samples {
    pid: u32,
    every_ns: u64,
    next_ns: u64,
    taken: Vec<(f64, ProcessSample)>,
}

impl Workload for HoldAndEnd {
    fn lanes(&self) -> Vec<&'static str> {
        vec!["hold", if self.ending == Ending::Purchase { "purchase" } else { "release" }]
    }

    fn next(&mut self, connection: usize, now_ns: u64, request: &mut Vec<u8>) -> Turn {
        if let Some(samples) = &mut self.samples {
            samples.take_due(now_ns);
        }
        if std::mem::take(&mut self.holding[connection]) {
            let held = &self.held[connection];
            let show = &self.supply.shows()[held.show];
            match self.ending {
                Ending::Release => self.endings.write_release(show, held, request),
                Ending::Purchase => {
                    let buyer = &self.buyers[self.next_buyer];
                    self.next_buyer = (self.next_buyer + 1) % self.buyers.len();
                    self.endings.write_purchase(show, held, buyer, request);
                }
            }
            self.asked[connection] = usize::MAX;
            return Turn::Send(1);
        }
        if self.ending == Ending::Release && self.supply.current() + 1 == self.supply.shows().len() {
            // Released seats can be held again: start over before the last show is used up.
            self.supply = SeatSupply::new(self.supply.shows().to_vec());
        }
        let Some((show, seat)) = self.supply.take() else { return Turn::Finished };
        self.asked[connection] = show;
        self.holds[show].write(seat, &mut self.keys, request);
        Turn::Send(0)
    }

    fn answered(&mut self, connection: usize, answer: &Answer<'_>) {
        let show = self.asked[connection];
        if show == usize::MAX {
            if matches!(answer.status, 200 | 201 | 204) { self.ended += 1 } else { self.refused += 1 }
        } else if answer.status == 201 {
            self.holding[connection] = self.held[connection].take(show, answer.body);
        } else {
            self.refused += 1;
        }
    }
}

impl HoldAndEnd {
    fn new(options: &LoadOptions, supply: SeatSupply, ending: Ending) -> Self {
        Self {
            holds: supply.shows().iter().map(HoldRequest::new).collect(),
            supply,
            keys: Keys::new(),
            ending,
            endings: HoldEnding::new(),
            buyers: (0..options.buyers.max(1)).map(Buyer::numbered).collect(),
            next_buyer: 0,
            held: (0..options.connections).map(|_| HeldSeats::default()).collect(),
            holding: vec![false; options.connections],
            asked: vec![0; options.connections],
            ended: 0,
            refused: 0,
            samples: None,
        }
    }
}

impl Samples {
    fn take_due(&mut self, now_ns: u64) {
        if now_ns < self.next_ns {
            return;
        }
        self.next_ns = now_ns + self.every_ns;
        // A server that is gone shows up in the load itself.
        if let Ok(sample) = process::sample(self.pid) {
            self.taken.push((now_ns as f64 / 1e9, sample));
        }
    }
}

/// Hold and purchase end to end, each connection one after the other, with distinct buyers.
///
/// Uses `connections`, `seconds`, `rate_per_second` (arrivals of either step), `shows`, `seats_per_show`, `buyers`.
///
/// # Errors
/// When the server cannot be reached or the shows cannot be made.
pub fn purchases(options: &LoadOptions) -> Result<RunReport> {
    let supply = SeatSupply::new(options.make_shows(options.shows, options.seats_per_show)?);
    let mut workload = HoldAndEnd::new(options, supply, Ending::Purchase);
    run(options.run(options.connections)?, &mut workload)
}

/// Result of `fill`.
#[derive(Clone, Debug, Serialize)]
pub struct FillReport {
    /// Holds per second before anything was sold.
    pub holds_before: RunReport,
    /// The sale itself.
    pub sale: RunReport,
    /// Seats sold.
    pub sold: u64,
    /// Holds or purchases refused on the way.
    pub refused: u64,
    /// Holds per second afterwards.
    pub holds_after: RunReport,
    /// Rate afterwards over rate before.
    pub ratio: f64,
    /// Resident bytes per seat of the shows made for the sale, while all were free.
    pub bytes_per_free_seat: Option<f64>,
    /// Resident bytes added per seat sold.
    pub bytes_per_sold_seat: Option<f64>,
}

impl FillReport {
    /// For people.
    pub fn text(&self) -> String {
        let bytes = |value: Option<f64>| {
            value.map_or("unknown (no process id)".to_owned(), |value| format!("{value:.0}"))
        };
        format!(
            "holds before\n{}sale of {} seats ({} refused)\n{}holds after: {:.0} % of the rate before\n{}  \
             memory: {} bytes a free seat, {} bytes a sold one\n",
            self.holds_before.text(),
            self.sold,
            self.refused,
            self.sale.text(),
            self.ratio * 100.0,
            self.holds_after.text(),
            bytes(self.bytes_per_free_seat),
            bytes(self.bytes_per_sold_seat),
        )
    }
}

/// Sells `seats_to_sell` seats as fast as possible, one order each, and measures holds before and after.
///
/// Uses `connections`, `seconds`, `shows`, `seats_per_show`, `buyers`, `pid`.
///
/// # Errors
/// When the server cannot be reached or the shows cannot be made.
pub fn fill(options: &LoadOptions) -> Result<FillReport> {
    let resident =
        || options.pid.map(process::sample).transpose().map(|sample| sample.map(|s| s.resident_bytes as f64));
    let holds_before = holds(options)?;
    let at_start = resident()?;
    let shows = options.seats_to_sell.div_ceil(options.seats_per_show);
    let supply = SeatSupply::new(options.make_shows(shows, options.seats_per_show)?);
    let seats = (shows * options.seats_per_show) as f64;
    let all_free = resident()?;
    let mut workload = HoldAndEnd::new(options, supply, Ending::Purchase);
    let mut load = options.run(options.connections)?;
    (load.pace, load.warm_up, load.measure) = (Pace::Closed, Duration::ZERO, FILL_LIMIT);
    let sale = run(load, &mut workload)?;
    options.wait_until_quiet()?;
    let all_sold = resident()?;
    let holds_after = holds(options)?;
    let per = |from: Option<f64>, to: Option<f64>, count: f64| Some((to? - from?) / count.max(1.0));
    Ok(FillReport {
        ratio: holds_after.lane("hold").per_second / holds_before.lane("hold").per_second.max(f64::EPSILON),
        bytes_per_free_seat: per(at_start, all_free, seats),
        bytes_per_sold_seat: per(all_free, all_sold, workload.ended as f64),
        sold: workload.ended,
        refused: workload.refused,
        holds_before,
        sale,
        holds_after,
    })
}

/// Result of `soak`.
#[derive(Clone, Debug, Serialize)]
pub struct SoakReport {
    /// Rates and latencies over the whole time.
    pub run: RunReport,
    /// Seconds since the start and what the server's process looked like.
    pub samples: Vec<(f64, ProcessSample)>,
    /// Growth of resident memory, bytes per minute (least squares over the second half).
    pub bytes_per_minute: f64,
}

impl SoakReport {
    /// For people.
    pub fn text(&self) -> String {
        let megabytes: Vec<String> = self
            .samples
            .iter()
            .map(|(_, sample)| format!("{:.0}", sample.resident_bytes as f64 / 1e6))
            .collect();
        format!(
            "{}  resident MB: {}\n  growth in the second half: {:.0} bytes/minute\n",
            self.run.text(),
            megabytes.join(" "),
            self.bytes_per_minute
        )
    }
}

/// Steady hold-and-release load with looks at the server's memory.
///
/// Uses `connections`, `seconds` (600 for the published figure), `rate_per_second` (2,000 unless given), `shows`,
/// `seats_per_show`, `sample_seconds`, and needs `pid`.
///
/// # Errors
/// When no process id is given, the server cannot be reached or the shows cannot be made.
pub fn soak(options: &LoadOptions) -> Result<SoakReport> {
    let pid = options.pid.context("soak looks at the server's memory: its process id is needed")?;
    let supply = SeatSupply::new(options.make_shows(options.shows.max(2), options.seats_per_show)?);
    let mut workload = HoldAndEnd::new(options, supply, Ending::Release);
    let every_ns = options.sample_seconds.max(1) * 1_000_000_000;
    workload.samples = Some(Samples { pid, every_ns, next_ns: 0, taken: Vec::new() });
    let mut paced = options.clone();
    paced.rate_per_second = Some(options.rate_per_second.unwrap_or(SOAK_RATE));
    let run = run(paced.run(options.connections)?, &mut workload)?;
    let samples = workload.samples.map(|samples| samples.taken).unwrap_or_default();
    Ok(SoakReport { run, bytes_per_minute: slope(&samples[samples.len() / 2..]) * 60.0, samples })
}

/// Bytes per second by least squares; zero for fewer than two samples.
fn slope(samples: &[(f64, ProcessSample)]) -> f64 {
    let count = samples.len() as f64;
    let mean = |value: &dyn Fn(&(f64, ProcessSample)) -> f64| {
        samples.iter().map(value).sum::<f64>() / count.max(1.0)
    };
    let (mean_time, mean_bytes) = (mean(&|s| s.0), mean(&|s| s.1.resident_bytes as f64));
    let mut above = 0.0;
    let mut below = 0.0;
    for (time, sample) in samples {
        above += (time - mean_time) * (sample.resident_bytes as f64 - mean_bytes);
        below += (time - mean_time) * (time - mean_time);
    }
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_of_a_line_is_found() {
        let sample = |time: u64| {
            (
                time as f64,
                ProcessSample { resident_bytes: 1_000_000 + 500 * time, ..ProcessSample::default() },
            )
        };
        let samples: Vec<_> = (0..20).map(sample).collect();
        assert!((slope(&samples) - 500.0).abs() < 1e-6);
        assert_eq!(slope(&samples[..1]), 0.0);
        assert_eq!(slope(&[]), 0.0);
    }
}
