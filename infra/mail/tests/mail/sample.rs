//! Orders to write mails about.

use jiff::{Timestamp, civil, tz};
use ticketflow_domain::billing::DocumentType;
use ticketflow_domain::{Currency, Language, Money};
use ticketflow_mail::{
    Attachment, CalendarEntry, Mail, MailKind, MediaType, MessageId, OrderMail, Receipt, Seat, compose,
};

/// When the mails of the tests are written.
pub(crate) fn date() -> Timestamp {
    "2027-04-02T15:04:05Z".parse().unwrap()
}

/// An identity of its own for each name.
pub(crate) fn id(name: &str) -> MessageId {
    format!("{name}.01KB2R5T7W9YAC4EG6HJ8KMNPQ@entradas.example.cl").parse().unwrap()
}

/// Bytes as a PDF has them: every value, no line structure.
pub(crate) fn pdf(bytes: usize) -> Vec<u8> {
    let mut content = b"%PDF-1.7\n".to_vec();
    let mut state = 0x9E37_79B9_u32;
    while content.len() < bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        content.push(state.to_be_bytes()[0]);
    }
    content
}

pub(crate) fn confirmation(language: Language) -> OrderMail {
    let seat = |label: &str| Seat { label: label.to_owned(), zone: "Platea Alta".to_owned() };
    let attachment = |file_name: &str, bytes| Attachment {
        file_name: file_name.to_owned(),
        media_type: MediaType::Pdf,
        bytes: pdf(bytes),
    };
    let santiago = tz::TimeZone::fixed(tz::offset(-4));
    let seats = match language {
        Language::Spanish => ["Fila C, asiento 12", "Fila C, asiento 13"],
        Language::English => ["Row C, seat 12", "Row C, seat 13"],
    };
    OrderMail {
        kind: MailKind::Confirmation,
        language,
        is_demo: false,
        buyer_name: "Antonia Núñez".to_owned(),
        buyer_address: "antonia@example.cl".to_owned(),
        sender_name: "Teatro del Ejemplo".to_owned(),
        sender_address: "entradas@teatro.example.cl".to_owned(),
        show: "La ñandú y el sueño".to_owned(),
        venue: "Sala Grande, Calle Inventada 123, Valparaíso".to_owned(),
        starts_at: civil::datetime(2027, 5, 21, 19, 30, 0, 0).to_zoned(santiago).unwrap(),
        seats: seats.map(seat).to_vec(),
        total: Money { amount: 50_000, currency: Currency::CLP },
        entry: CalendarEntry { sequence: 0, seats: seats.map(seat).to_vec() },
        order: "01KB2R5T7W9YAC4EG6HJ8KMNPQ".parse().unwrap(),
        order_page: Some(
            "https://entradas.example.cl/orders/01KB2R5T7W9YAC4EG6HJ8KMNPQ?lang=es&k=a1".to_owned(),
        ),
        receipt: Some(Receipt { document_type: DocumentType::TaxedReceipt, folio: "1.234".to_owned() }),
        attachments: vec![attachment("entradas.pdf", 2_000), attachment("boleta-1234.pdf", 1_001)],
    }
}

/// Of the first of its two seats.
pub(crate) fn refund(language: Language) -> OrderMail {
    let left = confirmation(language).seats[1..].to_vec();
    OrderMail {
        entry: CalendarEntry { sequence: 1, seats: left },
        kind: MailKind::Refund,
        is_demo: true,
        seats: confirmation(language).seats[..1].to_vec(),
        total: Money { amount: 25_000, currency: Currency::CLP },
        receipt: Some(Receipt { document_type: DocumentType::FiscalCreditNote, folio: "77".to_owned() }),
        attachments: vec![Attachment {
            file_name: "nota-de-credito-77.pdf".to_owned(),
            media_type: MediaType::Pdf,
            bytes: pdf(500),
        }],
        ..confirmation(language)
    }
}

/// Of the second, after the first.
pub(crate) fn last_refund(language: Language) -> OrderMail {
    OrderMail {
        entry: CalendarEntry { sequence: 2, seats: Vec::new() },
        seats: confirmation(language).seats[1..].to_vec(),
        receipt: Some(Receipt { document_type: DocumentType::FiscalCreditNote, folio: "78".to_owned() }),
        ..refund(language)
    }
}

/// A mail to this buyer.
pub(crate) fn mail_to(address: &str, name: &str) -> Mail {
    let order = OrderMail { buyer_address: address.to_owned(), ..confirmation(Language::Spanish) };
    compose(&order, &id(name), date()).unwrap()
}
