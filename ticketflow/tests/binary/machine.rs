//! Starts the binary in a private folder and ends what it started, by its own handle.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use ticketflow_scenarios::buyer::Buyer;
use ticketflow_scenarios::http::{Client, Response};
use ticketflow_scenarios::plan::{Operator, Plan, Show, read_operator_key};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_ticketflow");
/// What does not happen within this time never will.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// A private place for one test.
pub(crate) struct Machine {
    folder: TempDir,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The data folder of most tests.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Runs a subcommand on a data folder to its end.
    pub(crate) fn run_on(&self, data: &Path, arguments: &[&str]) -> Output {
        let output = command(arguments).arg("--data").arg(data).stdin(Stdio::null()).output();
        output.expect("the binary runs")
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_on(&self.data(), arguments)
    }

    /// The JSON of a subcommand that succeeds.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    pub(crate) fn serve(&self, arguments: &[&str]) -> Serving {
        Serving::start(&self.data(), arguments).expect("the server starts")
    }
}

/// The binary without what the environment of the test run may have set.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TICKETFLOW_") {
            command.env_remove(name);
        }
    }
    command.args(arguments);
    command
}

/// All that a finished process said.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A running server; dropping it kills it.
pub(crate) struct Serving {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
}

/// A server that did not get as far as listening.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: ExitStatus,
    pub(crate) errors: String,
}

impl Serving {
    /// Starts `serve` on a free port and waits for its line.
    pub(crate) fn start(data: &Path, arguments: &[&str]) -> Result<Self, Refused> {
        let mut child = command(&["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut errors = child.stderr.take().expect("piped");
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            // A killed process ends the pipe early, which is as good.
            drop(errors.read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        let (told, hear) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("listening on http://") {
                    drop(told.send(address.parse::<SocketAddr>()));
                }
            }
        });
        match hear.recv_timeout(PATIENCE) {
            Ok(address) => {
                let key = read_operator_key(data).expect("the key was made");
                Ok(Self { child, address: address.expect("an address"), key })
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = child.wait().expect("it has ended");
                Err(Refused { status, errors: errors.join().expect("read to its end") })
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                drop(child.kill());
                panic!("the server neither listens nor ends");
            }
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address, PATIENCE)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        let bearer = format!("Bearer {}", self.key);
        self.client().get(path, &[("Authorization", &bearer)]).expect("an answer")
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Response {
        self.client().send("POST", path, headers, Some(body)).expect("an answer")
    }

    pub(crate) fn show(&self, seats: usize) -> Show {
        let plan = Plan::with_seats(seats, 25_000).expect("a plan");
        Operator::new(self.address, &self.key).create_open_show(plan, None).expect("a show")
    }

    pub(crate) fn hold(&self, show: &Show, seat: usize) -> Value {
        let key = format!("hold-{}-{seat}", show.id);
        let body = json!({"seats": [show.plan.seat_name(seat)]});
        let held = self.post(&format!("/v1/shows/{}/holds", show.id), &[("Idempotency-Key", &key)], &body);
        assert_eq!(held.status, 201, "{}", held.excerpt());
        held.json()
    }

    pub(crate) fn purchase(&self, show: &Show, hold: &Value, token: &str) -> Response {
        let person = Buyer::numbered(7);
        let buyer = json!({"rut": person.rut, "name": person.name, "email": person.email});
        self.purchase_as(show, hold, &buyer, token)
    }

    pub(crate) fn purchase_as(&self, show: &Show, hold: &Value, buyer: &Value, token: &str) -> Response {
        let body = json!({"buyer": buyer, "payment": {"method": "card", "token": token}});
        let id = hold["hold_id"].as_str().expect("an id");
        let key = format!("purchase-{id}");
        let headers = [
            ("Idempotency-Key", key.as_str()),
            ("Hold-Token", hold["hold_token"].as_str().expect("a token")),
        ];
        self.post(&format!("/v1/shows/{}/holds/{id}/purchase", show.id), &headers, &body)
    }

    /// Holds and buys; the order.
    pub(crate) fn sell(&self, show: &Show, seat: usize) -> Value {
        let paid = self.purchase(show, &self.hold(show, seat), "tok_visa");
        assert_eq!(paid.status, 201, "{}", paid.excerpt());
        paid.json()
    }

    pub(crate) fn shows(&self) -> Vec<Value> {
        self.get("/v1/shows").json()["data"].as_array().expect("a list").clone()
    }

    /// SIGTERM, without waiting.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
    }

    /// Waits for the end.
    pub(crate) fn ended(mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(POLL);
        }
    }

    /// SIGTERM and the end that follows.
    pub(crate) fn stop(self) -> ExitStatus {
        self.terminate();
        self.ended()
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Waits until something shows.
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "never came true: {what}");
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Ended already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
