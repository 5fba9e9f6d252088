//! All batches behind a sequence, in order and without a gap.
//!
//! An ephemeral consumer brings them; own batches are taken from the acknowledgements where they are next. The server does not
//! repeat what was lost on the way, so a gap, a heartbeat that names a later message, or none in time ends the feed, and whoever
//! follows begins again behind the last batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::Subscriber;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, push};
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{Context, Message};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use ticketflow_event_store::{BatchMessage, Cursor, Delivered, FollowError, Followed, StreamId};
use tokio::time::Instant;

use crate::arrivals::Arrivals;
use crate::server::connection_number;
use crate::tails::{Tail, Tails};
use crate::{message, server_stream};

/// An idle server says so often that it is there, and which message it sent last.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The consumer counts as lost after this time without a sign of life.
const SILENT_FOR: Duration = Duration::from_millis(2_500);
/// How often it is looked whether the connection is still the same.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Header of a heartbeat: the server waits for an answer to this subject before it sends more.
const STALLED: &str = "Nats-Consumer-Stalled";
/// Header of a heartbeat: the sequence of the last message that was sent.
const LAST_SENT: &str = "Nats-Last-Stream";
/// The server removes a consumer that nobody listens to after this time.
const REMOVED_AFTER: Duration = Duration::from_secs(30);

/// What a feed needs.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) stream: Stream,
    pub(crate) context: Context,
    pub(crate) client: async_nats::Client,
    pub(crate) arrivals: Arc<Arrivals>,
    pub(crate) tails: Arc<Tails>,
    /// The number of the connection over which the log was last found to be the one that is followed.
    pub(crate) compared: Arc<AtomicU64>,
}

/// All batches behind the sequence `after`.
pub(crate) fn follow(source: Source, after: u64) -> BoxStream<'static, Result<Followed, FollowError>> {
    let begin = State::Begin { source, next: after + 1 };
    stream::unfold(begin, |state| async {
        let (result, state) = match state {
            State::Ended => return None,
            State::Begin { source, next } => match listen(&source, next).await {
                Ok((messages, connection)) => {
                    let feed = Feed { source, messages, next, connection, last_heard: Instant::now() };
                    (Ok(Followed::Listening), State::Running(feed))
                }
                Err(error) => (Err(error), State::Ended),
            },
            State::Running(feed) => advance(feed).await,
        };
        Some((result, state))
    })
    .boxed()
}

enum State {
    Begin { source: Source, next: u64 },
    Running(Feed),
    Ended,
}

struct Feed {
    source: Source,
    messages: Subscriber,
    next: u64,
    /// The number of the connection that it listens on.
    connection: u64,
    /// When the consumer last gave a sign of life: own acknowledgements are none.
    last_heard: Instant,
}

fn lost(error: impl std::fmt::Display) -> FollowError {
    FollowError::Lost(error.to_string())
}

async fn listen(source: &Source, next: u64) -> Result<(Subscriber, u64), FollowError> {
    let connection = connection_number(&source.client);
    let info = source.stream.get_info().await.map_err(lost)?;
    server_stream::is_of_leader(&info).map_err(lost)?;
    let state = &info.state;
    if state.last_sequence + 1 < next {
        let (last, had) = (state.last_sequence, next - 1);
        return Err(FollowError::Damaged(format!("it ends at message {last}, but it had message {had}")));
    }
    if state.first_sequence > next || state.deleted_count.unwrap_or(0) > 0 {
        return Err(FollowError::Damaged("messages were deleted from it".to_owned()));
    }
    let inbox = source.client.new_inbox();
    let messages = source.client.subscribe(inbox.clone()).await.map_err(lost)?;
    let consumer = source.stream.create_consumer(push::Config {
        deliver_subject: inbox,
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: next },
        ack_policy: AckPolicy::None,
        flow_control: true,
        idle_heartbeat: HEARTBEAT,
        inactive_threshold: REMOVED_AFTER,
        num_replicas: 1,
        memory_storage: true,
        ..push::Config::default()
    });
    consumer.await.map_err(lost)?;
    source.compared.store(connection, Ordering::SeqCst);
    Ok((messages, connection))
}

async fn advance(mut feed: Feed) -> (Result<Followed, FollowError>, State) {
    match feed.next().await {
        Ok(message) => {
            let sequence = feed.next;
            if let Ok(stream) = message.stream.parse::<StreamId>() {
                feed.source.tails.note(stream, Tail { revision: message.last_revision(), sequence });
            }
            feed.next += 1;
            let delivered = Delivered { cursor: Cursor(sequence, 0), message };
            (Ok(Followed::Batch(delivered)), State::Running(feed))
        }
        Err(error) => (Err(error), State::Ended),
    }
}

impl Feed {
    /// The batch with the sequence `next`.
    async fn next(&mut self) -> Result<BatchMessage, FollowError> {
        loop {
            if let Some(message) = self.source.arrivals.take(self.next) {
                return Ok(message);
            }
            let now = Instant::now();
            if connection_number(&self.source.client) != self.connection {
                return Err(lost("the connection is a new one"));
            }
            if now >= self.last_heard + SILENT_FOR {
                return Err(lost("the server is silent"));
            }
            let message = tokio::select! {
                biased;
                message = tokio::time::timeout_at(now + LOOK_INTERVAL, self.messages.next()) => message,
                () = self.source.arrivals.news.notified() => continue,
            };
            let Ok(message) = message else { continue };
            let message = message.ok_or_else(|| lost("the connection was closed"))?;
            self.last_heard = Instant::now();
            if message.status.is_some() {
                self.hear(&message).await?;
                continue;
            }
            let message = Message { message, context: self.source.context.clone() };
            let sequence = message.info().map_err(lost)?.stream_sequence;
            if sequence < self.next {
                continue;
            }
            if sequence > self.next {
                return Err(lost(format!("message {} did not come, {sequence} did", self.next)));
            }
            let decoded = message::decode(message.headers.as_ref(), &message.payload);
            return decoded.map_err(|reason| {
                FollowError::Damaged(format!("message {sequence} does not read back: {reason}"))
            });
        }
    }

    /// A heartbeat, or the server's question how far we are.
    async fn hear(&self, status: &async_nats::Message) -> Result<(), FollowError> {
        // The question comes as a message of its own, and with every heartbeat for as long as it is not answered.
        let stalled = status.headers.as_ref().and_then(|headers| headers.get(STALLED));
        let stalled = stalled.map(|subject| async_nats::Subject::from(subject.as_str()));
        for question in status.reply.iter().cloned().chain(stalled) {
            self.source.client.publish(question, Bytes::new()).await.map_err(lost)?;
        }
        let last = status.headers.as_ref().and_then(|headers| headers.get(LAST_SENT));
        let last = last.and_then(|last| last.as_str().parse::<u64>().ok()).unwrap_or(0);
        if last >= self.next {
            return Err(lost(format!("message {} was sent and did not come", self.next)));
        }
        Ok(())
    }
}
