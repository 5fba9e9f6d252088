//! Shutdown: requests in flight finish, new ones find no server, and what does not finish is cut off.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use ticketflow_http::{Drained, Server, ServerOptions};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::client::{RunningServer, within};

fn waiting_routes(entered: &Arc<Notify>, release: &Arc<Notify>) -> Router {
    let (entered, release) = (Arc::clone(entered), Arc::clone(release));
    Router::new().route(
        "/wait",
        get(async move || {
            entered.notify_one();
            release.notified().await;
            "waited"
        }),
    )
}

#[tokio::test]
async fn a_request_in_flight_finishes_and_new_ones_find_no_server() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let server = RunningServer::start(waiting_routes(&entered, &release));
    let idle = server.connect().await;
    let mut waiting = server.connect().await;
    waiting.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(entered.notified()).await;

    server.shutdown.begin();
    within(async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!server.ended.is_finished());
    release.notify_one();
    let answer = waiting.answer().await;
    assert_eq!((answer.status, answer.body), (200, b"waited".to_vec()));
    assert_eq!(answer.headers["connection"], "close");
    assert_eq!(within(server.ended).await.unwrap(), Drained { cut_off: 0 });
    drop(idle);
}

#[tokio::test]
async fn a_request_that_does_not_finish_is_cut_off() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let options = ServerOptions { drain_timeout: Duration::from_millis(100), ..ServerOptions::default() };
    let server = RunningServer::start_with(waiting_routes(&entered, &release), options, 10);
    let mut waiting = server.connect().await;
    waiting.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(entered.notified()).await;
    server.shutdown.begin();
    assert_eq!(within(server.ended).await.unwrap(), Drained { cut_off: 1 });
    assert!(waiting.is_closed().await);
    assert_eq!(server.shell.in_flight(), 0);
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let server = RunningServer::start(Router::new());
    let error = Server::bind(server.address, ServerOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {}", server.address));
    assert!(std::error::Error::source(&error).is_some());
}
