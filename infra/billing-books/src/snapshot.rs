//! The books as parts of a snapshot: each issuer's books first, their receipts after them, some at a time.

use ticketflow_domain::billing::{BillingState, BooksSnapshot, StoredReceipt};
use ticketflow_event_store::{Category, Revision, StreamId};

use crate::folding::{BillingBooks, Folded};

/// Receipts in one part: so many are in memory twice while a snapshot is written or read.
pub const RECEIPTS_PER_PART: usize = 10_000;

/// A part of a stored snapshot, version 1.
#[derive(Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum BooksPart {
    /// Of an issuer, all but the receipts.
    Books {
        /// Id of the stream.
        stream: [u8; 16],
        /// Of the last event that is folded.
        revision: Revision,
        /// What they say.
        books: BooksSnapshot,
    },
    /// Some of the receipts, in the order in which they were issued.
    Receipts {
        /// Id of the stream.
        stream: [u8; 16],
        /// With their credit notes.
        receipts: Vec<StoredReceipt>,
    },
}

impl BillingBooks {
    /// Gives all parts in order. Nobody writes meanwhile.
    ///
    /// # Errors
    /// What `store` answers; then no part comes any more.
    pub fn store<E>(&self, mut store: impl FnMut(BooksPart) -> Result<(), E>) -> Result<(), E> {
        let guard = self.read();
        for (stream, books) in guard.iter() {
            let (id, revision) = (stream.id, guard.revision(stream));
            store(BooksPart::Books { stream: id, revision, books: books.to_snapshot() })?;
            let mut stored = books.stored_receipts();
            loop {
                let receipts: Vec<StoredReceipt> = stored.by_ref().take(RECEIPTS_PER_PART).collect();
                if receipts.is_empty() {
                    break;
                }
                store(BooksPart::Receipts { stream: id, receipts })?;
            }
        }
        Ok(())
    }

    /// Takes a part back, as they come.
    pub fn restore(&self, part: BooksPart) {
        match part {
            BooksPart::Books { stream, revision, books } => {
                let state = BillingState::from_snapshot(books);
                self.insert(StreamId::new(Category::Billing, stream), Folded { state, revision });
            }
            BooksPart::Receipts { stream, receipts } => {
                self.change(StreamId::new(Category::Billing, stream), |books| {
                    receipts.into_iter().for_each(|receipt| books.restore_receipt(receipt));
                });
            }
        }
    }
}
