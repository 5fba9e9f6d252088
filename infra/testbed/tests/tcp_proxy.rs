//! The proxy does to connections what networks do, in front of plain sockets and of real servers.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use ticketflow_testbed::{NatsServer, Postgres, TcpProxy, TestbedError};

/// Longer than anything on this machine takes, shorter than a test may.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that sends back what it gets.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut answers = stream.try_clone().expect("a second handle");
                let _ = std::io::copy(&mut stream, &mut answers);
                let _ = answers.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    address
}

fn connect(proxy: &TcpProxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

fn say(stream: &mut TcpStream, text: &str) -> std::io::Result<String> {
    stream.write_all(text.as_bytes())?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn bytes_and_ends_pass_unchanged() {
    let proxy = TcpProxy::start(echo()).expect("a proxy");
    let mut stream = connect(&proxy);
    assert_eq!(say(&mut stream, "hola").expect("an answer"), "hola");
    let mut reader = stream.try_clone().expect("a second handle");
    let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let received = std::thread::scope(|threads| {
        let reading = threads.spawn(move || {
            let mut received = Vec::new();
            reader.read_to_end(&mut received).map(|_| received)
        });
        stream.write_all(&sent).expect("all is taken");
        stream.shutdown(std::net::Shutdown::Write).expect("an end");
        reading.join().expect("it reads").expect("an end comes back")
    });
    assert!(received == sent, "3 MB come back as they were");
    wait_for("the connection ends", || proxy.connections() == 0);
    assert_eq!(proxy.swallowed_bytes(), 0);
}

#[test]
fn swallowed_answers_are_gone_and_no_stream_has_a_hole() {
    let mut proxy = TcpProxy::start(echo()).expect("a proxy");
    let (mut early, mut unharmed) = (connect(&proxy), connect(&proxy));
    assert_eq!(say(&mut early, "one").expect("an answer"), "one");
    assert_eq!(say(&mut unharmed, "one").expect("an answer"), "one");
    proxy.swallow_answers();
    early.write_all(b"two").expect("it is sent");
    wait_for("the answer is swallowed", || proxy.swallowed_bytes() == 3);
    proxy.resume().expect("it goes on");
    let mut rest = Vec::new();
    early.read_to_end(&mut rest).expect("the connection is closed");
    assert_eq!(rest, b"", "nothing after what was lost");
    assert_eq!(say(&mut unharmed, "two").expect("an answer"), "two");
    assert_eq!(say(&mut connect(&proxy), "three").expect("an answer"), "three");
}

#[test]
fn a_pattern_picks_the_connection_whose_answers_are_lost() {
    let mut proxy = TcpProxy::start(echo()).expect("a proxy");
    let (mut first, mut second) = (connect(&proxy), connect(&proxy));
    proxy.swallow_answers_after(b"PUB", 2);
    assert_eq!(say(&mut first, "PUB a").expect("the first passes"), "PUB a");
    assert_eq!(say(&mut second, "SUB b").expect("no match"), "SUB b");
    // The second comes in two parts.
    assert_eq!(say(&mut second, "P").expect("no match yet"), "P");
    second.write_all(b"UB c").expect("it is sent");
    wait_for("the answer is swallowed", || proxy.swallowed_bytes() == 4);
    assert_eq!(say(&mut first, "SUB d").expect("another connection"), "SUB d");
    second.write_all(b"SUB e").expect("it is sent");
    wait_for("this connection answers nothing more", || proxy.swallowed_bytes() == 9);
    first.write_all(b"PUB f").expect("it is sent");
    wait_for("every later match counts", || proxy.swallowed_bytes() == 14);
    proxy.resume().expect("it goes on");
    assert_eq!(say(&mut connect(&proxy), "PUB g").expect("an answer"), "PUB g");
}

#[test]
fn a_delay_holds_back_and_keeps_the_order() {
    let proxy = TcpProxy::start(echo()).expect("a proxy");
    let mut stream = connect(&proxy);
    assert_eq!(say(&mut stream, "soon").expect("an answer"), "soon");
    proxy.delay(Duration::from_millis(60));
    let since = Instant::now();
    assert_eq!(say(&mut stream, "late").expect("an answer"), "late");
    assert!(since.elapsed() >= Duration::from_millis(120), "held back both ways: {:?}", since.elapsed());
    proxy.delay(Duration::ZERO);
    assert_eq!(say(&mut stream, "soon again").expect("an answer"), "soon again");
}

#[test]
fn a_cut_ends_what_is_there_and_refuses_what_comes() {
    let mut proxy = TcpProxy::start(echo()).expect("a proxy");
    let mut stream = connect(&proxy);
    assert_eq!(say(&mut stream, "one").expect("an answer"), "one");
    proxy.cut();
    assert!(say(&mut stream, "two").is_err(), "the connection is cut");
    let refused = TcpStream::connect(proxy.address()).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    wait_for("nothing stands", || proxy.connections() == 0);
    proxy.resume().expect("it listens again");
    assert_eq!(say(&mut connect(&proxy), "three").expect("an answer"), "three");
    let address = proxy.address();
    drop(proxy);
    assert!(TcpStream::connect(address).is_err(), "it ends with its handle");
}

#[test]
fn a_target_that_is_down_is_a_closed_connection() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let proxy = TcpProxy::start(nobody).expect("a proxy");
    let mut answer = Vec::new();
    let read = connect(&proxy).read_to_end(&mut answer);
    assert!(read.is_err() || answer.is_empty());
}

/// The server, or `None` with the reason printed where this machine does not have it.
fn installed<T>(started: Result<T, TestbedError>) -> Option<T> {
    match started {
        Err(missing @ TestbedError::Missing { .. }) => {
            println!("SKIPPED: {missing}");
            None
        }
        started => Some(started.expect("it starts")),
    }
}

#[test]
fn a_commit_whose_answer_is_lost_is_still_a_commit() {
    let Some(postgres) = installed(Postgres::start()) else { return };
    postgres.query("CREATE TABLE sales (sale int)").expect("a table");
    let mut proxy = TcpProxy::start(postgres.address()).expect("a proxy");
    let insert = |number: u32| {
        let mut psql = postgres.client("psql");
        // Later arguments win: over the proxy instead of the socket.
        psql.args(["-h", "127.0.0.1", "-p", &proxy.address().port().to_string()]);
        psql.args(["-X", "-q", "-d", "postgres", "-c", &format!("INSERT INTO sales VALUES ({number})")]);
        psql
    };
    assert!(insert(1).status().expect("psql runs").success());
    proxy.swallow_answers_after(b"INSERT INTO", 1);
    let mut waiting = insert(2).spawn().expect("psql runs");
    wait_for("it is committed and the answer swallowed", || proxy.swallowed_bytes() > 0);
    assert!(waiting.try_wait().expect("it can be asked").is_none(), "psql waits for an answer");
    let told = postgres.query("SELECT string_agg(sale::text, ',' ORDER BY sale) FROM sales");
    assert_eq!(told.expect("the sales"), "1,2");
    proxy.resume().expect("it goes on");
    assert!(!waiting.wait().expect("psql ends").success(), "psql never learnt of it");
}

#[test]
fn a_nats_server_behind_it_is_answered_late_or_not_at_all() {
    let Some(server) = installed(NatsServer::start()) else { return };
    let address = server.url().strip_prefix("nats://").and_then(|address| address.parse().ok());
    let mut proxy = TcpProxy::start(address.expect("an address")).expect("a proxy");
    let greeted = |proxy: &TcpProxy| {
        let mut lines = BufReader::new(connect(proxy)).lines().map_while(Result::ok);
        lines.next().is_some_and(|line| line.starts_with("INFO"))
    };
    assert!(greeted(&proxy));
    let mut stream = connect(&proxy);
    proxy.swallow_answers_after(b"PING\r\n", 1);
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    assert!(lines.next().expect("a line").expect("a greeting").starts_with("INFO"));
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n").expect("it is sent");
    wait_for("the PONG is swallowed", || proxy.swallowed_bytes() >= 6);
    assert!(greeted(&proxy), "another connection is unharmed");
    proxy.resume().expect("it goes on");
    assert!(lines.next().is_none_or(|line| line.is_err()), "the lossy connection is closed");
    assert!(greeted(&proxy));
}
