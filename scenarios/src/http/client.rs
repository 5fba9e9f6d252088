//! Blocking client over one keep-alive connection.
//!
//! It connects when needed and sends each request exactly once. An error says whether the request may have reached
//! the server: [`ClientError::NotSent`] did not, [`ClientError::NoAnswer`] may have.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use super::ResponseReader;

/// Largest answer kept whole: the JSON map of 100,000 seats is below 20 MiB.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// Bytes read at once.
const READ_SIZE: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// No connection: the server cannot have seen the request.
    #[error("cannot connect to {address}")]
    NotSent {
        /// Where the server should be.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke or the time ran out: the server may have done what was asked.
    #[error("no answer from {address}: {reason}")]
    NoAnswer {
        /// Where the server should be.
        address: SocketAddr,
        /// What happened instead.
        reason: String,
    },
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Whole body.
    pub body: Vec<u8>,
    /// Whether the server marked it as the remembered answer of an earlier request.
    pub replayed: bool,
}

impl Response {
    /// The body as JSON; `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body for a message, shortened.
    pub fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        text.chars().take(300).collect()
    }
}

/// One connection to one server.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    timeout: Duration,
    stream: Option<TcpStream>,
    reader: ResponseReader,
    request: Vec<u8>,
    input: Vec<u8>,
}

impl Client {
    /// A client that waits at most `timeout` for each part of an answer.
    pub fn new(address: SocketAddr, timeout: Duration) -> Self {
        Self {
            address,
            timeout,
            stream: None,
            reader: ResponseReader::new(ANSWER_LIMIT),
            request: Vec::with_capacity(1024),
            input: vec![0; READ_SIZE],
        }
    }

    /// Follows a server that came back under another address; drops the old connection.
    pub fn move_to(&mut self, address: SocketAddr) {
        self.address = address;
        self.stream = None;
    }

    /// `GET` with extra headers.
    ///
    /// # Errors
    /// [`ClientError`] when no whole answer arrived.
    pub fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<Response, ClientError> {
        self.send("GET", path, headers, None)
    }

    /// Any request with an optional JSON body.
    ///
    /// # Errors
    /// [`ClientError`] when no whole answer arrived.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Response, ClientError> {
        self.build(method, path, headers, body);
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        stream.write_all(&self.request).map_err(|error| self.no_answer(&error.to_string()))?;
        loop {
            let count = stream.read(&mut self.input).map_err(|error| self.no_answer(&error.to_string()))?;
            if count == 0 {
                return Err(self.no_answer("the connection was closed"));
            }
            let (_, done) =
                self.reader.push(&self.input[..count]).map_err(|error| self.no_answer(&error.to_string()))?;
            if done {
                break;
            }
        }
        if !self.reader.closes() {
            self.stream = Some(stream);
        }
        Ok(Response {
            status: self.reader.status(),
            body: self.reader.body().to_vec(),
            replayed: self.reader.replayed(),
        })
    }

    fn build(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) {
        self.request.clear();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        if !body.is_empty() {
            head.push_str("Content-Type: application/json\r\n");
        }
        if method != "GET" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(body.as_bytes());
    }

    fn connect(&mut self) -> Result<TcpStream, ClientError> {
        let address = self.address;
        let not_sent = |source| ClientError::NotSent { address, source };
        let stream = TcpStream::connect_timeout(&address, self.timeout).map_err(not_sent)?;
        stream.set_nodelay(true).map_err(not_sent)?;
        stream.set_read_timeout(Some(self.timeout)).map_err(not_sent)?;
        stream.set_write_timeout(Some(self.timeout)).map_err(not_sent)?;
        // What a broken connection left half-read does not belong to the new one.
        self.reader = ResponseReader::new(ANSWER_LIMIT);
        Ok(stream)
    }

    fn no_answer(&self, reason: &str) -> ClientError {
        ClientError::NoAnswer { address: self.address, reason: reason.to_owned() }
    }
}
