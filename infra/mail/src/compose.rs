//! From what a mail says to its bytes.
//!
//! Nothing is taken from the clock, the host or chance: identity and date are the caller's, and boundaries follow from the
//! identity. All of it is ASCII in short lines, so that every server on the way passes it on as it is.

use crate::address::parse_address;
use crate::attachment_name::attachment_name;
use crate::calendar::{self, Method};
use crate::message_id::MessageId;
use crate::order_mail::OrderMail;
use crate::page::Page;
use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{
    ContentDisposition, ContentTransferEncoding, ContentType, Date, From, HeaderName, HeaderValue, Headers,
    MIME_VERSION_1_0, Subject, To,
};
use lettre::message::{Body, Mailbox, Mailboxes, MultiPart, SinglePart};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::SystemTime;

/// Larger ones are refused by servers, commonly from 20 or 25 MB.
pub const MAX_MAIL_BYTES: usize = 15 << 20;
/// Of the order's page.
const MAX_LINK_BYTES: usize = 1_000;
/// Of the characters of a boundary: as many as make two boundaries differ for good.
const BOUNDARY_BYTES: usize = 16;

/// A mail that is ready to be sent. No `Debug`: it names a person.
#[derive(Clone)]
pub struct Mail {
    pub(crate) id: MessageId,
    pub(crate) sender: Address,
    pub(crate) recipient: Address,
    pub(crate) content: Arc<[u8]>,
}

impl Mail {
    /// What makes two deliveries of it one mail.
    pub fn id(&self) -> &MessageId {
        &self.id
    }

    /// To whom it goes.
    pub fn recipient(&self) -> &str {
        self.recipient.as_ref()
    }

    /// Header and body, with CRLF line ends (RFC 5322).
    pub fn content(&self) -> &[u8] {
        &self.content
    }
}

/// One side of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// Who bought.
    Buyer,
    /// Who sells.
    Sender,
}

impl fmt::Display for Party {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Buyer => "buyer",
            Self::Sender => "sender",
        })
    }
}

/// Why there is no mail. Trying again changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// No server would know where it goes, or whom to answer.
    #[error(
        "the address of the {whose} is refused: `name@domain` is expected, in ASCII before the `@`, without quotes, brackets and spaces"
    )]
    AddressRefused {
        /// Whose it is. The address itself is not told: errors are logged.
        whose: Party,
    },
    /// It would not be a link in every reader.
    #[error(
        "the link to the order is refused: `https://` or `http://` and {MAX_LINK_BYTES} bytes of ASCII at most"
    )]
    LinkRefused,
    /// Servers would refuse it.
    #[error("a mail has at most {MAX_MAIL_BYTES} bytes, and this one comes to {bytes}")]
    TooLarge {
        /// As it would be sent.
        bytes: usize,
    },
}

/// A mail as it is sent. The same arguments give the same bytes; `date` goes into it as whole seconds, not before 1970.
///
/// # Errors
/// [`ComposeError`]. No name and no title is too long or too strange.
pub fn compose(mail: &OrderMail, id: &MessageId, date: Timestamp) -> Result<Mail, ComposeError> {
    let refused = |whose| ComposeError::AddressRefused { whose };
    let sender = parse_address(&mail.sender_address).ok_or(refused(Party::Sender))?;
    let recipient = parse_address(&mail.buyer_address).ok_or(refused(Party::Buyer))?;
    if mail.order_page.as_deref().is_some_and(|link| !is_link(link)) {
        return Err(ComposeError::LinkRefused);
    }
    let attached: usize = mail.attachments.iter().map(|attachment| attachment.bytes.len()).sum();
    if attached > MAX_MAIL_BYTES {
        return Err(ComposeError::TooLarge { bytes: attached });
    }
    let page = Page::new(mail);
    let date = date.max(Timestamp::UNIX_EPOCH);
    let mut headers = Headers::new();
    headers.set(Date::new(SystemTime::from(date)));
    headers.set(From::from(mailbox(Some(&page.sender), &sender)));
    headers.set(To::from(mailbox(page.buyer.as_deref(), &recipient)));
    headers.set(Subject::from(unencoded(&page.subject)));
    headers.insert_raw(verbatim("Message-ID", format!("<{id}>")));
    headers.insert_raw(verbatim("Auto-Submitted", "auto-generated".to_owned()));
    headers.insert_raw(verbatim("Content-Language", mail.language.tag().to_owned()));
    headers.set(MIME_VERSION_1_0);
    let mut content = headers.to_string().into_bytes();
    content.extend(parts(mail, &page, id, &sender, date).formatted());
    if content.len() > MAX_MAIL_BYTES {
        return Err(ComposeError::TooLarge { bytes: content.len() });
    }
    Ok(Mail { id: id.clone(), sender, recipient, content: content.into() })
}

fn mailbox(name: Option<&str>, address: &Address) -> Mailboxes {
    Mailbox::new(name.filter(|name| !name.is_empty()).map(unencoded), address.clone()).into()
}

/// A text in which readers find no encoded word (RFC 2047) but ours: one that is ASCII is sent as it is, and what it encodes, line
/// ends too, would come out at the reader's.
fn unencoded(text: &str) -> String {
    text.replace("=?", "= ?")
}

/// A header of ASCII without spaces, which nothing may fold or encode.
fn verbatim(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}

fn is_link(link: &str) -> bool {
    let has_scheme = ["https://", "http://"].iter().any(|scheme| link.starts_with(scheme));
    let is_clean = link.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
    has_scheme && is_clean && link.len() <= MAX_LINK_BYTES
}

/// The text in both forms, then the files, then the calendar.
fn parts(mail: &OrderMail, page: &Page, id: &MessageId, sender: &Address, date: Timestamp) -> MultiPart {
    let both = MultiPart::alternative()
        .boundary(boundary("text", id))
        .singlepart(SinglePart::plain(page.text()))
        .singlepart(SinglePart::html(page.html()));
    let mut all = MultiPart::mixed().boundary(boundary("mail", id)).multipart(both);
    for attachment in &mail.attachments {
        let (name, media_type) = (attachment_name(&attachment.file_name), attachment.media_type.as_str());
        all = all.singlepart(file(&name, media_type, attachment.bytes.clone()));
    }
    let method = Method::of(&mail.entry);
    let entry = calendar::calendar(mail, page, sender, date).into_bytes();
    all.singlepart(file(method.file_name(), method.media_type(), entry))
}

/// A part that arrives byte for byte.
fn file(name: &str, media_type: &str, bytes: Vec<u8>) -> SinglePart {
    let body = Body::new_with_encoding(bytes, ContentTransferEncoding::Base64);
    SinglePart::builder()
        .content_type(ContentType::parse(media_type).expect("media types are constants"))
        .header(ContentDisposition::attachment(name))
        .body(body.unwrap_or_else(|_| unreachable!("any bytes can be written in base 64")))
}

/// No line of quoted-printable or base 64 has `=_` in it, and what else a body may hold does not know the digest.
fn boundary(part: &str, id: &MessageId) -> String {
    let digest = Sha256::digest(format!("{part} {id}"));
    let mut boundary = format!("=_{part}_");
    for byte in &digest[..BOUNDARY_BYTES] {
        write!(boundary, "{byte:02x}").expect("a String takes all text");
    }
    boundary
}
