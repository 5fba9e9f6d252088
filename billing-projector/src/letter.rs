//! The mail that goes with a document: what is in it, and the files attached. Once its facts are read it is the same every time.

use std::sync::Arc;

use jiff::Zoned;
use ticketflow_domain::billing::{DocumentId, DocumentView, OrderDocuments};
use ticketflow_domain::{Language, Money, OrderId, TicketId, Timestamp};
use ticketflow_mail::{
    Attachment, CalendarEntry, ComposeError, Mail, MailKind, MailTransport, MediaType, MessageId, OrderMail,
    Receipt, Seat, SendMailError, compose,
};

use crate::issued::{IssuedLine, line};
use crate::order_facts::OrderFacts;
use crate::papers::PaperStyle;
use crate::press::{Copy, Press, PressError};
use crate::words;

/// Mails of a sender whose address has no domain that fits into a message id.
const NO_DOMAIN: &str = "ticketflow.invalid";

/// How mails are made and where they go.
#[derive(Clone)]
pub struct MailPorts {
    /// Where they go.
    pub transport: MailTransport,
    /// From whom they come, and to whom answers go.
    pub sender_address: String,
    /// Where the portal is, such as `https://tickets.example`: for a link to the order.
    pub public_origin: Option<String>,
    /// Makes what is attached.
    pub press: Press,
    /// How it is written, to buyers who did not say in which language.
    pub style: PaperStyle,
}

/// Why a document was not mailed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LetterError {
    #[error("its documents cannot be made")]
    Press(#[from] PressError),
    #[error("the mail cannot be written")]
    Compose(#[from] ComposeError),
    #[error(transparent)]
    Send(#[from] SendMailError),
    #[error("the buyer's details were erased: there is nobody to write to")]
    Erased,
}

impl LetterError {
    /// Whether the same mail may be taken later.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Press(error) => error.passes(),
            Self::Send(error) => error.is_retryable(),
            Self::Compose(_) | Self::Erased => false,
        }
    }

    /// Whether it says nothing of the mail: others draw documents in this process.
    pub(crate) fn is_of_this_process(&self) -> bool {
        matches!(self, Self::Press(PressError::Busy))
    }
}

/// A document to be mailed, with all that belongs to its order.
pub(crate) struct Letter {
    pub(crate) order_id: OrderId,
    pub(crate) documents: OrderDocuments,
    pub(crate) view: DocumentView,
}

impl Letter {
    pub(crate) fn document(&self) -> DocumentId {
        self.view.document
    }

    /// The same at every try, so that however often it is sent it is one mail.
    pub(crate) fn message_id(&self, sender_address: &str) -> MessageId {
        let word = if self.view.refund_id.is_some() { "refund" } else { "order" };
        let domain = sender_address.rsplit_once('@').map_or(NO_DOMAIN, |(_, domain)| domain);
        let id =
            |domain: &str| format!("{word}.{}.{}@{domain}", self.order_id, self.view.document.folio).parse();
        id(domain).or_else(|_| id(NO_DOMAIN)).expect("ids and numbers are words of a message id")
    }

    /// Makes it and hands it to a mail server, or writes it to a folder.
    pub(crate) async fn send(&self, ports: &MailPorts) -> Result<MessageId, LetterError> {
        let copy = ports.press.copy(&self.documents, self.order_id, self.view.source_position).await?;
        let copy = Arc::new(copy);
        let buyer_address = copy.buyer.as_ref().ok_or(LetterError::Erased)?.email.clone();
        let style = ports.style.for_buyer(copy.buyer.as_ref());
        let mail = self.order_mail(ports, &copy, buyer_address, &style).await?;
        let id = self.message_id(&ports.sender_address);
        let mail: Mail = compose(&mail, &id, jiff_timestamp(self.view.issued_at))?;
        fail::fail_point!("billing::before-sending");
        ports.transport.send(&mail).await?;
        fail::fail_point!("billing::sent");
        Ok(id)
    }

