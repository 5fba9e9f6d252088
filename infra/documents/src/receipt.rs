//! Receipts, boletas and credit notes as data, and as a PDF.
//!
//! Figures are printed as they are given: whether they add up is the domain's to know, and a document that was issued is not
//! corrected by its printer.

use crate::codes::{Modules, NoStamp, stamp};
use crate::output::Output;
use crate::receipt_page;
use jiff::civil::Date;
use ticketflow_domain::billing::DocumentType;
use ticketflow_domain::{Language, Money, Rut};
use ticketflow_words::document_title;

/// The most lines of one document.
pub const MAX_RECEIPT_LINES: usize = 500;

/// One document. No `Debug`: it names a person.
#[derive(Clone)]
pub struct ReceiptSheet {
    /// Of all words that are not the caller's.
    pub language: Language,
    /// Marks every page as worth nothing to the tax office.
    pub is_demo: bool,
    /// What it is.
    pub document_type: DocumentType,
    /// Its number among those of its kind.
    pub folio: u64,
    /// Who issues it.
    pub issuer: Issuer,
    /// In the issuer's zone.
    pub issued_on: Date,
    /// For whom, where that is known.
    pub buyer: Option<Buyer>,
    /// What the buyer quotes when asking about the order.
    pub order_reference: String,
    /// The document that this one corrects, for credit notes and refunds.
    pub reference: Option<Reference>,
    /// 1 to [`MAX_RECEIPT_LINES`].
    pub lines: Vec<ReceiptLine>,
    /// What the lines come to.
    pub totals: Totals,
    /// The electronic stamp of the SII.
    pub stamp: Option<FiscalStamp>,
}

/// Who issues a document.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Its registered name.
    pub name: String,
    /// Its tax number as its authority writes it, such as `76.123.456-0`; empty where there is none.
    pub tax_id: String,
    /// Its line of business, as registered.
    pub activity: String,
    /// Street, commune, city.
    pub address: String,
}

/// For whom a document is.
#[derive(Clone)]
pub struct Buyer {
    /// Name.
    pub name: String,
    /// Tax number.
    pub rut: Option<Rut>,
}

/// The document that another one corrects.
#[derive(Debug, Clone)]
pub struct Reference {
    /// What it is.
    pub document_type: DocumentType,
    /// Its number.
    pub folio: u64,
    /// Its date.
    pub issued_on: Date,
    /// Why it is corrected, as a sentence.
    pub reason: String,
}

/// One line of a document.
#[derive(Debug, Clone)]
pub struct ReceiptLine {
    /// What was sold or given back.
    pub description: String,
    /// How many.
    pub quantity: u32,
    /// Of all of them.
    pub amount: Money,
}

/// The sums of a document; those that are missing are not printed.
#[derive(Debug, Clone)]
pub struct Totals {
    /// Taxed, without the tax.
    pub net: Option<Money>,
    /// The tax on it.
    pub tax: Option<Tax>,
    /// Not taxed.
    pub exempt: Option<Money>,
    /// All of it.
    pub total: Money,
}

/// A tax that was charged.
#[derive(Debug, Clone, Copy)]
pub struct Tax {
    /// Its rate.
    pub percent: u8,
    /// What it comes to.
    pub amount: Money,
}

/// The electronic stamp of the SII, and the words below it.
#[derive(Clone)]
pub struct FiscalStamp {
    /// The `TED` element as it was signed, in characters of ISO-8859-1: a reader of the code gets these bytes.
    pub ted: String,
    /// Number of the resolution that admits the issuer.
    pub resolution_number: u32,
    /// Its year.
    pub resolution_year: u16,
    /// Where anybody checks the document, such as `www.sii.cl`.
    pub verify_at: String,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum RenderReceiptError {
    /// None, or more than a document takes.
    #[error("a document takes 1 to {MAX_RECEIPT_LINES} lines, and these are {count}")]
    LineCount {
        /// How many there were.
        count: usize,
    },
    /// The stamp has characters outside ISO-8859-1, or none.
    #[error("the fiscal stamp is empty, or has a character outside ISO-8859-1")]
    StampCharacters,
    /// The stamp does not fit into a PDF417 code.
    #[error("the fiscal stamp is longer than a PDF417 code holds at error correction level 5")]
    StampTooLong,
    /// The PDF could not be put together.
    #[error("the document could not be written as PDF")]
    Pdf(#[source] krilla::error::KrillaError),
}

/// A PDF of A4 pages, as many as the lines need. The same sheet gives the same bytes.
///
/// # Errors
/// [`RenderReceiptError`]; no text is too long or too strange except that of the stamp.
pub fn render_receipt(sheet: &ReceiptSheet) -> Result<Vec<u8>, RenderReceiptError> {
    let count = sheet.lines.len();
    if !(1..=MAX_RECEIPT_LINES).contains(&count) {
        return Err(RenderReceiptError::LineCount { count });
    }
    let stamp = sheet.stamp.as_ref().map(|fiscal| stamp(&fiscal.ted)).transpose();
    let stamp: Option<Modules> = stamp.map_err(|why| match why {
        NoStamp::Characters => RenderReceiptError::StampCharacters,
        NoStamp::TooLong => RenderReceiptError::StampTooLong,
    })?;
    let title = document_title(sheet.language, sheet.document_type, sheet.folio);
    let mut output = Output::new(&title, sheet.language);
    receipt_page::draw(&mut output, sheet, stamp.as_ref());
    output.finish().map_err(RenderReceiptError::Pdf)
}
