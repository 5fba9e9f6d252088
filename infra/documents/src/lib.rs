//! The papers of an order as PDF: tickets and receipts. Data in, bytes out: no I/O, no clock, no randomness, so that the same
//! sheet gives the same bytes from every copy of a release, and a document made again is the document that was sent.
//!
//! Fonts are embedded and subset, codes are drawn as vectors. No text of a customer or an organiser moves another thing on the
//! page: each is shrunk, wrapped and cut within a box of its own, and characters without a glyph become a visible box. What the
//! documents mean in law, their numbers and their stamps are the caller's.

mod band;
mod canvas;
mod codes;
mod legible;
mod output;
mod paragraph;
mod receipt;
mod receipt_page;
mod texts;
mod ticket;
mod ticket_page;
mod typeface;

pub use receipt::{
    Buyer, FiscalStamp, Issuer, MAX_RECEIPT_LINES, ReceiptLine, ReceiptSheet, Reference, RenderReceiptError,
    Tax, Totals, render_receipt,
};
pub use ticket::{MAX_TICKETS, Place, RenderTicketsError, Ticket, TicketSheet, render_tickets};
