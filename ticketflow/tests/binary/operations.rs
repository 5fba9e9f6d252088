//! The operators' pages of the real server: signing in with the key of the data folder, figures that follow a sale, and a stream
//! that holds up no stop.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::machine::{Machine, PATIENCE, Serving};

/// A server that is told to stop and has only readers ends well before its drain limit of 30 s.
const PROMPT_END: Duration = Duration::from_secs(5);

fn send(server: &Serving, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("sent");
    stream
}

/// A whole answer, head and body.
fn answer(server: &Serving, request: &str) -> String {
    let mut bytes = Vec::new();
    send(server, request).read_to_end(&mut bytes).expect("a whole answer");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn get(server: &Serving, path: &str, cookie: &str) -> String {
    let headers = format!("Host: t\r\nAccept-Language: en\r\nCookie: {cookie}\r\nConnection: close");
    answer(server, &format!("GET {path} HTTP/1.1\r\n{headers}\r\n\r\n"))
}

/// Signs in; the cookie.
fn sign_in(server: &Serving) -> String {
    let escaped: String = server.key.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let body = format!("key={escaped}");
    let headers = format!(
        "Host: t\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close",
        body.len()
    );
    let answer = answer(server, &format!("POST /ops/sign-in HTTP/1.1\r\n{headers}\r\n\r\n{body}"));
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(cookie.contains("HttpOnly; SameSite=Strict") && !cookie.contains(&server.key), "{cookie}");
    cookie.split(';').next().expect("a text has a part").to_owned()
}

#[test]
fn an_operator_sees_the_server_work() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let closed = get(&server, "/ops", "");
    assert!(closed.starts_with("HTTP/1.1 401") && !closed.contains("memory"), "{closed}");
    let cookie = sign_in(&server);
    let show = server.show(40);
    server.sell(&show, 0);
    server.until("the dashboard has the sale", || {
        let head = server.get("/health/ready").json()["position"].to_string();
        get(&server, "/ops", &cookie).contains(&format!("data-word=\"position\">{head} of {head}<"))
    });
    let log = get(&server, "/ops/events", &cookie);
    assert!(log.contains("OrderPaid") && log.contains("✓") && !log.contains("BROKEN"), "{log}");
    let then = get(&server, &format!("/ops/shows/{}/time-travel?revision=1", show.id), &cookie);
    assert!(then.contains("The show was created") && then.contains("data-word=\"free\">40<"), "{then}");
    let now = get(&server, &format!("/ops/shows/{}/time-travel", show.id), &cookie);
    assert!(now.contains("data-word=\"sold\">1<"), "{now}");
}

#[test]
fn a_dashboard_that_is_open_holds_up_no_stop() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let cookie = sign_in(&server);
    let request = format!("GET /ops/live/projections HTTP/1.1\r\nHost: t\r\nCookie: {cookie}\r\n\r\n");
    let mut stream = send(&server, &request);
    let mut text = String::new();
    let mut bytes = [0; 4_096];
    while !text.contains("\"name\":\"memory\"") {
        let read = stream.read(&mut bytes).expect("a message comes");
        assert!(read > 0, "the stream ended: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    let begun = Instant::now();
    let status = server.stop();
    assert!(status.success(), "{status}");
    assert!(begun.elapsed() < PROMPT_END, "{:?}", begun.elapsed());
}
