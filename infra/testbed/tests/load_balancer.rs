//! The operators' load balancer routes, falls back and moves no more than it must, in front of small HTTP servers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ticketflow_testbed::{Backends, LoadBalancer, Routing, TestbedError};

/// Longer than anything on this machine takes, shorter than a test may.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that answers with its name, until it is killed.
struct Backend {
    address: SocketAddr,
    state: Arc<State>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    name: String,
    dead: AtomicBool,
    /// Takes requests and ends the connection instead of answering.
    mute: AtomicBool,
    requests: AtomicUsize,
    connections: Mutex<Vec<TcpStream>>,
}

impl Backend {
    fn start(name: &str) -> Self {
        let state = Arc::new(State { name: name.to_owned(), ..State::default() });
        let mut backend = Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), state, listening: None };
        backend.listen();
        backend
    }

    fn listen(&mut self) {
        let listener = TcpListener::bind(self.address).expect("its port");
        self.address = listener.local_addr().expect("an address");
        self.state.dead.store(false, Ordering::SeqCst);
        let state = self.state.clone();
        self.listening = Some(std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if state.dead.load(Ordering::SeqCst) {
                    return;
                }
                state.connections.lock().expect("no panic").push(stream.try_clone().expect("a handle"));
                let state = state.clone();
                std::thread::spawn(move || serve(&state, stream));
            }
        }));
    }

    fn kill(&mut self) {
        self.state.dead.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.listening.take().expect("it listened").join().expect("it ends");
        for stream in self.state.connections.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }
}

/// Answers requests of one connection; a stream gets its first event and stays open.
fn serve(state: &State, stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    let mut answers = stream;
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            lines.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        lines.read_exact(&mut vec![0; length]).ok()?;
        if head.contains("/seats/stream ") {
            answers
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n")
                .ok()?;
            lines.read_line(&mut String::new()).ok()?;
            return None;
        }
        if !head.contains(" /health/ready ") {
            state.requests.fetch_add(1, Ordering::SeqCst);
            if state.mute.load(Ordering::SeqCst) {
                return answers.shutdown(Shutdown::Both).ok();
            }
        }
        let body = &state.name;
        write!(answers, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()?;
    }
}

/// Three command services, two projections, billing, a portal.
struct Stage {
    commands: Vec<Backend>,
    others: Vec<Backend>,
    balancer: LoadBalancer,
}

impl Stage {
    /// `None`, with the reason printed, where HAProxy is not installed.
    fn start(routing: Routing) -> Option<Self> {
        let commands: Vec<Backend> = (1..=3).map(|n| Backend::start(&format!("command-{n}"))).collect();
        let others = ["projections-1", "projections-2", "billing-1", "portal-1"].map(Backend::start);
        let others = Vec::from(others);
        let balancer = match LoadBalancer::start(&Self::backends(&commands, &others), routing) {
            Err(missing @ TestbedError::Missing { .. }) => {
                println!("SKIPPED: {missing}");
                return None;
            }
            started => started.expect("it starts"),
        };
        let stage = Self { commands, others, balancer };
        stage.wait_for_commands(3);
        stage.wait_for("billing", 1);
        Some(stage)
    }

    fn backends(commands: &[Backend], others: &[Backend]) -> Backends {
        let addresses = |servers: &[Backend]| servers.iter().map(|server| server.address).collect();
        Backends {
            commands: addresses(commands),
            projections: addresses(&others[..2]),
            billing: addresses(&others[2..3]),
            portals: addresses(&others[3..]),
        }
    }

    fn wait_for_commands(&self, count: usize) {
        self.wait_for("commands", count);
    }

    fn wait_for(&self, backend: &str, count: usize) {
        let since = Instant::now();
        while self.balancer.servers_up(backend) != count {
            assert!(since.elapsed() < PATIENCE, "{count} servers of {backend} should be healthy");
            std::thread::yield_now();
        }
    }

    fn connect(&self) -> TcpStream {
        let address = self.balancer.url().strip_prefix("http://").expect("http").to_owned();
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream.set_nodelay(true).expect("small writes leave at once");
        stream
    }

    /// Status line with headers, and the body, which is the name of who answered.
    fn ask(&self, method: &str, path: &str) -> (String, String) {
        let mut stream = self.connect();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
        )
        .expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        (head.to_owned(), body.to_owned())
    }

    fn who(&self, method: &str, path: &str) -> String {
        let (head, body) = self.ask(method, path);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        body
    }

    /// Which command service each of many shows is written by.
    fn owners(&self) -> BTreeMap<String, String> {
        let show = |n: u32| format!("01JDPV4RZ8{n:016}");
        (0..60)
            .map(show)
            .map(|show| (show.clone(), self.who("POST", &format!("/v1/shows/{show}/holds"))))
            .collect()
    }
}

