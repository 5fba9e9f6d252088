//! The load loop: one thread, epoll, many connections, closed or open arrivals.
//!
//! Open loop means a constant arrival rate that does not slow down when the server does; latency counts from the
//! moment a request *should* have been sent, so that waiting in the generator's backlog is not forgotten. What is sent
//! is the workload's affair.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use super::connection::Connection;
use super::process;
use super::recorder::{Lane, RunReport, ServerUse};
use crate::http::json_text;

/// Bytes read at once; a compact map of 45,000 seats fits.
const SCRATCH: usize = 64 * 1024;
/// Events taken from the poller at once.
const EVENTS: usize = 1024;
/// Longest sleep in the poller.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// Answers may come this late after the end of the run before they count as missing.
const DRAIN: Duration = Duration::from_secs(10);
/// Connections that may break before the run is given up.
const MOST_BROKEN: u64 = 2_000;

/// What a connection shall do next.
pub(crate) enum Turn {
    /// The request was written into the buffer; send it on this lane.
    Send(usize),
    /// The request was written; it was due at this time on the run's clock (nanoseconds).
    SendDue(usize, u64),
    /// Ask again at this time on the run's clock (nanoseconds).
    WaitUntil(u64),
    /// Ask again when the workload says `wakes_parked`.
    Park,
    /// Nothing more on this connection.
    Finished,
}

/// An answer as the workload sees it.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// Decides what is sent and looks at what comes back.
pub(crate) trait Workload {
    /// Names of the kinds of request.
    fn lanes(&self) -> Vec<&'static str>;
    /// Writes the next request of this connection into `request` (which holds the previous one).
    fn next(&mut self, connection: usize, now_ns: u64, request: &mut Vec<u8>) -> Turn;
    /// Takes the answer to the request sent last on this connection.
    fn answered(&mut self, connection: usize, answer: &Answer<'_>);
    /// The connection broke before the answer came; it has been opened again.
    fn lost(&mut self, _connection: usize) {}
    /// Whether every parked connection shall be asked again; asked after each answer.
    fn wakes_parked(&mut self) -> bool {
        false
    }
}

/// How requests arrive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// Every connection sends when its last answer is in.
    Closed,
    /// `per_second` arrivals over the first `connections` connections; the others stay closed.
    Open { per_second: f64, connections: usize, backlog_limit: usize },
}

/// How long and against whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
    pub(crate) server_pid: Option<u32>,
}

/// Runs the workload and reports on the measured window.
pub(crate) fn run<W: Workload>(run: Run, workload: &mut W) -> Result<RunReport> {
    Driver::new(run, workload)?.drive()
}

struct Driver<'w, W> {
    run: Run,
    workload: &'w mut W,
    poller: OwnedFd,
    connections: Vec<Connection>,
    lanes: Vec<Lane>,
    scratch: Vec<u8>,
    started: Instant,
    timers: BinaryHeap<Reverse<(u64, usize)>>,
    free: VecDeque<usize>,
    backlog: VecDeque<u64>,
    arrivals: u64,
    backlog_peak: usize,
    dropped: u64,
    broken: u64,
    in_flight: usize,
    unfinished: usize,
    stopping: bool,
}

impl<'w, W: Workload> Driver<'w, W> {
    fn new(run: Run, workload: &'w mut W) -> Result<Self> {
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let lanes = workload.lanes().into_iter().map(Lane::new).collect();
        let mut driver = Self {
            run,
            workload,
            poller,
            connections: Vec::with_capacity(run.connections),
            lanes,
            scratch: vec![0; SCRATCH],
            started: Instant::now(),
            timers: BinaryHeap::with_capacity(run.connections),
            free: VecDeque::with_capacity(run.connections),
            backlog: VecDeque::new(),
            arrivals: 0,
            backlog_peak: 0,
            dropped: 0,
            broken: 0,
            in_flight: 0,
            unfinished: run.connections,
            stopping: false,
        };
        for index in 0..run.connections {
            let connection =
                Connection::open(run.address).with_context(|| format!("connecting to {}", run.address))?;
            driver.connections.push(connection);
            driver.watch(index)?;
        }
        driver.started = Instant::now();
        Ok(driver)
    }

