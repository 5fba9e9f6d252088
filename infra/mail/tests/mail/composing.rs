//! What arrives when all is well, word for word.

use crate::reader::read;
use crate::sample::{confirmation, date, id, last_refund, pdf, refund};
use std::path::Path;
use ticketflow_domain::Language;
use ticketflow_mail::{
    Attachment, ComposeError, MAX_LISTED_SEATS, MAX_MAIL_BYTES, MediaType, OrderMail, Party, Seat, compose,
    render_html, render_text,
};

/// Set, the golden files are written instead of compared.
const WRITE: &str = "WRITE_GOLDEN";

fn is_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{name} differs; where it should, run the test with {WRITE}=1");
}

#[test]
fn mails_say_what_they_say() {
    for (tag, language) in [("es", Language::Spanish), ("en", Language::English)] {
        for (name, mail) in [
            ("confirmation", confirmation(language)),
            ("refund", refund(language)),
            ("last-refund", last_refund(language)),
        ] {
            is_golden(&format!("{name}.{tag}.txt"), &render_text(&mail));
            is_golden(&format!("{name}.{tag}.html"), &render_html(&mail));
        }
    }
}

#[test]
fn a_confirmation_arrives_whole() {
    let order = confirmation(Language::Spanish);
    let mail = compose(&order, &id("confirmation"), date()).unwrap();
    assert_eq!((mail.id(), mail.recipient()), (&id("confirmation"), "antonia@example.cl"));
    let Some(read) = read(mail.content()) else { return };
    let headers = [
        ("Date", "Fri, 02 Apr 2027 15:04:05 +0000"),
        ("Subject", "Tus entradas para La ñandú y el sueño"),
        ("Message-ID", "<confirmation.01KB2R5T7W9YAC4EG6HJ8KMNPQ@entradas.example.cl>"),
        ("Auto-Submitted", "auto-generated"),
        ("Content-Language", "es-CL"),
        ("MIME-Version", "1.0"),
    ];
    for (name, value) in headers {
        assert_eq!(read.header(name), value);
    }
    assert_eq!(read.headers.len(), headers.len() + 3, "From, To, Content-Type: {:?}", read.headers);
    assert_eq!(read.from, ("Teatro del Ejemplo".into(), "entradas@teatro.example.cl".into()));
    assert_eq!(read.to, ("Antonia Núñez".into(), "antonia@example.cl".into()));
    let structure = [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/pdf",
        "application/pdf",
        "text/calendar",
    ];
    assert_eq!(read.structure, structure);
    assert_eq!(read.part("text/plain").text(), render_text(&order));
    assert_eq!(read.part("text/html").text(), render_html(&order));
    for (sent, arrived) in order.attachments.iter().zip(&read.parts[2..]) {
        assert_eq!(arrived.file_name.as_deref(), Some(sent.file_name.as_str()));
        assert_eq!(arrived.content, sent.bytes, "byte for byte");
    }
}

#[test]
fn a_refund_has_its_credit_note_and_the_entry_as_it_leaves_it() {
    let mail = compose(&refund(Language::English), &id("refund"), date()).unwrap();
    let Some(read) = read(mail.content()) else { return };
    assert_eq!(read.header("Subject"), "[DEMO] Refund of your tickets for La ñandú y el sueño");
    assert_eq!(read.header("Content-Language"), "en");
    let types: Vec<&str> = read.parts.iter().map(|part| part.media_type.as_str()).collect();
    assert_eq!(types, ["text/plain", "text/html", "application/pdf", "text/calendar"]);
}

#[test]
fn a_calendar_has_the_order_once_follows_its_refunds_and_loses_it_with_the_last() {
    let mut identities = Vec::new();
    for (name, order, method, file_name) in [
        ("confirmation", confirmation(Language::Spanish), "PUBLISH", "calendar.ics"),
        ("refund", refund(Language::Spanish), "PUBLISH", "calendar.ics"),
        ("last-refund", last_refund(Language::Spanish), "CANCEL", "calendar-cancel.ics"),
    ] {
        let mail = compose(&order, &id(name), date()).unwrap();
        let Some(read) = read(mail.content()) else { return };
        let part = read.part("text/calendar");
        assert_eq!((part.method.as_deref(), part.file_name.as_deref()), (Some(method), Some(file_name)));
        let file = String::from_utf8(part.content.clone()).unwrap();
        is_golden(&format!("{name}.es.ics"), &file);
        assert!(read.part("text/plain").text().contains(file_name), "the text says what the file does");
        let value = |name: &str| {
            let mut values = file.split("\r\n").filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let value = values.next().map(str::to_owned);
            assert_eq!(values.next(), None, "{name} is there once");
            value
        };
        let sequence = order.entry.sequence;
        assert_eq!(value("METHOD").as_deref(), Some(method), "as in the header");
        assert_eq!(value("SEQUENCE"), (sequence > 0).then(|| sequence.to_string()));
        assert_eq!(
            value("STATUS").as_deref(),
            Some(if method == "CANCEL" { "CANCELLED" } else { "CONFIRMED" })
        );
        identities.push((value("UID"), value("ORGANIZER"), value("DTSTART")));
    }
    assert!(identities.iter().all(|identity| *identity == identities[0]), "{identities:?}");
    assert_eq!(identities[0].1.as_deref(), Some("mailto:entradas@teatro.example.cl"));
}