    async fn order_mail(
        &self,
        ports: &MailPorts,
        copy: &Arc<Copy>,
        buyer_address: String,
        style: &PaperStyle,
    ) -> Result<OrderMail, PressError> {
        let facts = &copy.facts;
        let is_refund = self.view.refund_id.is_some();
        Ok(OrderMail {
            kind: if is_refund { MailKind::Refund } else { MailKind::Confirmation },
            language: style.language,
            is_demo: self.documents.issuer.is_demo,
            buyer_name: copy.buyer.as_ref().map(|buyer| buyer.name.clone()).unwrap_or_default(),
            buyer_address,
            sender_name: self.documents.issuer.name.clone(),
            sender_address: ports.sender_address.clone(),
            show: facts.show.name.clone(),
            venue: facts.show.venue.clone(),
            starts_at: Zoned::new(jiff_timestamp(facts.show.starts_at), style.time_zone.clone()),
            seats: seats(facts, style.language),
            total: Money { amount: self.view.amounts.total, currency: self.documents.currency },
            entry: self.entry(&ports.press, facts, style.language).await?,
            order: self.order_id,
            order_page: ports
                .public_origin
                .as_ref()
                .map(|origin| format!("{origin}/orders/{}", self.order_id)),
            receipt: Some(Receipt {
                document_type: self.view.document.document_type,
                folio: self.view.document.folio.to_string(),
            }),
            attachments: self.attachments(&ports.press, copy, style).await?,
        })
    }

    async fn attachments(
        &self,
        press: &Press,
        copy: &Arc<Copy>,
        style: &PaperStyle,
    ) -> Result<Vec<Attachment>, PressError> {
        let Self { documents, view, .. } = self;
        let pdf = |name: String, bytes| Attachment { file_name: name, media_type: MediaType::Pdf, bytes };
        let mut attachments = Vec::with_capacity(3);
        if view.refund_id.is_none() {
            // Tickets that were given back before the mail went out are not printed any more.
            let given_back = given_back(press, &documents.credit_notes).await?;
            let live = move |ticket: TicketId| !given_back.contains(&ticket);
            let tickets = press.tickets(documents, copy.clone(), live, style.clone()).await?;
            let name = words::tickets_file(style.language).to_owned();
            attachments.extend(tickets.map(|tickets| pdf(name, tickets)));
        }
        let receipt = press.receipt(documents, *view, copy.clone(), style.clone()).await?;
        let name = words::document_file(style.language, view.document.document_type);
        let name = format!("{name}-{}", view.document.folio);
        attachments.push(pdf(format!("{name}.pdf"), receipt));
        if let Some(signed) = press.signed(documents, *view, copy.clone()).await? {
            let (file_name, bytes) = (format!("{name}.xml"), signed.to_xml());
            attachments.push(Attachment { file_name, media_type: MediaType::Xml, bytes });
        }
        Ok(attachments)
    }

    /// The order's entry in a calendar as this mail leaves it. The k-th credit note is its k-th change and knows nothing of later ones, so
    /// that its mail is the same whenever it is written.
    async fn entry(
        &self,
        press: &Press,
        facts: &OrderFacts,
        language: Language,
    ) -> Result<CalendarEntry, PressError> {
        let OrderDocuments { receipt, credit_notes, .. } = &self.documents;
        let Some(last) = credit_notes.iter().position(|note| note.document == self.view.document) else {
            return Ok(CalendarEntry { sequence: 0, seats: seats(facts, language) });
        };
        let given_back = given_back(press, &credit_notes[..=last]).await?;
        let mut left = press.facts_at(receipt.source_position).await?;
        left.tickets.retain(|ticket| !given_back.contains(&ticket.ticket_id));
        let sequence = u32::try_from(last + 1).expect("an order has no more refunds than tickets");
        Ok(CalendarEntry { sequence, seats: seats(&left, language) })
    }
}

/// The tickets that these credit notes are about.
async fn given_back(press: &Press, notes: &[DocumentView]) -> Result<Vec<TicketId>, PressError> {
    let mut given_back = Vec::new();
    for note in notes {
        let facts = press.facts_at(note.source_position).await?;
        given_back.extend(facts.tickets.iter().map(|ticket| ticket.ticket_id));
    }
    Ok(given_back)
}

fn seats(facts: &OrderFacts, language: Language) -> Vec<Seat> {
    facts.tickets.iter().map(|ticket| seat(&line(facts, ticket), language)).collect()
}

fn seat(line: &IssuedLine<'_>, language: Language) -> Seat {
    let label = match line.place {
        None => words::general_place(language).to_owned(),
        Some((row, number)) => words::place(language, row, &number.to_string()),
    };
    Seat { label, zone: line.zone.to_owned() }
}

fn jiff_timestamp(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
