//! The approach everyone would take instead: `SELECT ... FOR UPDATE` on a seat row in Postgres, with pgbench.
//!
//! A private server with durable settings, started for the run, stopped by its process id and removed afterwards. It is
//! the kindest comparison for Postgres: no HTTP, no history, no idempotency, one short transaction. What is not
//! installed here is reported as skipped with the reason, never as a figure.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::holds::holds;
use super::options::LoadOptions;
use super::recorder::RunReport;

/// Where Debian keeps the server programs, one folder per version.
const DEBIAN_BINARIES: &str = "/usr/lib/postgresql";
/// The user that Debian's packages make; the server refuses to run as root.
const SERVER_USER: &str = "postgres";
/// A server that is not up after this will not come up.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Settings beside the port. Durability is spelled out although it is the default.
const SETTINGS: [&str; 7] = [
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "max_connections=300",
    "shared_buffers=256MB",
    "max_wal_size=4GB",
    "listen_addresses=",
];
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
    let Some(binaries) = find_binaries(Path::new(DEBIAN_BINARIES)) else {
        return Ok(Baseline::Skipped { reason: format!("no Postgres with pgbench under {DEBIAN_BINARIES}") });
    };
    let user = if rustix::process::geteuid().is_root() {
        let Some(user) = find_user(SERVER_USER) else {
            return Ok(Baseline::Skipped {
                reason: format!("Postgres refuses root and there is no user {SERVER_USER}"),
            });
        };
        Some(user)
    } else {
        None
    };
    let server = PrivatePostgres::start(&binaries, user, options.folder.as_deref())?;
    let lines = server.measure(options)?;
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

/// The newest version's programs, if pgbench is among them.
fn find_binaries(root: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(root).ok()?.filter_map(Result::ok);
    let newest = versions
        .filter(|entry| {
            ["initdb", "postgres", "pgbench", "psql"]
                .iter()
                .all(|name| entry.path().join("bin").join(name).exists())
        })
        .max_by_key(|entry| entry.file_name().to_string_lossy().parse::<u32>().unwrap_or(0))?;
    Some(newest.path().join("bin"))
}

/// User and group id of a named user.
fn find_user(name: &str) -> Option<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut fields = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

struct PrivatePostgres {
    binaries: PathBuf,
    user: Option<(u32, u32)>,
    folder: tempfile::TempDir,
    server: Child,
}

