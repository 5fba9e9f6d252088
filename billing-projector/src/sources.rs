//! The orders and refunds of the log, which ask for documents.

use ticketflow_domain::billing::{BillingCommand, BillingEvent, DocumentType, IssueCreditNote, IssueReceipt};
use ticketflow_domain::show::ShowEvent;
use ticketflow_domain::{OrderId, ShowId};
use ticketflow_event_store::{Batch, Category, ChainHash, EmbeddedLog, Position, billing_event, show_event};

use crate::order_facts::{FactReader, FactsError};

/// An event that asks for a document.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) position: Position,
    pub(crate) order_id: OrderId,
    pub(crate) command: BillingCommand,
    /// How often it was tried, this time included.
    pub(crate) attempts: u32,
    /// Whether it is given again if it is early.
    pub(crate) comes_again: bool,
}

impl Source {
    fn of_log(position: Position, order_id: OrderId, command: BillingCommand) -> Self {
        Self { position, order_id, command, attempts: 1, comes_again: false }
    }
}

/// Reads what is asked for.
#[derive(Clone)]
pub(crate) struct Sources {
    log: EmbeddedLog,
    facts: FactReader,
    receipt_type: DocumentType,
}

impl Sources {
    pub(crate) fn new(log: EmbeddedLog, facts: FactReader, receipt_type: DocumentType) -> Self {
        Self { log, facts, receipt_type }
    }

    /// What a batch asks for: its orders and refunds, and those that an operator has tried again. Blocks on the disk.
    pub(crate) fn of(&self, batch: &Batch<'_>) -> Result<Vec<Source>, FactsError> {
        match batch.stream().category {
            Category::Show => self.of_show(batch, |_| true),
            Category::Billing => self.of_books(batch),
            Category::Customer | Category::Ops => Ok(Vec::new()),
        }
    }

    fn of_books(&self, batch: &Batch<'_>) -> Result<Vec<Source>, FactsError> {
        let mut sources = Vec::new();
        for record in batch.events() {
            let unreadable = |source| FactsError::Event { position: batch.first_position(), source };
            if let BillingEvent::SourceRetried(retried) = billing_event(record).map_err(unreadable)? {
                sources.extend(self.at(retried.source_position)?);
            }
        }
        Ok(sources)
    }

    /// What a message of the durable buffer names; `None` when this log has no order or refund there, or another history.
    pub(crate) fn named(
        &self,
        position: Position,
        chain_hash: ChainHash,
    ) -> Result<Option<Source>, FactsError> {
        match self.log.read_at(position)? {
            Some(batch) if batch.view().chain_hash() == chain_hash => self.at(position),
            _ => Ok(None),
        }
    }

    /// The order or refund at a position; `None` when there is neither. Blocks on the disk.
    fn at(&self, position: Position) -> Result<Option<Source>, FactsError> {
        let Some(batch) = self.log.read_at(position)? else { return Ok(None) };
        let batch = batch.view();
        if batch.stream().category != Category::Show {
            return Ok(None);
        }
        Ok(self.of_show(&batch, |found| found == position)?.pop())
    }

    fn of_show(
        &self,
        batch: &Batch<'_>,
        is_wanted: impl Fn(Position) -> bool,
    ) -> Result<Vec<Source>, FactsError> {
        let show_id = ShowId::from_bytes(batch.stream().id);
        let mut sources = Vec::new();
        for (record, position) in batch.events().zip(batch.first_position()..) {
            if !is_wanted(position) {
                continue;
            }
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
                    sources.push(Source::of_log(position, paid.order_id, command));
                }
                ShowEvent::TicketsRefunded(refunded) => {
                    let command = BillingCommand::IssueCreditNote(IssueCreditNote {
                        refund_id: refunded.refund_id,
                        order_id: refunded.order_id,
                        amount: refunded.amount,
                        source_position: position,
                    });
                    sources.push(Source::of_log(position, refunded.order_id, command));
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
