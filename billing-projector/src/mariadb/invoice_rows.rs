//! The rows of issuers, documents and their steps, and what events do to them. Pure.
//!
//! Invariant: a row is made of events and of nothing else, so that whoever folds the log gets the same rows.

use ticketflow_domain::Timestamp;
use ticketflow_domain::billing::{
    Amounts, DocumentAccepted, DocumentId, DocumentIssued, DocumentMailed, DocumentRefused, DocumentReopened,
    DocumentSubmitted, DocumentType, Scheme, SeriesCode, SeriesOpened,
};
use ticketflow_event_store::Position;

use super::changes::Change;
use super::document_model::{KnownIssuer, document_json};
use super::tables::{Cells, datetime, number, signed, text};
use crate::order_facts::OrderFacts;

/// Of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IssuerRow {
    pub(crate) series: SeriesCode,
    pub(crate) known: KnownIssuer,
    opened_at: Timestamp,
    position: Position,
}

/// Which document, of all issuers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InvoiceKey {
    pub(crate) series: String,
    pub(crate) document: DocumentId,
}

/// What an authority makes of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Issued,
    Submitted,
    Accepted,
    Refused,
}

/// What becomes of a document: of parts that are `None` nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// With the reason of a refusal.
    status: Option<(Status, Option<String>)>,
    track_id: Option<String>,
    mailed_at: Option<Timestamp>,
}

/// Of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvoiceRow {
    pub(crate) key: InvoiceKey,
    issued: DocumentIssued,
    position: Position,
    document: String,
    progress: Progress,
}

/// A step of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeliveryRow {
    position: Position,
    key: InvoiceKey,
    what: &'static str,
    at: Timestamp,
    detail: Option<String>,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Submitted => "submitted",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }
}

impl InvoiceKey {
    pub(crate) fn cells(&self) -> Cells {
        let DocumentId { document_type, folio } = self.document;
        vec![text(&self.series), text(document_type_name(document_type)), number(folio)]
    }
}

impl Progress {
    /// This, and something later.
    pub(crate) fn then(&mut self, later: Self) {
        self.status = later.status.or(self.status.take());
        self.track_id = later.track_id.or(self.track_id.take());
        self.mailed_at = later.mailed_at.or(self.mailed_at);
    }

    /// Status, track id, reason, mailed at: as changes, where a status that is NULL means that neither it nor the reason does.
    pub(crate) fn cells(&self) -> Cells {
        let (status, reason) = match &self.status {
            Some((status, reason)) => (text(status.as_str()), reason.clone()),
            None => (None, None),
        };
        vec![status, self.track_id.clone(), reason, self.mailed_at.map(datetime)]
    }
}

impl IssuerRow {
    pub(crate) fn new(opened: SeriesOpened, position: Position) -> Self {
        let SeriesOpened { series, scheme, issuer, at } = opened;
        Self { series, known: KnownIssuer { scheme, issuer }, opened_at: at, position }
    }

    pub(crate) fn cells(&self) -> Cells {
        let scheme = match self.known.scheme {
            Scheme::Plain => "plain",
            Scheme::Chile => "chile",
        };
        let issuer = serde_json::to_string(&self.known.issuer).expect("texts are JSON");
        vec![
            text(&self.series.to_string()),
            text(scheme),
            Some(datetime(self.opened_at)),
            number(self.position),
            Some(issuer),
        ]
    }
}

impl InvoiceRow {
    /// Of a document that was issued for what these facts say.
    pub(crate) fn new(
        series: SeriesCode,
        issued: DocumentIssued,
        position: Position,
        issuer: &KnownIssuer,
        facts: &OrderFacts,
    ) -> Self {
        let series = series.to_string();
        let document = document_json(&series, &issued, issuer, facts);
        let key = InvoiceKey { series, document: issued.document };
        let progress = Progress { status: Some((Status::Issued, None)), ..Progress::default() };
        Self { key, issued, position, document, progress }
    }

    pub(crate) fn becomes(&mut self, later: Progress) {
        self.progress.then(later);
    }

