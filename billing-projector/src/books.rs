//! The books of an issuer: their stream folded, and the way to write into them.
//!
//! Invariant: a folio is used when its event is durable and not before. Whoever loses a race folds what the other wrote and decides
//! again; an outcome that is unknown is found out by folding afresh.

use std::time::Duration;

use ticketflow_domain::Timestamp;
use ticketflow_domain::billing::{
    BillingCommand, BillingEvent, BillingRejection, BillingState, SeriesCode, decide,
};
use ticketflow_event_store::{
    Append, AppendError, Category, CodecError, EncodedEvents, EventStore, Expected, Position, ReadError,
    Revision, StreamId, Urgency, billing_event, push_billing_event,
};

/// Races that may be lost in a row. Another instance that writes without a pause has other problems.
const MAX_CONFLICTS: usize = 20;
/// How long what others wrote is waited for after an append whose outcome is unknown.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(10);

/// Why the books could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
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
    /// Nothing was written, or what was is not known; to be tried again.
    #[error("the event store does not take the books' events now")]
    Append(#[source] AppendError),
    /// Reading panicked.
    #[error("reading the books ended by an error of this software")]
    Task(#[source] tokio::task::JoinError),
}

/// The books, open for writing.
pub struct Books {
    store: EventStore,
    stream: StreamId,
    state: BillingState,
    revision: Revision,
}

impl Books {
    /// Folds the stream of a series. Blocks on the disk.
    ///
    /// # Errors
    /// [`BooksError`].
    pub fn open(store: EventStore, series: SeriesCode) -> Result<Self, BooksError> {
        Self::open_stream(store, StreamId::new(Category::Billing, series.to_bytes()))
    }

    pub(crate) fn open_stream(store: EventStore, stream: StreamId) -> Result<Self, BooksError> {
        let mut books = Self { store, stream, state: BillingState::default(), revision: 0 };
        books.fold_news()?;
        Ok(books)
    }

    /// What they say.
    #[must_use]
    pub fn state(&self) -> &BillingState {
        &self.state
    }

    /// Folds what is new in the log. Blocks on the disk.
    pub(crate) fn fold_news(&mut self) -> Result<(), BooksError> {
        if self.store.log().stream_revision(&self.stream) <= self.revision {
            return Ok(());
        }
        let mut reader = self.store.log().read_stream(self.stream, self.revision + 1)?;
        while let Some(batch) = reader.next_batch()? {
            let position = batch.first_position();
            for record in batch.events() {
                let event = billing_event(record).map_err(|source| BooksError::Event { position, source })?;
                self.state.evolve(&event);
                self.revision += 1;
            }
        }
        Ok(())
    }

    /// Carries commands out, in order, as one batch: all of what they come to is durable at once or not at all. Says of each
    /// command what it came to.
    ///
    /// # Errors
    /// [`BooksError`]; then none of the commands is known to be done, and all may be given again.
    pub async fn carry_out(
        &mut self,
        commands: &[BillingCommand],
        now: Timestamp,
    ) -> Result<Vec<Result<Vec<BillingEvent>, BillingRejection>>, BooksError> {
        for _ in 0..MAX_CONFLICTS {
            let mut encoded = EncodedEvents::new();
            let mut answers = Vec::with_capacity(commands.len());
            for command in commands {
                let decided = decide(&self.state, command, now);
                for event in decided.iter().flatten() {
                    push_billing_event(&mut encoded, event).expect("every text of an event is bounded");
                    self.state.evolve(event);
                }
                answers.push(decided);
            }
            if encoded.is_empty() {
                return Ok(answers);
            }
            let events = encoded.len() as Revision;
            match self.append(encoded, now).await {
                Ok(()) => {
                    self.revision += events;
                    return Ok(answers);
                }
                Err(AppendError::Conflict { .. }) => {
                    metrics::counter!("billing_conflicts_total").increment(1);
                    self.fold_afresh().await?;
                }
                Err(error) => {
                    // It may be there all the same: the next try has to see it.
                    if error == AppendError::Unknown {
                        // Where that cannot be found out now, the next try finds it out.
                        let _ = self.store.catch_up(CATCHES_UP_WITHIN).await;
                    }
                    self.fold_afresh().await?;
                    return Err(BooksError::Append(error));
                }
            }
        }
        Err(BooksError::Append(AppendError::Unavailable))
    }

    async fn append(&self, events: EncodedEvents, now: Timestamp) -> Result<(), AppendError> {
        let mut batch_id = [0; 16];
        getrandom::fill(&mut batch_id).expect("the operating system has randomness once it has booted");
        let append = Append {
            stream: self.stream,
            expected: Expected::Revision(self.revision),
            batch_id,
            recorded_at_ms: now.as_millis(),
            metadata: Vec::new(),
            events,
            urgency: Urgency::Essential,
        };
        self.store.append(append).await.map(|_| ())
    }

    /// Forgets what was decided and is not durable.
    async fn fold_afresh(&mut self) -> Result<(), BooksError> {
        let (store, stream) = (self.store.clone(), self.stream);
        let folding = tokio::task::spawn_blocking(move || {
            let mut books = Self { store, stream, state: BillingState::default(), revision: 0 };
            books.fold_news().map(|()| books)
        });
        *self = folding.await.map_err(BooksError::Task)??;
        Ok(())
    }
}
