//! The distributed system under load while its parts fail in turn: replicas are killed and paused, the leader of the NATS
//! servers is killed, PostgreSQL and billing are killed; afterwards the independent checker says whether anything was lost or doubled.
//!
//! Clients go through the load balancer and repeat what was open under the same keys, as buyers' browsers do. A pulse of holds
//! on several shows measures how long selling was interrupted, on whichever show it was longest.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::checker::{CheckOptions, CheckReport, check};
use crate::http::Client;
use crate::journal::{JournalWriter, Record, now_ms};
use crate::kill::buyer_loop::BuyerLoop;
use crate::kill::gate::{Gate, Phase, SellingShow};
use crate::load::parse_address;
use crate::paper_trail::{self, PaperTrail};
use crate::plan::{Operator, Plan};
use crate::seeded::Seeded;
use crate::system::pulse::Pulse;
use crate::system::{System, SystemOptions};

/// Price of the seats, minor units; odd, so that a wrong sum is rarely right by chance.
const PRICE: i64 = 12_345;
/// The stream of the log, where the address names none.
const LOG_STREAM: &str = "TICKETFLOW";
/// Shows whose holds are the pulse: enough that each command service has some of them.
const PULSE_SHOWS: usize = 8;
/// Times that a client asks about an operation that is answered with "open", with a pause of 50 ms: longer than any outage.
const ASK_UP_TO: u32 = 1_200;
/// A replica that was gone may interrupt its shows so long, the leader of the NATS servers all shows.
const REPLICA_LIMIT: Duration = Duration::from_secs(10);
const LEADER_LIMIT: Duration = Duration::from_secs(15);
/// Nobody who sells needs PostgreSQL: what the pulse may show of its end is the ordinary pace of a loaded machine.
const NO_INTERRUPTION: Duration = Duration::from_secs(1);
/// How long all NATS servers are gone: longer than a command service stays ready without them.
const NATS_GONE: Duration = Duration::from_secs(8);
const BETWEEN_READS: Duration = Duration::from_millis(50);
/// How long an instance of billing is gone before the next one goes.
const BILLING_GONE: Duration = Duration::from_secs(3);
/// How long papers may take once everything is there again: a lease expires, a backlog is worked off.
const PAPERS_WITHIN: Duration = Duration::from_secs(60);
/// How long PostgreSQL is gone.
const POSTGRES_GONE: Duration = Duration::from_secs(5);

/// What fails, and under which load.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutageOptions {
    /// The program.
    pub binary: PathBuf,
    /// Clients at once.
    pub clients: u32,
    /// Times that the list of failures is gone through.
    pub rounds: u32,
    /// Seconds of work before each failure.
    pub work_seconds: u64,
    /// Seconds that a paused replica stands still.
    pub pause_seconds: u64,
    /// Seats of each show; few, so that clients meet. One show is added before each failure.
    pub seats_per_show: usize,
    /// Whether writes go to any command service instead of the show's own.
    pub random_routing: bool,
    /// Seed; none takes a fresh one, which the report names.
    pub seed: Option<u64>,
}

impl Default for OutageOptions {
    fn default() -> Self {
        Self {
            binary: PathBuf::from("target/release/ticketflow"),
            clients: 24,
            rounds: 1,
            work_seconds: 4,
            pause_seconds: 30,
            seats_per_show: 200,
            random_routing: false,
            seed: None,
        }
    }
}

/// One failure and what it did to selling.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutageResult {
    /// What failed.
    pub outage: String,
    /// The longest time that any show of the pulse was without a successful hold, milliseconds.
    pub longest_silence_ms: u64,
    /// What it may be.
    pub limit_ms: u64,
}

/// What came out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutageReport {
    /// Seed of every choice.
    pub seed: u64,
    /// Each failure.
    pub outages: Vec<OutageResult>,
    /// Operations that stayed open for their client.
    pub left_open: u32,
    /// Reads that failed while only those who write had a reason to.
    pub failed_reads: Vec<String>,
    /// Where all replicas stood at the end, with the same chain hash.
    pub position: u64,
    /// What was wrong with the replicas' logs.
    pub failed_verifications: Vec<String>,
    /// The checker's findings.
    pub check: CheckReport,
    /// What became of receipts and mails.
    pub papers: PaperTrail,
    /// Where data, process logs and journal are, when they were kept.
    pub kept_in: Option<PathBuf>,
}

