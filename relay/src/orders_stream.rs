//! The JetStream stream `ORDERS`: made once, checked before each use, asked for its end, published to.
//!
//! Invariants: it keeps everything for good, in files, and nobody can remove a single message; a message is taken only right behind
//! the one that it names (`Nats-Expected-Last-Sequence`). It is made at the start of a relay alone: while one runs, a stream
//! that is gone may be a cluster that elects, or somebody's doing that an operator has to look at.

use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    Context, ContextBuilder, CreateStreamErrorKind, GetStreamErrorKind, PublishAckFuture, PublishError,
};
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{
    Config, PersistenceMode, RawMessageErrorKind, RetentionPolicy, StorageType,
};
use data_encoding::HEXLOWER;
use ticketflow_event_store::{ChainHash, Position};

use crate::messages::CONTENT_TYPE;
use crate::options::RelayOptions;
use crate::refusal::RelayRefusal;
use crate::source::Outgoing;

/// Name of the stream.
pub const STREAM: &str = "ORDERS";
/// Header with the position of the event that a message is about: what a relay goes on behind.
pub const POSITION_HEADER: &str = "Ticketflow-Position";
/// Header with the log's hash chain at that position, hexadecimal: which log it is.
pub const CHAIN_HASH_HEADER: &str = "Ticketflow-Chain-Hash";
/// Everything that the stream takes.
const SUBJECTS: &str = "orders.>";

/// More publishes than that wait for acknowledgements nowhere; the relay itself keeps fewer in flight.
const MOST_ACKS: usize = 1_024;
/// A server on the way down or up is tried again this soon.
const SHORTEST_RECONNECT: Duration = Duration::from_millis(50);
const LONGEST_RECONNECT: Duration = Duration::from_secs(1);
/// A server that does not answer by then is down.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// A server that leaves the third question open is given up for another one: its machine may be gone without a word.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// The last message and the information about it are asked for one after the other, and a leader may change between.
const END_TRIES: u32 = 5;
const BETWEEN_END_TRIES: Duration = Duration::from_millis(300);

/// Why the stream cannot be used.
#[derive(Debug)]
pub(crate) enum StreamFailure {
    /// For now: the servers are down, elect, are out of space, or the stream is gone.
    Unavailable(String),
    /// Until an operator has looked at it.
    Refused(RelayRefusal),
}

/// The last message of the stream, as it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastMessage {
    pub(crate) position: Position,
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) chain_hash: ChainHash,
}

/// Where the stream ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamEnd {
    /// Of the last message; 0 where there is none.
    pub(crate) sequence: u64,
    pub(crate) last: Option<LastMessage>,
}

impl StreamEnd {
    /// The event that the last message is about; 0 where there is none.
    pub(crate) fn position(&self) -> Position {
        self.last.as_ref().map_or(0, |last| last.position)
    }
}

/// The stream, over one connection that comes back by itself.
pub(crate) struct OrdersStream {
    context: Context,
    replicas: usize,
}

impl OrdersStream {
    /// Ready to be asked; the servers need not be there yet.
    ///
    /// # Errors
    /// Addresses that are none.
    pub(crate) async fn connect(options: &RelayOptions) -> Result<Self, async_nats::ConnectError> {
        let servers: Vec<&str> = options.nats.split(',').map(str::trim).collect();
        let connect = ConnectOptions::new()
            .name("ticketflow relay")
            .connection_timeout(CONNECT_LIMIT)
            .request_timeout(Some(options.ack_timeout))
            .ping_interval(PING_INTERVAL)
            .reconnect_delay_callback(|attempts| {
                let doubled = SHORTEST_RECONNECT.saturating_mul(1 << attempts.min(10));
                doubled.min(LONGEST_RECONNECT)
            })
            .retry_on_initial_connect();
        let client = connect.connect(servers).await?;
        let context = ContextBuilder::new()
            .timeout(options.ack_timeout)
            .max_ack_inflight(MOST_ACKS)
            .ack_timeout(options.ack_timeout)
            .build(client);
        Ok(Self { context, replicas: options.replicas })
    }

