//! Mails about orders: put together as bytes, and handed to an SMTP server or a folder.
//!
//! [`compose`] is pure: data in, bytes out, and the same data with the same message id gives the same bytes, so that a mail that
//! is sent again is the mail that was sent. No text of a buyer or an organiser gets out of its place: no header, no markup, no
//! line of the calendar file. [`MailTransport`] delivers at least once; whoever receives a mail twice sees one message id.
//! When a mail is due, and what becomes of one that was refused, is the caller's.

mod address;
mod attachment_name;
mod calendar;
mod compose;
mod connection;
mod folder;
mod legible;
mod line_stream;
mod message_id;
mod order_mail;
mod page;
mod reply;
mod setting;
mod smtp;
mod texts;
mod transport;

pub use compose::{ComposeError, MAX_MAIL_BYTES, Mail, Party, compose};
pub use message_id::{InvalidMessageId, MessageId};
pub use order_mail::{
    Attachment, CalendarEntry, MAX_LISTED_SEATS, MailKind, MediaType, OrderMail, Receipt, Seat,
};
pub use page::{render_html, render_text};
pub use setting::{InvalidMailSetting, MailSetting, SmtpServerSetting};
pub use transport::{Accepted, MailTransport, OpenMailTransportError, SendMailError};
