//! What happens to a connection over the cap: it is told 503 at once and closed, without reading its request.
//!
//! Invariant: at most [`MAX_LINGERING`] refused connections exist at a time; more are closed without a word.

use std::sync::Arc;
use std::time::Duration;

use metrics::Counter;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};

use super::{Phase, ServerOptions};
use crate::{Problem, RequestContext, TraceId};

/// Refused connections that are still being told why.
const MAX_LINGERING: usize = 256;
/// How long a refused client may take to read its answer and close.
const LINGER: Duration = Duration::from_secs(1);
/// What a refused client may send before it is closed on: an ordinary request.
const DISCARD_LIMIT_BYTES: usize = 64 << 10;
const RETRY_AFTER_MS: u64 = 2_000;

const TOO_MANY_CONNECTIONS: Problem = Problem::unavailable(
    "too_many_connections",
    "The server has as many connections as it takes",
    RETRY_AFTER_MS,
);

pub(super) struct Refusals {
    lingering: Arc<Semaphore>,
    instance: String,
    total: Counter,
}

impl Refusals {
    pub(super) fn new(options: &ServerOptions) -> Self {
        Self {
            lingering: Arc::new(Semaphore::new(MAX_LINGERING)),
            instance: options
                .instance
                .chars()
                .map(|character| if matches!(character, ' '..='~') { character } else { '?' })
                .collect(),
            total: metrics::counter!("http_connections_refused_total", "server" => options.name),
        }
    }

    pub(super) fn refuse(&self, mut stream: TcpStream, phase: watch::Receiver<Phase>) {
        self.total.increment(1);
        let Ok(place) = Arc::clone(&self.lingering).try_acquire_owned() else {
            return;
        };
        let answer = self.answer();
        tokio::spawn(async move {
            let tell = async {
                stream.write_all(&answer).await?;
                stream.shutdown().await?;
                discard(&stream).await
            };
            // The client learns nothing more from us, whether it listened or not.
            let _ = tokio::time::timeout(LINGER, tell).await;
            drop((place, phase));
        });
    }

    fn answer(&self) -> Vec<u8> {
        let trace_id = TraceId::generate();
        let body = TOO_MANY_CONNECTIONS.render(Some(&RequestContext::without_request(trace_id)));
        let mut answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: {}\r\ncontent-length: {}\r\nretry-after: {}\r\n\
             x-instance: {}\r\nx-trace-id: {trace_id}\r\nconnection: close\r\n\r\n",
            crate::PROBLEM_CONTENT_TYPE,
            body.len(),
            RETRY_AFTER_MS / 1_000,
            self.instance,
        )
        .into_bytes();
        answer.extend_from_slice(&body);
        answer
    }
}

/// Reads what the client had sent, so that the close does not reset the connection before the answer is read.
async fn discard(stream: &TcpStream) -> std::io::Result<()> {
    let mut left_bytes = DISCARD_LIMIT_BYTES;
    let mut discarded = [0; 4 << 10];
    while left_bytes > 0 {
        stream.readable().await?;
        match stream.try_read(&mut discarded) {
            Ok(0) => break,
            Ok(read) => left_bytes = left_bytes.saturating_sub(read),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
