//! A private HAProxy in front of command services, projections, billing and portals, as `infra/deploy/haproxy` configures it for operators.
//!
//! Invariant: what tests route through is the file that operators get, with other addresses.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::error::{Doing, TestbedError};
use crate::http_probe;
use crate::ports::free_port;
use crate::process::ServerProcess;
use crate::program::haproxy;

/// For two servers of each kind; the first `server` line of each backend says how all are written.
const CONFIGURATION: &str = include_str!("../../deploy/haproxy/haproxy.cfg");
/// As the configuration has them.
const LISTEN: &str = "127.0.0.1:8000";
const SOCKET: &str = "/run/haproxy/ticketflow.sock";
const BY_SHOW: &str = "    use_backend commands_by_show ";
/// The load balancer's own health, and what only it answers.
const HEALTH: &str = "/health/load-balancer";
const START_LIMIT: Duration = Duration::from_secs(10);
/// Its control socket answers at once.
const CONTROL_LIMIT: Duration = Duration::from_secs(1);
/// Processes before reloads that still serve connections; older ones are ended.
const MOST_DRAINING: usize = 4;

/// Who is behind the load balancer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backends {
    /// Command services: all that writes.
    pub commands: Vec<SocketAddr>,
    /// What reads of the API go to.
    pub projections: Vec<SocketAddr>,
    /// What issues documents, and makes their files.
    pub billing: Vec<SocketAddr>,
    /// Pages, and everything else.
    pub portals: Vec<SocketAddr>,
}

/// How writes of a show are routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// As for operators: one show, one command service, as long as it is healthy.
    ByShow,
    /// To prove that the routing is for speed alone: every request to the next command service, whatever its show.
    Random,
}

/// A private HAProxy. Ends when dropped, and its folder goes.
#[derive(Debug)]
pub struct LoadBalancer {
    program: PathBuf,
    port: u16,
    process: ServerProcess,
    /// Processes from before a reload, until their connections have ended.
    draining: Vec<ServerProcess>,
    folder: tempfile::TempDir,
}

impl LoadBalancer {
    /// Starts one on a free port, and waits until it answers; its servers it then finds healthy or not.
    ///
    /// # Errors
    /// [`TestbedError::Missing`] where HAProxy is not installed; else what went wrong.
    pub fn start(backends: &Backends, routing: Routing) -> Result<Self, TestbedError> {
        let program = haproxy()?;
        let folder = tempfile::Builder::new().prefix("ticketflow-haproxy-").tempdir();
        let folder = folder.doing("make a folder in", std::env::temp_dir())?;
        let process = new_process(folder.path());
        let mut balancer = Self { program, port: free_port()?, process, draining: Vec::new(), folder };
        balancer.configure(backends, routing)?;
        balancer.restart()?;
        Ok(balancer)
    }

    fn configure(&self, backends: &Backends, routing: Routing) -> Result<(), TestbedError> {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let path = self.folder.path().join("haproxy.cfg");
        let text = render(backends, routing, listen, &self.socket());
        std::fs::write(&path, text).doing("write", path)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-db").arg("-f").arg(self.folder.path().join("haproxy.cfg"));
        command
    }

