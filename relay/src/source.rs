//! The log as the relay reads it: from where the stream ends, every message in order.
//!
//! Invariant: reading goes on behind a message only if this log has that message's event at its position, under the same hash chain.
//! What messages need of earlier events is learnt from the log before.

use std::time::Duration;

use ticketflow_domain::ShowId;
use ticketflow_domain::show::ShowEvent;
use ticketflow_event_store::{Batch, Category, ChainHash, EventStore, Feed, Position, show_event};

use crate::messages::{IntegrationMessage, ShowBook};
use crate::orders_stream::LastMessage;
use crate::refusal::RelayRefusal;

/// How long a stream may be ahead of what this process knows of the log, while another relay's process already knew more.
const HEAD_LIMIT: Duration = Duration::from_secs(5);

/// A message with the link of the hash chain that proves its history.
pub(crate) struct Outgoing {
    pub(crate) message: IntegrationMessage,
    pub(crate) chain_hash: ChainHash,
}

/// What a part of the log gave.
pub(crate) struct Chunk {
    pub(crate) messages: Vec<Outgoing>,
    /// Position of its last event.
    pub(crate) reached: Position,
}

/// The log, and what was learnt from it.
pub(crate) struct Source {
    store: EventStore,
    book: ShowBook,
    /// The shows of all events up to here are in the book.
    learnt: Position,
}

impl Source {
    pub(crate) fn new(store: EventStore) -> Self {
        Self { store, book: ShowBook::default(), learnt: 0 }
    }

    /// All of it, for a thread that may block; what is left behind would learn anew.
    pub(crate) fn take(&mut self) -> Self {
        let fresh = Self::new(self.store.clone());
        std::mem::replace(self, fresh)
    }

    /// Waits until the log has the position, or is known not to: then `follow` says so. `false` when that cannot be found out.
    pub(crate) async fn wait_for(&self, position: Position) -> bool {
        let mut head = self.store.log().subscribe_head();
        let reached = head.wait_for(|head| head.position >= position);
        let is_reached = tokio::time::timeout(HEAD_LIMIT, reached).await.is_ok();
        is_reached || self.store.catch_up(HEAD_LIMIT).await.is_ok()
    }

    /// Everything behind the stream's last message. Blocks on the disk.
    pub(crate) fn follow(&mut self, last: Option<&LastMessage>) -> Result<Feed, RelayRefusal> {
        let position = last.map_or(0, |last| last.position);
        self.learn_up_to(position)?;
        if let Some(last) = last {
            self.recognise(last)?;
        }
        Ok(Feed::new(self.store.log(), position + 1)?)
    }

    fn learn_up_to(&mut self, position: Position) -> Result<(), RelayRefusal> {
        let to = position.min(self.store.log().head().position);
        if self.learnt >= to {
            return Ok(());
        }
        let mut reader = self.store.log().read_from(self.learnt + 1)?;
        while reader.next_position() <= to {
            let Some(batch) = reader.next_batch()? else { break };
            // A show is created by the first event of its stream.
            if batch.stream().category == Category::Show
                && batch.first_revision() == 1
                && let Some(ShowEvent::ShowCreated(created)) = events_of(&batch)?.first()
            {
                self.book.learn(created);
            }
            self.learnt = batch.last_position();
        }
        Ok(())
    }

    /// Whether the stream's last message is what this log has at its position.
    fn recognise(&mut self, last: &LastMessage) -> Result<(), RelayRefusal> {
        let head = self.store.log().head().position;
        let position = last.position;
        if position > head {
            return Err(RelayRefusal::AheadOfLog { position, head });
        }
        let other = RelayRefusal::OtherLog { position };
        let Some(batch) = self.store.log().read_at(position)? else { return Err(other) };
        let batch = batch.view();
        if batch.chain_hash() != last.chain_hash {
            return Err(other);
        }
        let known = self.messages(&batch, position - 1)?;
        match known.first() {
            Some(known) if known.position == position => {
                let same = known.id() == last.id && known.subject() == last.subject;
                if same { Ok(()) } else { Err(other) }
            }
            _ => Err(other),
        }
    }

    /// What the next part of the log says; `None` once the log is closed and everything was delivered. May be dropped while it waits.
    pub(crate) async fn next(
        &mut self,
        feed: &mut Feed,
        after: Position,
    ) -> Result<Option<Chunk>, RelayRefusal> {
        let Some(part) = feed.next().await? else { return Ok(None) };
        let mut chunk = Chunk { messages: Vec::new(), reached: after };
        for batch in part.batches() {
            let chain_hash = batch.chain_hash();
            let messages = self.messages(&batch, after)?;
            chunk.messages.extend(messages.into_iter().map(|message| Outgoing { message, chain_hash }));
            chunk.reached = batch.last_position();
        }
        Ok(Some(chunk))
    }

    /// The messages about events behind `after`; shows are learnt from all.
    fn messages(
        &mut self,
        batch: &Batch<'_>,
        after: Position,
    ) -> Result<Vec<IntegrationMessage>, RelayRefusal> {
        if batch.stream().category != Category::Show {
            return Ok(Vec::new());
        }
        let show_id = ShowId::from_bytes(batch.stream().id);
        let mut messages = Vec::new();
        for (event, position) in events_of(batch)?.iter().zip(batch.first_position()..) {
            let message = self.book.message(show_id, position, event)?;
            messages.extend(message.filter(|message| message.position > after));
        }
        Ok(messages)
    }
}

fn events_of(batch: &Batch<'_>) -> Result<Vec<ShowEvent>, RelayRefusal> {
    let events = batch.events().map(show_event).collect::<Result<_, _>>();
    events.map_err(|source| RelayRefusal::Event { position: batch.first_position(), source })
}