impl OutageReport {
    /// Whether nothing was lost or doubled, and selling went on in time.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failed_verifications.is_empty()
            && self.left_open == 0
            && self.failed_reads.is_empty()
            && self.check.violations.is_empty()
            && self.papers.violations.is_empty()
            && self.outages.iter().all(|outage| outage.longest_silence_ms <= outage.limit_ms)
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("  seed {}; all replicas at position {}\n", self.seed, self.position);
        for outage in &self.outages {
            let verdict = if outage.longest_silence_ms <= outage.limit_ms { "" } else { "  TOO LONG" };
            text.push_str(&format!(
                "  {:<44} selling interrupted for {:>6} ms at most (limit {} ms){verdict}\n",
                outage.outage, outage.longest_silence_ms, outage.limit_ms
            ));
        }
        text.push_str(&format!("  {} operations left open\n{}", self.left_open, self.check.text()));
        text.push_str(&self.papers.text());
        for failure in self.failed_reads.iter().chain(&self.failed_verifications) {
            text.push_str(&format!("  {failure}\n"));
        }
        if let Some(folder) = &self.kept_in {
            text.push_str(&format!("  data and journal are in {}\n", folder.display()));
        }
        text
    }
}

/// What can fail.
#[derive(Clone, Copy, Debug)]
enum Outage {
    KillReplica(usize),
    KillLeader,
    KillFollower,
    KillNats,
    PauseReplica(usize),
    KillPostgres,
    KillBilling,
}

/// In this order.
const OUTAGES: [Outage; 8] = [
    Outage::KillPostgres,
    Outage::KillBilling,
    Outage::KillFollower,
    Outage::KillReplica(0),
    Outage::KillReplica(1),
    Outage::KillLeader,
    Outage::KillNats,
    Outage::PauseReplica(0),
];

/// Runs the scenario.
///
/// # Errors
/// When the system does not start or come back, or the journal cannot be written. What it does wrong is part of the report.
pub fn outages(options: &OutageOptions) -> Result<OutageReport> {
    let system = SystemOptions {
        binary: options.binary.clone(),
        command_services: 2,
        random_routing: options.random_routing,
        billing: 2,
        mail: None,
        boletas: false,
    };
    let system = System::start(&system, |what| eprintln!("starting {what}"))?;
    let seed = options.seed.unwrap_or_else(Seeded::fresh_seed);
    let mut run = Run::new(options, seed, system)?;
    let report = run.drive().with_context(|| format!("outages with seed {seed}"));
    let holds = report.as_ref().is_ok_and(OutageReport::holds);
    let kept_in = (!holds).then(|| run.system.keep_folder());
    if let Some(folder) = &kept_in {
        eprintln!("data and journal are kept in {}", folder.display());
    }
    report.map(|report| OutageReport { kept_in, ..report })
}

struct Run<'o> {
    options: &'o OutageOptions,
    seed: u64,
    system: System,
    address: SocketAddr,
    journal: Arc<JournalWriter>,
    journal_path: PathBuf,
    shows: Vec<Arc<SellingShow>>,
    failed_reads: Vec<String>,
}

impl<'o> Run<'o> {
    fn new(options: &'o OutageOptions, seed: u64, system: System) -> Result<Self> {
        let journal_path = system.folder().join("journal.jsonl");
        let journal = Arc::new(JournalWriter::create(&journal_path)?);
        journal.append(&Record::Run { seed })?;
        let address = parse_address(&system.balancer.url())?;
        let (shows, failed_reads) = (Vec::new(), Vec::new());
        Ok(Self { options, seed, system, address, journal, journal_path, shows, failed_reads })
    }