    fn drive(mut self) -> Result<RunReport> {
        let paced = self.paced_connections();
        for index in (0..self.connections.len()).rev() {
            if index < paced { self.free.push_back(index) } else { self.issue(index, None)? }
        }
        let warm_up = nanoseconds(self.run.warm_up);
        let end = warm_up + nanoseconds(self.run.measure);
        let mut events = Vec::with_capacity(EVENTS);
        self.pump(warm_up, &mut events)?;
        for lane in &mut self.lanes {
            lane.clear();
        }
        (self.dropped, self.backlog_peak) = (0, self.backlog.len());
        let window_start = self.now();
        let cpu_before = process::own_cpu_time();
        let server_before = self.run.server_pid.map(process::sample).transpose()?;
        self.pump(end, &mut events)?;
        let seconds = (self.now() - window_start) as f64 / 1e9;
        let generator_cpu_share =
            (process::own_cpu_time() - cpu_before).as_secs_f64() / seconds.max(f64::EPSILON);
        let server = match (self.run.server_pid, server_before) {
            (Some(pid), Some(before)) => Some(server_use(before, process::sample(pid)?, seconds)),
            _ => None,
        };
        let mut lanes: Vec<_> = self.lanes.clone();
        self.drain(&mut events, window_start, &mut lanes)?;
        Ok(RunReport {
            seconds,
            connections: self.run.connections,
            lanes: lanes.iter().map(|lane| lane.report(seconds)).collect(),
            generator_cpu_share,
            server,
            backlog_peak: self.backlog_peak,
            dropped_arrivals: self.dropped,
        })
    }

    fn paced_connections(&self) -> usize {
        match self.run.pace {
            Pace::Closed => 0,
            Pace::Open { connections, .. } => connections,
        }
    }

    /// Runs until this time, or until the workload has finished and every answer is in.
    fn pump(&mut self, until: u64, events: &mut Vec<epoll::Event>) -> Result<()> {
        loop {
            let now = self.now();
            if now >= until || (self.unfinished == 0 && self.in_flight == 0) {
                return Ok(());
            }
            self.fire_timers(now)?;
            self.admit_arrivals(now)?;
            self.poll(self.next_moment(until).saturating_sub(self.now()), events)?;
        }
    }

