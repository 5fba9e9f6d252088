//! The accept loop: listens, bounds connections and their slowness, and drains on shutdown.
//!
//! Invariants: at most `max_connections` are served, and one more is told 503 at once; no client can hold a connection
//! by being slow (see `alarm` and `stall`); failing accepts back off and never end the server; shutdown stops accepting,
//! lets requests in flight finish within `drain_timeout`, then closes what is left.

mod refusal;
mod shutdown;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use metrics::{Counter, Gauge};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use crate::alarm::ConnectionClock;
use crate::stall::WatchedStream;
use refusal::Refusals;
pub use shutdown::Shutdown;

/// Connections waiting in the kernel to be accepted: a burst of an on-sale waits instead of being retried by TCP.
const LISTEN_BACKLOG: u32 = 4_096;
/// What one request head may take, and how much of a body is read ahead. Ordinary heads are below 2 KiB.
const READ_BUFFER_BYTES: usize = 64 << 10;
/// First and longest pause after an accept that failed for want of resources, such as file descriptors.
const ACCEPT_BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));
/// How long closed connections may take to let go once they were told to.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How a server treats its clients.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The name of this replica in the answers that the server gives itself; the same as the shell's.
    pub instance: String,
    /// The value of the `server` label of this server's metrics.
    pub name: &'static str,
    /// How long a request head may take from its first byte, or from the accept for the first one.
    pub header_timeout: Duration,
    /// How long a connection may idle between requests.
    pub idle_timeout: Duration,
    /// How long a client may leave its answer unread.
    pub write_stall_timeout: Duration,
    /// How long requests in flight may take to finish after shutdown has begun.
    pub drain_timeout: Duration,
    /// Connections served at the same time; each costs about 10 KiB while idle.
    pub max_connections: usize,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            instance: String::new(),
            name: "api",
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(75),
            write_stall_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
            max_connections: 10_240,
        }
    }
}

/// Why a server could not start to listen.
#[derive(Debug)]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

impl std::fmt::Display for BindError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "cannot listen on {}", self.address)
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// How a shutdown ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were closed before they had finished.
    pub cut_off: usize,
}

/// A server that listens. Clients can connect from [`Server::bind`] on; they are answered from [`Server::serve`] on.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    options: ServerOptions,
}

impl Server {
    /// Listens on `address`; port 0 takes a free one. To be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the address is taken, not of this machine, or not allowed.
    pub fn bind(address: SocketAddr, options: ServerOptions) -> Result<Self, BindError> {
        let listen = || {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            // A restart must not wait for the connections of the process before it to be forgotten.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let listener = socket.listen(LISTEN_BACKLOG)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        match listen() {
            Ok((listener, address)) => Ok(Self { listener, address, options }),
            Err(source) => Err(BindError { address, source }),
        }
    }

    /// The address listened on, with its real port.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `router` until `shutdown` begins, then drains. The router should be wrapped in a [`crate::Shell`].
    pub async fn serve(self, router: Router, shutdown: Shutdown) -> Drained {
        // Binds the handlers once instead of at every request; does nothing to a router that is bound already.
        let router: Router = router.with_state(());
        let (phase, _) = watch::channel(Phase::Serving);
        let loop_state = AcceptLoop {
            refusals: Refusals::new(&self.options),
            open: Arc::new(OpenConnections::new(self.options.name)),
            options: self.options,
            router,
            phase: &phase,
        };
        let mut begun = pin!(shutdown.begun());
        let mut backoff = ACCEPT_BACKOFF.0;
        loop {
            tokio::select! {
                biased;
                () = begun.as_mut() => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        backoff = ACCEPT_BACKOFF.0;
                        loop_state.admit(stream);
                    }
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        tracing::warn!(%error, ?backoff, "cannot accept connections; trying again");
                        tokio::time::sleep(backoff).await;
                        backoff = (backoff * 2).min(ACCEPT_BACKOFF.1);
                    }
                },
            }
        }
        drop(self.listener);
        loop_state.drain().await
    }
}