    fn drive(&mut self) -> Result<OutageReport> {
        self.add_show()?;
        let gate = Gate::new(self.address);
        let pulse = Pulse::default();
        let pulse_shows = self.pulse_shows()?;
        let journal = Arc::clone(&self.journal);
        let operations = AtomicU64::new(0);
        let authorization = format!("Bearer {}", self.system.operator_key);
        let (seed, address, clients) = (self.seed, self.address, self.options.clients);
        let (left_open, results) = std::thread::scope(|scope| -> Result<(u32, Vec<OutageResult>)> {
            let mut loops = Vec::new();
            for number in 0..clients {
                let client =
                    BuyerLoop::new(number, seed, &gate, &journal, &operations, authorization.clone());
                let client = client.asking_up_to(ASK_UP_TO);
                loops.push(scope.spawn(move || client.run()));
            }
            for (show, seat) in &pulse_shows {
                let (pulse, number) = (&pulse, pulse.add());
                scope.spawn(move || pulse.beat(number, address, show, seat));
            }
            let outcome = self.fail_in_turn(&gate, &pulse);
            pulse.stop();
            gate.change(|view| {
                view.phase = Phase::Settle;
                view.abandoned = outcome.is_err();
            });
            let mut left_open = 0;
            for client in loops {
                left_open += client.join().expect("a client does not panic")?;
            }
            outcome.map(|results| (left_open, results))
        })?;
        let mails = self.system.mail_folder();
        let key = self.system.operator_key.clone();
        let papers =
            paper_trail::follow(self.address, &key, PAPERS_WITHIN, || paper_trail::mails_in(&mails))?;
        let (position, _) = self.system.agree()?;
        self.system.wait_for_tables(position)?;
        let check = self.check()?;
        let failed_verifications =
            self.system.stop_and_verify().err().map(|error| format!("{error:#}")).into_iter().collect();
        Ok(OutageReport {
            seed,
            outages: results,
            left_open,
            failed_reads: std::mem::take(&mut self.failed_reads),
            position,
            failed_verifications,
            check,
            papers,
            kept_in: None,
        })
    }

    fn fail_in_turn(&mut self, gate: &Gate, pulse: &Pulse) -> Result<Vec<OutageResult>> {
        let mut results = Vec::new();
        for round in 1..=self.options.rounds {
            for outage in OUTAGES {
                self.add_show()?;
                self.open_gate(gate);
                std::thread::sleep(Duration::from_secs(self.options.work_seconds));
                pulse.longest_silence();
                let (name, limit) = self.fail(outage)?;
                self.journal.append(&Record::Restart { cycle: round, at_ms: now_ms() })?;
                let longest = pulse.longest_silence();
                eprintln!("{name}: interrupted for {} ms at most", longest.as_millis());
                results.push(OutageResult {
                    outage: name,
                    longest_silence_ms: longest.as_millis() as u64,
                    limit_ms: limit.as_millis() as u64,
                });
            }
        }
        std::thread::sleep(Duration::from_secs(self.options.work_seconds));
        Ok(results)
    }