    /// Starts it if it is down, on the same port, and waits until it answers.
    ///
    /// # Errors
    /// [`TestbedError`].
    pub fn restart(&mut self) -> Result<(), TestbedError> {
        if self.process_id().is_none() {
            let mut command = self.command();
            self.process.start(&mut command)?;
        }
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> Result<(), TestbedError> {
        let (port, socket, id) = (self.port, self.socket(), self.process.id());
        self.process.wait_until(START_LIMIT, || {
            control(&socket, "show info").is_some_and(|info| {
                let told = info.lines().find_map(|line| line.strip_prefix("Pid: "));
                told.and_then(|told| told.trim().parse().ok()) == id
            }) && matches!(http_probe::get(port, HEALTH), Some((200, _)))
        })
    }

    /// Routes to these from now on. The process before goes on with the connections that it has; no connection is refused meanwhile.
    ///
    /// # Errors
    /// [`TestbedError`]; the process before goes on then.
    pub fn reload(&mut self, backends: &Backends, routing: Routing) -> Result<(), TestbedError> {
        self.configure(backends, routing)?;
        let Some(id) = self.process_id() else { return self.restart() };
        let mut command = self.command();
        command.arg("-x").arg(self.socket()).args(["-sf", &id.to_string()]);
        let mut next = new_process(self.folder.path());
        next.start(&mut command)?;
        let before = std::mem::replace(&mut self.process, next);
        self.draining.push(before);
        if let Err(error) = self.wait_until_ready() {
            self.process = self.draining.pop().unwrap_or_else(|| new_process(self.folder.path()));
            return Err(error);
        }
        let surplus = self.draining.len().saturating_sub(MOST_DRAINING);
        self.draining.drain(..surplus);
        Ok(())
    }

    /// Servers of a backend (`commands`, `commands_by_show`, `projections`, `billing`, `portal`) that it believes healthy.
    #[must_use]
    pub fn servers_up(&self, backend: &str) -> usize {
        let table = control(&self.socket(), "show stat").unwrap_or_default();
        let rows = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let is_server = |row: &Vec<&str>| row[0] == backend && row[1] != "BACKEND";
        // The column of the state is the 18th in every version.
        rows.filter(|row| row.len() > 17 && is_server(row) && row[17].starts_with("UP")).count()
    }

    /// For clients: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its folder: the configuration in `haproxy.cfg`, the log in `server.log`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process id while it runs; another one after a reload.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Its process, to be stopped, killed, paused and resumed. Connections from before a reload are not its.
    pub fn process(&mut self) -> &mut ServerProcess {
        &mut self.process
    }
}

fn new_process(folder: &Path) -> ServerProcess {
    ServerProcess::new("HAProxy", folder.join("server.log"), Signal::TERM)
}

/// What the control socket answers.
fn control(socket: &Path, question: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(CONTROL_LIMIT)).ok()?;
    stream.set_write_timeout(Some(CONTROL_LIMIT)).ok()?;
    stream.write_all(format!("{question}\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The operators' configuration with other addresses, and without the routing by show where that is wished.
fn render(backends: &Backends, routing: Routing, listen: SocketAddr, socket: &Path) -> String {
    let mut text = String::with_capacity(CONFIGURATION.len());
    let mut servers: &[SocketAddr] = &[];
    for line in CONFIGURATION.lines() {
        if let Some(section) = line.strip_prefix("backend ") {
            servers = match section {
                "projections" => &backends.projections,
                "billing" => &backends.billing,
                "portal" => &backends.portals,
                _ => &backends.commands,
            };
        }
        if line.starts_with(BY_SHOW) && routing == Routing::Random {
            continue;
        }
        let mut words = line.split_whitespace();
        if words.next() != Some("server") {
            let line =
                line.replace(LISTEN, &listen.to_string()).replace(SOCKET, &socket.display().to_string());
            text.push_str(&line);
            text.push('\n');
            continue;
        }
        let (Some(name), Some(address)) = (words.next(), words.next()) else { continue };
        let Some(kind) = name.strip_suffix("-1") else { continue };
        for (number, server) in (1..).zip(servers) {
            let line = line.replace(name, &format!("{kind}-{number}")).replace(address, &server.to_string());
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(ports: std::ops::Range<u16>) -> Vec<SocketAddr> {
        ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).collect()
    }

    #[test]
    fn the_operators_file_gets_other_addresses_and_nothing_else() {
        let backends = Backends {
            commands: addresses(1..4),
            projections: addresses(5..6),
            billing: addresses(6..7),
            portals: addresses(7..8),
        };
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let text = render(&backends, Routing::ByShow, listen, Path::new("/tmp/a.sock"));
        let servers: Vec<&str> =
            text.lines().map(str::trim).filter(|line| line.starts_with("server ")).collect();
        assert_eq!(
            servers,
            [
                "server command-1 127.0.0.1:1 track commands/command-1",
                "server command-2 127.0.0.1:2 track commands/command-2",
                "server command-3 127.0.0.1:3 track commands/command-3",
                "server command-1 127.0.0.1:1 check",
                "server command-2 127.0.0.1:2 check",
                "server command-3 127.0.0.1:3 check",
                "server projections-1 127.0.0.1:5 check",
                "server billing-1 127.0.0.1:6 check",
                "server portal-1 127.0.0.1:7 check",
            ]
        );
        assert!(
            text.contains("bind 127.0.0.1:9\n") && text.contains("stats socket /tmp/a.sock mode"),
            "{text}"
        );
        let random = render(&backends, Routing::Random, listen, Path::new("/tmp/a.sock"));
        let (all, fewer) = (text.lines().count(), random.lines().count());
        assert_eq!(all, fewer + 1, "only the line that routes by show is gone");
        let same = |line: &str| CONFIGURATION.lines().any(|known| known == line);
        let changed = text.lines().filter(|line| !same(line) && !line.contains("server ")).count();
        assert_eq!(changed, 2, "the port and the socket");
    }
}