/// Whether a failed accept speaks of the connection being accepted, not of the listener or the process.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Finish the request in flight, take no other.
    Draining,
    /// Close now.
    Closing,
}

struct AcceptLoop<'a> {
    options: ServerOptions,
    router: Router,
    refusals: Refusals,
    open: Arc<OpenConnections>,
    /// Every connection holds a receiver; that none is left means that all have ended.
    phase: &'a watch::Sender<Phase>,
}

impl AcceptLoop<'_> {
    fn admit(&self, stream: TcpStream) {
        set_up(&stream, self.options.write_stall_timeout);
        match OpenConnection::take(&self.open, self.options.max_connections) {
            Some(slot) => {
                let connection =
                    serve_connection(stream, self.router.clone(), self.phase.subscribe(), &self.options);
                tokio::spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
            None => self.refusals.refuse(stream, self.phase.subscribe()),
        }
    }

    async fn drain(&self) -> Drained {
        self.phase.send_replace(Phase::Draining);
        let all_ended = self.phase.closed();
        if tokio::time::timeout(self.options.drain_timeout, all_ended).await.is_ok() {
            return Drained { cut_off: 0 };
        }
        let cut_off = self.phase.receiver_count();
        tracing::warn!(cut_off, "closing connections that did not finish in time");
        self.phase.send_replace(Phase::Closing);
        // A handler that blocks its thread cannot be told; the process ends it.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.phase.closed()).await;
        Drained { cut_off }
    }
}

/// Best effort: a connection without these options is slower to answer or to be found dead, not wrong.
fn set_up(stream: &TcpStream, write_stall_timeout: Duration) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        // A vanished peer with little unread data never fills the socket buffer; the kernel then has to give it up.
        let timeout_ms = u32::try_from(write_stall_timeout.as_millis()).unwrap_or(u32::MAX);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, timeout_ms);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = write_stall_timeout;
}

fn serve_connection(
    stream: TcpStream,
    router: Router,
    mut phase: watch::Receiver<Phase>,
    options: &ServerOptions,
) -> impl Future<Output = ()> + Send + 'static {
    let clock = ConnectionClock::new(options.header_timeout, options.idle_timeout);
    let stream = WatchedStream::new(stream, clock.clone(), options.write_stall_timeout);
    // Not `pipeline_flush`: it holds an answer back while half of the next request is buffered, and loses the answer to
    // a head that cannot be parsed. Pipelined requests cost one write each instead of one for all.
    let connection = http1::Builder::new()
        .timer(clock)
        .header_read_timeout(options.header_timeout)
        .max_buf_size(READ_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    async move {
        let mut connection = pin!(connection);
        loop {
            tokio::select! {
                biased;
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        // A client that leaves or stalls is its own affair; the detail serves whoever debugs one.
                        tracing::debug!(%error, "a connection ended early");
                    }
                    return;
                }
                changed = phase.changed() => {
                    let now = *phase.borrow_and_update();
                    if changed.is_err() || now == Phase::Closing {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// The connections of one server, and their metrics `http_connections` and `http_connections_total`.
struct OpenConnections {
    count: AtomicUsize,
    gauge: Gauge,
    total: Counter,
}

impl OpenConnections {
    fn new(server: &'static str) -> Self {
        Self {
            count: AtomicUsize::new(0),
            gauge: metrics::gauge!("http_connections", "server" => server),
            total: metrics::counter!("http_connections_total", "server" => server),
        }
    }
}

struct OpenConnection(Arc<OpenConnections>);

impl OpenConnection {
    fn take(open: &Arc<OpenConnections>, max_connections: usize) -> Option<Self> {
        // One task accepts, so that a check before the increment cannot be overtaken.
        if open.count.load(Ordering::Relaxed) >= max_connections {
            return None;
        }
        open.count.fetch_add(1, Ordering::Relaxed);
        open.gauge.increment(1.0);
        open.total.increment(1);
        Some(Self(Arc::clone(open)))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
        self.0.gauge.decrement(1.0);
    }
}
