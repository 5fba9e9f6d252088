//! The folded books, and the ways to bring them up to date.

use std::collections::BTreeMap;
use std::sync::{LazyLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ticketflow_domain::OrderId;
use ticketflow_domain::billing::{BillingEvent, BillingState, OrderDocuments, ParkedSource};
use ticketflow_event_store::{
    Batch, Category, CodecError, EmbeddedLog, Position, ReadError, Revision, StreamId, billing_event,
};

/// Books in which nothing is written yet.
static EMPTY: LazyLock<Folded> = LazyLock::new(Folded::default);

/// Why books could not be folded.
#[derive(Debug, thiserror::Error)]
pub enum FoldBooksError {
    /// The log cannot be read.
    #[error("the books cannot be read")]
    Read(#[from] ReadError),
    /// An event does not read back: a later version wrote it.
    #[error("the batch at position {position} of the books does not read back")]
    Event {
        /// Of the batch's first event.
        position: Position,
        /// Why.
        #[source]
        source: CodecError,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) state: BillingState,
    /// Of the last event that is folded.
    pub(crate) revision: Revision,
}

/// All books of a process.
#[derive(Debug, Default)]
pub struct BillingBooks {
    by_stream: RwLock<BTreeMap<StreamId, Folded>>,
}

/// The books, as long as nobody writes. Not to be kept while waiting for anything.
pub struct BooksGuard<'a>(RwLockReadGuard<'a, BTreeMap<StreamId, Folded>>);

impl BooksGuard<'_> {
    fn folded(&self, stream: StreamId) -> &Folded {
        self.0.get(&stream).unwrap_or(&EMPTY)
    }

    /// The books of a stream; empty ones where nothing is written.
    #[must_use]
    pub fn of(&self, stream: StreamId) -> &BillingState {
        &self.folded(stream).state
    }

    /// Up to which event of the stream they are folded.
    #[must_use]
    pub fn revision(&self, stream: StreamId) -> Revision {
        self.folded(stream).revision
    }

    /// All of them, by stream.
    pub fn iter(&self) -> impl Iterator<Item = (StreamId, &BillingState)> {
        self.0.iter().map(|(stream, folded)| (*stream, &folded.state))
    }
}

impl BillingBooks {
    /// The books as they are now.
    pub fn read(&self) -> BooksGuard<'_> {
        BooksGuard(self.by_stream.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<StreamId, Folded>> {
        self.by_stream.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was issued for an order; `None` while it has no receipt.
    pub fn documents(&self, order_id: OrderId) -> Option<OrderDocuments> {
        self.read().iter().find_map(|(_, books)| books.documents(order_id))
    }

    /// Orders, refunds and mails that billing gave up on: in which books, by the position of their event.
    pub fn parked(&self) -> Vec<(StreamId, Position, ParkedSource)> {
        let books = self.read();
        let of = |(stream, books): (StreamId, &BillingState)| {
            let parked = books.parked().map(move |(position, parked)| (stream, position, parked.clone()));
            parked.collect::<Vec<_>>()
        };
        books.iter().flat_map(of).collect()
    }

    /// Folds the next batch of the log, if it is of books and not folded yet.
    ///
    /// # Errors
    /// [`CodecError`] for an event that does not read back; the books stay as they were.
    pub fn fold(&self, batch: &Batch<'_>) -> Result<(), CodecError> {
        let stream = batch.stream();
        if stream.category != Category::Billing || batch.last_revision() <= self.read().revision(stream) {
            return Ok(());
        }
        let events: Vec<BillingEvent> = batch.events().map(billing_event).collect::<Result<_, _>>()?;
        self.fold_appended(stream, batch.first_revision(), &events);
        Ok(())
    }

    /// Folds events that are durable in the log, the first of them at this revision, but for those that are folded. There is
    /// nothing between what is folded and them.
    pub fn fold_appended(&self, stream: StreamId, first: Revision, events: &[BillingEvent]) {
        let mut by_stream = self.write();
        let folded = by_stream.entry(stream).or_default();
        debug_assert!(first <= folded.revision + 1, "events of the books were left out");
        for (event, revision) in events.iter().zip(first..) {
            if revision > folded.revision {
                folded.state.evolve(event);
                folded.revision = revision;
            }
        }
    }

    /// Folds what the log has of these books. Blocks on the disk if that is more than is folded.
    ///
    /// # Errors
    /// [`FoldBooksError`]; what came before is folded.
    pub fn catch_up(&self, log: &EmbeddedLog, stream: StreamId) -> Result<(), FoldBooksError> {
        self.catch_up_to(log, stream, Position::MAX)
    }

    /// The same of all books, up to a position.
    ///
    /// # Errors
    /// [`FoldBooksError`]; what came before is folded.
    pub fn catch_up_all(&self, log: &EmbeddedLog, to: Position) -> Result<(), FoldBooksError> {
        let streams = log.streams(Category::Billing).into_iter();
        streams.map(|(stream, _)| stream).try_for_each(|stream| self.catch_up_to(log, stream, to))
    }

    fn catch_up_to(&self, log: &EmbeddedLog, stream: StreamId, to: Position) -> Result<(), FoldBooksError> {
        let revision = self.read().revision(stream);
        if log.stream_revision(&stream) <= revision {
            return Ok(());
        }
        let mut reader = log.read_stream(stream, revision + 1)?;
        while let Some(batch) = reader.next_batch()? {
            let position = batch.first_position();
            if position > to {
                break;
            }
            self.fold(&batch).map_err(|source| FoldBooksError::Event { position, source })?;
        }
        Ok(())
    }

    pub(crate) fn insert(&self, stream: StreamId, folded: Folded) {
        self.write().insert(stream, folded);
    }

    pub(crate) fn change(&self, stream: StreamId, change: impl FnOnce(&mut BillingState)) {
        change(&mut self.write().entry(stream).or_default().state);
    }
}
