//! Takes orders and refunds from the durable buffer as they come.
//!
//! Invariants: a message is acknowledged when what it asks for is in the books, or set aside for an operator, and not before. What
//! cannot be done now is given back and comes again later each time; what never comes again the log's follower finds.

use std::sync::Arc;
use std::time::Duration;

use ticketflow_backoff::Backoff;
use ticketflow_event_store::Position;
use ticketflow_telemetry::with_causes;

use crate::desk::{Desk, Interruption};
use crate::issuing::Given;
use crate::order_facts::FactsError;
use crate::orders::{Consumed, Orders, OrdersConsumer};
use crate::sources::{Source, Sources};

/// How long this process may be behind in the log when a message names an event: the message comes after the event.
const LOG_WITHIN: Duration = Duration::from_secs(5);

/// The part of billing that reads the durable buffer.
pub(crate) struct BufferReader {
    desk: Arc<Desk>,
    orders: Orders,
    sources: Sources,
}

impl BufferReader {
    pub(crate) fn new(desk: Arc<Desk>, orders: Orders) -> Self {
        let log = desk.ports.store.log().clone();
        let sources = Sources::new(log, desk.ports.facts.clone(), desk.options.receipt_type);
        Self { desk, orders, sources }
    }

    /// Until billing is to stop, or somebody has to look at why it cannot go on: then the follower of the log says so.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            let ended = tokio::select! {
                ended = self.read(&mut backoff) => ended,
                () = self.desk.stopped() => return,
            };
            match ended {
                Ok(error) => {
                    tracing::warn!(%error, "orders do not come through the buffer; they are found in the log");
                    self.desk.status().buffer_error = Some(error);
                    tokio::time::sleep(backoff.next_wait()).await;
                }
                Err(error) => {
                    tracing::error!(error = with_causes(&error), "the durable buffer is not read any more");
                    return;
                }
            }
        }
    }

    /// Reads until the servers fail; says how.
    async fn read(&self, backoff: &mut Backoff) -> Result<String, Interruption> {
        let mut consumer = match OrdersConsumer::open(&self.orders).await {
            Ok(consumer) => consumer,
            Err(error) => return Ok(error.to_string()),
        };
        self.desk.status().buffer_error = None;
        loop {
            match consumer.next().await {
                Ok(messages) => self.handle(messages).await?,
                Err(error) => return Ok(error.to_string()),
            }
            backoff.reset();
        }
    }

    async fn handle(&self, messages: Vec<Consumed>) -> Result<(), Interruption> {
        let Some(last) = messages.iter().map(|message| message.position).max() else { return Ok(()) };
        if !self.log_has(last).await {
            tracing::warn!(position = last, "messages name events that this process does not have yet");
            return self.give_back(messages).await;
        }
        let (kept, sources) = self.sources_of(messages).await?;
        let given = match self.desk.give_documents(&sources).await {
            Ok(given) => given,
            Err(error) if error.passes() => {
                tracing::warn!(error = with_causes(&error), "documents cannot be issued now");
                return self.give_back(kept).await;
            }
            Err(error) => return Err(error),
        };
        fail::fail_point!("billing::before-acknowledging", |_| Ok(()));
        for (message, given) in kept.into_iter().zip(given) {
            match given {
                Given::Settled => message.done().await,
                Given::Early => message.give_back().await,
            }
        }
        Ok(())
    }

    async fn log_has(&self, position: Position) -> bool {
        let mut head = self.desk.ports.store.log().subscribe_head();
        let reached = head.wait_for(|head| head.position >= position);
        matches!(tokio::time::timeout(LOG_WITHIN, reached).await, Ok(Ok(_)))
    }

    /// What messages ask for; those that ask for nothing are ended.
    async fn sources_of(
        &self,
        messages: Vec<Consumed>,
    ) -> Result<(Vec<Consumed>, Vec<Source>), Interruption> {
        let sources = self.sources.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let read = |message: Consumed| {
                let source = sources.named(message.position, message.chain_hash)?;
                Ok((message, source))
            };
            messages.into_iter().map(read).collect::<Result<Vec<_>, FactsError>>()
        });
        let (mut kept, mut wanted) = (Vec::new(), Vec::new());
        for (message, source) in reading.await?? {
            match source {
                Some(source) => {
                    let (attempts, comes_again) = (message.deliveries(), message.comes_again());
                    wanted.push(Source { attempts, comes_again, ..source });
                    kept.push(message);
                }
                None => message.end("this log has no order and no refund there, or another history").await,
            }
        }
        Ok((kept, wanted))
    }

    async fn give_back(&self, messages: Vec<Consumed>) -> Result<(), Interruption> {
        for message in messages {
            message.give_back().await;
        }
        Ok(())
    }
}
