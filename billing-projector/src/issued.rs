//! An issued document with all that it says, whatever the rules it was issued by: what the books decided, what the log says it is about,
//! and who bought. The seam between billing and how documents look: `papers` makes printed sheets of it, `fiscal::boleta` what the
//! Chilean authority wants. Another country is another such file.

use ticketflow_domain::billing::{DocumentType, DocumentView, Issuer, OrderDocuments, Scheme};
use ticketflow_domain::plan::{SeatNumber, ZoneKind};

use crate::buyers::Buyer;
use crate::order_facts::{OrderFacts, TicketFacts};

/// A document, borrowed from where it was read.
#[derive(Clone, Copy)]
pub struct IssuedDocument<'a> {
    /// What was issued for its order.
    pub documents: &'a OrderDocuments,
    /// Which of it.
    pub view: &'a DocumentView,
    /// What it is about.
    pub facts: &'a OrderFacts,
    /// For whom; `None` once that was erased.
    pub buyer: Option<&'a Buyer>,
}

/// A ticket of a document.
#[derive(Debug, Clone, Copy)]
pub struct IssuedLine<'a> {
    /// Ticket, seat and revision.
    pub ticket: TicketFacts,
    /// The zone's name.
    pub zone: &'a str,
    /// Row and number; `None` where places have none.
    pub place: Option<(&'a str, SeatNumber<'a>)>,
    /// What the buyer pays or gets back, minor units.
    pub price: i64,
}

impl<'a> IssuedDocument<'a> {
    /// What it is.
    #[must_use]
    pub fn document_type(&self) -> DocumentType {
        self.view.document.document_type
    }

    /// Whether its authority has rules for it, a stamp, and a say.
    #[must_use]
    pub fn is_fiscal(&self) -> bool {
        self.documents.scheme != Scheme::Plain
    }

    /// Whether prices include a tax: for a credit note as for its receipt.
    #[must_use]
    pub fn is_taxed(&self) -> bool {
        self.documents.receipt.document.document_type == DocumentType::TaxedReceipt
    }

    /// Who issued it.
    #[must_use]
    pub fn issuer(&self) -> &'a Issuer {
        &self.documents.issuer
    }

    /// For a credit note: the receipt that it takes back.
    #[must_use]
    pub fn corrects(&self) -> Option<&'a DocumentView> {
        self.view.refund_id.map(|_| &self.documents.receipt)
    }

    /// The tickets, in the order of purchase.
    pub fn lines(&self) -> impl Iterator<Item = IssuedLine<'a>> + use<'a> {
        let facts = self.facts;
        facts.tickets.iter().map(|ticket| line(facts, ticket))
    }
}

/// A ticket with what the show's seating says of it.
pub(crate) fn line<'a>(facts: &'a OrderFacts, ticket: &TicketFacts) -> IssuedLine<'a> {
    let seating = &facts.show.seating;
    let place = seating.place(ticket.seat);
    IssuedLine {
        ticket: *ticket,
        zone: place.zone,
        place: match &seating.zone(ticket.seat).kind {
            ZoneKind::General(_) => None,
            ZoneKind::Numbered(_) => Some((place.row, place.number)),
        },
        price: seating.price(ticket.seat),
    }
}
