//! Private MariaDB servers with durable settings: one by itself, or a primary and its replica.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::error::{Doing, TestbedError};
use crate::ports::free_port;
use crate::process::ServerProcess;
use crate::program::{MariaDbPrograms, mariadb, run};
use crate::server_user::{ServerUser, random_password};

/// The user that Debian's packages make; as root the server would have to be told that this is meant.
const SERVER_USER: &str = "mysql";
/// Recovery after a kill included.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a replica is waited for.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// The database that clients are given.
const DATABASE: &str = "ticketflow";
/// Durability is spelled out: a transaction that was answered survives a power cut, in the tables and in the binary log.
const SETTINGS: [&str; 20] = [
    "--innodb-flush-log-at-trx-commit=1",
    "--sync-binlog=1",
    "--innodb-doublewrite=1",
    "--innodb-buffer-pool-size=64M",
    LOG_SIZE,
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=1M",
    "--performance-schema=0",
    "--max-connections=60",
    "--skip-name-resolve",
    "--bind-address=127.0.0.1",
    "--character-set-server=utf8mb4",
    "--log-bin=binlog",
    "--binlog-format=ROW",
    "--gtid-strict-mode=1",
    "--relay-log=relay",
    "--relay-log-recovery=1",
    // A replica notices within that time that its primary is gone, and tries again as often.
    "--slave-net-timeout=2",
    "--sql-mode=STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
    "--pid-file=server.pid",
];
/// Small: a start need not write much.
const LOG_SIZE: &str = "--innodb-log-file-size=32M";
/// Settings of the caller's for some other server have no say here.
const FOREIGN_VARIABLES: [&str; 4] = ["MYSQL_HOST", "MYSQL_TCP_PORT", "MYSQL_UNIX_PORT", "MYSQL_HOME"];

/// A private MariaDB server. Stops when dropped, and its folder goes.
#[derive(Debug)]
pub struct MariaDb {
    programs: MariaDbPrograms,
    user: ServerUser,
    port: u16,
    server_id: u32,
    is_read_only: bool,
    process: ServerProcess,
    folder: tempfile::TempDir,
    /// Of its clients and of its operator, over TCP.
    password: String,
}

impl MariaDb {
    /// Prepares a folder of its own, in the system's temporary folder, and starts its server.
    ///
    /// # Errors
    /// [`TestbedError::Missing`] where it is not installed; else what went wrong.
    pub fn start() -> Result<Self, TestbedError> {
        Self::start_as(1, false, random_password())
    }

    fn start_as(server_id: u32, is_read_only: bool, password: String) -> Result<Self, TestbedError> {
        let programs = mariadb()?;
        let remedy = "MariaDB is not to run as root; Debian's package makes the user";
        let user = ServerUser::named(SERVER_USER, "the user mysql", remedy)?;
        let folder = user.folder("ticketflow-mariadb-", &std::env::temp_dir())?;
        let log = folder.path().join("server.log");
        let process = ServerProcess::new("MariaDB", log, Signal::TERM);
        let port = free_port()?;
        let mut server = Self { programs, user, port, server_id, is_read_only, process, folder, password };
        let users = server.folder.path().join("users.sql");
        std::fs::write(&users, server.users()).doing("write", &users)?;
        user.owns(&users)?;
        let mut install = server.program(&server.programs.install);
        install.args(["--no-defaults", "--skip-test-db", "--skip-name-resolve", LOG_SIZE]);
        install.arg("--auth-root-authentication-method=socket");
        install.arg(format!("--datadir={}", server.data().display()));
        run("mariadb-install-db", &mut install)?;
        server.restart()?;
        Ok(server)
    }

    /// Run by the server at each start, before it answers anybody; each line is one statement. Clients have the rights that an
    /// operator gives a program, and no others: those of their own database.
    fn users(&self) -> String {
        let Self { password, .. } = self;
        format!(
            "SET SESSION sql_log_bin = 0;\n\
             CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4;\n\
             CREATE USER IF NOT EXISTS 'ticketflow'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
             GRANT ALL PRIVILEGES ON {DATABASE}.* TO 'ticketflow'@'127.0.0.1';\n\
             CREATE USER IF NOT EXISTS 'operator'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
             GRANT ALL PRIVILEGES ON *.* TO 'operator'@'127.0.0.1' WITH GRANT OPTION;\n"
        )
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        self.user.runs(&mut command);
        for variable in FOREIGN_VARIABLES {
            command.env_remove(variable);
        }
        command.env("TMPDIR", self.folder.path()).current_dir("/");
        command
    }

