//! The stored shape of an issuer's books: a disposable cache with a version of its own, rebuilt from events when in doubt.

use super::documents::{DocumentId, DocumentType};
use super::state::{BillingState, CreditNote, DocumentProgress, ParkedSource, Receipt, Sequence, Series};
use crate::ids::OrderId;

/// Version 1 of the books but for the receipts, of which there may be millions.
#[derive(Debug, Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct BooksSnapshot {
    series: Option<Series>,
    sequences: Vec<(DocumentType, Sequence)>,
    open: Vec<(DocumentId, DocumentProgress)>,
    parked: Vec<(u64, ParkedSource)>,
    skipped: Vec<u64>,
}

/// Version 1 of a receipt with its credit notes.
#[derive(Debug, Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct StoredReceipt {
    order_id: OrderId,
    receipt: Receipt,
    credit_notes: Vec<CreditNote>,
}

impl BillingState {
    /// The books as they are stored, without the receipts.
    #[must_use]
    pub fn to_snapshot(&self) -> BooksSnapshot {
        BooksSnapshot {
            series: self.series.clone(),
            sequences: self.sequences.iter().map(|(kind, sequence)| (*kind, sequence.clone())).collect(),
            open: self.open.iter().map(|(document, progress)| (*document, progress.clone())).collect(),
            parked: self.parked.iter().map(|(position, parked)| (*position, parked.clone())).collect(),
            skipped: self.skipped.iter().copied().collect(),
        }
    }

    /// The receipts as they are stored, in the order in which they were issued.
    pub fn stored_receipts(&self) -> impl Iterator<Item = StoredReceipt> {
        let stored = |(order_id, receipt, credit_notes)| StoredReceipt { order_id, receipt, credit_notes };
        self.receipts.iter().map(stored)
    }

    /// The books from their stored shape; the receipts follow with [`Self::restore_receipt`].
    #[must_use]
    pub fn from_snapshot(snapshot: BooksSnapshot) -> Self {
        let unmailed = snapshot.open.iter().filter(|(_, progress)| !progress.is_mailed);
        Self {
            series: snapshot.series,
            sequences: snapshot.sequences.into_iter().collect(),
            unmailed: unmailed.map(|(document, _)| *document).collect(),
            open: snapshot.open.into_iter().collect(),
            parked: snapshot.parked.into_iter().collect(),
            skipped: snapshot.skipped.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Adds a receipt as it was stored. They come in the order in which they were issued.
    pub fn restore_receipt(&mut self, stored: StoredReceipt) {
        self.receipts.restore(stored.order_id, &stored.receipt, stored.credit_notes);
    }
}
