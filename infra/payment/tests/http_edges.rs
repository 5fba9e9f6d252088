//! What HTTP adds to the port: which broken connections and odd answers count as unknown, and what the simulator's own
//! routes answer to good and bad requests.

#![allow(clippy::unwrap_used, reason = "all of this file is tests")]

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use ticketflow_payment::{
    AuthorizeRequest, GatewayError, GatewayUrlError, HttpGateway, PaymentGateway, SimulatedGateway,
    simulator_router,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const TIMEOUT: Duration = Duration::from_millis(300);

fn request() -> AuthorizeRequest {
    AuthorizeRequest { key: "o-1".into(), amount_minor: 1, currency: *b"CLP", token: "tok_visa".into() }
}

/// A server that answers every call with the given bytes and closes; nothing at all if there are none.
async fn answering(bytes: Vec<u8>) -> HttpGateway {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut received = [0; 4096];
            let length = stream.read(&mut received).await.unwrap();
            assert!(length > 0);
            stream.write_all(&bytes).await.unwrap();
        }
    });
    HttpGateway::new(&url, TIMEOUT).unwrap()
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}

#[tokio::test]
async fn a_refused_connection_is_certainly_no_charge() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let outcome = HttpGateway::new(&url, TIMEOUT).unwrap().authorize(request()).await;
    assert!(matches!(outcome, Err(GatewayError::Unavailable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_host_that_does_not_exist_is_certainly_no_charge() {
    let gateway = HttpGateway::new("http://gateway.invalid:1", Duration::from_secs(5)).unwrap();
    let outcome = gateway.authorize(request()).await;
    assert!(matches!(outcome, Err(GatewayError::Unavailable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn whatever_goes_wrong_after_sending_is_unknown() {
    let whole = answer("200 OK", r#"{"outcome":"approved","reference":"x"}"#);
    let cut_short = whole[..whole.len() - 5].to_vec();
    let huge = answer("200 OK", &" ".repeat(70_000));
    for (what, bytes) in [
        ("closed without an answer", Vec::new()),
        ("half a head", b"HTTP/1.1 200 O".to_vec()),
        ("half a body", cut_short),
        ("not HTTP", b"SSH-2.0-x\r\n\r\n".to_vec()),
        ("not JSON", answer("200 OK", "<html>")),
        ("an unheard-of outcome", answer("200 OK", r#"{"outcome":"perhaps"}"#)),
        ("too long", huge),
        ("500", answer("500 Internal Server Error", "{}")),
        ("502 of a proxy", answer("502 Bad Gateway", "<html>")),
        ("503 of a proxy", answer("503 Service Unavailable", "<html>")),
        ("503 that does not say it did nothing", answer("503 Service Unavailable", r#"{"code":"busy"}"#)),
        ("504", answer("504 Gateway Timeout", "")),
        ("408", answer("408 Request Timeout", "")),
        ("429", answer("429 Too Many Requests", "")),
        ("a redirect", answer("302 Found", "")),
        ("204", b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_vec()),
    ] {
        let outcome = answering(bytes).await.authorize(request()).await;
        assert!(matches!(outcome, Err(GatewayError::Unknown { .. })), "{what}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_connection_that_stays_silent_is_unknown_after_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let gateway = HttpGateway::new(&url, TIMEOUT).unwrap();
    let asked = std::time::Instant::now();
    let outcome = gateway.authorize(request()).await;
    assert!(matches!(outcome, Err(GatewayError::Unknown { .. })), "{outcome:?}");
    assert!(asked.elapsed() >= TIMEOUT);
}

#[tokio::test]
async fn what_the_gateway_declares_undone_is_told_apart() {
    let undone = r#"{"code":"not_processed","detail":"closed for the night"}"#;
    let outcome = answering(answer("503 Service Unavailable", undone)).await.authorize(request()).await;
    let Err(GatewayError::Unavailable { reason }) = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("closed for the night"), "{reason}");
    for status in ["400 Bad Request", "401 Unauthorized", "404 Not Found", "422 Unprocessable Entity"] {
        let outcome = answering(answer(status, "")).await.authorize(request()).await;
        assert!(matches!(outcome, Err(GatewayError::Rejected { .. })), "{status}: {outcome:?}");
    }
}

#[test]
fn addresses_that_cannot_work_are_refused_at_once() {
    let refusal = |url| HttpGateway::new(url, TIMEOUT).err();
    assert!(matches!(refusal("https://pay.example"), Some(GatewayUrlError::NotHttp { .. })));
    assert!(matches!(refusal("pay.example:80"), Some(GatewayUrlError::NotHttp { .. })));
    assert!(matches!(refusal("http://"), Some(GatewayUrlError::Malformed { .. })));
    assert!(matches!(refusal("http://a b"), Some(GatewayUrlError::Malformed { .. })));
    assert!(matches!(refusal("http://user:secret@pay.example"), Some(GatewayUrlError::Surplus { .. })));
    assert!(matches!(refusal("http://pay.example/?key=1"), Some(GatewayUrlError::Surplus { .. })));
    assert_eq!(refusal("http://pay.example:9000/gateway/"), None);
}

struct Server {
    url: String,
    gateway: SimulatedGateway,
}

impl Server {
    async fn start() -> Self {
        let gateway = SimulatedGateway::in_memory();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = simulator_router(gateway.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, gateway }
    }

    async fn call(&self, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.unwrap();
        let status = response.status();
        let problem =
            response.headers().get("content-type").is_some_and(|it| it == "application/problem+json");
        assert_eq!(problem, !status.is_success(), "every failure is a problem document");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }
}

#[tokio::test]
async fn the_controls_are_read_and_replaced() {
    let server = Server::start().await;
    let (status, control) = server.call(Method::GET, "/control", "").await;
    assert_eq!(status, StatusCode::OK);
    let all = json!(["authorize", "capture", "void", "refund", "status"]);
    let default = json!({"latency_ms": 0, "decline_ratio": 0.0, "timeout": false, "lost_answer": false, "outage": false,
        "faulty_calls": all});
    assert_eq!(control, default);

    let (status, control) =
        server.call(Method::PUT, "/control", r#"{"decline_ratio": 0.5, "faulty_calls": ["void"]}"#).await;
    assert_eq!(
        (status, &control["decline_ratio"], &control["faulty_calls"]),
        (StatusCode::OK, &json!(0.5), &json!(["void"]))
    );
    let (_, control) = server.call(Method::PUT, "/control", r#"{"outage": true}"#).await;
    assert_eq!(
        (&control["decline_ratio"], &control["outage"]),
        (&json!(0.0), &json!(true)),
        "replaced, not merged"
    );
    let (status, _) = server.call(Method::GET, "/charges", "").await;
    assert_eq!(status, StatusCode::OK, "an outage leaves lists and controls alone");

    for (body, expected) in [
        (r#"{"outrage": true}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"decline_ratio": 7}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"latency_ms": -1}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"latency_ms": 99999999999}"#, StatusCode::UNPROCESSABLE_ENTITY),
        ("{", StatusCode::BAD_REQUEST),
    ] {
        let (status, problem) = server.call(Method::PUT, "/control", body).await;
        assert_eq!((status, &problem["code"]), (expected, &json!("rejected")), "{body}");
        assert!(server.gateway.control().outage, "{body}");
    }
}

#[tokio::test]
async fn all_charges_are_listed_page_by_page() {
    let server = Server::start().await;
    for number in 0..5 {
        let body = json!({"key": format!("o-{number}"), "amount_minor": 100 + number, "currency": "CLP", "token": "t"});
        let (status, answer) = server.call(Method::POST, "/authorize", &body.to_string()).await;
        assert_eq!((status, &answer["outcome"]), (StatusCode::OK, &json!("approved")));
    }
    server.call(Method::POST, "/capture", r#"{"key": "o-0"}"#).await;
    server
        .call(Method::POST, "/refund", r#"{"refund_key": "r", "order_key": "o-0", "amount_minor": 40}"#)
        .await;
    server.call(Method::POST, "/void", r#"{"key": "never-seen"}"#).await;

    let (_, first) = server.call(Method::GET, "/charges?limit=2", "").await;
    let refunded = json!({"key": "o-0", "status": "refunded", "refunded_minor": 40, "amount_minor": 100, "currency": "CLP"});
    let authorized = json!({"key": "o-1", "status": "authorized", "amount_minor": 101, "currency": "CLP"});
    assert_eq!(first, json!({"data": [refunded, authorized], "has_more": true}));
    let (_, rest) = server.call(Method::GET, "/charges?limit=4&starting_after=o-1", "").await;
    assert_eq!(rest["has_more"], json!(false));
    let keys: Vec<_> =
        rest["data"].as_array().unwrap().iter().map(|charge| charge["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["o-2", "o-3", "o-4", "never-seen"]);
    let (_, all) = server.call(Method::GET, "/charges", "").await;
    assert_eq!(all["data"].as_array().unwrap().len(), 6);

    for (path, expected) in [
        ("/charges?limit=0", StatusCode::BAD_REQUEST),
        ("/charges?limit=100001", StatusCode::BAD_REQUEST),
        ("/charges?limit=x", StatusCode::BAD_REQUEST),
        ("/charges?from=3", StatusCode::BAD_REQUEST),
        ("/charges?starting_after=nobody", StatusCode::NOT_FOUND),
        ("/nowhere", StatusCode::NOT_FOUND),
        ("/void", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        assert_eq!(server.call(Method::GET, path, "").await.0, expected, "{path}");
    }
}

#[tokio::test]
async fn malformed_bodies_are_refused_with_a_reason() {
    let server = Server::start().await;
    let authorize = |currency: &str, amount: &str| {
        format!(r#"{{"key":"o-1","amount_minor":{amount},"currency":"{currency}","token":"t"}}"#)
    };
    for (path, body) in [
        ("/authorize", "{".to_owned()),
        ("/authorize", "null".to_owned()),
        ("/authorize", authorize("PESOS", "1")),
        ("/authorize", authorize("", "1")),
        ("/authorize", authorize("CLP", "1.5")),
        ("/authorize", authorize("CLP", "-1")),
        ("/authorize", authorize("CLP", "99999999999999999999")),
        ("/capture", r#"{"key": 7}"#.to_owned()),
        ("/capture", r#"{"key": "o-1", "amount": 7}"#.to_owned()),
        ("/void", "{}".to_owned()),
        ("/refund", r#"{"refund_key": "r"}"#.to_owned()),
        ("/status", "[]".to_owned()),
    ] {
        let (status, problem) = server.call(Method::POST, path, &body).await;
        assert!(status.is_client_error(), "{path} {body}: {status}");
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{path} {body}");
    }
    let huge = format!(r#"{{"key":"{}"}}"#, "k".repeat(3 << 20));
    assert_eq!(server.call(Method::POST, "/void", &huge).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(server.gateway.charges(None, 1).unwrap().charges.is_empty());
}
