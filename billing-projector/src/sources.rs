//! The orders and refunds of the log, which ask for documents.

use ticketflow_domain::billing::{BillingCommand, DocumentType, IssueCreditNote, IssueReceipt};
use ticketflow_domain::show::ShowEvent;
use ticketflow_domain::{OrderId, ShowId};
use ticketflow_event_store::{Batch, Category, Position, show_event};

use crate::order_facts::{FactReader, FactsError};

/// An event that asks for a document.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) position: Position,
    pub(crate) order_id: OrderId,
    pub(crate) command: BillingCommand,
}

/// Reads what is asked for.
pub(crate) struct Sources {
    facts: FactReader,
    receipt_type: DocumentType,
}

impl Sources {
    pub(crate) fn new(facts: FactReader, receipt_type: DocumentType) -> Self {
        Self { facts, receipt_type }
    }

    /// What a batch asks for. Blocks on the disk when it is the first of a show.
    pub(crate) fn of(&self, batch: &Batch<'_>) -> Result<Vec<Source>, FactsError> {
        if batch.stream().category != Category::Show {
            return Ok(Vec::new());
        }
        let show_id = ShowId::from_bytes(batch.stream().id);
        let mut sources = Vec::new();
        for (record, position) in batch.events().zip(batch.first_position()..) {
            let unreadable = |source| FactsError::Event { position: batch.first_position(), source };
            match show_event(record).map_err(unreadable)? {
                ShowEvent::OrderPaid(paid) => {
                    let command = BillingCommand::IssueReceipt(IssueReceipt {
                        document_type: self.receipt_type,
                        order_id: paid.order_id,
                        customer_id: paid.customer_id,
                        show_id,
                        total: paid.total,
                        currency: self.facts.show(show_id)?.currency,
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
                ShowEvent::ShowCreated(created) => self.facts.learn(&created),
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
}
