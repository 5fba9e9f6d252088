//! `kill -9` under load: real process, many clients, random moments, and a checker that believes only the journal.
//!
//! Each cycle kills the server with SIGKILL while clients work, verifies the stopped folder, starts the server again and
//! lets the clients repeat what was open under the same keys. After the last cycle everything open is resolved, the
//! server is killed and started once more, and the checker compares the journal with what the server then shows.

pub(crate) mod buyer_loop;
pub(crate) mod gate;
pub(crate) mod server;
mod wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use self::buyer_loop::BuyerLoop;
use self::gate::{Gate, Phase, SellingShow};
use self::server::{Role, ServerProcess, free_port, verify};
use crate::checker::{CheckOptions, CheckReport, check};
use crate::journal::{JournalWriter, Record, now_ms};
use crate::paper_trail::{self, PaperTrail};
use crate::plan::{Operator, Plan, read_operator_key};
use crate::seeded::Seeded;

/// Price of the seats, minor units; odd, so that a wrong sum is rarely right by chance.
const PRICE: i64 = 12_345;

/// What to kill and how often.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KillOptions {
    /// The program; it is run as `binary serve --listen ... --data ...` and `binary verify --data ... --json`.
    pub binary: PathBuf,
    /// Further arguments of `serve`.
    pub serve_arguments: Vec<String>,
    /// Where data and journal go; none means a temporary folder that is removed when all went well.
    pub folder: Option<PathBuf>,
    /// Kills.
    pub cycles: u32,
    /// Clients at once.
    pub clients: u32,
    /// Shortest life of a server, milliseconds.
    pub shortest_ms: u64,
    /// Longest life of a server, milliseconds.
    pub longest_ms: u64,
    /// Seats of each show; few, so that clients meet. One show is added per cycle.
    pub seats_per_show: usize,
    /// Hold time of every second show, so that some holds expire; zero leaves the default.
    pub short_hold_seconds: u64,
    /// Seed; none takes a fresh one, which the report names.
    pub seed: Option<u64>,
    /// Program and first arguments of the checker's own process; empty runs it in this one.
    pub check_command: Vec<String>,
    /// Path or address of a listing of the gateway's charges.
    pub charges_url: Option<String>,
    /// How long the receipts and mails of all orders may take at the end, seconds; none: nobody looks at them.
    pub papers_within_seconds: Option<u64>,
}

impl Default for KillOptions {
    fn default() -> Self {
        Self {
            binary: PathBuf::from("target/release/ticketflow"),
            serve_arguments: Vec::new(),
            folder: None,
            cycles: 50,
            clients: 32,
            shortest_ms: 200,
            longest_ms: 1500,
            seats_per_show: 200,
            short_hold_seconds: 30,
            seed: None,
            check_command: Vec::new(),
            charges_url: None,
            papers_within_seconds: None,
        }
    }
}

/// What came out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KillReport {
    /// Seed of every choice.
    pub seed: u64,
    /// Kills done under load.
    pub cycles: u32,
    /// Folder checks that failed, with their output.
    pub failed_verifications: Vec<String>,
    /// Operations that stayed open for their client.
    pub left_open: u32,
    /// The checker's findings.
    pub check: CheckReport,
    /// What became of receipts and mails, where that was asked for.
    pub papers: Option<PaperTrail>,
    /// Where data and journal are, when they were kept.
    pub kept_in: Option<PathBuf>,
}

impl KillReport {
    /// Whether everything held.
    pub fn holds(&self) -> bool {
        self.failed_verifications.is_empty()
            && self.check.violations.is_empty()
            && self.papers.as_ref().is_none_or(|papers| papers.violations.is_empty())
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("  {} kills, seed {}\n{}", self.cycles, self.seed, self.check.text());
        if let Some(papers) = &self.papers {
            text.push_str(&papers.text());
        }
        for failure in &self.failed_verifications {
            text.push_str(&format!("  {failure}\n"));
        }
        if let Some(folder) = &self.kept_in {
            text.push_str(&format!("  data and journal are in {}\n", folder.display()));
        }
        text
    }
}

