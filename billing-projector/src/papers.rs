//! From what was issued to what is printed: the sheets of tickets, receipts and credit notes, whatever the rules. Pure. What an authority
//! wants besides is for the files of its country, which hand in the stamp.
//!
//! Invariant: the same facts give the same sheet, so that a document is made again instead of being stored.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ticketflow_documents::{
    Buyer as PrintedBuyer, FiscalStamp, Issuer as PrintedIssuer, Place, ReceiptLine, ReceiptSheet, Reference,
    Tax, Ticket, TicketSheet, Totals,
};
use ticketflow_domain::billing::{CHILEAN_VAT_PERCENT, Issuer};
use ticketflow_domain::{Language, Money, TicketId, Timestamp};
use ticketflow_ticket_code::{TicketCode, TicketSigner};

use crate::buyers::Buyer;
use crate::issued::{IssuedDocument, IssuedLine, line};
use crate::order_facts::{OrderFacts, TicketFacts};
use crate::words;

/// How documents are written.
#[derive(Debug, Clone)]
pub struct PaperStyle {
    /// In which language: the issuer's, until it is known who reads them.
    pub language: Language,
    /// The venues' clock, and the issuer's.
    pub time_zone: TimeZone,
}

impl PaperStyle {
    /// The same for one buyer: in their language, if they said which.
    #[must_use]
    pub fn for_buyer(&self, buyer: Option<&Buyer>) -> Self {
        let language = buyer.and_then(|buyer| buyer.language).unwrap_or(self.language);
        Self { language, ..self.clone() }
    }

    /// The wall clock of the venue at a moment.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> DateTime {
        let instant =
            jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        instant.to_zoned(self.time_zone.clone()).datetime()
    }
}

/// The tickets of an order, or one of them; `None` when it has no such ticket.
#[must_use]
pub fn ticket_sheet(
    facts: &OrderFacts,
    issuer: &Issuer,
    buyer: Option<&Buyer>,
    only: &dyn Fn(TicketId) -> bool,
    signer: &TicketSigner,
    style: &PaperStyle,
) -> Option<TicketSheet> {
    let tickets = facts.tickets.iter().filter(|ticket| only(ticket.ticket_id));
    let tickets: Vec<Ticket> = tickets.map(|ticket| printed(facts, ticket, signer)).collect();
    if tickets.is_empty() {
        return None;
    }
    Some(TicketSheet {
        language: style.language,
        is_demo: issuer.is_demo,
        show_id: facts.show.show_id,
        show: facts.show.name.clone(),
        venue: facts.show.venue.clone(),
        starts_at: style.local(facts.show.starts_at),
        buyer: buyer
            .map_or_else(|| words::erased_buyer(style.language).to_owned(), |buyer| buyer.name.clone()),
        order_reference: facts.order_id.to_string(),
        terms: words::terms(style.language).to_owned(),
        tickets,
    })
}

fn printed(facts: &OrderFacts, ticket: &TicketFacts, signer: &TicketSigner) -> Ticket {
    let line = line(facts, ticket);
    Ticket {
        zone: line.zone.to_owned(),
        place: match line.place {
            None => Place::GeneralAdmission,
            Some((row, number)) => Place::Seat { row: row.to_owned(), seat: number.to_string() },
        },
        price: Money { amount: line.price, currency: facts.show.currency },
        code: signer.sign(&TicketCode {
            ticket_id: ticket.ticket_id,
            show_id: facts.show.show_id,
            seat: ticket.seat,
            generation: ticket.revision,
        }),
    }
}

/// A receipt or credit note of an order.
#[must_use]
pub fn receipt_sheet(
    issued: &IssuedDocument<'_>,
    stamp: Option<FiscalStamp>,
    style: &PaperStyle,
) -> ReceiptSheet {
    let (documents, view, facts) = (issued.documents, issued.view, issued.facts);
    let money = |amount| Money { amount, currency: documents.currency };
    let printed_line = |line: IssuedLine<'_>| ReceiptLine {
        description: description(&facts.show.name, &line, style.language),
        quantity: 1,
        amount: Money { amount: line.price, currency: facts.show.currency },
    };
    let amounts = &view.amounts;
    // Where nothing is taxed, there is nothing to take apart.
    let is_taxed = issued.is_taxed();
    ReceiptSheet {
        language: style.language,
        is_demo: documents.issuer.is_demo,
        document_type: view.document.document_type,
        folio: view.document.folio,
        issuer: printed_issuer(&documents.issuer),
        issued_on: style.local(view.issued_at).date(),
        buyer: issued.buyer.map(|buyer| PrintedBuyer {
            name: buyer.name.clone(),
            rut: issued.is_fiscal().then_some(buyer.rut),
        }),
        order_reference: facts.order_id.to_string(),
        reference: issued.corrects().map(|receipt| Reference {
            document_type: receipt.document.document_type,
            folio: receipt.document.folio,
            issued_on: style.local(receipt.issued_at).date(),
            reason: words::refund_reason(style.language, view.annuls).to_owned(),
        }),
        lines: issued.lines().map(printed_line).collect(),
        totals: Totals {
            net: is_taxed.then(|| money(amounts.net)),
            tax: is_taxed.then(|| Tax { percent: CHILEAN_VAT_PERCENT as u8, amount: money(amounts.tax) }),
            exempt: (issued.is_fiscal() && amounts.exempt > 0).then(|| money(amounts.exempt)),
            total: money(amounts.total),
        },
        stamp,
    }
}

/// What a line says of a ticket: `Noche de Tangos: Platea, fila A, asiento 6`.
#[must_use]
pub fn description(show: &str, line: &IssuedLine<'_>, language: Language) -> String {
    let seat = match line.place {
        None => words::general_place(language).to_owned(),
        Some((row, number)) => words::place(language, row, &number.to_string()),
    };
    format!("{show}: {}, {seat}", line.zone)
}

fn printed_issuer(issuer: &Issuer) -> PrintedIssuer {
    let address = [&issuer.address, &issuer.district, &issuer.city];
    let address: Vec<&str> =
        address.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    PrintedIssuer {
        name: issuer.name.clone(),
        tax_id: issuer.tax_id.clone(),
        activity: issuer.activity.clone(),
        address: address.join(", "),
    }
}
