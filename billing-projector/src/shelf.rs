//! The books of all issuers that ever made documents from this log, and which of them a document belongs into.
//!
//! Invariants: an order that has a receipt in one of the books gets none in another, and its refunds are credited where its receipt
//! is: an installation can change its issuer at any time. New orders go into the books of the series that is set.

use std::sync::Arc;

use ticketflow_billing_books::{BillingBooks, BooksGuard};
use ticketflow_domain::Timestamp;
use ticketflow_domain::billing::{BillingCommand, BillingEvent, BillingRejection, BillingState, SeriesCode};
use ticketflow_event_store::{Category, EventStore, Position, StreamId};

use crate::books::{Books, BooksError, stream_of};

/// What became of a command.
pub(crate) type Answer = Result<Vec<BillingEvent>, BillingRejection>;

/// All books. The current ones come first.
pub(crate) struct Shelf {
    folded: Arc<BillingBooks>,
    books: Vec<Books>,
}

/// What the books say, as long as nobody writes. Not to be kept while waiting for anything.
pub(crate) struct ShelfView<'a> {
    guard: BooksGuard<'a>,
    books: &'a [Books],
}

impl ShelfView<'_> {
    /// The books that new orders go into.
    pub(crate) fn current(&self) -> &BillingState {
        self.guard.of(self.books[0].stream())
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &BillingState> {
        self.books.iter().map(|books| self.guard.of(books.stream()))
    }

    /// Whether an order or refund waits for an operator or was passed over, in any of the books.
    pub(crate) fn is_set_aside(&self, source_position: Position) -> bool {
        self.all().any(|books| books.is_set_aside(source_position))
    }

    /// In which books a command is carried out.
    fn owner(&self, command: &BillingCommand) -> usize {
        let has = |has: &dyn Fn(&BillingState) -> bool| self.all().position(has).unwrap_or(0);
        match command {
            // Who records names the books: folios of one kind are in several.
            BillingCommand::OpenSeries { .. }
            | BillingCommand::LoadFolioRange(_)
            | BillingCommand::RecordSubmission { .. }
            | BillingCommand::RecordVerdict { .. }
            | BillingCommand::Reopen { .. }
            | BillingCommand::RecordMail { .. } => 0,
            BillingCommand::IssueReceipt(receipt) => has(&|books| books.receipt(receipt.order_id).is_some()),
            BillingCommand::IssueCreditNote(note) => has(&|books| books.receipt(note.order_id).is_some()),
            BillingCommand::Park { order_id, .. } => has(&|books| books.receipt(*order_id).is_some()),
            BillingCommand::Retry { source_position } | BillingCommand::Skip { source_position, .. } => {
                has(&|books| books.is_set_aside(*source_position))
            }
        }
    }
}

impl Shelf {
    /// All books of the log, folded; those of `current` may be empty. Blocks on the disk.
    pub(crate) fn open(
        store: &EventStore,
        folded: &Arc<BillingBooks>,
        current: SeriesCode,
    ) -> Result<Self, BooksError> {
        let current = stream_of(current);
        let others = store.log().streams(Category::Billing).into_iter().map(|(stream, _)| stream);
        let streams = std::iter::once(current).chain(others.filter(|stream| *stream != current));
        let open = |stream: StreamId| Books::open_stream(store.clone(), folded.clone(), stream);
        Ok(Self { folded: folded.clone(), books: streams.map(open).collect::<Result<_, _>>()? })
    }

    /// What they say.
    pub(crate) fn read(&self) -> ShelfView<'_> {
        ShelfView { guard: self.folded.read(), books: &self.books }
    }

    /// Folds what other processes wrote, whose commands may still be under way. Blocks on the disk if they wrote something.
    pub(crate) fn refresh(&self) -> Result<(), BooksError> {
        self.books.iter().try_for_each(Books::fold_news)
    }

    /// Carries commands out, each in its books, in order. Says of each what it came to.
    ///
    /// # Errors
    /// [`BooksError`]; what was meant for one of the books is then done and for another not, and all may be given again.
    pub(crate) async fn carry_out(
        &self,
        commands: &[BillingCommand],
        now: Timestamp,
    ) -> Result<Vec<Answer>, BooksError> {
        let owners: Vec<usize> = {
            let view = self.read();
            commands.iter().map(|command| view.owner(command)).collect()
        };
        let mut answers: Vec<Option<Answer>> = commands.iter().map(|_| None).collect();
        for (index, books) in self.books.iter().enumerate() {
            let of_these = |place: &usize| owners[*place] == index;
            let places: Vec<usize> = (0..commands.len()).filter(of_these).collect();
            let own: Vec<BillingCommand> = places.iter().map(|place| commands[*place].clone()).collect();
            for (place, answer) in places.into_iter().zip(books.carry_out(&own, now).await?) {
                answers[place] = Some(answer);
            }
        }
        Ok(answers.into_iter().map(|answer| answer.expect("every command has an owner")).collect())
    }

    /// Records what became of documents of one of the books, given by its place among [`Self::all`].
    pub(crate) async fn record(
        &self,
        books: usize,
        commands: &[BillingCommand],
        now: Timestamp,
    ) -> Result<(), BooksError> {
        // What is refused was recorded by somebody else.
        self.books[books].carry_out(commands, now).await.map(drop)
    }
}
