//! A TCP proxy in this process that does to connections what networks do: loses answers, delays, cuts, refuses.
//!
//! Invariants: what it hands on is a prefix of what was sent, never a stream with a hole: a connection that lost something
//! is closed when faults end. Connections, chunks and bytes under way are bounded. What the bytes mean is left to the callers.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Doing, TestbedError};
use crate::ports::free_port;

/// More at once are refused: four threads serve each.
const MAX_CONNECTIONS: usize = 256;
/// Read at once.
const CHUNK_BYTES: usize = 16 << 10;
/// Chunks of one direction that wait for their time; past it the sender is held up as by a full window.
const CHUNKS_UNDER_WAY: usize = 256;
/// A target on this machine that takes longer is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// A proxy on a port of 127.0.0.1. Cuts everything when dropped.
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    refusing: AtomicBool,
    faults: Mutex<Faults>,
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    swallowed_bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct Faults {
    delay: Duration,
    swallow: Swallow,
}

#[derive(Debug, Default)]
enum Swallow {
    #[default]
    Nothing,
    Everything,
    /// Once clients have sent the pattern so many times more.
    After {
        pattern: Vec<u8>,
        occurrences: usize,
    },
}

#[derive(Debug)]
struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// Its answers are swallowed because of what its client sent.
    swallows: AtomicBool,
    /// Some of its answers are gone.
    has_lost: AtomicBool,
}

impl Connection {
    fn cut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

/// Bytes and when they came.
type Chunk = (Instant, Vec<u8>);

impl TcpProxy {
    /// Listens on a free port of 127.0.0.1 and hands everything on to `target` and back.
    ///
    /// # Errors
    /// [`TestbedError::System`] or [`TestbedError::NoPort`] where nobody can listen.
    pub fn start(target: SocketAddr) -> Result<Self, TestbedError> {
        let shared = Arc::new(Shared {
            target,
            refusing: AtomicBool::new(false),
            faults: Mutex::default(),
            connections: Mutex::default(),
            swallowed_bytes: AtomicU64::new(0),
        });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let mut proxy = Self { address, shared, listening: None };
        proxy.listen()?;
        Ok(proxy)
    }

    fn listen(&mut self) -> Result<(), TestbedError> {
        let listener = TcpListener::bind(self.address).doing("listen on", self.address.to_string())?;
        self.shared.refusing.store(false, Ordering::SeqCst);
        let shared = self.shared.clone();
        self.listening = Some(std::thread::spawn(move || accept(&listener, &shared)));
        Ok(())
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on swallows everything that the server sends back, on connections old and new: what clients send is done, and
    /// they do not learn of it. An answer that is being handed on at this moment may still pass.
    pub fn swallow_answers(&self) {
        self.shared.faults().swallow = Swallow::Everything;
    }

    /// Swallows what the server sends back on a connection from the moment that its client sends `pattern`, beginning with the
    /// occurrence numbered `first` (1 is the next one, counted over all connections). Answers to what was sent earlier on such a
    /// connection are swallowed too when they come later. An empty pattern occurs never.
    pub fn swallow_answers_after(&self, pattern: &[u8], first: usize) {
        self.shared.faults().swallow =
            Swallow::After { pattern: pattern.to_vec(), occurrences: first.max(1) };
    }

    /// Holds back everything, in both directions, for so long; the order stays, and what follows is not held back longer.
    pub fn delay(&self, delay: Duration) {
        self.shared.faults().delay = delay;
    }

    /// Cuts all connections and refuses new ones.
    pub fn cut(&mut self) {
        self.shared.refusing.store(true, Ordering::SeqCst);
        if let Some(listening) = self.listening.take() {
            // The thread that accepts sees it with the next connection: this one.
            let _ = TcpStream::connect_timeout(&self.address, CONNECT_LIMIT);
            let _ = listening.join();
        }
        self.shared.cut(|_| true);
    }

    /// Ends all faults. Connections that lost something are closed, so that nobody reads a stream with a hole.
    ///
    /// # Errors
    /// [`TestbedError::System`] where the port cannot be listened on again after [`Self::cut`].
    pub fn resume(&mut self) -> Result<(), TestbedError> {
        *self.shared.faults() = Faults::default();
        self.shared.cut(|connection| {
            connection.swallows.load(Ordering::SeqCst) || connection.has_lost.load(Ordering::SeqCst)
        });
        if self.listening.is_none() {
            self.listen()?;
        }
        Ok(())
    }

    /// Connections that stand.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections().len()
    }

