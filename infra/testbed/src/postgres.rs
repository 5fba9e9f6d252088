//! A private PostgreSQL server with durable settings.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::error::{Doing, TestbedError};
use crate::ports::free_port;
use crate::process::ServerProcess;
use crate::program::{postgres_binaries, run};
use crate::server_user::{ServerUser, random_password};

/// The user that Debian's packages make; the server refuses to run as root.
const SERVER_USER: &str = "postgres";
/// Recovery after a kill included.
const START_LIMIT: Duration = Duration::from_secs(60);
const BETWEEN_TRIES: Duration = Duration::from_millis(200);
/// Durability is spelled out although it is the default.
const SETTINGS: [&str; 6] = [
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "max_connections=300",
    "shared_buffers=256MB",
    "max_wal_size=4GB",
];
/// Settings of the caller's for some other server have no say here.
const FOREIGN_VARIABLES: [&str; 7] =
    ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGOPTIONS", "PGSERVICE"];

/// A private PostgreSQL server. Stops when dropped, and its folder goes.
#[derive(Debug)]
pub struct Postgres {
    binaries: PathBuf,
    user: ServerUser,
    port: u16,
    process: ServerProcess,
    folder: tempfile::TempDir,
    /// Of the superuser, over TCP.
    password: String,
}

impl Postgres {
    /// Makes a database cluster in a folder of its own, in the system's temporary folder, and starts its server.
    ///
    /// # Errors
    /// [`TestbedError::Missing`] where it is not installed; else what went wrong.
    pub fn start() -> Result<Self, TestbedError> {
        Self::start_in(&std::env::temp_dir())
    }

    /// As [`Self::start`], with its folder in this one, which the server's user must be able to enter: to have it on a certain disk.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_in(parent: &Path) -> Result<Self, TestbedError> {
        let binaries = postgres_binaries()?;
        let refusal = "PostgreSQL refuses to run as root; Debian's package makes the user";
        let user = ServerUser::named(SERVER_USER, "the user postgres", refusal)?;
        let folder = user.folder("ticketflow-postgres-", parent)?;
        // SIGINT is the server's fast shutdown: clients are disconnected, everything is written.
        let process = ServerProcess::new("PostgreSQL", folder.path().join("server.log"), Signal::INT);
        let password = random_password();
        let mut server = Self { binaries, user, port: free_port()?, process, folder, password };
        let data = server.data();
        let password_file = server.folder.path().join("password");
        std::fs::write(&password_file, &server.password).doing("write", &password_file)?;
        user.owns(&password_file)?;
        // Who may use the socket owns the folder; over TCP anybody on the machine could come, and a superuser can run programs.
        let initdb = [
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--username=ticketflow",
            "--encoding=UTF8",
            "--locale=C",
        ];
        let mut command = server.program("initdb");
        run("initdb", command.args(initdb).arg("--pwfile").arg(&password_file).arg("-D").arg(data))?;
        server.restart()?;
        Ok(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        self.user.runs(&mut command);
        for variable in FOREIGN_VARIABLES {
            command.env_remove(variable);
        }
        command.current_dir("/");
        command
    }

    /// For clients: `postgres://ticketflow:PASSWORD@127.0.0.1:PORT/postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://ticketflow:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Its folder: the data in `data`, the log in `server.log`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The server's process id while it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Starts it if it is down, on the same port with the same data, and waits until it answers.
    ///
    /// # Errors
    /// [`TestbedError`].
    pub fn restart(&mut self) -> Result<(), TestbedError> {
        let since = Instant::now();
        while self.process_id().is_none() {
            // Helpers of a server that was killed end by themselves, and until then a new one refuses the data.
            match self.launch() {
                Err(TestbedError::NotReady { .. }) if since.elapsed() < START_LIMIT => {
                    std::thread::sleep(BETWEEN_TRIES);
                }
                launched => launched?,
            }
        }
        Ok(())
    }

    fn launch(&mut self) -> Result<(), TestbedError> {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        // A group of its own: what ends a terminal's programs is not meant for it.
        command.process_group(0);
        self.process.start(&mut command)?;
        let mut select = self.psql("SELECT 1");
        self.process.wait_until(START_LIMIT, || run("psql", &mut select).is_ok())
    }

    /// Its main process, to be stopped, killed, paused and resumed. Helpers of one that was killed end by themselves.
    pub fn process(&mut self) -> &mut ServerProcess {
        &mut self.process
    }

    /// Runs SQL with psql and gives its output, unaligned and without headers.
    ///
    /// # Errors
    /// [`TestbedError::Failed`] with what psql said.
    pub fn query(&self, sql: &str) -> Result<String, TestbedError> {
        run("psql", &mut self.psql(sql))
    }

    fn psql(&self, sql: &str) -> Command {
        let mut psql = self.client("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", sql]);
        psql
    }

    /// A client program of the server's version, told where the server is: over its socket, whose folder belongs to the server's
    /// user, so that it runs as that.
    #[must_use]
    pub fn client(&self, program: &str) -> Command {
        let mut command = self.program(program);
        command.arg("-h").arg(self.folder.path()).args(["-p", &self.port.to_string(), "-U", "ticketflow"]);
        // Over its socket none is asked for.
        command.env("PGCONNECT_TIMEOUT", "2").env("PGPASSWORD", &self.password);
        command
    }

    /// As `postgres --version` says.
    ///
    /// # Errors
    /// [`TestbedError`] where it cannot be run.
    pub fn version(&self) -> Result<String, TestbedError> {
        run("postgres", self.program("postgres").arg("--version"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A server that is killed leaves shared memory behind; one that was paused has to go on to end.
        let _ = self.process.resume();
        let _ = self.process.stop();
    }
}
