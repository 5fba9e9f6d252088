//! Real servers, and logs on them.

use std::path::Path;
use std::sync::Arc;

use ticketflow_event_store::{EventStore, LogOptions, ReplicaError, open_replica};
use ticketflow_event_store_jetstream::{ConnectError, JetStreamServer};
use ticketflow_testbed::{NatsServer, TestbedError};

/// The servers, or why there are none.
pub(crate) fn or_skip<T>(started: Result<T, TestbedError>) -> Option<T> {
    match started {
        Ok(started) => Some(started),
        Err(error @ TestbedError::Missing { .. }) => {
            println!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn start() -> Option<NatsServer> {
    or_skip(NatsServer::start())
}

pub(crate) async fn connect(url: &str) -> Result<JetStreamServer, ConnectError> {
    JetStreamServer::connect(&url.parse().expect("the address is well formed")).await
}

/// Opens a replica in a folder.
pub(crate) async fn open(url: &str, folder: &Path) -> Result<EventStore, ReplicaError> {
    let server = connect(url).await.expect("the servers are fit for a log");
    open_replica(folder, Arc::new(server), LogOptions::default(), |_| {}).await
}

/// The address with another stream.
pub(crate) fn with_stream(url: &str, stream: &str) -> String {
    let (servers, query) = url.split_once('?').expect("it has a query");
    format!("{servers}/{stream}?{query}")
}

/// The address with a proxy in place of its servers.
pub(crate) fn through(url: &str, proxy: std::net::SocketAddr) -> String {
    let (_, rest) = url.split_once("://").expect("it has a scheme");
    let path = rest.find('/').expect("it has a stream");
    format!("jetstream://{proxy}{}", &rest[path..])
}
