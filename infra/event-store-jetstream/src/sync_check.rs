//! Whether servers sync to the disk before they acknowledge.
//!
//! A server does only with `jetstream { sync_interval: always }`. With the default it acknowledges what a power cut takes
//! away again, and neither a client nor a killed process can tell. Its monitoring page `/varz` says it, as
//! `jetstream.config.sync_always`.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

/// How long a monitoring page may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a page that are read: a page has a few thousand.
const PAGE_BYTES: usize = 1 << 20;

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    server_name: String,
    #[serde(default)]
    jetstream: JetStreamPart,
}

#[derive(Default, Deserialize)]
struct JetStreamPart {
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    sync_always: bool,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyncStatement {
    pub(crate) server_name: String,
    pub(crate) syncs: bool,
}

/// Asks the monitoring page at `HOST:PORT`.
///
/// # Errors
/// Why there is no answer.
pub(crate) async fn ask(monitor: &str) -> Result<SyncStatement, String> {
    let page = async {
        let uri = format!("http://{monitor}/varz").parse().map_err(|_| "not a host and port".to_owned())?;
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let response = client.get(uri).await.map_err(|error| error.to_string())?;
        let body = Limited::new(response.into_body(), PAGE_BYTES).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        serde_json::from_slice::<Page>(&body).map_err(|error| error.to_string())
    };
    let page = tokio::time::timeout(TIMEOUT, page).await.map_err(|_| "no answer in time".to_owned())??;
    let config = page.jetstream.config.ok_or("it has no JetStream")?;
    Ok(SyncStatement { server_name: page.server_name, syncs: config.sync_always })
}
