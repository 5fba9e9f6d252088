//! Workload `holds`: distinct single-seat holds, and the same beside readers of the seat map.

use serde::Serialize;

use super::connection::MuteReader;
use super::driver::{Answer, Turn, Workload, run};
use super::options::LoadOptions;
use super::recorder::RunReport;
use super::requests::{HoldRequest, Keys, Map, SeatSupply, seat_map_request};
use anyhow::Result;

/// Seats of the show whose map is read beside the holds.
const READ_SHOW_SEATS: usize = 20_000;
/// Lane of the holds.
const HOLD: usize = 0;
/// Lane of the reads.
const READ: usize = 1;

/// Holders on the first connections, readers of the show being sold on the others.
struct HoldsBesideReaders {
    supply: SeatSupply,
    holds: Vec<HoldRequest>,
    reads: Vec<Vec<u8>>,
    keys: Keys,
    holders: usize,
    read_every_ns: Option<u64>,
    next_read_ns: Vec<u64>,
}

impl Workload for HoldsBesideReaders {
    fn lanes(&self) -> Vec<&'static str> {
        vec!["hold", "map"]
    }

    fn next(&mut self, connection: usize, now_ns: u64, request: &mut Vec<u8>) -> Turn {
        if connection >= self.holders {
            return self.next_read(connection, now_ns, request);
        }
        let Some((show, seat)) = self.supply.take() else { return Turn::Finished };
        self.holds[show].write(seat, &mut self.keys, request);
        Turn::Send(HOLD)
    }

    fn answered(&mut self, _connection: usize, _answer: &Answer<'_>) {}
}

impl HoldsBesideReaders {
    fn new(options: &LoadOptions, seats_per_show: usize, shows: usize, readers: &Readers) -> Result<Self> {
        let supply = SeatSupply::new(options.make_shows(shows, seats_per_show)?);
        Ok(Self {
            holds: supply.shows().iter().map(HoldRequest::new).collect(),
            reads: supply.shows().iter().map(|show| seat_map_request(show, readers.map)).collect(),
            supply,
            keys: Keys::new(),
            holders: options.connections,
            read_every_ns: readers.per_second.map(|rate| (1e9 / rate) as u64),
            next_read_ns: vec![0; readers.count],
        })
    }

    fn next_read(&mut self, connection: usize, now_ns: u64, request: &mut Vec<u8>) -> Turn {
        let read = |request: &mut Vec<u8>| {
            request.clear();
            request.extend_from_slice(&self.reads[self.supply.current()]);
        };
        let Some(every) = self.read_every_ns else {
            read(request);
            return Turn::Send(READ);
        };
        let reader = connection - self.holders;
        let due = self.next_read_ns[reader];
        if due == 0 {
            // The readers start spread over one interval, not all at once.
            self.next_read_ns[reader] = now_ns + every * (reader as u64 + 1) / self.next_read_ns.len() as u64;
            return Turn::WaitUntil(self.next_read_ns[reader]);
        }
        if due > now_ns {
            return Turn::WaitUntil(due);
        }
        read(request);
        self.next_read_ns[reader] = due + every;
        Turn::SendDue(READ, due)
    }
}

/// Who reads beside the holders.
struct Readers {
    count: usize,
    per_second: Option<f64>,
    map: Map,
    mute: bool,
}

const NO_READERS: Readers = Readers { count: 0, per_second: None, map: Map::Compact, mute: false };

/// Distinct single-seat holds over `shows` shows of `seats_per_show` seats, one show after the other.
///
/// Uses `connections`, `seconds`, `rate_per_second`, `shows`, `seats_per_show`.
///
/// # Errors
/// When the server cannot be reached or the shows cannot be made.
pub fn holds(options: &LoadOptions) -> Result<RunReport> {
    let mut workload = HoldsBesideReaders::new(options, options.seats_per_show, options.shows, &NO_READERS)?;
    run(options.run(options.connections)?, &mut workload)
}