#[test]
fn whoever_organises_is_named_by_a_link_whatever_the_address_has_in_it() {
    let order = OrderMail {
        sender_address: "a?b=c&d#e{f}+g@teatro.example.cl".to_owned(),
        ..confirmation(Language::Spanish)
    };
    let mail = compose(&order, &id("organiser"), date()).unwrap();
    let Some(read) = read(mail.content()) else { return };
    let file = String::from_utf8(read.part("text/calendar").content.clone()).unwrap();
    let link = "\r\nORGANIZER:mailto:a%3Fb%3Dc%26d%23e%7Bf%7D+g@teatro.example.cl\r\n";
    assert!(file.contains(link), "{file}");
}

#[test]
fn the_same_mail_is_the_same_bytes_and_another_id_is_another_mail() {
    for order in [confirmation, refund, last_refund].map(|order| order(Language::Spanish)) {
        let bytes = |name: &str| compose(&order, &id(name), date()).unwrap().content().to_vec();
        assert_eq!(bytes("a"), bytes("a"));
        assert_ne!(bytes("a"), bytes("b"));
    }
    let order = confirmation(Language::Spanish);
    let before_1970 = compose(&order, &id("a"), jiff::Timestamp::MIN).unwrap();
    assert!(before_1970.content().starts_with(b"Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"));
    assert!(compose(&order, &id("a"), jiff::Timestamp::MAX).is_ok());
}

#[test]
fn many_seats_are_counted_after_the_first() {
    let seat = |n: usize| Seat { label: format!("Fila A, asiento {n}"), zone: "Platea".to_owned() };
    let mut order = confirmation(Language::Spanish);
    order.seats = (1..=MAX_LISTED_SEATS + 7).map(seat).collect();
    let text = render_text(&order);
    assert!(text.contains("57 entradas\n") && text.contains("y 7 más, todas en el PDF\n"), "{text}");
    assert!(text.contains("asiento 50\n") && !text.contains("asiento 51\n"));
}

#[test]
fn what_is_missing_is_not_spoken_of() {
    let order = OrderMail {
        order_page: None,
        receipt: None,
        attachments: Vec::new(),
        buyer_name: String::new(),
        ..confirmation(Language::English)
    };
    let text = render_text(&order);
    assert!(text.contains("Hello,\n"));
    for absent in ["See my order", "receipt", "Attached"] {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
}

#[test]
fn mails_that_no_server_takes_are_refused_here() {
    let refusal = |change: fn(&mut OrderMail)| {
        let mut order = confirmation(Language::Spanish);
        change(&mut order);
        compose(&order, &id("refused"), date()).err()
    };
    let refused = |whose| Some(ComposeError::AddressRefused { whose });
    assert_eq!(refusal(|order| order.buyer_address = "ñandú@example.cl".into()), refused(Party::Buyer));
    assert_eq!(refusal(|order| order.sender_address = "nobody".into()), refused(Party::Sender));
    for link in
        ["javascript:alert(1)", "https://example.cl/a b", "https://example.cl/\"x", "ftp://example.cl", ""]
    {
        let order = OrderMail { order_page: Some(link.to_owned()), ..confirmation(Language::Spanish) };
        let refused = compose(&order, &id("link"), date()).err();
        assert_eq!(refused, Some(ComposeError::LinkRefused), "{link}");
    }
    let size = |bytes| {
        let file = Attachment { file_name: "a.pdf".into(), media_type: MediaType::Pdf, bytes: pdf(bytes) };
        let order = OrderMail { attachments: vec![file], ..confirmation(Language::Spanish) };
        compose(&order, &id("large"), date()).err()
    };
    assert_eq!(size(MAX_MAIL_BYTES / 2), None);
    assert!(matches!(size(MAX_MAIL_BYTES - 9), Some(ComposeError::TooLarge { .. })), "base 64 adds a third");
    assert!(matches!(size(MAX_MAIL_BYTES + 1), Some(ComposeError::TooLarge { .. })));
}
