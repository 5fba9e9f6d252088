//! The whole distributed system on this machine: three NATS servers, PostgreSQL, a payment gateway, command services,
//! projections, billing, a portal and a load balancer, each a process of its own.
//!
//! Everything is private: free ports of 127.0.0.1, temporary folders, gone when it is dropped. What is done to it, and what is
//! asked of it, is left to the scenarios and to `ticketflow up`.

pub(crate) mod pulse;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use ticketflow_testbed::{Backends, LoadBalancer, NatsCluster, Postgres, Routing};

use crate::http::Client;
use crate::kill::server::{Role, ServerProcess, free_port, verify};
use crate::plan::read_operator_key;

/// How long the load balancer may take to find everybody healthy.
const HEALTHY_WITHIN: Duration = Duration::from_secs(20);
/// How long replicas may take to have the same log once nothing is written.
const AGREE_WITHIN: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);

/// How the system is put together.
#[derive(Clone, Debug)]
pub struct SystemOptions {
    /// The program.
    pub binary: PathBuf,
    /// Command services; two at least, so that one can be missed.
    pub command_services: usize,
    /// Whether writes go to any command service instead of the show's own.
    pub random_routing: bool,
    /// Instances of billing, of which one works at a time.
    pub billing: usize,
    /// Where they mail to, as `--mail` takes it; a folder of the system's own otherwise.
    pub mail: Option<String>,
    /// Whether a demonstration's boletas are issued instead of plain receipts, by instances that share their fiscal keys.
    pub boletas: bool,
}

/// One process of the program, and how to start it again.
pub struct Node {
    name: String,
    role: &'static str,
    binary: PathBuf,
    folder: PathBuf,
    arguments: Vec<String>,
    /// For what the list of processes is not to show.
    environment: Vec<(String, String)>,
    port: u16,
    process: Option<ServerProcess>,
}

impl Node {
    fn new(options: &SystemOptions, folder: &Path, name: String, role: &'static str) -> Result<Self> {
        Ok(Self {
            folder: folder.join(&name),
            name,
            role,
            binary: options.binary.clone(),
            arguments: Vec::new(),
            environment: Vec::new(),
            port: free_port()?,
            process: None,
        })
    }

    /// Starts it with further arguments from now on.
    pub fn add_arguments(&mut self, arguments: &[&str]) {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Its name in the system.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts it if it is down, and waits until it listens.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&mut self) -> Result<()> {
        if self.process.is_none() {
            let data = (self.role != "gateway").then_some(self.folder.as_path());
            let (arguments, environment) = (&self.arguments, &self.environment);
            let role = Role { name: self.role, data, arguments, environment };
            let log = self.folder.with_extension("log");
            let started = ServerProcess::start(&self.binary, &role, self.port, &log);
            self.process = Some(started.with_context(|| format!("starting {}", self.name))?);
        }
        Ok(())
    }

    /// Ends it with SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        drop(self.process.take());
    }

    /// Ends it as an operator does.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn stop(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.stop())
    }

    /// Stops it without ending it.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn pause(&self) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), ServerProcess::pause)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn resume(&self) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), ServerProcess::resume)
    }

    /// What `/v1/instance` says.
    fn instance(&self) -> Result<Value> {
        let mut client = Client::new(self.address(), Duration::from_secs(5));
        let answer = client.get("/v1/instance", &[])?;
        Ok(answer.json())
    }
}

/// What makes an issuer of boletas of billing: a demonstration's, whose keys are in one folder for all instances.
fn boletas(folder: &Path) -> Vec<String> {
    let keys = folder.join("fiscal-keys").display().to_string();
    let issuer = [
        ("--fiscal-keys", keys.as_str()),
        ("--receipts", "taxed"),
        ("--billing-series", "BOLETA"),
        ("--issuer-name", "Teatro Caleta Clara SpA"),
        ("--issuer-tax-id", "76.123.456-0"),
        ("--issuer-activity", "Producción de espectáculos"),
        ("--issuer-address", "Costanera 120"),
        ("--issuer-district", "Valparaíso"),
        ("--issuer-city", "Valparaíso"),
    ];
    let mut arguments = vec!["--issuer-demo".to_owned()];
    arguments.extend(issuer.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_owned()]));
    arguments
}