/// Holds alone, and beside readers of each kind of map, in one report.
#[derive(Clone, Debug, Serialize)]
pub struct BesideReadersReport {
    /// The same load without readers.
    pub alone: RunReport,
    /// With readers of the two-bit map.
    pub compact: RunReport,
    /// Hold rate with compact readers over the rate alone.
    pub compact_ratio: f64,
    /// With readers of the full JSON map who take gzip, as browsers do.
    pub compressed: RunReport,
    /// Hold rate with such readers over the rate alone.
    pub compressed_ratio: f64,
    /// With readers of the full JSON map who do not.
    pub full: RunReport,
    /// Hold rate with readers of the full map over the rate alone.
    pub full_ratio: f64,
    /// Requests that the never-reading client got rid of before the server stopped listening to it, in the same order.
    pub mute_requests: [usize; 3],
}

impl BesideReadersReport {
    /// For people.
    pub fn text(&self) -> String {
        format!(
            "alone\n{}beside readers of the compact map: {:.0} % of the rate\n{}beside readers of the full map who take gzip: {:.0} %\n{}\
             beside readers of the full map: {:.0} %\n{}",
            self.alone.text(),
            self.compact_ratio * 100.0,
            self.compact.text(),
            self.compressed_ratio * 100.0,
            self.compressed.text(),
            self.full_ratio * 100.0,
            self.full.text()
        )
    }
}

/// Holds beside `readers` readers of a 20,000-seat map, one of which never reads its answers.
///
/// Uses `connections`, `seconds`, `readers`, `reads_per_second` (none: the readers run a closed loop).
///
/// # Errors
/// When the server cannot be reached or the shows cannot be made.
pub fn holds_beside_readers(options: &LoadOptions) -> Result<BesideReadersReport> {
    let shows = (options.shows * options.seats_per_show).div_ceil(READ_SHOW_SEATS);
    let one = |readers: Readers| -> Result<(RunReport, usize)> {
        let mut workload = HoldsBesideReaders::new(options, READ_SHOW_SEATS, shows, &readers)?;
        // Connected for the whole run, though nothing is ever read from it.
        let mute = match (readers.mute, workload.reads.first()) {
            (true, Some(request)) => Some(MuteReader::open(options.address()?, request)?),
            _ => None,
        };
        let report = run(options.run(options.connections + readers.count)?, &mut workload)?;
        Ok((report, mute.map_or(0, |mute| mute.requests)))
    };
    let readers = |map| Readers {
        count: options.readers.saturating_sub(1),
        per_second: options.reads_per_second,
        map,
        mute: options.readers > 0,
    };
    let (alone, _) = one(NO_READERS)?;
    let (compact, compact_mute) = one(readers(Map::Compact))?;
    let (compressed, compressed_mute) = one(readers(Map::WholeCompressed))?;
    let (full, full_mute) = one(readers(Map::Whole))?;
    let ratio =
        |with: &RunReport| with.lane("hold").per_second / alone.lane("hold").per_second.max(f64::EPSILON);
    Ok(BesideReadersReport {
        compact_ratio: ratio(&compact),
        compressed_ratio: ratio(&compressed),
        full_ratio: ratio(&full),
        alone,
        compact,
        compressed,
        full,
        mute_requests: [compact_mute, compressed_mute, full_mute],
    })
}

/// Reads of one show's seat map, nothing else.
struct MapReads {
    request: Vec<u8>,
}

impl Workload for MapReads {
    fn lanes(&self) -> Vec<&'static str> {
        vec!["map"]
    }

    fn next(&mut self, _connection: usize, _now_ns: u64, request: &mut Vec<u8>) -> Turn {
        if request.is_empty() {
            request.extend_from_slice(&self.request);
        }
        Turn::Send(0)
    }

    fn answered(&mut self, _connection: usize, _answer: &Answer<'_>) {}
}

/// Reads per second of the compact map of one show with `seats_per_show` seats.
///
/// Uses `connections`, `seconds`, `rate_per_second`, `seats_per_show`.
///
/// # Errors
/// When the server cannot be reached or the show cannot be made.
pub fn seat_map(options: &LoadOptions) -> Result<RunReport> {
    let shows = options.make_shows(1, options.seats_per_show)?;
    let mut workload = MapReads { request: seat_map_request(&shows[0], Map::Compact) };
    run(options.run(options.connections)?, &mut workload)
}
