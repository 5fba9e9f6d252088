//! What a mail about an order says, as data.

use jiff::Zoned;
use ticketflow_domain::billing::DocumentType;
use ticketflow_domain::{Language, Money, OrderId};

/// So many seats are listed; the others are counted, and all are on the attached tickets.
pub const MAX_LISTED_SEATS: usize = 50;

/// What a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailKind {
    /// An order was paid: tickets and receipt.
    Confirmation,
    /// Seats were given back: the credit note.
    Refund,
}

/// One mail to one buyer. No `Debug`: it names a person.
#[derive(Clone)]
pub struct OrderMail {
    /// What it is for.
    pub kind: MailKind,
    /// Of all words that are not the caller's.
    pub language: Language,
    /// Says that nothing of this is real.
    pub is_demo: bool,
    /// Who bought. A name that looks like a link or an address is left out: anybody can have a mail sent to anybody.
    pub buyer_name: String,
    /// To whom it goes.
    pub buyer_address: String,
    /// Who sells, and sends.
    pub sender_name: String,
    /// From whom it comes, and to whom answers go.
    pub sender_address: String,
    /// What is performed.
    pub show: String,
    /// Where.
    pub venue: String,
    /// When, in the venue's zone.
    pub starts_at: Zoned,
    /// What was bought or given back.
    pub seats: Vec<Seat>,
    /// What was paid or given back for them.
    pub total: Money,
    /// The order's entry in the buyer's calendar.
    pub entry: CalendarEntry,
    /// What the buyer quotes when asking about the order.
    pub order: OrderId,
    /// The order's page, `https://` or `http://`.
    pub order_page: Option<String>,
    /// The tax document or receipt, where it has been issued.
    pub receipt: Option<Receipt>,
    /// Files, in this order, after the text.
    pub attachments: Vec<Attachment>,
}

/// One seat or standing place.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Row and seat as the tickets have them.
    pub label: String,
    /// The zone it is in.
    pub zone: String,
}

/// The order's entry in a calendar, as a mail leaves it.
#[derive(Debug, Clone)]
pub struct CalendarEntry {
    /// How often mails changed it: 0 for the confirmation, k for the k-th refund. Programs keep the highest that they saw.
    pub sequence: u32,
    /// What the buyer has of the order; without any the entry is taken back.
    pub seats: Vec<Seat>,
}

/// A document about money.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// What it is.
    pub document_type: DocumentType,
    /// Its number, as it is printed.
    pub folio: String,
}

/// A file that goes with a mail.
#[derive(Clone)]
pub struct Attachment {
    /// What it is saved as. Characters that mean something to a file system are replaced.
    pub file_name: String,
    /// What is in it.
    pub media_type: MediaType,
    /// Its content, which arrives byte for byte.
    pub bytes: Vec<u8>,
}

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/pdf`
    Pdf,
    /// `application/xml`
    Xml,
}

impl MediaType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Xml => "application/xml",
        }
    }
}
