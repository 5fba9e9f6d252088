//! Tickets as data, and as a PDF with a page for each.

use crate::band::Band;
use crate::codes::{Modules, qr};
use crate::output::{Output, Paper};
use crate::texts::Texts;
use crate::ticket_page;
use jiff::civil::DateTime;
use ticketflow_domain::{Language, Money, ShowId};
use ticketflow_words::fill;

/// The most tickets of one file.
pub const MAX_TICKETS: usize = 200;

/// The tickets of one order to one show. No `Debug`: it names a person.
#[derive(Clone)]
pub struct TicketSheet {
    /// Of all words that are not the caller's.
    pub language: Language,
    /// Marks every page as worth nothing to the tax office.
    pub is_demo: bool,
    /// Chooses the colours, as on the portal.
    pub show_id: ShowId,
    /// Name of the show.
    pub show: String,
    /// Name of the venue.
    pub venue: String,
    /// In the venue's zone.
    pub starts_at: DateTime,
    /// Name of the buyer.
    pub buyer: String,
    /// What the buyer quotes when asking about the order.
    pub order_reference: String,
    /// In small print; about three lines are shown.
    pub terms: String,
    /// In the order of the pages, 1 to [`MAX_TICKETS`].
    pub tickets: Vec<Ticket>,
}

/// What tells one ticket of an order from another.
#[derive(Clone)]
pub struct Ticket {
    /// Name of the zone.
    pub zone: String,
    /// Where in the zone.
    pub place: Place,
    /// What was paid for it.
    pub price: Money,
    /// The text of its QR code, signed.
    pub code: String,
}

/// A place in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A numbered seat.
    Seat {
        /// Name of its row.
        row: String,
        /// Its number or name in the row.
        seat: String,
    },
    /// Anywhere in the zone.
    GeneralAdmission,
}

/// Why there are no tickets.
#[derive(Debug, thiserror::Error)]
pub enum RenderTicketsError {
    /// None, or more than a file takes.
    #[error("a file takes 1 to {MAX_TICKETS} tickets, and these are {count}")]
    TicketCount {
        /// How many there were.
        count: usize,
    },
    /// The text of a code does not fit into a QR code.
    #[error("the code of ticket {number} of the order is longer than a QR code holds")]
    CodeTooLong {
        /// Of the ticket, counted from 1.
        number: usize,
    },
    /// The PDF could not be put together.
    #[error("the tickets could not be written as PDF")]
    Pdf(#[source] krilla::error::KrillaError),
}

/// A PDF with an A5 page for every ticket. The same sheet gives the same bytes.
///
/// # Errors
/// [`RenderTicketsError`]; no text is too long or too strange except that of a code.
pub fn render_tickets(sheet: &TicketSheet) -> Result<Vec<u8>, RenderTicketsError> {
    let count = sheet.tickets.len();
    if !(1..=MAX_TICKETS).contains(&count) {
        return Err(RenderTicketsError::TicketCount { count });
    }
    let codes =
        sheet.tickets.iter().enumerate().map(|(index, ticket)| {
            qr(&ticket.code).ok_or(RenderTicketsError::CodeTooLong { number: index + 1 })
        });
    let codes: Vec<Modules> = codes.collect::<Result<_, _>>()?;
    let title = fill(Texts::of(sheet.language).tickets_title, &[("show", &sheet.show)]);
    let mut output = Output::new(&title, sheet.language);
    let band = Band::of(sheet.show_id);
    for (index, code) in codes.iter().enumerate() {
        output.page(Paper::A5, |canvas| ticket_page::draw(canvas, sheet, index, code, &band));
    }
    output.finish().map_err(RenderTicketsError::Pdf)
}
