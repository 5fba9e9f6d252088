//! The double on the network: started, stopped and started again with the same events at the same address.
//!
//! Acknowledges at once what it receives, so that tests do not wait for the client's Nagle algorithm.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::kept::{Backup, Kept, Refusal};
use super::service;

/// A double of a server.
pub(crate) struct Double {
    address: SocketAddr,
    kept: Arc<Kept>,
    running: Option<JoinHandle<()>>,
}

impl Double {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let kept = Arc::new(Kept::new());
        let running = Some(tokio::spawn(serve(listener, kept.clone())));
        Self { address, kept, running }
    }

    /// Ends all connections; the events stay.
    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            // It is cancelled, and its connections with it.
            let _ = running.await;
        }
    }

    pub(crate) async fn launch(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is still free");
        self.running = Some(tokio::spawn(serve(listener, self.kept.clone())));
    }

    /// The address of a log.
    pub(crate) fn url(&self, log: &str) -> String {
        format!("kurrentdb://{}/{log}?tls=false", self.address)
    }

    /// Appends are done from now on, but not answered; or answered again.
    pub(crate) fn lose_answers(&self, lose: bool) {
        self.kept.loses_answers.send_replace(lose);
    }

    /// Refuses the next append.
    pub(crate) fn refuse_next(&self, refusal: Refusal) {
        *self.kept.next_refusal.lock().expect("nobody panicked") = Some(refusal);
    }

    /// Puts an event into a stream that is empty, as somebody else would.
    pub(crate) fn put(&self, stream: &str, event_type: &str, data: &str, metadata: &str) {
        self.kept.put(stream, event_type, data, metadata);
    }

    /// Removes the event at a place of the whole order.
    pub(crate) fn take_away(&self, place: usize) {
        self.kept.take_away(place);
    }

    pub(crate) fn backup(&self) -> Backup {
        self.kept.backup()
    }

    /// Puts the events back to those of a moment. While it is stopped.
    pub(crate) fn restore(&self, backup: &Backup) {
        self.kept.restore(backup);
    }
}

async fn serve(listener: TcpListener, kept: Arc<Kept>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        connections.spawn(serve_connection(socket, kept.clone()));
    }
}

async fn serve_connection(socket: TcpStream, kept: Arc<Kept>) {
    socket.set_nodelay(true).expect("it is a TCP socket");
    let service = service_fn(move |request| service::answer(kept.clone(), request));
    let mut connection = http2::Builder::new(TokioExecutor::new());
    // A client that goes away is no failure.
    let _ =
        connection.max_frame_size(1 << 20).serve_connection(TokioIo::new(QuickAcks(socket)), service).await;
}

/// A connection whose reads are acknowledged at once; the system falls back to waiting after a while, so it is told each time.
struct QuickAcks(TcpStream);

impl AsyncRead for QuickAcks {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(cx, buf);
        #[cfg(target_os = "linux")]
        if read.is_ready() {
            rustix::net::sockopt::set_tcp_quickack(&self.0, true)?;
        }
        read
    }
}

impl AsyncWrite for QuickAcks {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
