//! The approach everyone would take instead: `SELECT ... FOR UPDATE` on a seat row in Postgres, with pgbench.
//!
//! A private server with durable settings, started for the run and removed afterwards. It is the kindest comparison for Postgres: no HTTP, no history, no idempotency, one short transaction. What is not
//! installed here is reported as skipped with the reason, never as a figure.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use ticketflow_testbed::{Postgres, TestbedError};

use super::holds::holds;
use super::options::LoadOptions;
use super::recorder::RunReport;

/// A row a seat.
const SEATS_TABLE: &str = "CREATE TABLE seats (seat_id integer PRIMARY KEY, status text NOT NULL, holder integer, revision bigint NOT NULL)";
/// Decide on the locked row, write, commit: what a seat service on Postgres does per hold.
const HOLD_SCRIPT: &str = "\\set seat random(1, :seats)\n\
    BEGIN;\n\
    SELECT status, revision FROM seats WHERE seat_id = :seat FOR UPDATE;\n\
    UPDATE seats SET status = 'held', holder = :client_id, revision = revision + 1 WHERE seat_id = :seat;\n\
    COMMIT;\n";

/// What to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BaselineOptions {
    /// Folder under which the private server keeps its data; the same disk as the store that it is compared with.
    pub folder: Option<PathBuf>,
    /// Seat rows.
    pub seats: usize,
    /// Client counts.
    pub clients: Vec<usize>,
    /// Seconds per line.
    pub seconds: u64,
}

impl Default for BaselineOptions {
    fn default() -> Self {
        Self { folder: None, seats: 45_000, clients: vec![32, 256], seconds: 8 }
    }
}

/// One pgbench run.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct PgbenchLine {
    /// Clients at once.
    pub clients: usize,
    /// `prepared` or `simple`.
    pub protocol: String,
    /// Transactions per second, connection set-up left out.
    pub per_second: f64,
    /// Mean latency, milliseconds.
    pub latency_ms: f64,
}

/// The baseline's figures.
#[derive(Clone, Debug, Serialize)]
pub struct BaselineReport {
    /// As `postgres --version` says.
    pub version: String,
    /// One line per client count and protocol.
    pub lines: Vec<PgbenchLine>,
}

impl BaselineReport {
    /// The best line: the figure that we have to beat.
    pub fn best_per_second(&self) -> f64 {
        self.lines.iter().map(|line| line.per_second).fold(0.0, f64::max)
    }
}

/// Figures, or why there are none.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// It ran.
    Measured(BaselineReport),
    /// It could not run here.
    Skipped {
        /// Why not.
        reason: String,
    },
}

impl Baseline {
    /// For people.
    pub fn text(&self) -> String {
        match self {
            Self::Skipped { reason } => format!("baseline SKIPPED: {reason}\n"),
            Self::Measured(report) => {
                let mut text = format!("baseline SELECT ... FOR UPDATE, {}\n", report.version);
                for line in &report.lines {
                    text.push_str(&format!(
                        "  {:>3} clients {:<8} {:>9.0}/s  mean {:.2} ms\n",
                        line.clients, line.protocol, line.per_second, line.latency_ms
                    ));
                }
                text
            }
        }
    }
}

/// Runs the baseline on a private Postgres.
///
/// # Errors
/// When an installed Postgres fails; a missing one is [`Baseline::Skipped`].
pub fn baseline(options: &BaselineOptions) -> Result<Baseline> {
    let folder = options.folder.clone().unwrap_or_else(std::env::temp_dir);
    let server = match Postgres::start_in(&folder) {
        Err(missing @ TestbedError::Missing { .. }) => {
            return Ok(Baseline::Skipped { reason: missing.to_string() });
        }
        started => started.context("starting a private Postgres")?,
    };
    let lines = measure(&server, options)?;
    Ok(Baseline::Measured(BaselineReport { version: server.version()?, lines }))
}

/// Both sides of one comparison.
#[derive(Clone, Debug, Serialize)]
pub struct PairedReport {
    /// Our holds.
    pub holds: RunReport,
    /// Theirs.
    pub baseline: Baseline,
    /// Our rate over their best line.
    pub ratio: Option<f64>,
}

