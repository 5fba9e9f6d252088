//! The durable consumer `billing` of the stream `ORDERS`: messages in, acknowledgements out.
//!
//! Invariant: nothing is acknowledged here by itself. A message that names no event of this log is ended, and counted: it is no
//! order, and the sweep of the log finds those.

use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::pull::{Config, Stream};
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer};
use async_nats::jetstream::message::Message;
use data_encoding::HEXLOWER;
use futures_util::StreamExt;
use futures_util::stream::ReadyChunks;
use ticketflow_event_store::{ChainHash, Position};

use super::Orders;

const STREAM: &str = "ORDERS";
const CONSUMER: &str = "billing";
/// What asks for a document.
const SUBJECTS: [&str; 2] = ["orders.*.paid", "orders.*.refunded"];
const POSITION_HEADER: &str = "Ticketflow-Position";
const CHAIN_HASH_HEADER: &str = "Ticketflow-Chain-Hash";
/// Messages handled together at most.
const MOST: usize = 500;
/// A message that is neither acknowledged nor given back by then is given to somebody else: a batch takes well under a second.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// Deliveries of a message at most. What is still without a document is found by the sweep.
const MAX_DELIVER: i64 = 20;
/// How long after that many deliveries a message comes again.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(60));
/// How long the servers may keep silent.
const HEARTBEAT: Duration = Duration::from_secs(2);
const PULL_EXPIRES: Duration = Duration::from_secs(10);

/// Why no messages come.
#[derive(Debug, thiserror::Error)]
#[error("the stream ORDERS cannot be read now: {0}")]
pub(crate) struct ConsumerError(String);

fn failed(error: impl std::fmt::Display) -> ConsumerError {
    ConsumerError(error.to_string())
}

/// A message that names an event.
pub(crate) struct Consumed {
    message: Message,
    pub(crate) position: Position,
    pub(crate) chain_hash: ChainHash,
}

impl Consumed {
    /// How often it was delivered, this time included.
    pub(crate) fn deliveries(&self) -> u32 {
        self.message.info().map_or(1, |info| info.delivered.clamp(1, i64::from(u32::MAX)) as u32)
    }

    /// Whether it is delivered again if it is given back.
    pub(crate) fn comes_again(&self) -> bool {
        i64::from(self.deliveries()) < MAX_DELIVER
    }

    /// What it asks for is in the books. One whose acknowledgement is lost comes again and costs a look.
    pub(crate) async fn done(self) {
        self.answer(AckKind::Ack).await;
    }

    /// To be delivered again, later each time.
    pub(crate) async fn give_back(self) {
        let pause = AGAIN_AFTER.0.saturating_mul(1 << self.deliveries().min(16)).min(AGAIN_AFTER.1);
        self.answer(AckKind::Nak(Some(pause))).await;
    }

    /// Never to be delivered again: it names nothing that this log has.
    pub(crate) async fn end(self, why: &str) {
        refuse(&self.message, why).await;
    }

    async fn answer(&self, kind: AckKind) {
        if let Err(error) = self.message.ack_with(kind).await {
            tracing::debug!(%error, "a message could not be answered; it comes again");
        }
    }
}

/// Messages as they come.
pub(crate) struct OrdersConsumer {
    messages: ReadyChunks<Stream>,
}

impl OrdersConsumer {
    /// The durable consumer, made where it is missing. Somebody may have removed it: then it begins at the first message, and what
    /// has a document costs a look.
    pub(crate) async fn open(orders: &Orders) -> Result<Self, ConsumerError> {
        let stream = orders.context.get_stream(STREAM).await.map_err(failed)?;
        let config = Config {
            durable_name: Some(CONSUMER.to_owned()),
            description: Some("Gives every order and refund its document".to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_deliver: MAX_DELIVER,
            max_ack_pending: 2 * MOST as i64,
            filter_subjects: SUBJECTS.map(str::to_owned).to_vec(),
            ..Config::default()
        };
        let consumer: PullConsumer = stream.get_or_create_consumer(CONSUMER, config).await.map_err(failed)?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(MOST)
            .expires(PULL_EXPIRES)
            .heartbeat(HEARTBEAT)
            .messages()
            .await
            .map_err(failed)?;
        Ok(Self { messages: messages.ready_chunks(MOST) })
    }

    /// The next messages, as many as there are; waits for the first.
    ///
    /// # Errors
    /// [`ConsumerError`]: the consumer is to be opened again.
    pub(crate) async fn next(&mut self) -> Result<Vec<Consumed>, ConsumerError> {
        let Some(chunk) = self.messages.next().await else { return Err(failed("the consumer is gone")) };
        let mut consumed = Vec::with_capacity(chunk.len());
        for message in chunk {
            let message = message.map_err(failed)?;
            match named_event(&message) {
                Some((position, chain_hash)) => consumed.push(Consumed { message, position, chain_hash }),
                None => refuse(&message, "it names no event of a log").await,
            }
        }
        Ok(consumed)
    }
}

fn named_event(message: &Message) -> Option<(Position, ChainHash)> {
    let headers = message.headers.as_ref()?;
    let position = headers.get(POSITION_HEADER)?.as_str().parse().ok()?;
    let chain_hash = HEXLOWER.decode(headers.get(CHAIN_HASH_HEADER)?.as_str().as_bytes()).ok()?;
    Some((position, chain_hash.try_into().ok()?))
}

async fn refuse(message: &Message, why: &str) {
    metrics::counter!("billing_messages_refused_total").increment(1);
    tracing::error!(subject = %message.subject, why, "a message in ORDERS is not of this log; orders are found in the log");
    if let Err(error) = message.ack_with(AckKind::Term).await {
        tracing::debug!(%error, "a message could not be ended; it comes again");
    }
}
