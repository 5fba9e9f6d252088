//! From the batches of the log to row changes.
//!
//! Invariants: a batch is folded whole or not at all; one that is in the rows already is passed over. Of what was sold nothing is
//! kept: a document's lines are read from the log at the position that it was made for.

use std::collections::HashMap;

use ticketflow_domain::ShowId;
use ticketflow_domain::billing::{BillingEvent, SeriesCode};
use ticketflow_domain::show::ShowEvent;
use ticketflow_event_store::{
    Batch, Category, CodecError, Head, Position, ReadError, billing_event, show_event,
};

use super::changes::{Change, RowChanges};
use super::document_model::KnownIssuer;
use super::invoice_rows::{InvoiceRow, IssuerRow, accepted, mailed, refused, reopened, submitted};
use super::ticket_rows::{TicketChange, tickets_of};
use crate::order_facts::{FactReader, FactsError};

/// Why a batch could not be folded: a batch that never can be, or a disk that does not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FoldError {
    #[error("the batch at position {position} holds an event that does not read back")]
    Event {
        position: Position,
        #[source]
        source: CodecError,
    },
    #[error("what the document at position {position} is about cannot be read")]
    Facts {
        position: Position,
        #[source]
        source: FactsError,
    },
    #[error("the document at position {position} is of books that were never opened")]
    NoIssuer { position: Position },
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
}

/// The fold on top of rows that are at `at`.
pub(crate) struct Fold {
    facts: FactReader,
    issuers: HashMap<SeriesCode, KnownIssuer>,
    at: Head,
}

impl Fold {
    pub(crate) fn new(facts: FactReader, issuers: HashMap<SeriesCode, KnownIssuer>, at: Head) -> Self {
        Self { facts, issuers, at }
    }

    /// How far it is.
    pub(crate) fn at(&self) -> Head {
        self.at
    }

    /// Folds a batch into the changes. Blocks on the disk.
    pub(crate) fn apply(&mut self, changes: &mut RowChanges, batch: &Batch<'_>) -> Result<(), FoldError> {
        if batch.last_position() <= self.at.position {
            return Ok(());
        }
        for change in self.changes_of(batch)? {
            changes.add(change);
        }
        self.at = Head { position: batch.last_position(), chain_hash: batch.chain_hash() };
        changes.to = Some(self.at);
        Ok(())
    }

    fn changes_of(&mut self, batch: &Batch<'_>) -> Result<Vec<Change>, FoldError> {
        match batch.stream().category {
            Category::Show => self.of_show(batch),
            Category::Billing => self.of_books(batch),
            Category::Customer | Category::Ops => Ok(Vec::new()),
        }
    }

    fn of_show(&self, batch: &Batch<'_>) -> Result<Vec<Change>, FoldError> {
        let show_id = ShowId::from_bytes(batch.stream().id);
        let position = batch.first_position();
        let mut changes = Vec::new();
        for record in batch.events() {
            match show_event(record).map_err(|source| FoldError::Event { position, source })? {
                ShowEvent::ShowCreated(created) => self.facts.learn(&created),
                ShowEvent::OrderPaid(paid) => {
                    let show = self.facts.show(show_id);
                    let show = show.map_err(|source| FoldError::Facts { position, source })?;
                    changes.extend(tickets_of(&paid, &show));
                }
                ShowEvent::TicketsRefunded(refunded) => {
                    let refund = |ticket: &_| Change::TicketBecomes(*ticket, TicketChange::Refunded);
                    changes.extend(refunded.tickets.iter().map(refund));
                }
                ShowEvent::TicketCheckedIn(used) => {
                    let change = TicketChange::Used { at: used.at, gate: used.gate };
                    changes.push(Change::TicketBecomes(used.ticket_id, change));
                }
                ShowEvent::SalesOpened(_)
                | ShowEvent::SalesClosed(_)
                | ShowEvent::ShowCancelled(_)
                | ShowEvent::SeatsBlocked(_)
                | ShowEvent::SeatsUnblocked(_)
                | ShowEvent::SeatsHeld(_)
                | ShowEvent::HoldReleased(_)
                | ShowEvent::HoldExpired(_)
                | ShowEvent::PaymentStarted(_)
                | ShowEvent::PaymentFailed(_)
                | ShowEvent::PaymentCaptured(_)
                | ShowEvent::ChargeVoided(_)
                | ShowEvent::RefundSettled(_) => {}
            }
        }
        Ok(changes)
    }

