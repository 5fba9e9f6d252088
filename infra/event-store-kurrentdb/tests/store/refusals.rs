//! Servers and logs that are not used, and what a refused append means.

use ticketflow_event_store::{LogServer, OfferError};
use ticketflow_event_store_kurrentdb::ConnectError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::Code;

use crate::double::{Double, Refusal};
use crate::servers::{connect, offer};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_answers_is_told_apart() {
    let double = Double::start().await;
    let server = connect(&double.url("LOG")).await.unwrap();
    let name = |outcome: &Result<(), OfferError>| match outcome {
        Ok(()) => "taken",
        Err(OfferError::Conflict) => "conflict",
        Err(OfferError::TooLarge) => "too large",
        Err(OfferError::StorageFull(_)) => "full",
        Err(OfferError::Unavailable(_)) => "unavailable",
        Err(OfferError::Unknown(_)) => "unknown",
    };
    for (code, message, expected) in [
        (Code::AlreadyExists, "WrongExpectedVersion", "conflict"),
        (Code::InvalidArgument, "MaximumAppendSizeExceeded", "too large"),
        (Code::InvalidArgument, "MaximumAppendEventSizeExceeded", "too large"),
        (Code::InvalidArgument, "BadRequest", "unavailable"),
        (Code::PermissionDenied, "AccessDenied", "unavailable"),
        (Code::NotFound, "StreamDeleted", "unavailable"),
        (Code::Ok, "Server Is Busy", "unavailable"),
        (Code::Ok, "Server Is Not Ready", "unavailable"),
        (Code::DeadlineExceeded, "Timeout", "unknown"),
        (Code::Unknown, "Unknown", "unknown"),
        (Code::Internal, "Envelope callback", "unknown"),
    ] {
        double.refuse_next(Refusal { code, message });
        let outcome = server.offer(&offer(1, 0, 1)).await;
        assert_eq!(name(&outcome), expected, "{code:?} {message}");
    }
    assert_eq!(server.offer(&offer(1, 0, 1)).await, Ok(()), "the next call works");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_server_is_an_error_soon() {
    let refused = connect("kurrentdb://127.0.0.1:1?tls=false").await.err().expect("it is refused");
    assert!(matches!(refused, ConnectError::Unreachable { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_say_that_it_is_a_log_is_refused() {
    let double = Double::start().await;
    for (log, event_type, data, reason) in [
        ("OTHER", "OrderPlaced", "{}", "OrderPlaced"),
        ("LATER", "LogCreated", r#"{"format":2}"#, "format 2"),
        ("EMPTY", "LogCreated", "{}", "missing field"),
    ] {
        double.put(log, event_type, data, "");
        let refused = connect(&double.url(log)).await.err().expect("it is refused");
        assert!(matches!(refused, ConnectError::Unfit { .. }), "{refused}");
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}

/// Answers one request for the options of a server.
async fn options_page(body: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("it listens");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(socket.read_u8().await.expect("a whole request"));
        }
        let request = String::from_utf8(request).expect("a head of a request");
        assert!(request.starts_with("GET /info/options HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("Basic YW5hOnNAY3JldA=="), "it is ana with s@cret: {request}");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        socket.write_all(format!("{head}{body}").as_bytes()).await.expect("the client reads");
    });
    format!("kurrentdb://ana:s%40cret@{address}?tls=false")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_would_not_sync_is_refused() {
    let url = options_page(r#"[{"name":"MemDb","value":"True"}]"#).await;
    match connect(&url).await {
        Err(ConnectError::DoesNotSync { option, .. }) => assert_eq!(option, "MemDb"),
        other => panic!("it is not refused: {:?}", other.err()),
    }
}
