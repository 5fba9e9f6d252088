//! What goes into a document: plain data, checked against what the schemas and the authority's rules allow.
//!
//! Amounts are whole pesos: the Chilean peso has no minor unit. Texts may be anything: they are brought into the encoding and cut to
//! the schema's length when they are written. Numbers and dates that do not fit are errors, since cutting them would change them.

use std::fmt;

use jiff::civil::{Date, DateTime};
use ticketflow_domain::Rut;

use crate::ANONYMOUS_RUT;

/// Lines of a boleta (`EnvioBOLETA_v11.xsd`).
pub const MAX_RECEIPT_LINES: usize = 1_000;
/// Lines of a credit note (`DTE_v10.xsd`).
pub const MAX_CREDIT_NOTE_LINES: usize = 60;
/// 18 digits, less than what the schema's sums could overflow by.
const MAX_AMOUNT: u64 = 999_999_999_999_999_999;
const MAX_FOLIO: u64 = 9_999_999_999;
const MAX_TICKET_NUMBER: u32 = 999_999;
const MAX_ACTIVITY_CODE: u32 = 999_999;
/// 12 digits before the decimal point.
const MAX_UNIT_PRICE: u64 = 999_999_999_999;

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentType {
    /// 39, boleta electrónica: prices include value added tax.
    TaxedReceipt,
    /// 41, boleta exenta electrónica.
    ExemptReceipt,
    /// 61, nota de crédito electrónica.
    CreditNote,
}

impl DocumentType {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::TaxedReceipt, Self::ExemptReceipt, Self::CreditNote];

    /// Its number (`TipoDTE`).
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::TaxedReceipt => 39,
            Self::ExemptReceipt => 41,
            Self::CreditNote => 61,
        }
    }

    /// The kind with this number.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Whether it goes in an `EnvioBOLETA`; otherwise in an `EnvioDTE`.
    #[must_use]
    pub const fn is_receipt(self) -> bool {
        match self {
            Self::TaxedReceipt | Self::ExemptReceipt => true,
            Self::CreditNote => false,
        }
    }
}

/// Who makes the document.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Its RUT.
    pub rut: Rut,
    /// Razón social.
    pub name: String,
    /// Giro.
    pub activity: String,
    /// Código de actividad económica (`Acteco`), 1 to 999,999: credit notes carry it.
    pub activity_code: u32,
    /// Street and number.
    pub address: String,
    /// Comuna.
    pub district: String,
    /// City.
    pub city: String,
}

/// For whom it is made. Personal data: `Debug` shows none of it.
#[derive(Clone, Default)]
pub struct Receiver {
    /// `None` becomes [`ANONYMOUS_RUT`].
    pub rut: Option<Rut>,
    /// Name, if it is known.
    pub name: Option<String>,
    /// Mail address or telephone, if it is to be in the document.
    pub contact: Option<String>,
}

/// What a document adds up to, in pesos. `net + tax + exempt == total`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// What the tax is on.
    pub net: u64,
    /// Value added tax, 19 %.
    pub tax: u64,
    /// What no tax is on: nothing of a taxed boleta, all of an exempt one.
    pub exempt: u64,
    /// What is paid, or given back.
    pub total: u64,
}

/// A boleta for shows on behalf of organisers (`IndServicio` 4).
#[derive(Debug, Clone)]
pub struct Receipt {
    /// [`DocumentType::TaxedReceipt`] or [`DocumentType::ExemptReceipt`].
    pub document_type: DocumentType,
    /// Its number.
    pub folio: u64,
    /// Date of issue in Chile, 2010-03-10 to 2050.
    pub issued_on: Date,
    /// By whom.
    pub issuer: Issuer,
    /// For whom.
    pub receiver: Receiver,
    /// 1 to [`MAX_RECEIPT_LINES`].
    pub lines: Vec<ReceiptLine>,
    /// The lines, added up.
    pub totals: Totals,
}

/// A line of a [`Receipt`].
#[derive(Debug, Clone)]
pub struct ReceiptLine {
    /// A ticket, or the fee for it.
    pub kind: LineKind,
    /// The organiser for whom it is sold.
    pub organiser: Rut,
    /// What it is called.
    pub name: String,
    /// How many, from 1. A ticket is one.
    pub quantity: u32,
    /// Price of one with tax, pesos.
    pub unit_price: u64,
}

impl ReceiptLine {
    /// What the line costs, pesos.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.unit_price.saturating_mul(u64::from(self.quantity))
    }
}

/// What a line is about (`ItemEspectaculo`).
#[derive(Debug, Clone)]
pub enum LineKind {
    /// 01.
    Ticket(TicketInfo),
    /// 02.
    ServiceFee,
}

