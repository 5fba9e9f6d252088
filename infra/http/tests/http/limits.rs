//! Clients that are slow, silent, greedy or too many: each is bounded, and the others are served meanwhile.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use ticketflow_http::ServerOptions;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::client::{RunningServer, within};

const SHORT: Duration = Duration::from_millis(200);
const HELLO: &str = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";

fn routes() -> Router {
    Router::new().route("/hello", get(|| async { "hello" }))
}

fn hasty() -> ServerOptions {
    ServerOptions { header_timeout: SHORT, ..ServerOptions::default() }
}

#[tokio::test]
async fn a_client_that_sends_no_head_is_dropped() {
    let server = RunningServer::start_with(routes(), hasty(), 10);
    assert!(server.connect().await.is_closed().await);
}

#[tokio::test]
async fn a_client_that_trickles_its_head_is_dropped() {
    let server = RunningServer::start_with(routes(), hasty(), 10);
    let mut client = server.connect().await;
    client.send(&HELLO[..HELLO.len() - 2]).await;
    let mut pace = tokio::time::interval(SHORT / 20);
    let ended = async {
        loop {
            pace.tick().await;
            // One more header, a byte at a time, for as long as the server takes it.
            if client.stream.try_write(b"a").is_err() {
                break;
            }
        }
    };
    within(ended).await;
    assert_eq!(server.ask(HELLO).await.status, 200);
}

#[tokio::test]
async fn a_later_head_is_timed_though_the_connection_may_idle() {
    let server = RunningServer::start_with(routes(), hasty(), 10);
    let mut client = server.connect().await;
    client.send(HELLO).await;
    assert_eq!(client.answer().await.status, 200);
    client.send("GET /hel").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    let options = ServerOptions { idle_timeout: SHORT, ..ServerOptions::default() };
    let server = RunningServer::start_with(routes(), options, 10);
    let mut client = server.connect().await;
    client.send(HELLO).await;
    assert_eq!(client.answer().await.status, 200);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_flood_of_headers_is_refused() {
    let server = RunningServer::start(routes());
    let many: String = (0..101).map(|number| format!("h{number}: x\r\n")).collect();
    let mut client = server.connect().await;
    client.send(format!("GET /hello HTTP/1.1\r\n{many}\r\n")).await;
    assert_eq!(client.head().await.status, 431);

    // More than the server buffers: it may close before it has read all, which the client sees as a reset.
    let endless = async {
        let mut client = server.connect().await;
        let chunk = "x".repeat(16 << 10);
        let mut sent = client.stream.write_all(b"GET /hello HTTP/1.1\r\nh: ").await;
        while sent.is_ok() {
            sent = client.stream.write_all(chunk.as_bytes()).await;
        }
    };
    within(endless).await;
    assert_eq!(server.ask(HELLO).await.status, 200);
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let server = RunningServer::start(routes());
    for garbage in
        ["\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", "hello\r\n\r\n", "GET /\u{0} HTTP/1.1\r\n\r\n"]
    {
        let mut client = server.connect().await;
        client.send(garbage).await;
        let said = client.until_end().await;
        assert!(said.starts_with("HTTP/1.1 400 "), "{garbage:?}: {said}");
    }
    assert_eq!(server.ask(HELLO).await.status, 200);
}

#[tokio::test]
async fn one_connection_too_many_is_told_at_once_and_a_freed_place_is_used() {
    let options = ServerOptions { max_connections: 2, ..ServerOptions::default() };
    let server = RunningServer::start_with(routes(), options, 10);
    let mut served = [server.connect().await, server.connect().await];
    for client in &mut served {
        client.send(HELLO).await;
        assert_eq!(client.answer().await.status, 200);
    }
    // Told without having asked.
    let mut refused = server.connect().await;
    let answer = refused.answer().await;
    answer.problem(503, "too_many_connections");
    assert_eq!(answer.headers["retry-after"], "2");
    assert_eq!(answer.headers["connection"], "close");
    assert!(refused.is_closed().await);

    let [kept, freed] = &mut served;
    kept.send(HELLO).await;
    assert_eq!(kept.answer().await.status, 200);
    freed.send("GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert_eq!(freed.answer().await.status, 200);
    assert!(freed.is_closed().await);
    drop(served);
    within(async {
        while server.ask(HELLO).await.status != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Memory of an answer that says when it is let go.
struct HeldMemory(Vec<u8>, mpsc::Sender<()>);

impl AsRef<[u8]> for HeldMemory {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        // The test may have ended already.
        let _ = self.1.try_send(());
    }
}

#[tokio::test]
async fn a_client_that_never_reads_is_dropped_with_all_it_held() {
    let (dropped, mut drops) = mpsc::channel(1);
    let router = routes().route(
        "/huge",
        get(async move || Body::from(Bytes::from_owner(HeldMemory(vec![0; 64 << 20], dropped.clone())))),
    );
    let options = ServerOptions { write_stall_timeout: SHORT, ..ServerOptions::default() };
    let server = RunningServer::start_with(router, options, 10);
    let mut deaf = server.connect().await;
    deaf.send("GET /huge HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(drops.recv()).await.unwrap();
    assert_eq!(server.shell.in_flight(), 0);
    assert_eq!(server.ask(HELLO).await.status, 200);
}