/// Runs the kill test.
///
/// # Errors
/// When the server does not start or come back, or the journal cannot be written. What the server does wrong is not an
/// error but part of the report.
pub fn kill_test(options: &KillOptions) -> Result<KillReport> {
    if options.longest_ms < options.shortest_ms || options.clients == 0 {
        bail!("a server must live between shortest_ms and longest_ms, and there must be a client");
    }
    let temporary = match options.folder {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("ticketflow-kill-").tempdir()?),
    };
    let folder = temporary.as_ref().map(|folder| folder.path().to_owned()).or_else(|| options.folder.clone());
    let folder = folder.context("a folder was chosen")?;
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let seed = options.seed.unwrap_or_else(Seeded::fresh_seed);
    let run = KillRun::start(options, seed, folder.clone());
    let report = run.and_then(KillRun::drive).map(|mut report| {
        if temporary.is_none() || !report.holds() {
            report.kept_in = Some(folder.clone());
        }
        report
    });
    // Evidence of a failure is kept.
    if let Some(temporary) = temporary
        && !report.as_ref().is_ok_and(KillReport::holds)
    {
        let _ = temporary.keep();
    }
    report.with_context(|| format!("kill test with seed {seed} in {}", folder.display()))
}

fn start_server(options: &KillOptions, data: &Path, port: u16) -> Result<ServerProcess> {
    let role =
        Role { name: "serve", data: Some(data), arguments: &options.serve_arguments, environment: &[] };
    ServerProcess::start(&options.binary, &role, port, &data.with_extension("log"))
}

struct KillRun<'o> {
    options: &'o KillOptions,
    seed: u64,
    random: Seeded,
    data: PathBuf,
    journal_path: PathBuf,
    journal: Arc<JournalWriter>,
    port: u16,
    server: Option<ServerProcess>,
    key: String,
    shows: Vec<Arc<SellingShow>>,
    failed_verifications: Vec<String>,
}

impl<'o> KillRun<'o> {
    fn start(options: &'o KillOptions, seed: u64, folder: PathBuf) -> Result<Self> {
        let (data, journal_path) = (folder.join("data"), folder.join("journal.jsonl"));
        let port = free_port()?;
        let journal = Arc::new(JournalWriter::create(&journal_path)?);
        journal.append(&Record::Run { seed })?;
        let server = start_server(options, &data, port)?;
        let key = read_operator_key(&data)?;
        let mut run = Self {
            options,
            seed,
            random: Seeded::branch(seed, 0),
            data,
            journal_path,
            journal,
            port,
            server: Some(server),
            key,
            shows: Vec::new(),
            failed_verifications: Vec::new(),
        };
        run.add_show()?;
        run.add_show()?;
        Ok(run)
    }

    fn drive(mut self) -> Result<KillReport> {
        let gate = Gate::new(self.address()?);
        let journal = Arc::clone(&self.journal);
        let operations = AtomicU64::new(0);
        let left_open = std::thread::scope(|scope| -> Result<u32> {
            let mut clients = Vec::new();
            for number in 0..self.options.clients {
                let authorization = format!("Bearer {}", self.key);
                let client = BuyerLoop::new(number, self.seed, &gate, &journal, &operations, authorization);
                clients.push(scope.spawn(move || client.run()));
            }
            let outcome = self.cycles(&gate);
            gate.change(|view| {
                view.phase = Phase::Settle;
                view.abandoned = outcome.is_err();
            });
            let mut left_open = 0;
            for client in clients {
                left_open += client.join().expect("a client does not panic")?;
            }
            outcome.map(|()| left_open)
        })?;
        // What the checker sees comes from the disk alone.
        self.restart()?;
        let check = self.check()?;
        let papers = self.papers()?;
        Ok(KillReport {
            seed: self.seed,
            cycles: self.options.cycles,
            failed_verifications: self.failed_verifications,
            left_open,
            check,
            papers,
            kept_in: None,
        })
    }

