//! Answers through the shell: trace ids, problem documents for unknown paths and panics, heads, pipelining, shedding.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::{get, post};
use serde::Deserialize;
use ticketflow_http::{ApiPath, ApiQuery, Problem, RequestContext};
use tokio::sync::Notify;

use crate::client::{RunningServer, within};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: u32,
}

fn routes() -> Router {
    Router::new()
        .route("/hello", get(|| async { "hello" }))
        .route("/hello/{name}", get(|ApiPath(name): ApiPath<String>| async { name }))
        .route("/number/{id}", get(|ApiPath(id): ApiPath<u32>| async move { id.to_string() }))
        .route("/page", get(|ApiQuery(page): ApiQuery<Page>| async move { page.limit.to_string() }))
        .route("/panic", get(panics))
        .route("/traced", get(|| async { RequestContext::current().unwrap().trace_id().to_string() }))
        .route(
            "/taken",
            post(|| async {
                Problem::conflict("seats_unavailable", "Seats are not available")
                    .conflicting_seats(vec!["Platea-A-1".to_owned()])
            }),
        )
}

async fn panics() -> &'static str {
    if RequestContext::current().is_some() {
        panic!("a planted defect");
    }
    "unreachable within the shell"
}

#[tokio::test]
async fn every_answer_names_its_replica_and_its_trace() {
    let server = RunningServer::start(routes());
    let made_up = server.ask("GET /traced HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(made_up.status, 200);
    assert_eq!(made_up.headers["x-instance"], "replica-1");
    assert_eq!(made_up.body, made_up.headers["x-trace-id"].as_bytes());

    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = |flags| {
        format!(
            "GET /traced HTTP/1.1\r\nhost: x\r\ntraceparent: 00-{trace_id}-00f067aa0ba902b7-{flags}\r\n\r\n"
        )
    };
    assert_eq!(server.ask(&request("01")).await.headers["x-trace-id"], trace_id);
    assert_ne!(server.ask(&request("0x")).await.headers["x-trace-id"], trace_id);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problem_documents() {
    let server = RunningServer::start(routes());
    let unknown = server.ask("GET /nowhere%20\"?a=b HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let document = unknown.problem(404, "route_not_found");
    assert_eq!(document["instance"], "/nowhere%20\"");

    let wrong = server.ask("DELETE /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
    wrong.problem(405, "method_not_allowed");
    assert_eq!(wrong.headers["allow"], "GET,HEAD");
}

#[tokio::test]
async fn a_conflict_names_its_seats() {
    let server = RunningServer::start(routes());
    let answer = server.ask("POST /taken HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let document = answer.problem(409, "seats_unavailable");
    assert_eq!(document["conflicting_seats"][0], "Platea-A-1");
    assert_eq!(document["instance"], "/taken");
}

#[tokio::test]
async fn paths_and_queries_are_decoded_or_refused() {
    let server = RunningServer::start(routes());
    let get = async |target: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n");
        server.ask(&request).await
    };
    assert_eq!(get("/hello/%C3%91u%C3%B1oa%2F1").await.body, "Ñuñoa/1".as_bytes());
    assert_eq!(get("/number/7").await.body, b"7");
    for (target, status, code) in [
        ("/hello/%FF", 404, "not_found"),
        ("/number/seven", 404, "not_found"),
        ("/page", 400, "malformed_query"),
        ("/page?limit=x", 400, "malformed_query"),
        ("/page?limit=1&limit=2", 400, "malformed_query"),
        ("/page?limit=1&offset=2", 400, "malformed_query"),
    ] {
        get(target).await.problem(status, code);
    }
    assert_eq!(get("/page?limit=10").await.body, b"10");
}

#[tokio::test]
async fn a_head_request_gets_the_head_alone() {
    let server = RunningServer::start(routes());
    let mut client = server.connect().await;
    client.send("HEAD /hello HTTP/1.1\r\nhost: x\r\n\r\nHEAD /nowhere HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let found = client.head().await;
    assert_eq!((found.status, found.headers["content-length"].as_str()), (200, "5"));
    assert_eq!(client.head().await.status, 404);
    client.send("GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(client.answer().await.body, b"hello");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = RunningServer::start(routes());
    let mut client = server.connect().await;
    let requests: String =
        (0..100).map(|number| format!("GET /number/{number} HTTP/1.1\r\nhost: x\r\n\r\n")).collect();
    client.send(requests).await;
    for number in 0..100 {
        assert_eq!(client.answer().await.body, number.to_string().as_bytes());
    }
}

#[tokio::test]
async fn half_of_the_next_request_does_not_hold_an_answer_back() {
    let server = RunningServer::start(routes());
    let mut client = server.connect().await;
    client.send("GET /hello HTTP/1.1\r\nhost: x\r\n\r\nGET /num").await;
    assert_eq!(client.answer().await.body, b"hello");
    client.send("ber/7 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(client.answer().await.body, b"7");
}

#[tokio::test]
async fn a_panicking_handler_is_a_problem_document_and_harms_nothing_else() {
    let server = RunningServer::start(routes());
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.send("GET /panic HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let document = client.answer().await.problem(500, "internal");
        assert_eq!(document["instance"], "/panic");
        assert!(!document.to_string().contains("planted"), "{document}");
    }
    client.send("GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(server.shell.in_flight(), 0);
}

#[tokio::test]
async fn one_request_too_many_is_shed_at_once() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let router = routes().route(
        "/wait",
        get({
            let (entered, release) = (Arc::clone(&entered), Arc::clone(&release));
            async move || {
                entered.notify_one();
                release.notified().await;
                "waited"
            }
        }),
    );
    let server = RunningServer::start_with(router, Default::default(), 1);
    let mut waiting = server.connect().await;
    waiting.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(entered.notified()).await;

    let shed = server.ask("GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let document = shed.problem(503, "overloaded");
    assert_eq!(document["retry_after_ms"], 1_000);
    assert_eq!(shed.headers["retry-after"], "1");

    release.notify_one();
    assert_eq!(waiting.answer().await.body, b"waited");
    let served = server.ask("GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(served.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_place_back() {
    let entered = Arc::new(Notify::new());
    let router = routes().route(
        "/wait",
        get({
            let entered = Arc::clone(&entered);
            async move || {
                entered.notify_one();
                std::future::pending::<&'static str>().await
            }
        }),
    );
    let server = RunningServer::start_with(router, Default::default(), 1);
    let mut leaving = server.connect().await;
    leaving.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(entered.notified()).await;
    drop(leaving);
    within(async {
        while server.shell.in_flight() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A body that never ends, as an event stream.
struct EndlessBody;

impl hyper::body::Body for EndlessBody {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn an_endless_answer_counts_only_until_its_head() {
    let router = routes().route("/stream", get(|_: Request| async { Body::new(EndlessBody) }));
    let server = RunningServer::start_with(router, Default::default(), 1);
    let mut streaming = server.connect().await;
    streaming.send("GET /stream HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(streaming.head().await.status, 200);
    let served = server.ask("GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(served.status, 200);
}
