//! The books of an issuer, open for writing.
//!
//! Invariant: a folio is used when its event is durable and not before: commands are decided on an excerpt of the books, and the books
//! change once the events are in the log. Whoever loses a race folds what the other wrote and decides again; an outcome that is
//! unknown is found out by folding what is there.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use ticketflow_billing_books::{BillingBooks, BooksGuard, FoldBooksError};
use ticketflow_domain::Timestamp;
use ticketflow_domain::billing::{
    BillingCommand, BillingEvent, BillingRejection, BillingState, SeriesCode, decide,
};
use ticketflow_event_store::{
    Append, AppendError, Category, EncodedEvents, EventStore, Expected, Revision, StreamId, Urgency,
    push_billing_event,
};

/// Races that may be lost in a row. Another instance that writes without a pause has other problems.
const MAX_CONFLICTS: usize = 20;
/// How long what others wrote is waited for after an append whose outcome is unknown.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(10);

/// Why the books could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// They do not fold.
    #[error(transparent)]
    Fold(#[from] FoldBooksError),
    /// Nothing was written, or what was is not known; to be tried again.
    #[error("the event store does not take the books' events now")]
    Append(#[source] AppendError),
    /// Reading panicked.
    #[error("reading the books ended by an error of this software")]
    Task(#[source] tokio::task::JoinError),
}

/// The books, open for writing. What they say is shared with whoever else has them open in this process.
#[derive(Clone)]
pub struct Books {
    store: EventStore,
    folded: Arc<BillingBooks>,
    stream: StreamId,
}

/// What the books say, as long as nobody writes. Not to be kept while waiting for anything.
pub struct BooksView<'a> {
    guard: BooksGuard<'a>,
    stream: StreamId,
}

impl Deref for BooksView<'_> {
    type Target = BillingState;

    fn deref(&self) -> &BillingState {
        self.guard.of(self.stream)
    }
}

/// The stream of a series.
pub(crate) fn stream_of(series: SeriesCode) -> StreamId {
    StreamId::new(Category::Billing, series.to_bytes())
}

impl Books {
    /// Opens the books of a series, with what the log has of them. Blocks on the disk if that is more than is folded.
    ///
    /// # Errors
    /// [`BooksError`].
    pub fn open(
        store: EventStore,
        folded: Arc<BillingBooks>,
        series: SeriesCode,
    ) -> Result<Self, BooksError> {
        Self::open_stream(store, folded, stream_of(series))
    }

    pub(crate) fn open_stream(
        store: EventStore,
        folded: Arc<BillingBooks>,
        stream: StreamId,
    ) -> Result<Self, BooksError> {
        let books = Self::of(store, folded, stream);
        books.fold_news()?;
        Ok(books)
    }

    /// The same, as far as they are folded.
    pub(crate) fn of(store: EventStore, folded: Arc<BillingBooks>, stream: StreamId) -> Self {
        Self { store, folded, stream }
    }

    /// What they say.
    #[must_use]
    pub fn state(&self) -> BooksView<'_> {
        BooksView { guard: self.folded.read(), stream: self.stream }
    }

    /// Their stream.
    pub(crate) fn stream(&self) -> StreamId {
        self.stream
    }

    /// Folds what is new in the log. Blocks on the disk if something is.
    pub(crate) fn fold_news(&self) -> Result<(), BooksError> {
        Ok(self.folded.catch_up(self.store.log(), self.stream)?)
    }

    /// Carries commands out, in order, as one batch: all of what they come to is durable at once or not at all. Says of each
    /// command what it came to.
    ///
    /// # Errors
    /// [`BooksError`]; then none of the commands is known to be done, and all may be given again.
    pub async fn carry_out(
        &self,
        commands: &[BillingCommand],
        now: Timestamp,
    ) -> Result<Vec<Result<Vec<BillingEvent>, BillingRejection>>, BooksError> {
        for _ in 0..MAX_CONFLICTS {
            let (revision, answers) = self.decide(commands, now);
            let mut encoded = EncodedEvents::new();
            for event in answers.iter().flatten().flatten() {
                push_billing_event(&mut encoded, event).expect("every text of an event is bounded");
            }
            if encoded.is_empty() {
                return Ok(answers);
            }
            match self.append(revision, encoded, now).await {
                Ok(()) => {
                    let events: Vec<BillingEvent> = answers.iter().flatten().flatten().cloned().collect();
                    self.folded.fold_appended(self.stream, revision + 1, &events);
                    return Ok(answers);
                }
                Err(AppendError::Conflict { .. }) => {
                    metrics::counter!("billing_conflicts_total").increment(1);
                    self.fold_what_others_wrote().await?;
                }
                Err(error) => {
                    // It may be there all the same: the next try has to see it.
                    if error == AppendError::Unknown {
                        // Where that cannot be found out now, the next try finds it out.
                        let _ = self.store.catch_up(CATCHES_UP_WITHIN).await;
                    }
                    self.fold_what_others_wrote().await?;
                    return Err(BooksError::Append(error));
                }
            }
        }
        Err(BooksError::Append(AppendError::Unavailable))
    }

    /// What the commands come to, each on top of the ones before, and behind which revision.
    fn decide(
        &self,
        commands: &[BillingCommand],
        now: Timestamp,
    ) -> (Revision, Vec<Result<Vec<BillingEvent>, BillingRejection>>) {
        let (revision, mut excerpt) = {
            let guard = self.folded.read();
            (guard.revision(self.stream), guard.of(self.stream).excerpt(commands))
        };
        let decide_next = |command| {
            let decided = decide(&excerpt, command, now);
            decided.iter().flatten().for_each(|event| excerpt.evolve(event));
            decided
        };
        (revision, commands.iter().map(decide_next).collect())
    }

    async fn append(
        &self,
        revision: Revision,
        events: EncodedEvents,
        now: Timestamp,
    ) -> Result<(), AppendError> {
        let mut batch_id = [0; 16];
        getrandom::fill(&mut batch_id).expect("the operating system has randomness once it has booted");
        let append = Append {
            stream: self.stream,
            expected: Expected::Revision(revision),
            batch_id,
            recorded_at_ms: now.as_millis(),
            metadata: Vec::new(),
            events,
            urgency: Urgency::Essential,
        };
        self.store.append(append).await.map(|_| ())
    }

    async fn fold_what_others_wrote(&self) -> Result<(), BooksError> {
        let books = self.clone();
        tokio::task::spawn_blocking(move || books.fold_news()).await.map_err(BooksError::Task)?
    }
}