    /// For clients: `mysql://ticketflow:PASSWORD@127.0.0.1:PORT/ticketflow`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mysql://ticketflow:{}@127.0.0.1:{}/{DATABASE}", self.password, self.port)
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

    /// Its process, to be stopped, killed, paused and resumed.
    pub fn process(&mut self) -> &mut ServerProcess {
        &mut self.process
    }

    /// Starts it if it is down, on the same port with the same data, and waits until it answers.
    ///
    /// # Errors
    /// [`TestbedError`].
    pub fn restart(&mut self) -> Result<(), TestbedError> {
        if self.process_id().is_some() {
            return Ok(());
        }
        let folder = self.folder.path().to_owned();
        let mut command = self.program(&self.programs.server);
        // First, or the machine's own configuration is read.
        command.arg("--no-defaults").args(SETTINGS);
        command.arg(format!("--datadir={}", self.data().display()));
        command.arg(format!("--socket={}", folder.join("socket").display()));
        command.arg(format!("--tmpdir={}", folder.display()));
        command.arg(format!("--init-file={}", folder.join("users.sql").display()));
        command.arg(format!("--port={}", self.port)).arg(format!("--server-id={}", self.server_id));
        command.arg(format!("--read-only={}", u8::from(self.is_read_only)));
        // A group of its own: what ends a terminal's programs is not meant for it.
        command.process_group(0);
        self.process.start(&mut command)?;
        let mut select = self.client();
        select.args(["--connect-timeout=1", "-e", "SELECT 1"]);
        self.process.wait_until(START_LIMIT, || run("mariadb", &mut select).is_ok())
    }

    /// Runs SQL as the operator, who may do anything, in the clients' database; gives the output without headers, columns apart
    /// by tabs.
    ///
    /// # Errors
    /// [`TestbedError::Failed`] with what the server said.
    pub fn query(&self, sql: &str) -> Result<String, TestbedError> {
        let mut client = self.client();
        run("mariadb", client.args(["--connect-timeout=2", "-N", "-B", "-D", DATABASE, "-e", sql]))
    }

    /// The client program, told where the server is, as the operator.
    #[must_use]
    pub fn client(&self) -> Command {
        let mut command = self.program(&self.programs.client);
        command.args(["--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-u", "operator"]);
        command.arg(format!("--port={}", self.port));
        // In the environment and not in an argument, which everybody on the machine can read.
        command.env("MYSQL_PWD", &self.password);
        command
    }

    /// As `SELECT version()` says.
    ///
    /// # Errors
    /// [`TestbedError`] where it does not answer.
    pub fn version(&self) -> Result<String, TestbedError> {
        self.query("SELECT version()")
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        // Nothing that it would write now is read again: its folder goes. One that is paused is killed as well.
        self.process.kill();
    }
}

/// A primary and a replica that reads its binary log by global transaction ids, goes on by itself when the primary returns,
/// and takes no writes of clients.
#[derive(Debug)]
pub struct MariaDbPair {
    /// Takes writes.
    pub primary: MariaDb,
    /// Has what the primary committed, a moment later.
    pub replica: MariaDb,
}

impl MariaDbPair {
    /// Starts both, and the replication between them.
    ///
    /// # Errors
    /// As [`MariaDb::start`].
    pub fn start() -> Result<Self, TestbedError> {
        let password = random_password();
        let primary = MariaDb::start_as(1, false, password.clone())?;
        let replica = MariaDb::start_as(2, true, password.clone())?;
        // What made the primary ready is in no binary log: both begin alike, and the replica with the first transaction.
        replica.query(&format!(
            "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {}, MASTER_USER = 'operator',
               MASTER_PASSWORD = '{password}', MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos;
             START SLAVE",
            primary.port
        ))?;
        let pair = Self { primary, replica };
        pair.catch_up()?;
        Ok(pair)
    }

    /// Waits until the replica has what the primary has committed so far.
    ///
    /// # Errors
    /// [`TestbedError`] where one of them does not answer, or the replica does not get there within 30 s.
    pub fn catch_up(&self) -> Result<(), TestbedError> {
        let committed = self.primary.query("SELECT @@gtid_binlog_pos")?;
        let since = Instant::now();
        // Asked again and again: one long question would be lost with its connection.
        let wait = format!("SELECT MASTER_GTID_WAIT('{committed}', 1)");
        while self.replica.query(&wait)? != "0" {
            if since.elapsed() > CATCH_UP_LIMIT {
                let output = self.replica.query("SHOW ALL SLAVES STATUS")?;
                return Err(TestbedError::Failed { program: "the replica", output });
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        Ok(())
    }
}
