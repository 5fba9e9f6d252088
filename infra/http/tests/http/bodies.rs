//! Bodies that are large, slow to come, malformed or of the wrong shape, and what the client is told.

use std::collections::BTreeMap;

use axum::Router;
use axum::routing::post;
use serde::Deserialize;
use ticketflow_http::{ApiJson, IdempotencyKey};

use crate::client::{Answer, RunningServer};

const SMALL_LIMIT_BYTES: usize = 4_096;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hold {
    seats: Vec<String>,
    #[serde(default)]
    expected_revisions: BTreeMap<String, u64>,
    #[serde(default)]
    best: Option<Best>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Best {
    quantity: u32,
}

fn routes() -> Router {
    Router::new()
        .route(
            "/holds",
            post(async |ApiJson { value, raw }: ApiJson<Hold, SMALL_LIMIT_BYTES>| {
                let quantity = value.best.map_or(0, |best| best.quantity);
                let revisions = value.expected_revisions.len();
                format!("{} {quantity} {revisions} {}", value.seats.join(","), raw.len())
            }),
        )
        .route("/any", post(async |body: ApiJson<serde_json::Value>| body.raw))
        .route("/keyed", post(async |key: IdempotencyKey| key.as_str().to_owned()))
}

async fn send(server: &RunningServer, path: &str, body: &[u8]) -> Answer {
    let mut client = server.connect().await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.send([head.as_bytes(), body].concat()).await;
    client.answer().await
}

#[tokio::test]
async fn a_good_body_is_parsed_and_its_bytes_are_kept() {
    let server = RunningServer::start(routes());
    let body = r#"{ "seats": ["Ñ-1","Ñ-2"], "best": {"quantity": 3} }"#;
    let answer = send(&server, "/holds", body.as_bytes()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, format!("Ñ-1,Ñ-2 3 0 {}", body.len()).into_bytes());
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_place() {
    let server = RunningServer::start(routes());
    let nested = [b"[".repeat(2_000), b"]".repeat(2_000)].concat();
    let cases: [(&[u8], &str, &str); 17] = [
        (b"", "malformed_json", "the body is empty"),
        (b"{", "malformed_json", "EOF while parsing"),
        (b"{\"seats\": [\"a\" \"b\"]}", "malformed_json", "line 1 column 16"),
        (b"{\"seats\":\n [}", "malformed_json", "line 2"),
        (b"{\"seats\":[]} trailing", "malformed_json", "trailing"),
        (b"{\"seats\":[NaN]}", "malformed_json", "line 1 column 11"),
        (b"{\"seats\":[\"\xff\"]}", "malformed_json", "not UTF-8 text: byte 11"),
        (b"\xef\xbb\xbf{\"seats\":[]}", "malformed_json", "byte order mark"),
        (&nested, "invalid_body", "a JSON object was expected"),
        (b"[[\"a\"]]", "invalid_body", "a JSON object was expected"),
        (b" 7", "invalid_body", "a JSON object was expected"),
        (b"{\"seats\":\"a\"}", "invalid_body", "seats: invalid type: string"),
        (b"{\"seats\":[\"a\", 7]}", "invalid_body", "seats[1]: invalid type: integer"),
        (b"{}", "invalid_body", "missing field `seats`"),
        (b"{\"seats\":[],\"seat\":1}", "invalid_body", "seat: unknown field `seat`"),
        (b"{\"seats\":[],\"seats\":[]}", "invalid_body", "duplicate field `seats`"),
        (
            b"{\"seats\":[],\"best\":{\"quantity\":4294967296}}",
            "invalid_body",
            "best.quantity: invalid value: integer `4294967296`, expected u32",
        ),
    ];
    for (body, code, detail) in cases {
        let document = send(&server, "/holds", body).await.problem(400, code);
        let said = document["detail"].as_str().unwrap();
        let sent = String::from_utf8_lossy(body);
        assert!(said.contains(detail), "{sent:.40}: {said}");
    }
}

#[tokio::test]
async fn deep_nesting_is_refused_and_not_followed() {
    let server = RunningServer::start(routes());
    let body = [b"{\"a\":".as_slice(), &b"[".repeat(400_000), &b"]".repeat(400_000), b"}"].concat();
    let document = send(&server, "/any", &body).await.problem(400, "malformed_json");
    assert!(document["detail"].as_str().unwrap().contains("recursion limit"), "{document}");
}

#[tokio::test]
async fn a_long_wrong_value_is_not_repeated_in_full() {
    let server = RunningServer::start(routes());
    let body = format!("{{\"seats\":\"{}\"}}", "x".repeat(3_000));
    let answer = send(&server, "/holds", body.as_bytes()).await;
    assert_eq!(answer.problem(400, "invalid_body")["field"], "seats");
    assert!(answer.body.len() < 1_000);
}

#[tokio::test]
async fn the_media_type_is_checked() {
    let server = RunningServer::start(routes());
    for header in ["", "content-type: text/plain\r\n", "content-type: application/x-www-form-urlencoded\r\n"]
    {
        let request =
            format!("POST /holds HTTP/1.1\r\nhost: x\r\n{header}content-length: 12\r\n\r\n{{\"seats\":[]}}");
        server.ask(&request).await.problem(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn a_declared_length_over_the_limit_is_refused_before_the_body_is_read() {
    let server = RunningServer::start(routes());
    let answer = server
        .ask("POST /holds HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4097\r\n\r\n")
        .await;
    let document = answer.problem(413, "body_too_large");
    assert!(document["detail"].as_str().unwrap().contains("4096"), "{document}");
}

#[tokio::test]
async fn a_client_that_sends_everything_first_still_reads_the_refusal() {
    let server = RunningServer::start(routes());
    let body = vec![b' '; 3 << 20];
    send(&server, "/holds", &body).await.problem(413, "body_too_large");
}

#[tokio::test]
async fn a_chunked_body_over_the_limit_is_refused_when_it_passes_it() {
    let server = RunningServer::start(routes());
    let mut client = server.connect().await;
    client
        .send("POST /holds HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    for _ in 0..5 {
        client.send([b"400\r\n".as_slice(), &[b' '; 0x400], b"\r\n"].concat()).await;
    }
    client.answer().await.problem(413, "body_too_large");
}

#[tokio::test]
async fn a_body_in_pieces_is_put_together() {
    let server = RunningServer::start(routes());
    let mut client = server.connect().await;
    client
        .send("POST /any HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    let pieces = ["{\"a", "\":", "\"", "\u{f1}", "\"}"];
    for piece in pieces {
        client.send(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
        tokio::task::yield_now().await;
    }
    client.send("0\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!(answer.body, pieces.concat().as_bytes());
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_continue_or_refused() {
    let server = RunningServer::start(routes());
    let head = |length| {
        format!(
            "POST /holds HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n\
             content-length: {length}\r\n\r\n"
        )
    };
    let mut client = server.connect().await;
    client.send(head(12)).await;
    assert_eq!(client.head().await.status, 100);
    client.send("{\"seats\":[]}").await;
    assert_eq!(client.answer().await.status, 200);

    server.ask(&head(4_097)).await.problem(413, "body_too_large");
}

#[tokio::test]
async fn an_idempotency_key_is_required_where_a_handler_takes_one() {
    let server = RunningServer::start(routes());
    let with = async |header: &str| {
        let request = format!("POST /keyed HTTP/1.1\r\nhost: x\r\n{header}content-length: 0\r\n\r\n");
        server.ask(&request).await
    };
    assert_eq!(with("Idempotency-Key: a-1\r\n").await.body, b"a-1");
    with("").await.problem(400, "idempotency_key_missing");
    with("Idempotency-Key: a b\r\n").await.problem(400, "idempotency_key_invalid");
}
