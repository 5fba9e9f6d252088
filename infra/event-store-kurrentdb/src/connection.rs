//! The connection to the servers, and a new one where the client gives up.
//!
//! The client stops for good when it cannot connect, and stays with a server that is gone. So after an error that is about the
//! connection it is replaced, which looks for the leader again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kurrentdb::{Client, ClientSettings, Credentials, Error};

use crate::address::{AddressError, KurrentAddress};

/// How long a client lives at least: during an outage many ask for a new one, and each reads the system's
/// certificates.
const RENEWED_EVERY: Duration = Duration::from_millis(250);

/// Why a log on KurrentDB is not used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address means something that the client does not understand.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The client cannot be set up, for instance because a certificate does not read.
    #[error("cannot set up a connection to {address}: {reason}")]
    Setup {
        /// Which log.
        address: String,
        /// What the client says.
        reason: String,
    },
    /// No server answers.
    #[error("no server of {address} answers as the log's leader: {reason}")]
    Unreachable {
        /// Which log.
        address: String,
        /// What is in the way.
        reason: String,
    },
    /// The server does not know the user, or does not let him read `$all` or append.
    #[error(
        "the servers of {address} refuse the user: he needs to read `$all` and to append to the streams of the log"
    )]
    AccessDenied {
        /// Which log.
        address: String,
    },
    /// The server cannot append many events at a time.
    #[error("the servers of {address} are too old: KurrentDB or EventStoreDB 21.10 or later is needed")]
    TooOld {
        /// Which log.
        address: String,
    },
    /// The server does not sync before it acknowledges.
    #[error(
        "the KurrentDB server {server} was started with {option}, so that a power cut would take acknowledged sales away: \
         start it without"
    )]
    DoesNotSync {
        /// Which server.
        server: String,
        /// The option.
        option: &'static str,
    },
    /// The stream that says what the log is does not say it.
    #[error("the stream {log} does not begin a log of this software: {reason}")]
    Unfit {
        /// Name of the log.
        log: String,
        /// What is wrong.
        reason: String,
    },
}

impl ConnectError {
    pub(crate) fn of(error: &Error, address: &KurrentAddress) -> Self {
        let reason = error.to_string();
        let address = format!("{address:?}");
        match error {
            Error::AccessDenied => Self::AccessDenied { address },
            Error::UnsupportedFeature => Self::TooOld { address },
            _ => Self::Unreachable { address, reason },
        }
    }
}

/// One of the clients that a connection had.
pub(crate) struct Numbered {
    pub(crate) client: Client,
    pub(crate) number: u64,
}

struct Current {
    client: Client,
    number: u64,
    since: Instant,
}

/// The client of now.
pub(crate) struct Connection {
    settings: ClientSettings,
    pub(crate) credentials: Option<Credentials>,
    current: Mutex<Current>,
}

impl Connection {
    /// Prepares the connection; nothing is sent yet.
    pub(crate) fn new(address: &KurrentAddress) -> Result<Self, ConnectError> {
        // Two providers are linked in: rustls chooses none by itself, and the client would take the other one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let setup = |reason: String| ConnectError::Setup { address: format!("{address:?}"), reason };
        let settings = address.settings().map_err(setup)?;
        let client = Client::new(settings.clone()).map_err(|error| setup(error.to_string()))?;
        let current = Current { client, number: 0, since: Instant::now() };
        Ok(Self { settings, credentials: address.credentials(), current: Mutex::new(current) })
    }

    pub(crate) fn client(&self) -> Numbered {
        let current = self.lock();
        Numbered { client: current.client.clone(), number: current.number }
    }

    /// Replaces the client with this number after an error, if that is about the connection.
    pub(crate) fn failed(&self, number: u64, error: &Error) {
        if matches!(
            error,
            Error::ServerError(_)
                | Error::ConnectionClosed
                | Error::GrpcConnectionError(_)
                | Error::DeadlineExceeded
                | Error::NotLeaderException(_)
        ) {
            self.renew(number);
        }
    }

    /// Replaces the client with this number, unless that was done already or just now.
    pub(crate) fn renew(&self, number: u64) {
        let mut current = self.lock();
        if current.number != number || current.since.elapsed() < RENEWED_EVERY {
            return;
        }
        match Client::new(self.settings.clone()) {
            Ok(client) => *current = Current { client, number: number + 1, since: Instant::now() },
            Err(error) => tracing::warn!(%error, "cannot set up a connection to KurrentDB"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
