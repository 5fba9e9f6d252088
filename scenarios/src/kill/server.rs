//! The server under test as a process: start, wait until it says where it listens, kill, verify its folder.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::load::parse_address;

/// A server that does not listen after this has failed to recover.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// The line that says so.
const READY: &str = "listening on ";

/// A running server; dropping it kills it.
pub(crate) struct ServerProcess {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl ServerProcess {
    /// Starts `binary serve` on this port and folder and waits for its `listening on` line.
    pub(crate) fn start(binary: &Path, data: &Path, port: u16, extra: &[String]) -> Result<Self> {
        let log = std::fs::File::options().create(true).append(true).open(data.with_extension("log"))?;
        let mut child = Command::new(binary)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(data)
            .args(extra)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
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
                    data.with_extension("log").display()
                );
            }
        }
        Ok(process)
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

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}

/// Runs `binary verify --data DIR --json`; an error holds what it printed.
pub(crate) fn verify(binary: &Path, data: &Path) -> Result<()> {
    let output = Command::new(binary)
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
