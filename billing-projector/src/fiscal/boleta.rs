//! An issued document in the words of the Chilean authority: boletas for shows on behalf of organisers, and credit notes. Pure.
//!
//! Invariant: the same document gives the same data. Buyers who were forgotten are anonymous.

use jiff::tz::TimeZone;
use ticketflow_domain::billing::DocumentView;
use ticketflow_domain::{Currency, Language, Rut, Timestamp};
use ticketflow_fiscal_chile::{
    Correction, CreditLine, CreditNote, Document, Issuer, LineKind, MAX_CREDIT_NOTE_LINES, Receipt,
    ReceiptLine, ReceiptReference, Receiver, TicketInfo, Totals,
};

use super::chilean_type;
use super::office::{FiscalError, chilean_time, rut};
use crate::issued::{IssuedDocument, IssuedLine};
use crate::papers::description;
use crate::words;

/// The largest number of a ticket (`FolioTicket`).
const MAX_TICKET_NUMBER: u32 = 999_999;
/// Characters of the code of an event (`CdgEvento`).
const EVENT_CODE: usize = 5;

/// What the authority gets. `activity_code` is the issuer's (`Acteco`), `time_zone` the authority's.
///
/// # Errors
/// [`FiscalError`].
pub fn chilean_document(
    issued: &IssuedDocument<'_>,
    activity_code: u32,
    time_zone: &TimeZone,
) -> Result<Document, FiscalError> {
    if issued.documents.currency != Currency::CLP {
        return Err(FiscalError::Currency(issued.documents.currency));
    }
    let issuer = issuer(issued, activity_code)?;
    match issued.corrects() {
        None => receipt(issued, issuer, time_zone).map(Document::Receipt),
        Some(of) => credit_note(issued, of, issuer, time_zone).map(Document::CreditNote),
    }
}

fn receipt(
    issued: &IssuedDocument<'_>,
    issuer: Issuer,
    time_zone: &TimeZone,
) -> Result<Receipt, FiscalError> {
    // Shows do not say yet for whom they are sold: the issuer sells its own.
    let organiser = issuer.rut;
    let lines = issued.lines().map(|line| receipt_line(issued, &line, organiser, time_zone));
    Ok(Receipt {
        document_type: chilean_type(issued.document_type()).ok_or(FiscalError::NotChilean)?,
        folio: issued.view.document.folio,
        issued_on: chilean_time(issued.view.issued_at, time_zone)?.date(),
        issuer,
        receiver: receiver(issued),
        lines: lines.collect::<Result<_, _>>()?,
        totals: totals(issued)?,
    })
}

fn receipt_line(
    issued: &IssuedDocument<'_>,
    line: &IssuedLine<'_>,
    organiser: Rut,
    time_zone: &TimeZone,
) -> Result<ReceiptLine, FiscalError> {
    let show = &issued.facts.show;
    let local = |at: Timestamp| chilean_time(at, time_zone);
    let code = show.show_id.to_string();
    let ticket = TicketInfo {
        // A seat has one live ticket, so that no two tickets of a show at one time have one number.
        number: line.ticket.seat.0 % MAX_TICKET_NUMBER + 1,
        issued_at: local(issued.facts.at)?,
        event_name: show.name.clone(),
        ticket_type: line.zone.to_owned(),
        // The end of an id is what tells shows apart.
        event_code: code[code.len().saturating_sub(EVENT_CODE)..].to_owned(),
        event_at: local(show.starts_at)?,
        venue: show.venue.clone(),
        section: line.zone.to_owned(),
        row: line.place.map(|(row, _)| row.to_owned()),
        seat: line.place.map(|(_, number)| number.to_string()),
    };
    Ok(ReceiptLine {
        kind: LineKind::Ticket(ticket),
        organiser,
        name: description(&show.name, line, Language::Spanish),
        quantity: 1,
        unit_price: pesos(line.price)?,
    })
}

fn credit_note(
    issued: &IssuedDocument<'_>,
    of: &DocumentView,
    issuer: Issuer,
    time_zone: &TimeZone,
) -> Result<CreditNote, FiscalError> {
    let reference = ReceiptReference {
        document_type: chilean_type(of.document.document_type).ok_or(FiscalError::NotChilean)?,
        folio: of.document.folio,
        issued_on: chilean_time(of.issued_at, time_zone)?.date(),
    };
    let annuls = issued.view.annuls;
    Ok(CreditNote {
        folio: issued.view.document.folio,
        issued_on: chilean_time(issued.view.issued_at, time_zone)?.date(),
        issuer,
        receiver: receiver(issued),
        reference,
        correction: if annuls { Correction::Annuls } else { Correction::CorrectsAmounts },
        reason: words::refund_reason(Language::Spanish, annuls).to_owned(),
        lines: credit_lines(issued)?,
        totals: totals(issued)?,
    })
}

/// A line each, and where there are more than the schema takes, one for all those beyond.
fn credit_lines(issued: &IssuedDocument<'_>) -> Result<Vec<CreditLine>, FiscalError> {
    let mut lines = Vec::new();
    for line in issued.lines() {
        let name = description(&issued.facts.show.name, &line, Language::Spanish);
        lines.push(CreditLine { name, amount: pesos(line.price)? });
    }
    if lines.len() > MAX_CREDIT_NOTE_LINES {
        let beyond = lines.split_off(MAX_CREDIT_NOTE_LINES - 1);
        let amount = beyond.iter().map(|line| line.amount).sum();
        lines.push(CreditLine { name: words::more_tickets(beyond.len()), amount });
    }
    Ok(lines)
}

fn issuer(issued: &IssuedDocument<'_>, activity_code: u32) -> Result<Issuer, FiscalError> {
    let issuer = issued.issuer();
    Ok(Issuer {
        rut: rut(issuer)?,
        name: issuer.name.clone(),
        activity: issuer.activity.clone(),
        activity_code,
        address: issuer.address.clone(),
        district: issuer.district.clone(),
        city: issuer.city.clone(),
    })
}

fn receiver(issued: &IssuedDocument<'_>) -> Receiver {
    issued.buyer.map_or_else(Receiver::default, |buyer| Receiver {
        rut: Some(buyer.rut),
        name: Some(buyer.name.clone()),
        contact: None,
    })
}

fn totals(issued: &IssuedDocument<'_>) -> Result<Totals, FiscalError> {
    let amounts = &issued.view.amounts;
    Ok(Totals {
        net: pesos(amounts.net)?,
        tax: pesos(amounts.tax)?,
        exempt: pesos(amounts.exempt)?,
        total: pesos(amounts.total)?,
    })
}

fn pesos(amount: i64) -> Result<u64, FiscalError> {
    u64::try_from(amount).map_err(|_| FiscalError::OutOfRange("an amount below zero"))
}