impl PrivatePostgres {
    fn start(binaries: &Path, user: Option<(u32, u32)>, parent: Option<&Path>) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("ticketflow-baseline-");
        let folder = match parent {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        }
        .context("making a folder for the private Postgres")?;
        if let Some((user_id, group_id)) = user {
            chown(folder.path(), Some(user_id), Some(group_id))
                .context("giving the folder to the server's user")?;
        }
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700))?;
        let data = folder.path().join("data");
        let made = as_user(user, &binaries.join("initdb"))
            .args(["--auth=trust", "--username=bench", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data)
            .current_dir("/")
            .output()
            .context("running initdb")?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr).trim());
        }
        let log = std::fs::File::create(folder.path().join("server.log"))?;
        let mut command = as_user(user, &binaries.join("postgres"));
        command.arg("-D").arg(&data).arg("-k").arg(folder.path()).current_dir("/");
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let server = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting postgres")?;
        let mut started = Self { binaries: binaries.to_owned(), user, folder, server };
        started.wait_until_ready()?;
        Ok(started)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let since = Instant::now();
        while self.query("SELECT 1").is_err() {
            let gone = self.server.try_wait()?.is_some();
            if gone || since.elapsed() > START_LIMIT {
                let log = std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default();
                bail!("the private Postgres did not come up: {}", log.trim());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn measure(&self, options: &BaselineOptions) -> Result<Vec<PgbenchLine>> {
        self.query(&format!(
            "CREATE TABLE seats (seat_id integer PRIMARY KEY, status text NOT NULL, holder integer, revision bigint NOT NULL);
             INSERT INTO seats SELECT n, 'available', NULL, 0 FROM generate_series(1, {}) n;
             VACUUM ANALYZE seats;",
            options.seats
        ))?;
        let script = self.folder.path().join("hold.sql");
        std::fs::write(&script, HOLD_SCRIPT)?;
        let mut lines = Vec::new();
        for clients in &options.clients {
            for protocol in ["prepared", "simple"] {
                // Each line starts without a backlog of dirty pages from the one before.
                self.query("CHECKPOINT")?;
                lines.push(self.pgbench(&script, options, *clients, protocol)?);
            }
        }
        Ok(lines)
    }

    fn pgbench(
        &self,
        script: &Path,
        options: &BaselineOptions,
        clients: usize,
        protocol: &str,
    ) -> Result<PgbenchLine> {
        let output = self
            .client("pgbench")
            .args(["-n", "-j", "2", "-M", protocol])
            .args(["-c", &clients.to_string(), "-T", &options.seconds.to_string()])
            .args(["-D", &format!("seats={}", options.seats), "-f"])
            .arg(script)
            .arg("postgres")
            .output()
            .context("running pgbench")?;
        let text = String::from_utf8_lossy(&output.stdout);
        match (
            output.status.success(),
            number_after(&text, "tps = "),
            number_after(&text, "latency average = "),
        ) {
            (true, Some(per_second), Some(latency_ms)) => {
                Ok(PgbenchLine { clients, protocol: protocol.to_owned(), per_second, latency_ms })
            }
            _ => bail!("pgbench failed: {text} {}", String::from_utf8_lossy(&output.stderr).trim()),
        }
    }

    fn query(&self, text: &str) -> Result<()> {
        let mut command = self.client("psql");
        command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres"]);
        for statement in text.split(';').filter(|statement| !statement.trim().is_empty()) {
            command.args(["-c", statement]);
        }
        let output = command.output().context("running psql")?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// A client program over the private socket; the socket's folder belongs to the server's user, so it runs as that.
    fn client(&self, program: &str) -> Command {
        let mut command = as_user(self.user, &self.binaries.join(program));
        command.arg("-h").arg(self.folder.path()).args(["-U", "bench"]).current_dir("/");
        command
    }

    fn version(&self) -> Result<String> {
        let output = Command::new(self.binaries.join("postgres")).arg("--version").output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        // SIGINT is the server's fast shutdown: clients are disconnected, its own children end with it.
        if let Some(pid) = Pid::from_raw(self.server.id() as i32) {
            let _ = kill_process(pid, Signal::INT);
        }
        let _ = self.server.wait();
    }
}

fn as_user(user: Option<(u32, u32)>, program: &Path) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    if let Some((user_id, group_id)) = user {
        command.uid(user_id).gid(group_id);
    }
    // The caller's settings for some other server have no say here.
    for variable in ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGOPTIONS", "PGSERVICE"] {
        command.env_remove(variable);
    }
    command
}

fn number_after(text: &str, label: &str) -> Option<f64> {
    let rest = &text[text.find(label)? + label.len()..];
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pgbench_figures_are_read() {
        let text = "latency average = 4.929 ms\ninitial connection time = 30 ms\ntps = 6492.75 (without initial connection time)\n";
        assert_eq!(number_after(text, "tps = "), Some(6492.75));
        assert_eq!(number_after(text, "latency average = "), Some(4.929));
        assert_eq!(number_after("nothing", "tps = "), None);
    }

    #[test]
    fn a_missing_installation_is_told_apart() {
        let empty = tempfile::tempdir().expect("a folder");
        assert!(find_binaries(empty.path()).is_none());
        assert!(find_user("no such user here").is_none());
    }

    #[test]
    fn a_short_run_measures_every_line_and_leaves_nothing_behind() {
        let parent =
            tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().expect("a folder");
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
