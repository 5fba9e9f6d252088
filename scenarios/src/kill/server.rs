//! The server under test as a process: start, wait until it says where it listens, kill, verify its folder.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use rustix::process::{Pid, Signal, kill_process};

use crate::load::parse_address;

/// A server that does not listen after this has failed to recover.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// The line that says so.
const READY: &str = "listening on ";

/// What a process of the program is to do.
pub(crate) struct Role<'a> {
    /// The subcommand.
    pub(crate) name: &'a str,
    /// Its data folder, where it has one.
    pub(crate) data: Option<&'a Path>,
    /// Further arguments.
    pub(crate) arguments: &'a [String],
    /// Further variables of its environment.
    pub(crate) environment: &'a [(String, String)],
}

/// A running server; dropping it kills it.
pub(crate) struct ServerProcess {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl ServerProcess {
    /// Starts a role on this port and waits for its `listening on` line. What it complains of goes to the end of `log`.
    pub(crate) fn start(binary: &Path, role: &Role<'_>, port: u16, log: &Path) -> Result<Self> {
        let complaints = std::fs::File::options().create(true).append(true).open(log)?;
        let mut command = Command::new(binary);
        command.args([role.name, "--listen", &format!("127.0.0.1:{port}")]);
        if let Some(data) = role.data {
            command.arg("--data").arg(data);
        }
        let mut child = command
            .args(role.arguments)
            .envs(role.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let output = child.stdout.take().context("the server's output is piped")?;
        let (told, hear) = mpsc::channel();
        // Reads on after the first line, so that the server never blocks on a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(address) = line.strip_prefix(READY) {
                    let _ = told.send(address.trim().to_owned());
                }
            }
        });
        let mut process = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        match hear.recv_timeout(READY_LIMIT) {
            Ok(address) => process.address = parse_address(&address)?,
            Err(error) => {
                let status = process.child.try_wait().ok().flatten();
                bail!(
                    "the server did not say `{READY}...` ({error}, exit {status:?}); see {}",
                    log.display()
                );
            }
        }
        Ok(process)
    }

    /// Stops it without ending it: connections hang.
    pub(crate) fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Asks it to end as an operator does, and waits until it has.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        self.child.wait().context("waiting for a server to end")?;
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal).context("signalling a server")
    }

    /// SIGKILL, at once, without any warning to the server; dropping the process then waits for its end.
    pub(crate) fn kill_now(&mut self) {
        // Already dead is as good: the run notices when it starts the next one.
        let _ = self.child.kill();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // An already killed and awaited child answers with an error that changes nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago, and that the system gives to no outgoing connection meanwhile.
pub(crate) fn free_port() -> Result<u16> {
    ticketflow_testbed::free_port().context("looking for a free port")
}

/// Runs `binary verify --data DIR --json`; an error holds what it printed.
pub(crate) fn verify(binary: &Path, data: &Path, seat_map: Option<&str>) -> Result<()> {
    let mut command = Command::new(binary);
    if let Some(url) = seat_map {
        // There may be a password in it, which the list of processes is not to show.
        command.env("TICKETFLOW_SEAT_MAP", url);
    }
    let output = command
        .args(["verify", "--data"])
        .arg(data)
        .arg("--json")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("running {} verify", binary.display()))?;
    if !output.status.success() {
        bail!(
            "verify gave {}: {} {}",
            output.status,
            String::from_utf8_lossy(&output.stdout).trim(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