/// `InfoTicket`.
#[derive(Debug, Clone)]
pub struct TicketInfo {
    /// 1 to 999,999 (`FolioTicket`).
    pub number: u32,
    /// When it was made, Chilean time.
    pub issued_at: DateTime,
    /// Name of the event; 80 characters are kept.
    pub event_name: String,
    /// Price category; 10 characters are kept.
    pub ticket_type: String,
    /// Code of the event; 5 characters are kept.
    pub event_code: String,
    /// When it begins, local time.
    pub event_at: DateTime,
    /// Where; 80 characters are kept.
    pub venue: String,
    /// Which part of it; 20 characters are kept.
    pub section: String,
    /// 3 characters are kept.
    pub row: Option<String>,
    /// 3 characters are kept.
    pub seat: Option<String>,
}

/// What takes a boleta back, whole or in part.
#[derive(Debug, Clone)]
pub struct CreditNote {
    /// Its number.
    pub folio: u64,
    /// Date of issue in Chile, 2010-03-10 to 2050.
    pub issued_on: Date,
    /// By whom.
    pub issuer: Issuer,
    /// For whom.
    pub receiver: Receiver,
    /// Of which boleta.
    pub reference: ReceiptReference,
    /// Whole or in part.
    pub correction: Correction,
    /// Why; 90 characters are kept.
    pub reason: String,
    /// 1 to [`MAX_CREDIT_NOTE_LINES`].
    pub lines: Vec<CreditLine>,
    /// The lines, added up.
    pub totals: Totals,
}

/// The boleta that a credit note is about.
#[derive(Debug, Clone, Copy)]
pub struct ReceiptReference {
    /// [`DocumentType::TaxedReceipt`] or [`DocumentType::ExemptReceipt`].
    pub document_type: DocumentType,
    /// Its number.
    pub folio: u64,
    /// Its date.
    pub issued_on: Date,
}

/// What a credit note does (`CodRef`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// 1: it takes all of it back.
    Annuls,
    /// 3: it takes a part of it back.
    CorrectsAmounts,
}

/// A line of a [`CreditNote`].
#[derive(Debug, Clone)]
pub struct CreditLine {
    /// What is given back.
    pub name: String,
    /// With tax, pesos.
    pub amount: u64,
}

/// Any document.
#[derive(Debug, Clone)]
pub enum Document {
    /// 39 or 41.
    Receipt(Receipt),
    /// 61.
    CreditNote(CreditNote),
}

