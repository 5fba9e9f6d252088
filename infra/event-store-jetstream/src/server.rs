//! A log on JetStream, as the port wants it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use ticketflow_event_store::{
    Cursor, FollowError, Followed, LogServer, Offer, OfferError, ServerUnavailable, StreamId,
};

use crate::address::JetStreamAddress;
use crate::arrivals::Arrivals;
use crate::connection::{self, ConnectError, Copies};
use crate::feed::{self, Source};
use crate::tails::{Tail, Tails};
use crate::{message, server_stream};

/// How long the question for the log's end may take.
const END_WITHIN: Duration = Duration::from_secs(3);

/// A log on JetStream.
pub struct JetStreamServer {
    context: Context,
    stream: Stream,
    identity: String,
    prefix: String,
    tails: Arc<Tails>,
    arrivals: Arc<Arrivals>,
    /// The connection over which the feed last found the log to be the one that it had.
    compared: Arc<AtomicU64>,
}

/// How often the client has connected, which tells connections apart.
pub(crate) fn connection_number(client: &async_nats::Client) -> u64 {
    client.statistics().connects.load(Ordering::SeqCst)
}

impl JetStreamServer {
    /// Connects, makes the stream if it is missing, and checks that nothing acknowledged can be lost.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(address: &JetStreamAddress) -> Result<Self, ConnectError> {
        let context = connection::connect(address).await?;
        // Before anything is made: a server that does not sync is not to hold even an empty log.
        connection::demand_sync(address, &Copies::Planned(address.replicas)).await?;
        let stream = server_stream::open(&context, address).await?;
        let info = stream.cached_info();
        connection::demand_sync(address, &server_stream::copies(info)).await?;
        let created = info.created;
        Ok(Self {
            identity: format!("JetStream stream {} created {created}", address.stream),
            prefix: address.stream.clone(),
            tails: Arc::default(),
            arrivals: Arc::default(),
            compared: Arc::default(),
            context,
            stream,
        })
    }

    /// The connection, for what else is kept on the same servers.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    fn subject(&self, stream: &StreamId) -> String {
        format!("{}.{stream}", self.prefix)
    }

    /// Where a stream ends, asked of the leader of the servers.
    async fn ask_tail(&self, stream: &StreamId) -> Result<Tail, OfferError> {
        let unavailable = |error: String| OfferError::Unavailable(error);
        match self.stream.get_last_raw_message_by_subject(&self.subject(stream)).await {
            Ok(last) => {
                let message = message::decode(Some(&last.headers), &last.payload).map_err(unavailable)?;
                Ok(Tail { revision: message.last_revision(), sequence: last.sequence })
            }
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => {
                Ok(Tail::default())
            }
            Err(error) => Err(unavailable(error.to_string())),
        }
    }

    /// The sequence that the stream's last message must have for it to hold `expected` events.
    async fn expected_sequence(&self, offer: &Offer) -> Result<u64, OfferError> {
        let known = self.tails.get(&offer.stream);
        let tail = match known {
            Some(tail) => tail,
            // Nothing is known of it and nothing is expected: the server compares.
            None if offer.expected == 0 => Tail::default(),
            None => {
                let tail = self.ask_tail(&offer.stream).await?;
                self.tails.note(offer.stream, tail);
                tail
            }
        };
        if tail.revision == offer.expected { Ok(tail.sequence) } else { Err(OfferError::Conflict) }
    }

    /// Whether the servers are known to have the log that this process has: after a reconnection they may have been restored
    /// from an older copy, into which nothing may be written that names what they lost.
    fn is_compared(&self) -> bool {
        let client = self.context.client();
        client.connection_state() == async_nats::connection::State::Connected
            && self.compared.load(Ordering::SeqCst) == connection_number(&client)
    }

    async fn publish(&self, offer: &Offer) -> Result<(), OfferError> {
        if !self.is_compared() {
            return Err(OfferError::Unavailable("connected anew; the log is being compared".to_owned()));
        }
        let expected = self.expected_sequence(offer).await?;
        let (payload, header) = message::encode(&offer.message).ok_or(OfferError::TooLarge)?;
        let mut publish = PublishMessage::build()
            .payload(payload)
            .message_id(&offer.message.batch_id)
            .expected_stream(&self.prefix)
            .expected_last_subject_sequence(expected);
        if let Some((name, value)) = header {
            publish = publish.header(name, value);
        }
        let sent = self.context.send_publish(self.subject(&offer.stream), publish).await;
        let outcome = match sent {
            Ok(acknowledgement) => acknowledgement.await,
            Err(error) => Err(error),
        };
        let acknowledged = outcome.map_err(|error| refusal(&error))?;
        let tail = Tail { revision: offer.message.last_revision(), sequence: acknowledged.sequence };
        self.tails.note(offer.stream, tail);
        self.arrivals.put(acknowledged.sequence, &offer.message);
        Ok(())
    }
}

/// What a failed publication means for the batch.
fn refusal(error: &async_nats::jetstream::context::PublishError) -> OfferError {
    let code = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>())
        .map(async_nats::jetstream::Error::error_code);
    let text = error.to_string();
    match (error.kind(), code) {
        (PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId, _)
        | (_, Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT)) => OfferError::Conflict,
        (PublishErrorKind::MaxPayloadExceeded, _) | (_, Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)) => {
            OfferError::TooLarge
        }
        (
            _,
            Some(
                ErrorCode::INSUFFICIENT_RESOURCES
                | ErrorCode::STORAGE_RESOURCES_EXCEEDED
                | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
            ),
        ) => OfferError::StorageFull(text),
        (PublishErrorKind::StreamNotFound | PublishErrorKind::MaxAckPending, _) => {
            OfferError::Unavailable(text)
        }
        // A duplicate that is still being stored, a lost connection, no answer in time, an error that is not known here.
        _ => OfferError::Unknown(text),
    }
}

impl LogServer for JetStreamServer {
    fn offer<'a>(&'a self, offer: &'a Offer) -> BoxFuture<'a, Result<(), OfferError>> {
        let outcome = async move {
            let outcome = self.publish(offer).await;
            if outcome == Err(OfferError::Conflict) {
                // What was remembered of its end may be wrong, if another history is restored on the servers.
                self.tails.forget(&offer.stream);
            }
            outcome
        };
        outcome.boxed()
    }

    fn end(&self) -> BoxFuture<'_, Result<Cursor, ServerUnavailable>> {
        let end = async move {
            let asked = tokio::time::timeout(END_WITHIN, self.stream.get_info()).await;
            let info = asked.map_err(|_| ServerUnavailable("no answer in time".to_owned()))?;
            let info = info.map_err(|error| ServerUnavailable(error.to_string()))?;
            server_stream::is_of_leader(&info).map_err(ServerUnavailable)?;
            Ok(Cursor(info.state.last_sequence, 0))
        };
        end.boxed()
    }

    fn follow(&self, after: Cursor) -> BoxStream<'static, Result<Followed, FollowError>> {
        let source = Source {
            stream: self.stream.clone(),
            context: self.context.clone(),
            client: self.context.client(),
            arrivals: self.arrivals.clone(),
            tails: self.tails.clone(),
            compared: self.compared.clone(),
        };
        feed::follow(source, after.0)
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }
}