/// The running system.
pub struct System {
    /// What keeps the log.
    pub nats: NatsCluster,
    /// What the projections keep their read models in.
    pub postgres: Postgres,
    /// The payment gateway.
    pub gateway: Node,
    /// What takes commands.
    pub commands: Vec<Node>,
    /// What answers reads.
    pub projections: Vec<Node>,
    /// What issues and mails documents; mails are files in [`Self::mail_folder`].
    pub billing: Vec<Node>,
    /// The pages.
    pub portal: Node,
    /// What everybody talks to.
    pub balancer: LoadBalancer,
    /// Bearer key of the operator.
    pub operator_key: String,
    // Last: it goes when all processes are gone.
    folder: tempfile::TempDir,
}

impl System {
    /// Starts everything and waits until the load balancer finds all of it healthy. `told` hears what is being started.
    ///
    /// # Errors
    /// When something does not start; [`ticketflow_testbed::TestbedError::Missing`] as the cause where a program is not
    /// installed.
    pub fn start(options: &SystemOptions, mut told: impl FnMut(&str)) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ticketflow-system-").tempdir()?;
        told("three NATS servers");
        let nats = NatsCluster::start()?;
        told("PostgreSQL");
        let postgres = Postgres::start()?;
        told("the payment gateway");
        let mut gateway = Node::new(options, folder.path(), "gateway".to_owned(), "gateway")?;
        gateway.arguments =
            vec!["--charges".to_owned(), folder.path().join("charges.jsonl").display().to_string()];
        gateway.start()?;
        let new = |role, number| Node::new(options, folder.path(), format!("{role}-{number}"), role);
        let commands = (1..=options.command_services).map(|number| new("command-service", number));
        let mut commands = commands.collect::<Result<Vec<_>>>()?;
        let mut projections = vec![new("projections", 1)?];
        let billing = (1..=options.billing).map(|number| new("billing", number));
        let mut billing = billing.collect::<Result<Vec<_>>>()?;
        let mut portal = new("portal", 1)?;
        let backends = Backends {
            commands: commands.iter().map(Node::address).collect(),
            projections: projections.iter().map(Node::address).collect(),
            billing: billing.iter().map(Node::address).collect(),
            portals: vec![portal.address()],
        };
        let routing = if options.random_routing { Routing::Random } else { Routing::ByShow };
        told("the load balancer");
        let balancer = LoadBalancer::start(&backends, routing)?;
        let everybody = |node: &mut Node| {
            node.arguments = vec!["--event-store".to_owned(), nats.event_store_url()];
            node.arguments.extend(["--instance".to_owned(), node.name.clone()]);
        };
        for node in &mut commands {
            everybody(node);
            node.arguments.extend(["--gateway".to_owned(), format!("http://{}", gateway.address())]);
            told(&node.name);
            node.start()?;
        }
        let own_folder = || format!("file:{}", folder.path().join("mail").display());
        let mail = options.mail.clone().unwrap_or_else(own_folder);
        let buffer = || vec![("--buffer", nats.url()), ("--buffer-replicas", nats.nodes().len().to_string())];
        for node in projections.iter_mut().chain(&mut billing).chain([&mut portal]) {
            everybody(node);
            let more = match node.role {
                "portal" => vec![("--api", balancer.url())],
                "billing" => {
                    if options.boletas {
                        node.arguments.extend(boletas(folder.path()));
                    }
                    [buffer(), vec![("--mail", mail.clone()), ("--public-origin", balancer.url())]].concat()
                }
                _ => {
                    node.environment = vec![("TICKETFLOW_SEAT_MAP".to_owned(), postgres.url())];
                    buffer()
                }
            };
            node.arguments.extend(more.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
            told(&node.name);
            node.start()?;
        }
        let operator_key =
            read_operator_key(commands.first().context("there is a command service")?.folder())?;
        let system = Self {
            nats,
            postgres,
            gateway,
            commands,
            projections,
            billing,
            portal,
            balancer,
            operator_key,
            folder,
        };
        system.wait_until_healthy()?;
        Ok(system)
    }