/// Why there is no document of this data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// A credit note where a boleta is expected.
    #[error("{0:?} is no boleta")]
    NotAReceipt(DocumentType),
    /// None, or more than the schema takes.
    #[error("a document of this kind has 1 to {max} lines, not {lines}")]
    Lines {
        /// How many there are.
        lines: usize,
        /// How many there may be.
        max: usize,
    },
    /// A number outside of what the schema takes.
    #[error("{0} is outside of what the schema takes")]
    OutOfRange(&'static str),
    /// A date outside of 2010-03-10 to 2050-12-31.
    #[error("{0} is not between 2010-03-10 and 2050-12-31")]
    Date(&'static str),
    /// Parts and total differ, or lines and total, or taxed and exempt are mixed.
    #[error("the totals do not add up")]
    Totals,
    /// The authorisation is of another issuer, of another kind, or does not cover the folio.
    #[error("the authorisation does not cover folio {folio}: {what}")]
    NotAuthorised {
        /// The folio.
        folio: u64,
        /// What differs.
        what: &'static str,
    },
    /// The private key is not the one of the authorisation.
    #[error("the private key does not belong to the authorisation")]
    OtherKey,
}

impl Document {
    /// What kind it is.
    #[must_use]
    pub fn document_type(&self) -> DocumentType {
        match self {
            Self::Receipt(receipt) => receipt.document_type,
            Self::CreditNote(_) => DocumentType::CreditNote,
        }
    }

    /// Its number.
    #[must_use]
    pub fn folio(&self) -> u64 {
        match self {
            Self::Receipt(receipt) => receipt.folio,
            Self::CreditNote(note) => note.folio,
        }
    }

    pub(crate) fn issued_on(&self) -> Date {
        match self {
            Self::Receipt(receipt) => receipt.issued_on,
            Self::CreditNote(note) => note.issued_on,
        }
    }

    pub(crate) fn issuer(&self) -> &Issuer {
        match self {
            Self::Receipt(receipt) => &receipt.issuer,
            Self::CreditNote(note) => &note.issuer,
        }
    }

    pub(crate) fn receiver(&self) -> &Receiver {
        match self {
            Self::Receipt(receipt) => &receipt.receiver,
            Self::CreditNote(note) => &note.receiver,
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        match self {
            Self::Receipt(receipt) => receipt.totals,
            Self::CreditNote(note) => note.totals,
        }
    }

    /// Name of the first line: there is one in every document that was checked.
    pub(crate) fn first_item(&self) -> &str {
        let name = match self {
            Self::Receipt(receipt) => receipt.lines.first().map(|line| &line.name),
            Self::CreditNote(note) => note.lines.first().map(|line| &line.name),
        };
        name.map_or("", String::as_str)
    }

    /// Whether it can be written.
    pub(crate) fn check(&self) -> Result<(), DocumentError> {
        within(self.folio(), 1..=MAX_FOLIO, "the folio")?;
        date_fits(self.issued_on(), "the date of issue")?;
        match self {
            Self::Receipt(receipt) => receipt.check(),
            Self::CreditNote(note) => note.check(),
        }
    }
}

impl Receipt {
    fn check(&self) -> Result<(), DocumentError> {
        if !self.document_type.is_receipt() {
            return Err(DocumentError::NotAReceipt(self.document_type));
        }
        line_count(self.lines.len(), MAX_RECEIPT_LINES)?;
        for line in &self.lines {
            within(line.unit_price, 0..=MAX_UNIT_PRICE, "a price")?;
            if let LineKind::Ticket(ticket) = &line.kind {
                within(line.quantity, 1..=1, "the quantity of a ticket")?;
                within(ticket.number, 1..=MAX_TICKET_NUMBER, "the number of a ticket")?;
                date_fits(ticket.issued_at.date(), "the time of a ticket")?;
                date_fits(ticket.event_at.date(), "the time of an event")?;
            } else {
                within(line.quantity, 1..=u32::MAX, "a quantity")?;
            }
        }
        self.totals.check(self.lines.iter().map(ReceiptLine::amount), self.document_type)
    }
}

impl CreditNote {
    fn check(&self) -> Result<(), DocumentError> {
        let receipt = self.reference;
        if !receipt.document_type.is_receipt() {
            return Err(DocumentError::NotAReceipt(receipt.document_type));
        }
        line_count(self.lines.len(), MAX_CREDIT_NOTE_LINES)?;
        within(self.issuer.activity_code, 1..=MAX_ACTIVITY_CODE, "the code of the activity")?;
        within(receipt.folio, 1..=MAX_FOLIO, "the folio of the boleta")?;
        date_fits(receipt.issued_on, "the date of the boleta")?;
        self.totals.check(self.lines.iter().map(|line| line.amount), receipt.document_type)
    }
}

impl Totals {
    /// `receipt` is the boleta's own kind, or that of the boleta that is taken back.
    fn check(self, lines: impl Iterator<Item = u64>, receipt: DocumentType) -> Result<(), DocumentError> {
        within(self.total, 0..=MAX_AMOUNT, "the total")?;
        let lines = lines.fold(0_u64, u64::saturating_add);
        let parts = self.net.saturating_add(self.tax).saturating_add(self.exempt);
        // A boleta is taxed or exempt as a whole: its lines do not say which they are.
        let exempt = if receipt == DocumentType::TaxedReceipt { 0 } else { self.total };
        if parts != self.total || lines != self.total || self.exempt != exempt {
            return Err(DocumentError::Totals);
        }
        Ok(())
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Receiver(..)")
    }
}

impl Receiver {
    /// As documents have it.
    pub(crate) fn plain_rut(&self) -> String {
        self.rut.map_or_else(|| ANONYMOUS_RUT.to_owned(), plain_rut)
    }
}

/// `12345678-5`: without the dots.
pub(crate) fn plain_rut(rut: Rut) -> String {
    format!("{}-{}", rut.number(), rut.check_digit())
}

/// Without parts of a second and without a zone, as `xs:dateTime` is used here.
pub(crate) fn plain_time(time: DateTime) -> String {
    format!("{}T{:02}:{:02}:{:02}", time.date(), time.hour(), time.minute(), time.second())
}

fn line_count(lines: usize, max: usize) -> Result<(), DocumentError> {
    if (1..=max).contains(&lines) { Ok(()) } else { Err(DocumentError::Lines { lines, max }) }
}

fn within<T: PartialOrd>(
    value: T,
    range: std::ops::RangeInclusive<T>,
    what: &'static str,
) -> Result<(), DocumentError> {
    if range.contains(&value) { Ok(()) } else { Err(DocumentError::OutOfRange(what)) }
}

/// What every date type of the schemas takes.
pub(crate) fn date_fits(date: Date, what: &'static str) -> Result<(), DocumentError> {
    let range = Date::constant(2010, 3, 10)..=Date::constant(2050, 12, 31);
    if range.contains(&date) { Ok(()) } else { Err(DocumentError::Date(what)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ruts_and_times_are_written_plainly() {
        assert_eq!(plain_rut("12.345.678-5".parse().unwrap()), "12345678-5");
        assert_eq!(plain_time(jiff::civil::datetime(2026, 3, 4, 5, 6, 7, 890)), "2026-03-04T05:06:07");
        for fixed in [crate::AUTHORITY_RUT, ANONYMOUS_RUT] {
            assert_eq!(plain_rut(fixed.parse().unwrap()), fixed);
        }
    }

    #[test]
    fn kinds_have_their_numbers() {
        for kind in DocumentType::ALL {
            assert_eq!(DocumentType::from_code(kind.code()), Some(kind));
        }
        assert_eq!(DocumentType::from_code(33), None);
    }
}