    fn papers(&self) -> Result<Option<PaperTrail>> {
        let Some(seconds) = self.options.papers_within_seconds else { return Ok(None) };
        let mails = self.data.join("mail");
        let within = Duration::from_secs(seconds);
        paper_trail::follow(self.address()?, &self.key, within, || paper_trail::mails_in(&mails)).map(Some)
    }

    fn cycles(&mut self, gate: &Gate) -> Result<()> {
        for cycle in 1..=self.options.cycles {
            self.open_gate(gate)?;
            self.let_them_work();
            // The kill comes before the gate is closed, while requests are on their way.
            if let Some(server) = &mut self.server {
                server.kill_now();
            }
            gate.change(|view| view.phase = Phase::Down);
            self.restart().with_context(|| format!("after kill {cycle}"))?;
            self.journal.append(&Record::Restart { cycle, at_ms: now_ms() })?;
            self.add_show()?;
        }
        // The last life is not cut short: it shows that the server still works.
        self.open_gate(gate)?;
        self.let_them_work();
        Ok(())
    }

    fn let_them_work(&mut self) {
        let spread = self.options.longest_ms - self.options.shortest_ms;
        let life_ms = self.options.shortest_ms + self.random.below(spread as usize + 1) as u64;
        std::thread::sleep(Duration::from_millis(life_ms));
    }

    /// Awaits the killed server (or kills it), verifies what it left behind and starts it again.
    fn restart(&mut self) -> Result<()> {
        drop(self.server.take());
        if let Err(error) = verify(&self.options.binary, &self.data, None) {
            self.failed_verifications.push(format!("{error:#}"));
        }
        self.server = Some(start_server(self.options, &self.data, self.port)?);
        Ok(())
    }

    fn open_gate(&self, gate: &Gate) -> Result<()> {
        let address = self.address()?;
        gate.change(|view| {
            view.phase = Phase::Up;
            view.epoch += 1;
            view.address = address;
            view.shows.clone_from(&self.shows);
        });
        Ok(())
    }

    fn address(&self) -> Result<SocketAddr> {
        Ok(self.server.as_ref().context("the server is running")?.address)
    }

    fn add_show(&mut self) -> Result<()> {
        let plan = Plan::with_seats(self.options.seats_per_show, PRICE)?;
        let short = self.options.short_hold_seconds;
        let hold_seconds = (short > 0 && self.shows.len() % 2 == 1).then_some(short);
        let show = Operator::new(self.address()?, &self.key).create_open_show(plan, hold_seconds)?;
        let seats: Vec<String> = (0..plan.seats()).map(|seat| plan.seat_name(seat)).collect();
        self.journal.append(&Record::Show {
            show: show.id.clone(),
            seats: seats.clone(),
            price: plan.price,
        })?;
        self.shows.push(Arc::new(SellingShow { id: show.id, seats }));
        Ok(())
    }

    fn check(&self) -> Result<CheckReport> {
        let options = CheckOptions {
            journal: self.journal_path.clone(),
            url: self.address()?.to_string(),
            operator_key: None,
            data: self.data.clone(),
            charges_url: self.options.charges_url.clone(),
        };
        match self.options.check_command.split_first() {
            None => check(&options),
            Some((program, first)) => check_in_own_process(program, first, &options),
        }
    }
}

fn check_in_own_process(program: &str, first: &[String], options: &CheckOptions) -> Result<CheckReport> {
    let mut command = Command::new(program);
    command.args(first).args(["--json", "--journal"]).arg(&options.journal);
    command.args(["--url", &options.url, "--data"]).arg(&options.data);
    if let Some(url) = &options.charges_url {
        command.args(["--charges-url", url]);
    }
    let output = command.output().with_context(|| format!("running the checker {program}"))?;
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!("the checker gave {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())
    })
}