    /// Makes the stream where there is none.
    pub(crate) async fn make(&self) -> Result<(), StreamFailure> {
        match self.context.create_stream(settings(self.replicas)).await {
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                // One that is there with other settings: `end` says which.
                CreateStreamErrorKind::JetStream(error)
                    if error.error_code() == ErrorCode::STREAM_NAME_EXIST =>
                {
                    Ok(())
                }
                CreateStreamErrorKind::JetStream(error)
                    if error.error_code() == ErrorCode::STREAM_SUBJECT_OVERLAP =>
                {
                    Err(StreamFailure::Refused(RelayRefusal::SubjectsTaken))
                }
                _ => Err(StreamFailure::Unavailable(format!("the stream {STREAM} cannot be made: {error}"))),
            },
        }
    }

    /// Where the stream ends, once its settings are seen to be right.
    pub(crate) async fn end(&self) -> Result<StreamEnd, StreamFailure> {
        let mut removed = 0;
        for _ in 0..END_TRIES {
            let stream = self.context.get_stream(STREAM).await.map_err(|error| match error.kind() {
                GetStreamErrorKind::JetStream(known) if known.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    let gone =
                        "the stream ORDERS is not there; a relay that starts makes it anew from the log";
                    StreamFailure::Unavailable(gone.to_owned())
                }
                _ => StreamFailure::Unavailable(error.to_string()),
            })?;
            let info = stream.cached_info();
            check(&info.config).map_err(StreamFailure::Refused)?;
            let sequence = info.state.last_sequence;
            if sequence == 0 {
                return Ok(StreamEnd { sequence, last: None });
            }
            match stream.get_raw_message(sequence).await {
                Ok(message) => {
                    let last = read(&message)
                        .map_err(|reason| RelayRefusal::Foreign { sequence, reason })
                        .map_err(StreamFailure::Refused)?;
                    return Ok(StreamEnd { sequence, last: Some(last) });
                }
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => removed = sequence,
                Err(error) => return Err(StreamFailure::Unavailable(error.to_string())),
            }
            tokio::time::sleep(BETWEEN_END_TRIES).await;
        }
        Err(StreamFailure::Refused(RelayRefusal::Removed { sequence: removed }))
    }

    /// Sends a message that is to be taken right behind the one with the sequence `last`, and gives what will be its acknowledgement.
    pub(crate) async fn publish(
        &self,
        outgoing: Outgoing,
        last: u64,
    ) -> Result<PublishAckFuture, PublishError> {
        let Outgoing { message, chain_hash } = outgoing;
        let publish = PublishMessage::build()
            .message_id(message.id())
            .expected_stream(STREAM)
            .expected_last_sequence(last)
            .header("Content-Type", CONTENT_TYPE)
            .header(POSITION_HEADER, message.position.to_string().as_str())
            .header(CHAIN_HASH_HEADER, HEXLOWER.encode(&chain_hash).as_str());
        self.context.send_publish(message.subject(), publish.payload(message.body.into())).await
    }
}

/// How the stream is made.
fn settings(replicas: usize) -> Config {
    Config {
        name: STREAM.to_owned(),
        description: Some("Integration messages of TicketFlow, published by its relay alone".to_owned()),
        subjects: vec![SUBJECTS.to_owned()],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        num_replicas: replicas,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_bytes: -1,
        max_consumers: -1,
        deny_delete: true,
        deny_purge: true,
        ..Config::default()
    }
}

/// Whether the stream keeps every message for good. How many copies there are is the operator's choice.
fn check(config: &Config) -> Result<(), RelayRefusal> {
    let limited = |limit: i64| limit > 0;
    let wrong = [
        (config.subjects != [SUBJECTS], format!("subjects other than {SUBJECTS}")),
        (config.storage != StorageType::File, "its storage in memory".to_owned()),
        (
            config.retention != RetentionPolicy::Limits,
            "a retention that removes what was consumed".to_owned(),
        ),
        (limited(config.max_messages), "a largest number of messages".to_owned()),
        (
            limited(config.max_messages_per_subject),
            "a largest number of messages for each subject".to_owned(),
        ),
        (limited(config.max_bytes), "a largest size".to_owned()),
        (!config.max_age.is_zero(), "a largest age of messages".to_owned()),
        (config.no_ack, "no acknowledgements".to_owned()),
        (
            config.persist_mode == Some(PersistenceMode::Async),
            "acknowledgements before messages are stored".to_owned(),
        ),
        (!config.deny_delete, "deletion allowed".to_owned()),
        (!config.deny_purge, "purging allowed".to_owned()),
        (config.mirror.is_some() || config.sources.is_some(), "other streams as its source".to_owned()),
        (config.subject_transform.is_some(), "a transform of subjects".to_owned()),
    ];
    match wrong.into_iter().find(|(is_wrong, _)| *is_wrong) {
        Some((_, setting)) => Err(RelayRefusal::Settings { setting }),
        None => Ok(()),
    }
}

/// What a message of a relay says of itself; else what is missing.
fn read(message: &StreamMessage) -> Result<LastMessage, &'static str> {
    let header = |name: &str| message.headers.get(name).map(async_nats::HeaderValue::as_str);
    let position =
        header(POSITION_HEADER).and_then(|text| text.parse().ok()).filter(|position| *position > 0);
    let chain_hash = header(CHAIN_HASH_HEADER)
        .and_then(|text| HEXLOWER.decode(text.as_bytes()).ok())
        .and_then(|bytes| bytes.try_into().ok());
    Ok(LastMessage {
        position: position.ok_or("it says no position")?,
        chain_hash: chain_hash.ok_or("it says no chain hash")?,
        id: header("Nats-Msg-Id").ok_or("it has no id")?.to_owned(),
        subject: message.subject.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_refused_for_each_setting_that_could_lose_a_message() {
        assert!(check(&settings(3)).is_ok(), "as the relay makes it");
        type Change = fn(&mut Config);
        let changes: [(&str, Change); 9] = [
            ("subjects", |config| config.subjects.push("others".to_owned())),
            ("memory", |config| config.storage = StorageType::Memory),
            ("retention", |config| config.retention = RetentionPolicy::WorkQueue),
            ("number of messages", |config| config.max_messages = 10),
            ("each subject", |config| config.max_messages_per_subject = 1),
            ("size", |config| config.max_bytes = 1),
            ("age", |config| config.max_age = Duration::from_secs(1)),
            ("deletion", |config| config.deny_delete = false),
            ("purging", |config| config.deny_purge = false),
        ];
        for (word, change) in changes {
            let mut config = settings(1);
            change(&mut config);
            let error = check(&config).expect_err(word).to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
