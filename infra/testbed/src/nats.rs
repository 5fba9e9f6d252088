//! Private NATS servers with JetStream, alone or three as a cluster, that sync every message before they acknowledge it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::error::{Doing, TestbedError};
use crate::http_probe;
use crate::ports::free_port;
use crate::process::ServerProcess;
use crate::program::nats_server;

/// Recovery of the stored streams included.
const START_LIMIT: Duration = Duration::from_secs(30);
/// A cluster elects a leader of its streams' directory in 4 to 9 s, and again when that one is lost.
const ELECTION_LIMIT: Duration = Duration::from_secs(40);
/// Servers of a cluster: with three, one may be lost.
const NODES: usize = 3;

/// A private NATS server. Ends when dropped, and its folder goes.
#[derive(Debug)]
pub struct NatsServer {
    program: PathBuf,
    name: String,
    port: u16,
    monitor_port: u16,
    process: ServerProcess,
    folder: tempfile::TempDir,
}

impl NatsServer {
    /// Starts one server by itself.
    ///
    /// # Errors
    /// [`TestbedError::Missing`] where none is installed that is new enough; else what went wrong.
    pub fn start() -> Result<Self, TestbedError> {
        Self::start_syncing("always")
    }

    /// Starts one that acknowledges before it syncs, as servers do by default: to be refused.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_lazy() -> Result<Self, TestbedError> {
        Self::start_syncing("\"2m\"")
    }

    fn start_syncing(interval: &str) -> Result<Self, TestbedError> {
        let mut server = Self::prepare("nats-1", interval, "")?;
        server.restart()?;
        Ok(server)
    }

    /// Writes the configuration of a server with what a cluster adds to it.
    fn prepare(name: &str, sync_interval: &str, cluster: &str) -> Result<Self, TestbedError> {
        let folder = tempfile::Builder::new().prefix("ticketflow-nats-").tempdir();
        let folder = folder.doing("make a folder in", std::env::temp_dir())?;
        let (port, monitor_port) = (free_port()?, free_port()?);
        let store = folder.path().join("store");
        let configuration = format!(
            "server_name: {name}\nlisten: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:{monitor_port}\"\n\
             jetstream {{\n  store_dir: {store:?}\n  sync_interval: {sync_interval}\n}}\n{cluster}"
        );
        let path = folder.path().join("server.conf");
        std::fs::write(&path, configuration).doing("write", path)?;
        let (program, name) = (nats_server()?, name.to_owned());
        let process = ServerProcess::new(&name, folder.path().join("server.log"), Signal::TERM);
        Ok(Self { program, name, port, monitor_port, process, folder })
    }

    /// Starts it without waiting: where several have to find together.
    ///
    /// # Errors
    /// [`TestbedError`].
    pub fn launch(&mut self) -> Result<(), TestbedError> {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.folder.path().join("server.conf"));
        self.process.start(&mut command)
    }

    /// Starts it if it is down, on the same ports with the same data, and waits until it is healthy.
    ///
    /// # Errors
    /// [`TestbedError`].
    pub fn restart(&mut self) -> Result<(), TestbedError> {
        if self.process_id().is_none() {
            self.launch()?;
        }
        let port = self.monitor_port;
        self.process.wait_until(START_LIMIT, || is_healthy(port))
    }

    /// Its name in the cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For clients: `nats://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Its monitoring page: `127.0.0.1:PORT`.
    #[must_use]
    pub fn monitor(&self) -> String {
        format!("127.0.0.1:{}", self.monitor_port)
    }

    /// For the event store: `jetstream://127.0.0.1:PORT?monitor=...`.
    #[must_use]
    pub fn event_store_url(&self) -> String {
        format!("jetstream://127.0.0.1:{}?monitor={}", self.port, self.monitor())
    }

    /// Its folder: the configuration in `server.conf`, the streams in `store`, the log in `server.log`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The server's process id while it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Whether it says that JetStream works and is up to date.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        is_healthy(self.monitor_port)
    }

    /// Its process, to be stopped, killed, paused and resumed.
    pub fn process(&mut self) -> &mut ServerProcess {
        &mut self.process
    }
}

fn is_healthy(monitor_port: u16) -> bool {
    matches!(http_probe::get(monitor_port, "/healthz"), Some((200, _)))
}