    /// What became of it so far.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// When it was issued.
    pub(crate) fn issued_at(&self) -> Timestamp {
        self.issued.issued_at
    }

    pub(crate) fn cells(&self) -> Cells {
        let Self { key, issued, position, document, progress } = self;
        let DocumentIssued { refund, .. } = issued;
        let Amounts { total, net, tax, exempt } = issued.amounts;
        let kind = if issued.document.document_type.is_receipt() { "receipt" } else { "credit_note" };
        let reference = refund.as_ref().map(|refund| refund.receipt);
        let mut cells = key.cells();
        cells.extend([
            text(kind),
            Some(issued.order_id.to_string()),
            Some(issued.customer_id.to_string()),
            Some(issued.show_id.to_string()),
            number(*position),
            number(issued.source_position),
            refund.as_ref().map(|refund| refund.refund_id.to_string()),
            reference.and_then(|receipt| text(document_type_name(receipt.document_type))),
            reference.and_then(|receipt| number(receipt.folio)),
            number(refund.as_ref().is_some_and(|refund| refund.annuls).into()),
            signed(total),
            signed(net),
            signed(tax),
            signed(exempt),
            text(issued.currency.as_str()),
            Some(datetime(issued.issued_at)),
            Some(document.clone()),
        ]);
        cells.extend(progress.cells());
        cells
    }
}

impl DeliveryRow {
    pub(crate) fn cells(&self) -> Cells {
        let mut cells = vec![number(self.position)];
        cells.extend(self.key.cells());
        cells.extend([text(self.what), Some(datetime(self.at)), self.detail.clone()]);
        cells
    }
}

/// The authority got a document.
pub(crate) fn submitted(series: SeriesCode, event: DocumentSubmitted, position: Position) -> Change {
    let DocumentSubmitted { document, track_id, at } = event;
    let progress = Progress {
        status: Some((Status::Submitted, None)),
        track_id: Some(track_id.clone()),
        ..Progress::default()
    };
    step(series, document, progress, ("submitted", at, Some(track_id)), position)
}

/// The authority took a document.
pub(crate) fn accepted(series: SeriesCode, event: DocumentAccepted, position: Position) -> Change {
    let progress = Progress { status: Some((Status::Accepted, None)), ..Progress::default() };
    step(series, event.document, progress, ("accepted", event.at, None), position)
}

/// The authority refused a document.
pub(crate) fn refused(series: SeriesCode, event: DocumentRefused, position: Position) -> Change {
    let DocumentRefused { document, reason, at } = event;
    let progress = Progress { status: Some((Status::Refused, Some(reason.clone()))), ..Progress::default() };
    step(series, document, progress, ("refused", at, Some(reason)), position)
}

/// An operator has a refused document submitted again.
pub(crate) fn reopened(series: SeriesCode, event: DocumentReopened, position: Position) -> Change {
    let progress = Progress { status: Some((Status::Issued, None)), ..Progress::default() };
    step(series, event.document, progress, ("reopened", event.at, None), position)
}

/// A mail server took a document.
pub(crate) fn mailed(series: SeriesCode, event: DocumentMailed, position: Position) -> Change {
    let DocumentMailed { document, message_id, at } = event;
    let progress = Progress { mailed_at: Some(at), ..Progress::default() };
    step(series, document, progress, ("mailed", at, Some(message_id)), position)
}

fn step(
    series: SeriesCode,
    document: DocumentId,
    progress: Progress,
    (what, at, detail): (&'static str, Timestamp, Option<String>),
    position: Position,
) -> Change {
    let key = InvoiceKey { series: series.to_string(), document };
    Change::Progress(key.clone(), progress, DeliveryRow { position, key, what, at, detail })
}

/// As in the tables.
pub(crate) const fn document_type_name(document_type: DocumentType) -> &'static str {
    match document_type {
        DocumentType::Receipt => "receipt",
        DocumentType::CreditNote => "credit_note",
        DocumentType::TaxedReceipt => "taxed_receipt",
        DocumentType::ExemptReceipt => "exempt_receipt",
        DocumentType::FiscalCreditNote => "fiscal_credit_note",
    }
}