    /// Bytes of answers that were swallowed since the start.
    #[must_use]
    pub fn swallowed_bytes(&self) -> u64 {
        self.shared.swallowed_bytes.load(Ordering::SeqCst)
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Shared {
    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self, which: impl Fn(&Connection) -> bool) {
        self.connections()
            .values()
            .filter(|connection| which(connection))
            .for_each(|connection| connection.cut());
    }

    /// Counts the pattern in what a client has just sent, which stands behind the end of what it sent before.
    fn look_at(&self, connection: &Connection, seen: &mut Vec<u8>, bytes: &[u8]) {
        let mut faults = self.faults();
        let Swallow::After { pattern, occurrences } = &mut faults.swallow else {
            seen.clear();
            return;
        };
        if pattern.is_empty() {
            return;
        }
        seen.extend_from_slice(bytes);
        let found = seen.windows(pattern.len()).filter(|window| window == pattern).count();
        *occurrences = occurrences.saturating_sub(found);
        if found > 0 && *occurrences == 0 {
            // So that the next occurrence, whoever sends it, counts as well.
            *occurrences = 1;
            connection.swallows.store(true, Ordering::SeqCst);
        }
        seen.drain(..seen.len().saturating_sub(pattern.len() - 1));
    }

    /// Whether these bytes of an answer are lost. Decided and noted in one step, so that the end of faults finds it.
    fn loses(&self, connection: &Connection, bytes: &[u8]) -> bool {
        let faults = self.faults();
        let loses = matches!(faults.swallow, Swallow::Everything)
            || connection.swallows.load(Ordering::SeqCst)
            // What comes after a loss would be read as its continuation.
            || connection.has_lost.load(Ordering::SeqCst);
        if loses {
            connection.has_lost.store(true, Ordering::SeqCst);
            self.swallowed_bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        }
        loses
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, client) in (0u64..).zip(listener.incoming()) {
        if shared.refusing.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        if shared.connections().len() >= MAX_CONNECTIONS {
            continue;
        }
        let shared = shared.clone();
        std::thread::spawn(move || {
            // One that cannot be made is closed at once, as the client of a server that is down would see it.
            let _ = serve(&shared, number, client);
        });
    }
}

fn serve(shared: &Arc<Shared>, number: u64, client: TcpStream) -> io::Result<()> {
    let server = TcpStream::connect_timeout(&shared.target, CONNECT_LIMIT)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = (client.try_clone()?, client.try_clone()?);
    let (from_server, to_server) = (server.try_clone()?, server.try_clone()?);
    let connection = Arc::new(Connection {
        client,
        server,
        swallows: AtomicBool::new(false),
        has_lost: AtomicBool::new(false),
    });
    shared.connections().insert(number, connection.clone());
    if shared.refusing.load(Ordering::SeqCst) {
        connection.cut();
    }
    std::thread::scope(|threads| {
        let (requests, requests_in) = sync_channel(CHUNKS_UNDER_WAY);
        let (answers, answers_in) = sync_channel(CHUNKS_UNDER_WAY);
        let connection = &connection;
        threads.spawn(move || {
            let mut seen = Vec::new();
            read(from_client, &requests, |bytes| shared.look_at(connection, &mut seen, bytes));
        });
        threads.spawn(move || {
            write(shared, &requests_in, to_server, |_| false).unwrap_or_else(|_| connection.cut());
        });
        threads.spawn(move || read(from_server, &answers, |_| ()));
        threads.spawn(move || {
            let loses = |bytes: &[u8]| shared.loses(connection, bytes);
            write(shared, &answers_in, to_client, loses).unwrap_or_else(|_| connection.cut());
        });
    });
    shared.connections().remove(&number);
    Ok(())
}

/// Reads until the end, and lets `look` see everything before it is handed on.
fn read(mut from: TcpStream, to: &SyncSender<Chunk>, mut look: impl FnMut(&[u8])) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = buffer[..length].to_vec();
        look(&bytes);
        if to.send((Instant::now(), bytes)).is_err() {
            return;
        }
    }
}

/// Writes each chunk at its time, except those that are to be swallowed, then says that there is no more.
fn write(
    shared: &Shared,
    from: &Receiver<Chunk>,
    mut to: TcpStream,
    loses: impl Fn(&[u8]) -> bool,
) -> io::Result<()> {
    while let Ok((came, bytes)) = from.recv() {
        let delay = shared.faults().delay;
        std::thread::sleep((came + delay).saturating_duration_since(Instant::now()));
        if !loses(&bytes) {
            to.write_all(&bytes)?;
        }
    }
    to.shutdown(Shutdown::Write)
}