#[test]
fn who_answers_follows_from_method_and_path() {
    let Some(stage) = Stage::start(Routing::ByShow) else { return };
    for (method, path, kind) in [
        ("POST", "/v1/shows", "command"),
        ("POST", "/v1/orders/1/refunds", "command"),
        ("DELETE", "/v1/shows/1/holds/2", "command"),
        ("GET", "/v1/shows", "projections"),
        ("GET", "/v1/shows/1", "projections"),
        ("GET", "/v1/orders/1", "projections"),
        ("POST", "/v1/ops/projections/seat-map/rebuild", "projections"),
        ("GET", "/v1/orders/1/receipt.pdf", "billing"),
        ("GET", "/v1/orders/1/receipt.xml", "billing"),
        ("GET", "/v1/orders/1/receipt.pdf?lang=en", "billing"),
        ("GET", "/v1/orders/1/tickets.pdf", "projections"),
        ("GET", "/v1/orders/1/tickets/2.pdf", "projections"),
        ("GET", "/v1/orders/1/credit-notes/7.xml", "billing"),
        ("GET", "/v1/ops/folios", "billing"),
        ("POST", "/v1/ops/folios", "billing"),
        ("POST", "/v1/ops/refused-documents", "billing"),
        ("GET", "/v1/ops/poison", "projections"),
        ("POST", "/v1/ops/poison/7/retry", "command"),
        ("GET", "/", "portal"),
        ("POST", "/shows/1/hold", "portal"),
        ("GET", "/v1x", "portal"),
    ] {
        let who = stage.who(method, path);
        assert!(who.starts_with(kind), "{method} {path} went to {who}");
    }
    let of_one_show = ["", "/holds", "/holds/2/purchase", "/open?x=/v1/shows/9"];
    let owners: Vec<String> =
        of_one_show.iter().map(|rest| stage.who("POST", &format!("/v1/shows/17{rest}"))).collect();
    assert!(owners.iter().all(|owner| *owner == owners[0]), "{owners:?}");
    let turns: Vec<String> = (0..3).map(|_| stage.who("POST", "/v1/shows")).collect();
    assert_eq!(turns.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "in turn: {turns:?}");
}

#[test]
fn files_come_from_projections_while_billing_is_down() {
    let Some(mut stage) = Stage::start(Routing::ByShow) else { return };
    stage.others[2].kill();
    stage.wait_for("billing", 0);
    assert!(stage.who("GET", "/v1/orders/1/receipt.pdf").starts_with("projections"));
    let (head, _) = stage.ask("GET", "/v1/ops/folios");
    assert!(head.starts_with("HTTP/1.1 503"), "only billing has them: {head}");
    stage.others[2].listen();
    stage.wait_for("billing", 1);
    assert!(stage.who("GET", "/v1/orders/1/receipt.pdf").starts_with("billing"));
}

#[test]
fn a_stream_passes_event_by_event() {
    let Some(stage) = Stage::start(Routing::ByShow) else { return };
    let mut stream = stage.connect();
    write!(stream, "GET /v1/shows/1/seats/stream HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is sent");
    // The server keeps the connection open and says nothing more.
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "data: first"));
}

#[test]
fn a_killed_server_s_shows_move_and_no_others() {
    let Some(mut stage) = Stage::start(Routing::ByShow) else { return };
    let before = stage.owners();
    assert_eq!(before, stage.owners(), "a show stays where it is");
    let load = |owner: &str| before.values().filter(|served| *served == owner).count();
    let loads = [load("command-1"), load("command-2"), load("command-3")];
    assert!(loads.iter().all(|load| *load >= 5), "60 shows over three: {loads:?}");

    stage.commands[0].kill();
    // At once, before its health is looked at: the connection is refused, so that another server gets the request.
    let during = stage.owners();
    let since = Instant::now();
    stage.wait_for_commands(2);
    eprintln!("found to be down {:.2} s after all shows were served again", since.elapsed().as_secs_f64());
    for after in [during, stage.owners()] {
        for (show, owner) in &before {
            match owner.as_str() {
                "command-1" => assert_ne!(after[show], *owner),
                _ => assert_eq!(after[show], *owner, "{show} had no reason to move"),
            }
        }
    }
    stage.commands[0].listen();
    stage.wait_for_commands(3);
    assert_eq!(stage.owners(), before, "every show is back");
}