/// The name of the server that leads the directory of streams, as the one with that monitoring port sees it.
fn leader_seen_at(monitor_port: u16) -> Option<String> {
    let (_, body) = http_probe::get(monitor_port, "/jsz")?;
    let page: Value = serde_json::from_str(&body).ok()?;
    let leader = page["meta_cluster"]["leader"].as_str()?;
    (!leader.is_empty()).then(|| leader.to_owned())
}

/// The name of the server that leads a stream, as the one with that monitoring port sees it.
fn stream_leader_seen_at(monitor_port: u16, stream: &str) -> Option<String> {
    let (_, body) = http_probe::get(monitor_port, "/jsz?streams=true")?;
    let page: Value = serde_json::from_str(&body).ok()?;
    let accounts = page["account_details"].as_array()?.iter();
    let mut streams = accounts.filter_map(|account| account["stream_detail"].as_array()).flatten();
    let found = streams.find(|detail| detail["name"] == stream)?;
    found["cluster"]["leader"].as_str().map(str::to_owned)
}

/// Three private NATS servers as a cluster. End when dropped, and their folders go.
#[derive(Debug)]
pub struct NatsCluster {
    nodes: Vec<NatsServer>,
}

impl NatsCluster {
    /// Starts three servers and waits until they have a leader.
    ///
    /// # Errors
    /// As [`NatsServer::start`].
    pub fn start() -> Result<Self, TestbedError> {
        let route_ports = (0..NODES).map(|_| free_port()).collect::<Result<Vec<u16>, _>>()?;
        let routes: Vec<String> =
            route_ports.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        let routes = routes.join(", ");
        let mut nodes = Vec::new();
        for (at, port) in route_ports.iter().enumerate() {
            let cluster = format!(
                "cluster {{\n  name: ticketflow\n  listen: \"127.0.0.1:{port}\"\n  routes: [{routes}]\n}}\n"
            );
            nodes.push(NatsServer::prepare(&format!("nats-{}", at + 1), "always", &cluster)?);
        }
        nodes.iter_mut().try_for_each(NatsServer::launch)?;
        let mut cluster = Self { nodes };
        cluster.wait_until_settled()?;
        Ok(cluster)
    }

    /// The servers.
    #[must_use]
    pub fn nodes(&self) -> &[NatsServer] {
        &self.nodes
    }

    /// The servers, to be stopped, killed and restarted.
    #[must_use]
    pub fn nodes_mut(&mut self) -> &mut [NatsServer] {
        &mut self.nodes
    }

    /// For clients: the addresses of all servers, with commas between.
    #[must_use]
    pub fn url(&self) -> String {
        self.nodes.iter().map(NatsServer::url).collect::<Vec<_>>().join(",")
    }

    /// For the event store, with three copies: `jetstream://127.0.0.1:PORT,...?replicas=3&monitor=...`.
    #[must_use]
    pub fn event_store_url(&self) -> String {
        let servers: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let monitors: Vec<String> = self.nodes.iter().map(NatsServer::monitor).collect();
        format!("jetstream://{}?replicas={NODES}&monitor={}", servers.join(","), monitors.join(","))
    }

    /// Which of the servers that run leads the directory of streams.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        let mut running = self.nodes.iter().filter(|node| node.process_id().is_some());
        let name = running.find_map(|node| leader_seen_at(node.monitor_port))?;
        self.nodes.iter().position(|node| node.name() == name && node.process_id().is_some())
    }

    /// Which of the servers that run leads the copies of a stream.
    #[must_use]
    pub fn stream_leader(&self, stream: &str) -> Option<usize> {
        let mut running = self.nodes.iter().filter(|node| node.process_id().is_some());
        let name = running.find_map(|node| stream_leader_seen_at(node.monitor_port, stream))?;
        self.nodes.iter().position(|node| node.name() == name && node.process_id().is_some())
    }

    /// Waits until every server that runs is healthy and sees the same leader, one that runs.
    ///
    /// # Errors
    /// [`TestbedError::NotReady`] with the log of the one that is not.
    pub fn wait_until_settled(&mut self) -> Result<(), TestbedError> {
        let running: Vec<String> = self
            .nodes
            .iter()
            .filter(|node| node.process_id().is_some())
            .map(|node| node.name.clone())
            .collect();
        self.nodes.iter_mut().try_for_each(|node| {
            let port = node.monitor_port;
            node.process.wait_until(ELECTION_LIMIT, || {
                is_healthy(port) && leader_seen_at(port).is_some_and(|leader| running.contains(&leader))
            })
        })
    }
}
