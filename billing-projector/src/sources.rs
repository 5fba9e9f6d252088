//! What the log asks of billing: a receipt for each paid order, a credit note for each refund, in the log's order.
//!
//! Pure but for reading the event that created a show, once for each show.

use std::collections::HashMap;

use ticketflow_domain::billing::{BillingCommand, DocumentType, IssueCreditNote, IssueReceipt};
use ticketflow_domain::show::ShowEvent;
use ticketflow_domain::{Currency, OrderId, ShowId};
use ticketflow_event_store::{
    Batch, Category, CodecError, EmbeddedLog, Position, ReadError, StreamId, show_event,
};

/// Why the log could not be read for billing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// The log cannot be read.
    #[error("the log cannot be read for billing")]
    Read(#[from] ReadError),
    /// An event does not read back: a later version wrote it.
    #[error("the batch at position {position} holds an event that does not read back")]
    Event {
        /// Of the batch's first event.
        position: Position,
        /// Why.
        #[source]
        source: CodecError,
    },
}

/// An event that asks for a document.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) position: Position,
    pub(crate) order_id: OrderId,
    pub(crate) command: BillingCommand,
}

/// Reads what is asked for.
pub(crate) struct Sources {
    log: EmbeddedLog,
    receipt_type: DocumentType,
    currencies: HashMap<ShowId, Currency>,
}

impl Sources {
    pub(crate) fn new(log: EmbeddedLog, receipt_type: DocumentType) -> Self {
        Self { log, receipt_type, currencies: HashMap::new() }
    }

    /// What a batch asks for. Blocks on the disk when it is the first of a show.
    pub(crate) fn of(&mut self, batch: &Batch<'_>) -> Result<Vec<Source>, SourceError> {
        if batch.stream().category != Category::Show {
            return Ok(Vec::new());
        }
        let show_id = ShowId::from_bytes(batch.stream().id);
        let unreadable = |source| SourceError::Event { position: batch.first_position(), source };
        let mut sources = Vec::new();
        for (record, position) in batch.events().zip(batch.first_position()..) {
            match show_event(record).map_err(unreadable)? {
                ShowEvent::OrderPaid(paid) => {
                    let command = BillingCommand::IssueReceipt(IssueReceipt {
                        document_type: self.receipt_type,
                        order_id: paid.order_id,
                        customer_id: paid.customer_id,
                        show_id,
                        total: paid.total,
                        currency: self.currency_of(show_id)?,
                        source_position: position,
                    });
                    sources.push(Source { position, order_id: paid.order_id, command });
                }
                ShowEvent::TicketsRefunded(refunded) => {
                    let command = BillingCommand::IssueCreditNote(IssueCreditNote {
                        refund_id: refunded.refund_id,
                        order_id: refunded.order_id,
                        amount: refunded.amount,
                        source_position: position,
                    });
                    sources.push(Source { position, order_id: refunded.order_id, command });
                }
                ShowEvent::ShowCreated(created) => {
                    self.currencies.insert(show_id, created.currency);
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
                | ShowEvent::RefundSettled(_)
                | ShowEvent::TicketCheckedIn(_) => {}
            }
        }
        Ok(sources)
    }

    fn currency_of(&mut self, show_id: ShowId) -> Result<Currency, SourceError> {
        if let Some(currency) = self.currencies.get(&show_id) {
            return Ok(*currency);
        }
        let mut reader = self.log.read_stream(StreamId::new(Category::Show, show_id.to_bytes()), 1)?;
        let mut currency = Currency::CLP;
        if let Some(batch) = reader.next_batch()?
            && let Some(record) = batch.events().next()
        {
            let unreadable = |source| SourceError::Event { position: batch.first_position(), source };
            if let ShowEvent::ShowCreated(created) = show_event(record).map_err(unreadable)? {
                currency = created.currency;
            }
        }
        self.currencies.insert(show_id, currency);
        Ok(currency)
    }
}
