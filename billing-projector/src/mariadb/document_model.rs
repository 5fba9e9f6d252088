//! A document as it is stored in the tables: everything that is printed on it, whatever the country, but for the buyer.
//!
//! Invariants: the same events give the same text, byte for byte, whoever makes it and whenever; no personal data and no text that
//! a buyer typed is in it. The buyer's name, RUT and e-mail stay sealed in the log, under a key that the vault can forget.

use serde::{Deserialize, Serialize};
use ticketflow_domain::billing::{Amounts, DocumentId, DocumentIssued, Issuer, Scheme};
use ticketflow_domain::{Currency, OrderId, RefundId, ShowId, TicketId, Timestamp};

use crate::order_facts::OrderFacts;

/// Of the shape below; a reader may look at it first.
const MODEL: u32 = 1;

/// The text in the column `document`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DocumentModel {
    model: u32,
    series: String,
    #[serde(flatten)]
    document: DocumentId,
    scheme: Scheme,
    issuer: Issuer,
    issued_at: Timestamp,
    order_id: OrderId,
    show: ShowLines,
    /// The tickets that were bought, or are given back, in the order of purchase.
    lines: Vec<Line>,
    currency: Currency,
    amounts: Amounts,
    /// Of a credit note.
    reference: Option<Reference>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ShowLines {
    show_id: ShowId,
    name: String,
    venue: String,
    starts_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    ticket_id: TicketId,
    seat: String,
    zone: String,
    /// Minor units.
    price: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Reference {
    refund_id: RefundId,
    receipt: DocumentId,
    annuls: bool,
}

/// Who issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownIssuer {
    pub(crate) scheme: Scheme,
    pub(crate) issuer: Issuer,
}

/// The text of a document, as JSON.
pub(crate) fn document_json(
    series: &str,
    issued: &DocumentIssued,
    issuer: &KnownIssuer,
    facts: &OrderFacts,
) -> String {
    let show = &facts.show;
    let line = |ticket: &crate::order_facts::TicketFacts| {
        let place = show.seating.place(ticket.seat);
        Line {
            ticket_id: ticket.ticket_id,
            seat: place.to_string(),
            zone: place.zone.to_owned(),
            price: show.seating.price(ticket.seat),
        }
    };
    let model = DocumentModel {
        model: MODEL,
        series: series.to_owned(),
        document: issued.document,
        scheme: issuer.scheme,
        issuer: issuer.issuer.clone(),
        issued_at: issued.issued_at,
        order_id: issued.order_id,
        show: ShowLines {
            show_id: issued.show_id,
            name: show.name.clone(),
            venue: show.venue.clone(),
            starts_at: show.starts_at,
        },
        lines: facts.tickets.iter().map(line).collect(),
        currency: issued.currency,
        amounts: issued.amounts,
        reference: issued.refund.as_ref().map(|refund| Reference {
            refund_id: refund.refund_id,
            receipt: refund.receipt,
            annuls: refund.annuls,
        }),
    };
    serde_json::to_string(&model).expect("texts, numbers and lists of them are JSON")
}