impl PairedReport {
    /// For people.
    pub fn text(&self) -> String {
        let ratio = self
            .ratio
            .map_or("no ratio".to_owned(), |ratio| format!("{ratio:.1} x the baseline's best line"));
        format!("holds\n{}{}  {ratio}\n", self.holds.text(), self.baseline.text())
    }
}

/// Holds and baseline one after the other in the same run, with their ratio.
///
/// # Errors
/// When either side fails.
pub fn beside_baseline(options: &LoadOptions, baseline_options: &BaselineOptions) -> Result<PairedReport> {
    let holds = holds(options)?;
    let baseline = baseline(baseline_options)?;
    let ratio = match &baseline {
        Baseline::Measured(report) => {
            Some(holds.lane("hold").per_second / report.best_per_second().max(f64::EPSILON))
        }
        Baseline::Skipped { .. } => None,
    };
    Ok(PairedReport { holds, baseline, ratio })
}

fn measure(server: &Postgres, options: &BaselineOptions) -> Result<Vec<PgbenchLine>> {
    let rows = format!(
        "INSERT INTO seats SELECT n, 'available', NULL, 0 FROM generate_series(1, {}) n",
        options.seats
    );
    for statement in [SEATS_TABLE, &rows, "VACUUM ANALYZE seats"] {
        server.query(statement)?;
    }
    let script = server.folder().join("hold.sql");
    std::fs::write(&script, HOLD_SCRIPT)?;
    let mut lines = Vec::new();
    for clients in &options.clients {
        for protocol in ["prepared", "simple"] {
            // Each line starts without a backlog of dirty pages from the one before.
            server.query("CHECKPOINT")?;
            lines.push(pgbench(server, &script, options, *clients, protocol)?);
        }
    }
    Ok(lines)
}

fn pgbench(
    server: &Postgres,
    script: &Path,
    options: &BaselineOptions,
    clients: usize,
    protocol: &str,
) -> Result<PgbenchLine> {
    let output = server
        .client("pgbench")
        .args(["-n", "-j", "2", "-M", protocol])
        .args(["-c", &clients.to_string(), "-T", &options.seconds.to_string()])
        .args(["-D", &format!("seats={}", options.seats), "-f"])
        .arg(script)
        .arg("postgres")
        .output()
        .context("running pgbench")?;
    let text = String::from_utf8_lossy(&output.stdout);
    match (output.status.success(), number_after(&text, "tps = "), number_after(&text, "latency average = "))
    {
        (true, Some(per_second), Some(latency_ms)) => {
            Ok(PgbenchLine { clients, protocol: protocol.to_owned(), per_second, latency_ms })
        }
        _ => bail!("pgbench failed: {text} {}", String::from_utf8_lossy(&output.stderr).trim()),
    }
}

fn number_after(text: &str, label: &str) -> Option<f64> {
    let rest = &text[text.find(label)? + label.len()..];
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn pgbench_figures_are_read() {
        let text = "latency average = 4.929 ms\ninitial connection time = 30 ms\ntps = 6492.75 (without initial connection time)\n";
        assert_eq!(number_after(text, "tps = "), Some(6492.75));
        assert_eq!(number_after(text, "latency average = "), Some(4.929));
        assert_eq!(number_after("nothing", "tps = "), None);
    }

    #[test]
    fn a_short_run_measures_every_line_and_leaves_nothing_behind() {
        let parent = tempfile::Builder::new()
            .permissions(PermissionsExt::from_mode(0o755))
            .tempdir()
            .expect("a folder");
        let options = BaselineOptions {
            folder: Some(parent.path().to_owned()),
            seats: 1000,
            clients: vec![4],
            seconds: 1,
        };
        match baseline(&options).expect("a baseline or a reason") {
            Baseline::Skipped { reason } => eprintln!("SKIPPED: {reason}"),
            Baseline::Measured(report) => {
                assert_eq!(report.lines.len(), 2);
                assert!(report.best_per_second() > 1.0, "{report:?}");
            }
        }
        let left = std::fs::read_dir(parent.path()).expect("readable").count();
        assert_eq!(left, 0, "the private server's folder is removed");
    }
}
