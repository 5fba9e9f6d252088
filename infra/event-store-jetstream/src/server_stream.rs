//! The stream on the server: made as a log needs it, and refused when it is not.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{
    Config, DiscardPolicy, Info, PersistenceMode, RetentionPolicy, StorageType, Stream,
};
use async_nats::jetstream::{Context, context};

use crate::address::JetStreamAddress;
use crate::connection::ConnectError;

/// How long the server recognises a repeated message by its id; longer than any offer is repeated. What comes later is
/// refused by its expected sequence.
const RECOGNISED_FOR: Duration = Duration::from_secs(120);

/// How long servers that are finding together may take to answer: a cluster elects a leader in 4 to 9 s.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
const BETWEEN_TRIES: Duration = Duration::from_millis(250);

/// The stream of an address, made if it is missing.
pub(crate) async fn open(context: &Context, address: &JetStreamAddress) -> Result<Stream, ConnectError> {
    let name = &address.stream;
    let began = Instant::now();
    let stream = loop {
        let error: async_nats::Error = match context.get_stream(name).await {
            Ok(stream) => break stream,
            // Another process may make it at the same moment; the same settings are the same stream.
            Err(error) if is_missing(&error) => match context.create_stream(config(address)).await {
                Ok(stream) => break stream,
                Err(error) => error.into(),
            },
            Err(error) => error.into(),
        };
        if began.elapsed() >= ANSWERS_WITHIN {
            return Err(ConnectError::Stream { stream: name.clone(), source: error });
        }
        tracing::info!(stream = name, error = %error, "the servers do not give the stream yet; trying again");
        tokio::time::sleep(BETWEEN_TRIES).await;
    };
    match unfitness(stream.cached_info(), address) {
        None => Ok(stream),
        Some(reason) => Err(ConnectError::Unfit { stream: name.clone(), reason }),
    }
}

fn is_missing(error: &context::GetStreamError) -> bool {
    matches!(error.kind(), context::GetStreamErrorKind::JetStream(error)
        if error.error_code() == async_nats::jetstream::ErrorCode::STREAM_NOT_FOUND)
}

/// A stream that keeps everything, on disk, for ever.
fn config(address: &JetStreamAddress) -> Config {
    Config {
        name: address.stream.clone(),
        subjects: vec![format!("{}.*", address.stream)],
        description: Some("The event log of TicketFlow, one message a batch".to_owned()),
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_messages: -1,
        max_bytes: -1,
        max_messages_per_subject: -1,
        storage: StorageType::File,
        num_replicas: address.replicas,
        duplicate_window: RECOGNISED_FOR,
        deny_delete: true,
        deny_purge: true,
        ..Config::default()
    }
}

/// Why a stream would lose events, if it would.
fn unfitness(info: &Info, address: &JetStreamAddress) -> Option<String> {
    let config = &info.config;
    let subject = format!("{}.*", address.stream);
    let keeps_all = config.max_messages <= 0
        && config.max_bytes <= 0
        && config.max_messages_per_subject <= 0
        && config.max_age.is_zero();
    if config.storage != StorageType::File {
        Some("it is kept in memory".to_owned())
    } else if config.persist_mode == Some(PersistenceMode::Async) {
        Some("it is written behind (`persist_mode: async`)".to_owned())
    } else if config.num_replicas < address.replicas {
        Some(format!("it has {} copies, not {}", config.num_replicas, address.replicas))
    } else if !keeps_all || config.retention != RetentionPolicy::Limits {
        Some("it has limits that throw messages away".to_owned())
    } else if config.no_ack {
        Some("it does not acknowledge".to_owned())
    } else if !config.deny_delete || !config.deny_purge {
        Some("its messages can be deleted (`deny_delete`, `deny_purge`)".to_owned())
    } else if config.subjects != [subject] {
        Some(format!("it takes the subjects {:?}", config.subjects))
    } else if info.state.deleted_count.unwrap_or(0) > 0 || (info.state.first_sequence > 1) {
        Some("messages were deleted from it".to_owned())
    } else {
        None
    }
}

/// Names of the servers that keep the stream; empty on a server that is not part of a cluster.
pub(crate) fn copies(info: &Info) -> Vec<String> {
    let Some(cluster) = &info.cluster else { return Vec::new() };
    let followers = cluster.replicas.iter().map(|peer| peer.name.clone());
    cluster.leader.iter().cloned().chain(followers).collect()
}