    fn of_books(&mut self, batch: &Batch<'_>) -> Result<Vec<Change>, FoldError> {
        let first = batch.first_position();
        let series = series_of(batch.stream().id).ok_or(FoldError::NoIssuer { position: first })?;
        let mut changes = Vec::new();
        for (record, position) in batch.events().zip(first..) {
            match billing_event(record).map_err(|source| FoldError::Event { position: first, source })? {
                BillingEvent::SeriesOpened(opened) => {
                    let row = IssuerRow::new(opened, position);
                    self.issuers.insert(series, row.known.clone());
                    changes.push(Change::Issuer(row));
                }
                BillingEvent::DocumentIssued(issued) => {
                    let issuer = self.issuers.get(&series).ok_or(FoldError::NoIssuer { position })?;
                    let facts = self.facts.at(issued.source_position);
                    let facts = facts.map_err(|source| FoldError::Facts { position, source })?;
                    let row = InvoiceRow::new(series, issued, position, issuer, &facts);
                    changes.push(Change::Invoice(row));
                }
                BillingEvent::DocumentSubmitted(event) => changes.push(submitted(series, event, position)),
                BillingEvent::DocumentAccepted(event) => changes.push(accepted(series, event, position)),
                BillingEvent::DocumentRefused(event) => changes.push(refused(series, event, position)),
                BillingEvent::DocumentReopened(event) => changes.push(reopened(series, event, position)),
                BillingEvent::DocumentMailed(event) => changes.push(mailed(series, event, position)),
                BillingEvent::FolioRangeLoaded(_)
                | BillingEvent::SourceParked(_)
                | BillingEvent::SourceRetried(_)
                | BillingEvent::SourceSkipped(_) => {}
            }
        }
        Ok(changes)
    }
}

/// The name of the books whose stream has this id.
fn series_of(id: [u8; 16]) -> Option<SeriesCode> {
    std::str::from_utf8(&id).ok()?.trim_end_matches('\0').parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ticketflow_domain::Timestamp;
    use ticketflow_domain::billing::{BillingCommand, Issuer, Scheme};
    use ticketflow_domain::billing::{BillingState, DocumentId, DocumentMailed, DocumentType, decide};
    use ticketflow_event_store::{
        Append, EmbeddedLog, EncodedEvents, Expected, LogOptions, SimDisk, StreamId, Urgency,
        push_billing_event,
    };

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_893_456_000_000);

    fn append(log: &EmbeddedLog, id: [u8; 16], batch: u8, events: &[BillingEvent]) {
        let mut encoded = EncodedEvents::new();
        events.iter().for_each(|event| push_billing_event(&mut encoded, event).unwrap());
        let append = log.append(Append {
            stream: StreamId::new(Category::Billing, id),
            expected: Expected::Any,
            batch_id: [batch; 16],
            recorded_at_ms: NOW.as_millis(),
            metadata: Vec::new(),
            events: encoded,
            urgency: Urgency::Essential,
        });
        append.wait().unwrap();
    }

    fn opened() -> Vec<BillingEvent> {
        let issuer = Issuer {
            name: "Caleta".into(),
            tax_id: String::new(),
            activity: String::new(),
            address: String::new(),
            district: String::new(),
            city: String::new(),
            resolution: String::new(),
            is_demo: true,
        };
        let open =
            BillingCommand::OpenSeries { series: "CALETA".parse().unwrap(), scheme: Scheme::Plain, issuer };
        decide(&BillingState::default(), &open, NOW).unwrap()
    }

    fn mailed_event(folio: u64) -> BillingEvent {
        let document = DocumentId { document_type: DocumentType::Receipt, folio };
        BillingEvent::DocumentMailed(DocumentMailed { document, message_id: format!("<{folio}>"), at: NOW })
    }

    #[test]
    fn a_batch_that_comes_again_changes_nothing() {
        let log = EmbeddedLog::open(Arc::new(SimDisk::new(1)), LogOptions::default()).unwrap().0;
        let id = "CALETA".parse::<SeriesCode>().unwrap().to_bytes();
        append(&log, id, 1, &opened());
        append(&log, id, 2, &[mailed_event(1), mailed_event(2)]);
        let mut fold = Fold::new(FactReader::new(log.clone()), HashMap::new(), Head::default());
        let mut changes = RowChanges::default();
        for _ in 0..3 {
            let mut reader = log.read_from(1).unwrap();
            while let Some(batch) = reader.next_batch().unwrap() {
                fold.apply(&mut changes, &batch).unwrap();
            }
        }
        assert_eq!((changes.issuers.len(), changes.deliveries.len(), changes.progress.len()), (1, 2, 2));
        assert_eq!((fold.at(), changes.to), (log.head(), Some(log.head())));
        // From the checkpoint on, too.
        let mut fold = Fold::new(FactReader::new(log.clone()), HashMap::new(), log.head());
        let mut changes = RowChanges::default();
        fold.apply(&mut changes, &log.read_at(1).unwrap().unwrap().view()).unwrap();
        assert_eq!((changes.rows(), changes.to), (0, None));
    }

    #[test]
    fn a_document_of_books_that_nobody_opened_is_refused() {
        let log = EmbeddedLog::open(Arc::new(SimDisk::new(1)), LogOptions::default()).unwrap().0;
        append(&log, [0xFF; 16], 1, &[mailed_event(1)]);
        let mut fold = Fold::new(FactReader::new(log.clone()), HashMap::new(), Head::default());
        let mut changes = RowChanges::default();
        let batch = log.read_at(1).unwrap().unwrap();
        let folded = fold.apply(&mut changes, &batch.view());
        assert!(matches!(folded, Err(FoldError::NoIssuer { position: 1 })), "{folded:?}");
        assert_eq!((changes.rows(), fold.at()), (0, Head::default()), "nothing of it was done");
    }
}
