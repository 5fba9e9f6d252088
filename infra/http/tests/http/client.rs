//! A server on a free port and a client that writes and reads bytes by hand. Nothing here waits for ever.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use serde_json::Value;
use ticketflow_http::{Drained, Server, ServerOptions, Shell, ShellOptions, Shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Far longer than anything here takes; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("the server answers in time")
}

pub(crate) struct RunningServer {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) shell: Shell,
    pub(crate) ended: JoinHandle<Drained>,
}

impl RunningServer {
    pub(crate) fn start(router: Router) -> Self {
        Self::start_with(router, ServerOptions::default(), 8_192)
    }

    pub(crate) fn start_with(router: Router, options: ServerOptions, max_in_flight: usize) -> Self {
        let options = ServerOptions { instance: "replica-1".to_owned(), ..options };
        let server = Server::bind(([127, 0, 0, 1], 0).into(), options).unwrap();
        let shell = Shell::new(ShellOptions { instance: "replica-1".to_owned(), max_in_flight });
        let shutdown = Shutdown::new();
        Self {
            address: server.local_address(),
            ended: tokio::spawn(server.serve(shell.wrap(router), shutdown.clone())),
            shutdown,
            shell,
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client { stream: TcpStream::connect(self.address).await.unwrap(), received: Vec::new() }
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, request: &str) -> Answer {
        let mut client = self.connect().await;
        client.send(request).await;
        client.answer().await
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    received: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Checks what every problem document promises, and returns it.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let document = self.json();
        assert_eq!(self.status, status, "{document}");
        assert_eq!(document["code"], code, "{document}");
        assert_eq!(document["status"], status, "{document}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(document["trace_id"], self.headers["x-trace-id"].as_str());
        assert_eq!(self.headers["x-instance"], "replica-1");
        document
    }
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Reads one answer; its body has a `content-length`.
    pub(crate) async fn answer(&mut self) -> Answer {
        let answer = self.head().await;
        let length = answer.headers["content-length"].parse().unwrap();
        while self.received.len() < length {
            assert!(self.read_more().await, "the body ends early: {answer:?}");
        }
        Answer { body: self.received.drain(..length).collect(), ..answer }
    }

    /// Reads the head of an answer and leaves the body.
    pub(crate) async fn head(&mut self) -> Answer {
        let end = loop {
            let found = self.received.windows(4).position(|four| four == b"\r\n\r\n");
            match found {
                Some(end) => break end,
                None => assert!(self.read_more().await, "the connection ended instead of answering"),
            }
        };
        let head: Vec<u8> = self.received.drain(..end + 4).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        Answer {
            status: status.parse().unwrap(),
            headers: lines
                .map(|line| {
                    let (name, value) = line.split_once(": ").unwrap();
                    (name.to_lowercase(), value.to_owned())
                })
                .collect(),
            body: Vec::new(),
        }
    }

    /// Whether the server closes the connection without sending more.
    pub(crate) async fn is_closed(&mut self) -> bool {
        !self.read_more().await && self.received.is_empty()
    }

    /// Everything that the server still says before it closes the connection.
    pub(crate) async fn until_end(&mut self) -> String {
        while self.read_more().await {}
        String::from_utf8(std::mem::take(&mut self.received)).unwrap()
    }

    async fn read_more(&mut self) -> bool {
        let mut chunk = [0; 64 << 10];
        // A reset ends a connection as a close does.
        let read = within(self.stream.read(&mut chunk)).await.unwrap_or(0);
        self.received.extend_from_slice(&chunk[..read]);
        read > 0
    }
}
