//! Connecting, and what is demanded before the log is used.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::{self, ContextBuilder};

use crate::address::JetStreamAddress;
use crate::sync_check;

/// How long a request or an acknowledgement may take before it counts as lost. A synced, replicated write takes milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// How long a connection to one server may take.
const CONNECTS_WITHIN: Duration = Duration::from_secs(3);
/// A server that leaves the third question open is given up for another one: its machine may be gone without a word.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// Acknowledgements awaited at a time: more than the replica has under way.
const ACKS_IN_FLIGHT: usize = 8_192;
/// The longest pause before the next server is tried.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Why a log on JetStream is not used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No server answers.
    #[error("no server of {address} answers")]
    Unreachable {
        /// Which log.
        address: String,
        /// What the client says.
        #[source]
        source: async_nats::ConnectError,
    },
    /// The credentials cannot be read.
    #[error("the credentials in {path} cannot be read")]
    Credentials {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The server does not sync before it acknowledges.
    #[error(
        "the NATS server {server} does not sync before it acknowledges, so that a power cut would take acknowledged sales \
         away: set `jetstream {{ sync_interval: always }}` in its configuration (2.10 or later)"
    )]
    DoesNotSync {
        /// Its name.
        server: String,
    },
    /// Nobody says whether the servers sync.
    #[error(
        "nothing says whether the NATS servers sync before they acknowledge: name their monitoring pages in the address as \
         `monitor=HOST:PORT,...` (their setting `http`); {detail}"
    )]
    SyncUnknown {
        /// What was found.
        detail: String,
    },
    /// The stream cannot be made or asked for.
    #[error("the stream {stream} cannot be used")]
    Stream {
        /// Its name.
        stream: String,
        /// What the server says.
        #[source]
        source: async_nats::Error,
    },
    /// The stream is set up in a way that would lose events.
    #[error("the stream {stream} is not fit to hold a log: {reason}")]
    Unfit {
        /// Its name.
        stream: String,
        /// What is wrong.
        reason: String,
    },
}

/// A connection to the servers.
pub(crate) async fn connect(address: &JetStreamAddress) -> Result<jetstream::Context, ConnectError> {
    // Where another provider is linked in as well, rustls chooses none by itself.
    let _ = async_nats::rustls::crypto::ring::default_provider().install_default();
    let mut options = ConnectOptions::new()
        .name("ticketflow")
        .connection_timeout(CONNECTS_WITHIN)
        .request_timeout(Some(ANSWER_WITHIN))
        .ping_interval(PING_INTERVAL)
        .require_tls(address.tls)
        .reconnect_delay_callback(|attempts| Duration::from_millis(10 << attempts.min(6)).min(LONGEST_PAUSE));
    if let Some(path) = &address.credentials {
        let unreadable = |source| ConnectError::Credentials { path: path.clone(), source };
        options = options.credentials_file(path).await.map_err(unreadable)?;
    }
    let servers: Vec<String> = address.servers.iter().map(|server| format!("nats://{server}")).collect();
    let client = options
        .connect(servers)
        .await
        .map_err(|source| ConnectError::Unreachable { address: format!("{address:?}"), source })?;
    Ok(ContextBuilder::new()
        .timeout(ANSWER_WITHIN)
        .ack_timeout(ANSWER_WITHIN)
        .max_ack_inflight(ACKS_IN_FLIGHT)
        .build(client))
}

/// What is known of the servers that keep the stream.
pub(crate) enum Copies {
    /// Nothing yet; there will be so many, and a majority of them has to be there.
    Planned(usize),
    /// These, each with whether the cluster says that it is down just now.
    Kept(Vec<(String, bool)>),
}

/// Refuses servers that do not sync, and those that do not say so, but for copies that are down: of a majority that acknowledges,
/// any single member may be all that is left.
pub(crate) async fn demand_sync(address: &JetStreamAddress, copies: &Copies) -> Result<(), ConnectError> {
    let mut confirmed = HashSet::new();
    let mut silent = Vec::new();
    for monitor in &address.monitors {
        match sync_check::ask(monitor).await {
            Ok(statement) if statement.syncs => drop(confirmed.insert(statement.server_name)),
            Ok(statement) => return Err(ConnectError::DoesNotSync { server: statement.server_name }),
            Err(reason) => silent.push(format!("{monitor}: {reason}")),
        }
    }
    let (counted, needed, of) = match copies {
        Copies::Planned(copies) => (confirmed.len(), copies / 2 + 1, *copies),
        Copies::Kept(copies) => {
            let counted = copies.iter().filter(|(name, _)| confirmed.contains(name)).count();
            (
                counted,
                copies.iter().filter(|(name, is_down)| !is_down || confirmed.contains(name)).count(),
                copies.len(),
            )
        }
    };
    if counted < needed {
        let mut detail = format!("{counted} of the {of} servers with a copy say that they do");
        for reason in &silent {
            detail.push_str("; ");
            detail.push_str(reason);
        }
        return Err(ConnectError::SyncUnknown { detail });
    }
    for reason in silent {
        tracing::warn!(reason, "a NATS server does not say whether it syncs before it acknowledges");
    }
    Ok(())
}