    /// Waits for the answers that are still out, sends nothing new, and adds their latencies to the window's.
    fn drain(&mut self, events: &mut Vec<epoll::Event>, window_start: u64, lanes: &mut [Lane]) -> Result<()> {
        self.stopping = true;
        for lane in &mut self.lanes {
            lane.clear();
        }
        let last = self.now();
        let give_up = last + nanoseconds(DRAIN);
        let mut waiting: Vec<(usize, usize, u64)> = Vec::new();
        for (index, connection) in self.connections.iter().enumerate() {
            if connection.in_flight && connection.intended_ns >= window_start {
                waiting.push((index, connection.lane, connection.intended_ns));
            }
        }
        while !waiting.is_empty() && self.now() < give_up {
            self.poll(nanoseconds(LONGEST_WAIT), events)?;
            let now = self.now();
            waiting.retain(|(index, lane, intended)| {
                let answered = !self.connections[*index].in_flight;
                if answered {
                    lanes[*lane].latency(now - intended);
                }
                !answered
            });
        }
        for (_, lane, _) in &waiting {
            lanes[*lane].unanswered();
        }
        // Arrivals that never got a connection waited at least until now.
        for intended in &self.backlog {
            lanes[0].latency(last.saturating_sub(*intended));
            lanes[0].unanswered();
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        nanoseconds(self.started.elapsed())
    }

    fn next_moment(&self, until: u64) -> u64 {
        let timer = self.timers.peek().map_or(u64::MAX, |Reverse((due, _))| *due);
        until.min(timer).min(self.next_arrival())
    }

    fn next_arrival(&self) -> u64 {
        match self.run.pace {
            Pace::Closed => u64::MAX,
            Pace::Open { per_second, .. } => (self.arrivals as f64 * 1e9 / per_second) as u64,
        }
    }

    fn fire_timers(&mut self, now: u64) -> Result<()> {
        while let Some(Reverse((due, index))) = self.timers.peek().copied()
            && due <= now
        {
            self.timers.pop();
            self.issue(index, None)?;
        }
        Ok(())
    }

    fn admit_arrivals(&mut self, now: u64) -> Result<()> {
        let Pace::Open { backlog_limit, .. } = self.run.pace else { return Ok(()) };
        while self.next_arrival() <= now {
            let intended = self.next_arrival();
            self.arrivals += 1;
            if let Some(index) = self.free.pop_front() {
                self.issue(index, Some(intended))?;
            } else if self.backlog.len() < backlog_limit {
                self.backlog.push_back(intended);
                self.backlog_peak = self.backlog_peak.max(self.backlog.len());
            } else {
                self.dropped += 1;
            }
        }
        Ok(())
    }

    fn poll(&mut self, wait_ns: u64, events: &mut Vec<epoll::Event>) -> Result<()> {
        let wait = Duration::from_nanos(wait_ns).min(LONGEST_WAIT);
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
        match epoll::wait(&self.poller, spare_capacity(events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting for sockets"),
        }
        for event in events.drain(..) {
            let (index, flags) = (event.data.u64() as usize, event.flags);
            self.handle(index, flags)?;
        }
        Ok(())
    }

    fn handle(&mut self, index: usize, flags: epoll::EventFlags) -> Result<()> {
        let connection = &mut self.connections[index];
        if flags.contains(epoll::EventFlags::OUT) && connection.watches_writes {
            match connection.write_on() {
                Ok(true) => self.watch_writes(index, false)?,
                Ok(false) => {}
                Err(_) => return self.reopen(index),
            }
        }
        if !flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
            return Ok(());
        }
        match self.connections[index].read_on(&mut self.scratch) {
            Ok(true) => self.complete(index),
            Ok(false) => Ok(()),
            Err(_) => self.reopen(index),
        }
    }

    fn complete(&mut self, index: usize) -> Result<()> {
        let now = self.now();
        let connection = &mut self.connections[index];
        connection.in_flight = false;
        self.in_flight -= 1;
        let reader = &connection.reader;
        let lane = &mut self.lanes[connection.lane];
        // The code is looked for only in refusals: successes are the fast path.
        let code = if reader.status() >= 400 { json_text(reader.body(), "code") } else { None };
        lane.answer(reader.status(), reader.body_bytes(), code);
        lane.latency(now.saturating_sub(connection.intended_ns));
        self.workload.answered(index, &Answer { status: reader.status(), body: reader.body() });
        if reader.closes() {
            self.replace(index)?;
        }
        self.go_on(index)?;
        if self.workload.wakes_parked() {
            for parked in 0..self.connections.len() {
                if std::mem::take(&mut self.connections[parked].parked) {
                    self.issue(parked, None)?;
                }
            }
        }
        Ok(())
    }

    fn go_on(&mut self, index: usize) -> Result<()> {
        if index >= self.paced_connections() {
            return self.issue(index, None);
        }
        match self.backlog.pop_front() {
            Some(intended) if !self.stopping => self.issue(index, Some(intended)),
            Some(intended) => {
                self.backlog.push_front(intended);
                Ok(())
            }
            None => {
                self.free.push_back(index);
                Ok(())
            }
        }
    }

    /// Asks the workload for the connection's next request and starts it.
    fn issue(&mut self, index: usize, arrival: Option<u64>) -> Result<()> {
        if self.stopping {
            return Ok(());
        }
        let now = self.now();
        let connection = &mut self.connections[index];
        let (lane, due) = match self.workload.next(index, now, &mut connection.request) {
            Turn::Send(lane) => (lane, arrival.unwrap_or(now)),
            Turn::SendDue(lane, due) => (lane, due),
            Turn::WaitUntil(due) => {
                self.timers.push(Reverse((due, index)));
                return Ok(());
            }
            Turn::Park => {
                connection.parked = true;
                return Ok(());
            }
            Turn::Finished => {
                if !std::mem::replace(&mut connection.finished, true) {
                    self.unfinished -= 1;
                }
                return Ok(());
            }
        };
        self.in_flight += 1;
        match connection.start(lane, due) {
            Ok(true) => Ok(()),
            Ok(false) => self.watch_writes(index, true),
            Err(_) => self.reopen(index),
        }
    }

    /// A connection broke: count it, open it again, and go on.
    fn reopen(&mut self, index: usize) -> Result<()> {
        let connection = &mut self.connections[index];
        let lost_request = std::mem::take(&mut connection.in_flight);
        // A server may close a connection that idles.
        if lost_request {
            self.broken += 1;
            if self.broken > MOST_BROKEN {
                bail!(
                    "{} connections broke; the server at {} seems to be gone",
                    self.broken,
                    self.run.address
                );
            }
            self.in_flight -= 1;
            self.lanes[connection.lane].broken();
        }
        self.replace(index)?;
        if lost_request {
            self.workload.lost(index);
            self.go_on(index)?;
        }
        Ok(())
    }

    fn replace(&mut self, index: usize) -> Result<()> {
        let fresh = Connection::open(self.run.address)
            .with_context(|| format!("connecting again to {}", self.run.address))?;
        let old = &mut self.connections[index];
        // Closing the old stream takes it out of the poller.
        old.stream = fresh.stream;
        old.reader = fresh.reader;
        old.watches_writes = false;
        self.watch(index)
    }

    fn watch(&self, index: usize) -> Result<()> {
        let data = epoll::EventData::new_u64(index as u64);
        Ok(epoll::add(&self.poller, &self.connections[index].stream, data, epoll::EventFlags::IN)?)
    }

    fn watch_writes(&mut self, index: usize, on: bool) -> Result<()> {
        let connection = &mut self.connections[index];
        connection.watches_writes = on;
        let flags = if on { epoll::EventFlags::IN | epoll::EventFlags::OUT } else { epoll::EventFlags::IN };
        Ok(epoll::modify(&self.poller, &connection.stream, epoll::EventData::new_u64(index as u64), flags)?)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn server_use(before: process::ProcessSample, after: process::ProcessSample, seconds: f64) -> ServerUse {
    let cpu_seconds = after.cpu_ms.saturating_sub(before.cpu_ms) as f64 / 1000.0;
    ServerUse { cpu_seconds, cpu_share: cpu_seconds / seconds.max(f64::EPSILON), before, after }
}