    /// Lets something fail, waits out the time in which selling has to be back, and repairs it.
    fn fail(&mut self, outage: Outage) -> Result<(String, Duration)> {
        match outage {
            Outage::KillReplica(number) => {
                let node = &mut self.system.commands[number];
                node.kill();
                std::thread::sleep(REPLICA_LIMIT);
                node.start()?;
                Ok((format!("kill -9 of {}", node.name()), REPLICA_LIMIT))
            }
            Outage::KillLeader => {
                let leader = self.system.nats.stream_leader(LOG_STREAM);
                let leader = leader.context("the log has a leader among the NATS servers")?;
                let node = &mut self.system.nats.nodes_mut()[leader];
                let name = node.name().to_owned();
                node.process().kill();
                std::thread::sleep(LEADER_LIMIT);
                self.system.nats.nodes_mut()[leader].restart()?;
                Ok((format!("kill -9 of {name}, NATS leader of the log"), LEADER_LIMIT))
            }
            Outage::KillFollower => {
                let leader = self.system.nats.stream_leader(LOG_STREAM);
                let leader = leader.context("the log has a leader among the NATS servers")?;
                let follower = (leader + 1) % self.system.nats.nodes().len();
                let node = &mut self.system.nats.nodes_mut()[follower];
                let name = node.name().to_owned();
                node.process().kill();
                std::thread::sleep(REPLICA_LIMIT);
                self.system.nats.nodes_mut()[follower].restart()?;
                Ok((format!("kill -9 of {name}, a NATS follower"), REPLICA_LIMIT))
            }
            Outage::KillNats => {
                for node in self.system.nats.nodes_mut() {
                    node.process().kill();
                }
                self.read_for(NATS_GONE);
                for node in self.system.nats.nodes_mut() {
                    node.launch()?;
                }
                self.system.nats.wait_until_settled()?;
                std::thread::sleep(LEADER_LIMIT);
                Ok(("kill -9 of all NATS servers".to_owned(), NATS_GONE + LEADER_LIMIT))
            }
            Outage::KillPostgres => {
                self.system.postgres.process().kill();
                self.read_for(POSTGRES_GONE);
                self.system.postgres.restart()?;
                Ok(("kill -9 of PostgreSQL".to_owned(), NO_INTERRUPTION))
            }
            Outage::KillBilling => {
                // The one at work, then the one that has taken over: for a while there is none.
                for number in 0..self.system.billing.len() {
                    self.system.billing[number].kill();
                    std::thread::sleep(BILLING_GONE);
                }
                for node in &mut self.system.billing {
                    node.start()?;
                }
                Ok(("kill -9 of billing, one after the other".to_owned(), NO_INTERRUPTION))
            }
            Outage::PauseReplica(number) => {
                let node = &self.system.commands[number];
                node.pause()?;
                std::thread::sleep(Duration::from_secs(self.options.pause_seconds));
                node.resume()?;
                std::thread::sleep(Duration::from_secs(self.options.work_seconds));
                Ok((
                    format!("SIGSTOP of {} for {} s", node.name(), self.options.pause_seconds),
                    REPLICA_LIMIT,
                ))
            }
        }
    }

    /// Reads what buyers read, through the load balancer, while something else is gone.
    fn read_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        let mut client = Client::new(self.address, Duration::from_secs(5));
        let show = self.shows.last().map_or_else(String::new, |show| show.id.clone());
        let paths = ["/v1/shows".to_owned(), format!("/v1/shows/{show}"), format!("/shows/{show}")];
        for path in paths.iter().cycle() {
            if Instant::now() >= until {
                return;
            }
            match client.get(path, &[]) {
                Ok(answer) if answer.status == 200 => {}
                Ok(answer) => self.failed_reads.push(format!("{path} was answered with {}", answer.status)),
                Err(error) => self.failed_reads.push(format!("{path} was not answered: {error:#}")),
            }
            std::thread::sleep(BETWEEN_READS);
        }
    }

    fn open_gate(&self, gate: &Gate) {
        gate.change(|view| {
            view.phase = Phase::Up;
            view.epoch += 1;
            view.address = self.address;
            view.shows.clone_from(&self.shows);
        });
    }

    fn add_show(&mut self) -> Result<()> {
        let plan = Plan::with_seats(self.options.seats_per_show, PRICE)?;
        let hold_seconds = (self.shows.len() % 2 == 1).then_some(30);
        let show =
            Operator::new(self.address, &self.system.operator_key).create_open_show(plan, hold_seconds)?;
        let seats: Vec<String> = (0..plan.seats()).map(|seat| plan.seat_name(seat)).collect();
        self.journal.append(&Record::Show {
            show: show.id.clone(),
            seats: seats.clone(),
            price: plan.price,
        })?;
        self.shows.push(Arc::new(SellingShow { id: show.id, seats }));
        Ok(())
    }

    /// Shows for the pulse alone; they are not in the journal.
    fn pulse_shows(&self) -> Result<Vec<(String, String)>> {
        let plan = Plan::with_seats(10, PRICE)?;
        let mut operator = Operator::new(self.address, &self.system.operator_key);
        (0..PULSE_SHOWS)
            .map(|_| Ok((operator.create_open_show(plan, Some(2))?.id, plan.seat_name(0))))
            .collect()
    }

    fn check(&self) -> Result<CheckReport> {
        check(&CheckOptions {
            journal: self.journal_path.clone(),
            url: self.address.to_string(),
            operator_key: Some(self.system.operator_key.clone()),
            data: self.system.commands[0].folder().to_owned(),
            charges_url: Some(format!("http://{}/charges", self.system.gateway.address())),
        })
    }
}