    /// The folder of all data folders and process logs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder that mails are written to.
    #[must_use]
    pub fn mail_folder(&self) -> PathBuf {
        self.folder().join("mail")
    }

    /// Keeps the folder beyond the system's end.
    #[must_use]
    pub fn keep_folder(self) -> PathBuf {
        self.folder.keep()
    }

    /// Everybody who has a replica of the log.
    pub fn replicas(&self) -> impl Iterator<Item = &Node> {
        self.commands.iter().chain(&self.projections).chain(&self.billing).chain([&self.portal])
    }

    /// Everybody who answers reads alone.
    pub fn readers_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.projections.iter_mut().chain([&mut self.portal])
    }

    fn wait_until_healthy(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            let up = ["commands", "projections", "billing", "portal"];
            let up = up.map(|backend| self.balancer.servers_up(backend));
            if up == [self.commands.len(), self.projections.len(), self.billing.len(), 1] {
                return Ok(());
            }
            if began.elapsed() > HEALTHY_WITHIN {
                bail!(
                    "the load balancer finds {up:?} command services, projections, billing and portals healthy"
                );
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until all replicas are at the same position with the same chain hash, and says which.
    ///
    /// # Errors
    /// When they do not get there.
    pub fn agree(&self) -> Result<(u64, String)> {
        let began = Instant::now();
        loop {
            let instances: Vec<Value> = self.replicas().map(Node::instance).collect::<Result<_>>()?;
            let place = |instance: &Value| (instance["position"].clone(), instance["chain_hash"].clone());
            let first = place(&instances[0]);
            if instances.iter().all(|instance| place(instance) == first) {
                let hash = first.1.as_str().context("an instance says its chain hash")?;
                return Ok((first.0.as_u64().context("an instance says its position")?, hash.to_owned()));
            }
            if began.elapsed() > AGREE_WITHIN {
                bail!("the replicas do not have the same log: {instances:?}");
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until the tables in PostgreSQL have everything up to a position.
    ///
    /// # Errors
    /// When they do not get there.
    pub fn wait_for_tables(&self, position: u64) -> Result<()> {
        let began = Instant::now();
        let bearer = format!("Bearer {}", self.operator_key);
        loop {
            let node = self.projections.first().context("there is a node with projections")?;
            let mut client = Client::new(node.address(), Duration::from_secs(5));
            let status = client.get("/v1/ops/projections", &[("Authorization", &bearer)])?.json();
            let tables =
                status["data"].as_array().into_iter().flatten().find(|one| one["name"] == "postgres");
            let tables = tables.context("the node keeps tables")?;
            if tables["state"] == "live" && tables["position"].as_u64().is_some_and(|at| at >= position) {
                return Ok(());
            }
            if began.elapsed() > AGREE_WITHIN {
                bail!("the tables in PostgreSQL do not get to position {position}: {tables}");
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Stops all replicas and proves the log of each, and the tables in PostgreSQL.
    ///
    /// # Errors
    /// With what does not hold.
    pub fn stop_and_verify(&mut self) -> Result<()> {
        let (binary, tables) = (self.portal.binary.clone(), self.postgres.url());
        let all = self.commands.iter_mut().chain(&mut self.projections).chain(&mut self.billing);
        for node in all.chain([&mut self.portal]) {
            node.stop()?;
            let seat_map = (node.role == "projections").then_some(tables.as_str());
            verify(&binary, &node.folder, seat_map).with_context(|| format!("the log of {}", node.name))?;
        }
        Ok(())
    }
}
