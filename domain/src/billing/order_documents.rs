//! The documents of one order, as read: what was issued, and how far each has come.

use serde::{Deserialize, Serialize};

use super::amounts::Amounts;
use super::documents::{DocumentId, Scheme};
use super::events::Issuer;
use super::state::{BillingState, CreditNote};
use crate::ids::{CustomerId, OrderId, RefundId, ShowId};
use crate::money::Currency;
use crate::time::Timestamp;

/// What the authority knows of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DocumentAuthority)]
pub enum AuthorityStatus {
    /// There is none to ask.
    NotNeeded,
    /// It was not given the document yet.
    Waiting,
    /// It has the document and has not decided.
    Submitted,
    /// It took it.
    Accepted,
    /// It did not take it; somebody has to see why.
    Refused,
}

/// A document as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentView {
    /// Kind and folio.
    pub document: DocumentId,
    /// For a credit note: of which refund.
    pub refund_id: Option<RefundId>,
    /// Whether it takes back all of the receipt at once.
    pub annuls: bool,
    /// Of the event in the log that it was made for.
    pub source_position: u64,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// What it adds up to.
    pub amounts: Amounts,
    /// What the authority knows of it.
    pub authority: AuthorityStatus,
    /// Whether the buyer's mail is with a mail server.
    pub is_mailed: bool,
}

/// The documents of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDocuments {
    /// By whose rules.
    pub scheme: Scheme,
    /// Who issued them.
    pub issuer: Issuer,
    /// Whose order.
    pub customer_id: CustomerId,
    /// Of which show.
    pub show_id: ShowId,
    /// Of all amounts.
    pub currency: Currency,
    /// The receipt.
    pub receipt: DocumentView,
    /// What took parts of it back, in the order in which it was issued.
    pub credit_notes: Vec<DocumentView>,
}

/// How far the documents of an order are, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentsState {
    /// The receipt is not issued.
    Pending,
    /// Issued: receipt and tickets can be downloaded.
    Issued,
    /// And mailed to the buyer.
    Delivered,
}

impl OrderDocuments {
    /// How far they are. Credit notes count like the receipt.
    #[must_use]
    pub fn state(&self) -> DocumentsState {
        let all_mailed = self.receipt.is_mailed && self.credit_notes.iter().all(|note| note.is_mailed);
        if all_mailed { DocumentsState::Delivered } else { DocumentsState::Issued }
    }
}

impl BillingState {
    /// The documents of an order; `None` while it has no receipt here.
    #[must_use]
    pub fn documents(&self, order_id: OrderId) -> Option<OrderDocuments> {
        let receipt = self.receipts.get(order_id)?;
        let (issuer, scheme) = self.issuer()?;
        let (authority, is_mailed) = self.progress_of(receipt.document);
        Some(OrderDocuments {
            scheme,
            issuer: issuer.clone(),
            customer_id: receipt.customer_id,
            show_id: receipt.show_id,
            currency: receipt.currency,
            receipt: DocumentView {
                document: receipt.document,
                refund_id: None,
                annuls: false,
                source_position: receipt.source_position,
                issued_at: receipt.issued_at,
                amounts: Amounts::of(receipt.document.document_type, receipt.total),
                authority,
                is_mailed,
            },
            credit_notes: self
                .credit_notes(order_id)
                .iter()
                .map(|note| self.credit_note_view(note))
                .collect(),
        })
    }

    fn credit_note_view(&self, note: &CreditNote) -> DocumentView {
        let (authority, is_mailed) = self.progress_of(note.document);
        DocumentView {
            document: note.document,
            refund_id: Some(note.refund_id),
            annuls: note.annuls,
            source_position: note.source_position,
            issued_at: note.issued_at,
            amounts: note.amounts,
            authority,
            is_mailed,
        }
    }

    /// What is not open any more is accepted and mailed.
    fn progress_of(&self, document: DocumentId) -> (AuthorityStatus, bool) {
        let has_authority = document.document_type.scheme() != Scheme::Plain;
        match self.open.get(&document) {
            _ if !has_authority => {
                (AuthorityStatus::NotNeeded, self.open.get(&document).is_none_or(|open| open.is_mailed))
            }
            None => (AuthorityStatus::Accepted, true),
            Some(open) => {
                let authority = match (open.is_accepted, &open.refusal, &open.track_id) {
                    (true, ..) => AuthorityStatus::Accepted,
                    (false, Some(_), _) => AuthorityStatus::Refused,
                    (false, None, Some(_)) => AuthorityStatus::Submitted,
                    (false, None, None) => AuthorityStatus::Waiting,
                };
                (authority, open.is_mailed)
            }
        }
    }
}
