//! The stream on the server: made as a log needs it, and refused when it is not.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{
    Config, DiscardPolicy, Info, PersistenceMode, RetentionPolicy, StorageType, Stream,
};
use async_nats::jetstream::{Context, context};

use crate::address::JetStreamAddress;
use crate::connection::{ConnectError, Copies};

/// How long the server recognises a repeated message by its id; longer than any offer is repeated. What comes later is
/// refused by its expected sequence.
const RECOGNISED_FOR: Duration = Duration::from_secs(120);

/// How long servers that are finding together may take to answer: a cluster elects a leader in 4 to 9 s.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// A leader hears of its followers every second.
const HEARD_WITHIN: Duration = Duration::from_secs(3);
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

/// The servers that keep the stream.
pub(crate) fn copies(info: &Info) -> Copies {
    let Some(cluster) = &info.cluster else { return Copies::Planned(info.config.num_replicas) };
    let followers = cluster.replicas.iter().map(|peer| (peer.name.clone(), peer.offline));
    Copies::Kept(cluster.leader.iter().map(|leader| (leader.clone(), false)).chain(followers).collect())
}

/// Whether an answer about the stream is that of a leader with a majority behind it: others may be behind without knowing.
pub(crate) fn is_of_leader(info: &Info) -> Result<(), String> {
    let Some(cluster) = &info.cluster else { return Ok(()) };
    if cluster.leader.is_none() {
        return Err("the servers are electing a leader".to_owned());
    }
    let followers = &cluster.replicas;
    let heard = followers.iter().filter(|peer| !peer.offline && peer.active < HEARD_WITHIN).count();
    if (heard + 1) * 2 <= followers.len() + 1 {
        return Err(format!("the leader hears {heard} of {} followers", followers.len()));
    }
    Ok(())
}