#[test]
fn what_may_have_been_delivered_is_not_sent_again() {
    let Some(mut stage) = Stage::start(Routing::ByShow) else { return };
    stage.commands.iter().for_each(|server| server.state.mute.store(true, Ordering::SeqCst));
    let (head, body) = stage.ask("POST", "/v1/shows/1/holds");
    assert!(head.starts_with("HTTP/1.1 502") && head.contains("application/problem+json"), "{head}");
    assert!(body.contains("\"code\":\"unavailable\"") && body.contains("idempotency key"), "{body}");
    let received: usize = stage.commands.iter().map(Backend::requests).sum();
    assert_eq!(received, 1, "one server got it, once");

    stage.commands.iter_mut().for_each(Backend::kill);
    stage.wait_for_commands(0);
    let (head, body) = stage.ask("POST", "/v1/shows/1/holds");
    assert!(head.starts_with("HTTP/1.1 503") && head.to_lowercase().contains("retry-after: 1"), "{head}");
    assert!(body.contains("\"status\":503"), "{body}");
    assert!(stage.who("GET", "/v1/shows/1").starts_with("projections"), "reading goes on");
}

#[test]
fn random_routing_sends_a_show_everywhere() {
    let Some(stage) = Stage::start(Routing::Random) else { return };
    let owners: std::collections::BTreeSet<String> =
        (0..6).map(|_| stage.who("POST", "/v1/shows/1/holds")).collect();
    assert_eq!(owners.len(), 3);
    assert!(stage.who("GET", "/v1/shows/1").starts_with("projections"));
}

#[test]
fn a_reload_refuses_nobody_and_a_kill_is_survived_on_the_same_port() {
    let Some(mut stage) = Stage::start(Routing::ByShow) else { return };
    let (before, first_id) = (stage.owners(), stage.balancer.process_id());
    let mut kept = stage.connect();
    let fourth = Backend::start("command-4");
    let mut backends = Stage::backends(&stage.commands, &stage.others);
    backends.commands.push(fourth.address);
    let answered = AtomicUsize::new(0);
    let done = AtomicBool::new(false);
    let address = stage.balancer.url().strip_prefix("http://").expect("http").to_owned();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let mut stream = TcpStream::connect(&address).expect("no connection is refused");
                write!(stream, "GET /v1/shows HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    .expect("it is sent");
                let mut answer = String::new();
                stream.read_to_string(&mut answer).expect("an answer");
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                answered.fetch_add(1, Ordering::SeqCst);
            }
        });
        let reloaded = stage.balancer.reload(&backends, Routing::ByShow);
        let so_far = answered.load(Ordering::SeqCst);
        let since = Instant::now();
        while answered.load(Ordering::SeqCst) < so_far + 20 && since.elapsed() < PATIENCE {
            std::thread::yield_now();
        }
        done.store(true, Ordering::SeqCst);
        reloaded.expect("it reloads");
    });
    assert_ne!(stage.balancer.process_id(), first_id);
    write!(kept, "GET /v1/shows HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it is sent");
    let mut answer = String::new();
    kept.read_to_string(&mut answer).expect("the process before still answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    stage.wait_for_commands(4);
    let after = stage.owners();
    let moved: Vec<&String> = before.keys().filter(|show| before[*show] != after[*show]).collect();
    assert!(!moved.is_empty() && moved.iter().all(|show| after[*show] == "command-4"), "{moved:?}");

    stage.balancer.process().kill();
    assert!(TcpStream::connect(&address).is_err(), "it is down");
    stage.balancer.restart().expect("it comes up again");
    stage.wait_for_commands(4);
    assert_eq!(stage.owners(), after, "the same shows in the same places");
    let folder = stage.balancer.folder().to_owned();
    stage.balancer.process().stop().expect("it stops");
    drop(stage);
    assert!(!folder.exists(), "the folder goes with it");
}

#[test]
fn nginx_takes_its_configuration() {
    let nginx = match ticketflow_testbed::nginx() {
        Err(missing) => return println!("SKIPPED: {missing}"),
        Ok(nginx) => nginx,
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/nginx/ticketflow.conf");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path temporary;\n"))
        .collect();
    let configuration = format!(
        "pid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}include {file};\n}}\n"
    );
    std::fs::write(folder.path().join("nginx.conf"), configuration).expect("a file");
    let check = Command::new(nginx).args(["-t", "-c", "nginx.conf", "-p"]).arg(folder.path()).output();
    let check = check.expect("it runs");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
