//! What the load loop remembers of its answers, per lane (kind of request), and the report made of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::histogram::Histogram;
use super::process::ProcessSample;

/// Statuses above this are counted as this.
const HIGHEST_STATUS: usize = 599;

/// Counts of one kind of request.
#[derive(Clone)]
pub(crate) struct Lane {
    name: &'static str,
    latencies: Histogram,
    statuses: Vec<u64>,
    codes: Vec<(String, u64)>,
    in_window: u64,
    body_bytes: u64,
    broken: u64,
    unanswered: u64,
}

impl Lane {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            latencies: Histogram::default(),
            statuses: vec![0; HIGHEST_STATUS + 1],
            codes: Vec::new(),
            in_window: 0,
            body_bytes: 0,
            broken: 0,
            unanswered: 0,
        }
    }

    /// An answer to a request that was meant to be sent inside the measured window.
    pub(crate) fn latency(&mut self, nanoseconds: u64) {
        self.latencies.record(nanoseconds);
    }

    /// An answer that arrived inside the measured window.
    pub(crate) fn answer(&mut self, status: u16, body_bytes: u64, code: Option<&str>) {
        self.in_window += 1;
        self.body_bytes += body_bytes;
        self.statuses[usize::from(status).min(HIGHEST_STATUS)] += 1;
        let Some(code) = code else { return };
        match self.codes.iter_mut().find(|(known, _)| known == code) {
            Some((_, count)) => *count += 1,
            None => self.codes.push((code.to_owned(), 1)),
        }
    }

    pub(crate) fn broken(&mut self) {
        self.broken += 1;
    }

    pub(crate) fn unanswered(&mut self) {
        self.unanswered += 1;
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.name);
    }

    pub(crate) fn report(&self, seconds: f64) -> LaneReport {
        let microseconds = |nanoseconds: u64| nanoseconds as f64 / 1000.0;
        let statuses: BTreeMap<String, u64> = self
            .statuses
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(status, count)| (status.to_string(), *count))
            .collect();
        LaneReport {
            name: self.name.to_owned(),
            answers: self.in_window,
            per_second: per_second(self.in_window, seconds),
            p50_us: microseconds(self.latencies.quantile(500)),
            p90_us: microseconds(self.latencies.quantile(900)),
            p99_us: microseconds(self.latencies.quantile(990)),
            p999_us: microseconds(self.latencies.quantile(999)),
            max_us: microseconds(self.latencies.max()),
            statuses,
            codes: self.codes.iter().cloned().collect(),
            megabytes_per_second: self.body_bytes as f64 / 1e6 / seconds.max(f64::EPSILON),
            broken_connections: self.broken,
            unanswered: self.unanswered,
        }
    }
}

/// Count divided by time; zero for no time.
pub(crate) fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

/// Figures of one kind of request over the measured window.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LaneReport {
    /// Kind of request.
    pub name: String,
    /// Answers inside the window, of any status.
    pub answers: u64,
    /// Answers per second.
    pub per_second: f64,
    /// Median latency, microseconds, from the intended send time.
    pub p50_us: f64,
    /// 90 % quantile, microseconds.
    pub p90_us: f64,
    /// 99 % quantile, microseconds.
    pub p99_us: f64,
    /// 99.9 % quantile, microseconds.
    pub p999_us: f64,
    /// Slowest answer, microseconds.
    pub max_us: f64,
    /// Answers by status.
    pub statuses: BTreeMap<String, u64>,
    /// Refusals by the problem document's `code`.
    pub codes: BTreeMap<String, u64>,
    /// Body megabytes per second.
    pub megabytes_per_second: f64,
    /// Connections that broke with a request in flight.
    pub broken_connections: u64,
    /// Requests still without an answer when the drain time had passed.
    pub unanswered: u64,
}

impl LaneReport {
    /// Answers with this status.
    pub fn status(&self, status: u16) -> u64 {
        self.statuses.get(&status.to_string()).copied().unwrap_or(0)
    }
}

/// What the server's process did during the window.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ServerUse {
    /// CPU seconds spent.
    pub cpu_seconds: f64,
    /// CPU seconds per second: 1.0 is one core.
    pub cpu_share: f64,
    /// At the start of the window.
    pub before: ProcessSample,
    /// At its end.
    pub after: ProcessSample,
}

/// One run of the load loop.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RunReport {
    /// Length of the measured window, seconds.
    pub seconds: f64,
    /// Connections used.
    pub connections: usize,
    /// Per kind of request.
    pub lanes: Vec<LaneReport>,
    /// CPU seconds per second of the generator itself: near 1.0 it was the limit.
    pub generator_cpu_share: f64,
    /// The server's cost, when its process id was given.
    pub server: Option<ServerUse>,
    /// Most arrivals that waited for a free connection at once (open loop).
    pub backlog_peak: usize,
    /// Arrivals thrown away because the backlog was full (open loop); any makes the latencies too good.
    pub dropped_arrivals: u64,
}

impl RunReport {
    /// The lane of this name; an empty one when nothing was sent on it.
    pub fn lane(&self, name: &str) -> LaneReport {
        self.lanes.iter().find(|lane| lane.name == name).cloned().unwrap_or_default()
    }

    /// A few lines for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for lane in
            self.lanes.iter().filter(|lane| lane.answers + lane.broken_connections + lane.unanswered > 0)
        {
            text.push_str(&format!(
                "  {:<10} {:>10.0}/s  p50 {} p90 {} p99 {} p99.9 {} max {}  {:?}",
                lane.name,
                lane.per_second,
                milliseconds(lane.p50_us),
                milliseconds(lane.p90_us),
                milliseconds(lane.p99_us),
                milliseconds(lane.p999_us),
                milliseconds(lane.max_us),
                lane.statuses,
            ));
            if !lane.codes.is_empty() {
                text.push_str(&format!(" {:?}", lane.codes));
            }
            if lane.broken_connections + lane.unanswered > 0 {
                text.push_str(&format!(" broken {} unanswered {}", lane.broken_connections, lane.unanswered));
            }
            text.push('\n');
        }
        text.push_str(&format!(
            "  {:.1} s, {} connections; generator {:.0} % of a core",
            self.seconds,
            self.connections,
            self.generator_cpu_share * 100.0
        ));
        if let Some(server) = &self.server {
            text.push_str(&format!(
                ", server {:.0} % ({:.1} CPU s), resident {:.1} -> {:.1} MB, peak {:.1} MB",
                server.cpu_share * 100.0,
                server.cpu_seconds,
                server.before.resident_bytes as f64 / 1e6,
                server.after.resident_bytes as f64 / 1e6,
                server.after.peak_bytes as f64 / 1e6,
            ));
        }
        if self.backlog_peak > 0 || self.dropped_arrivals > 0 {
            text.push_str(&format!(
                ", backlog up to {}, {} dropped",
                self.backlog_peak, self.dropped_arrivals
            ));
        }
        text.push('\n');
        text
    }
}

fn milliseconds(microseconds: f64) -> String {
    if microseconds < 1000.0 {
        format!("{microseconds:.0} us")
    } else {
        format!("{:.1} ms", microseconds / 1000.0)
    }
}
