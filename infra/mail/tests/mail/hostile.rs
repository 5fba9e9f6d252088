//! Texts that want out of their place.

use crate::reader::read;
use crate::sample::{confirmation, date, id};
use proptest::prelude::*;
use ticketflow_domain::Language;
use ticketflow_domain::billing::DocumentType;
use ticketflow_mail::{CalendarEntry, MailKind, OrderMail, Receipt, Seat, compose, render_html, render_text};

const TEXTS: [&str; 14] = [
    "Ana\r\nBcc: todos@example.cl",
    "Ana\nX-Injected: yes\n\nbody",
    "Ana\u{85}Bcc: x\u{2028}Bcc: y\u{2029}Bcc: z\u{B}Bcc: w",
    "\u{202E}fdp.adartne\u{202C} \u{2066}a\u{2069} \u{200F}",
    "👩\u{200D}👩\u{200D}👧 🎭 👍🏽",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "{{ 7*7 }} {% raw %} {# x #} {{ show.__class__ }}",
    "\"Ana\" <otra@example.cl>, \\\"x\\\"",
    "=?utf-8?q?=0D=0ABcc:_x@example.cl?=",
    "END:VEVENT\r\nBEGIN:VEVENT\\n;,:",
    "--=_mail_\r\n--=_mail_--\r\n.\r\nQUIT",
    "nul\0 bell\x07 esc\x1b[31m del\x7f c1\u{9b}",
    "",
    "\u{FEFF}\u{200B}",
];

/// An order in which every text of others is this one, refunded in part and then in whole.
fn mails_of(text: &str) -> [OrderMail; 3] {
    let refund = |sequence, seats| OrderMail {
        kind: MailKind::Refund,
        entry: CalendarEntry { sequence, seats },
        ..order_of(text)
    };
    [order_of(text), refund(1, order_of(text).seats), refund(2, Vec::new())]
}

fn order_of(text: &str) -> OrderMail {
    let seat = Seat { label: text.to_owned(), zone: text.to_owned() };
    OrderMail {
        entry: CalendarEntry { sequence: 0, seats: vec![seat.clone()] },
        buyer_name: text.to_owned(),
        sender_name: text.to_owned(),
        show: text.to_owned(),
        venue: text.to_owned(),
        seats: vec![seat],
        receipt: Some(Receipt { document_type: DocumentType::Receipt, folio: text.to_owned() }),
        attachments: confirmation(Language::Spanish)
            .attachments
            .into_iter()
            .map(|mut attachment| {
                attachment.file_name = text.to_owned();
                attachment
            })
            .collect(),
        ..confirmation(Language::Spanish)
    }
}

/// Whatever the text: the same headers, recipients, parts and events as ever.
fn stays_in_its_place(text: &str) {
    for (order, harmless) in mails_of(text).into_iter().zip(mails_of("x")) {
        stays_in_its_place_of(&order, &harmless);
    }
}

fn stays_in_its_place_of(order: &OrderMail, harmless: &OrderMail) {
    let mail = compose(order, &id("hostile"), date()).unwrap();
    let html = render_html(order);
    let tags = |html: &str| html.matches('<').count();
    let without = render_html(harmless);
    assert_eq!(tags(&html), tags(&without), "no tag more: {html}");
    assert!(!html.contains("49"), "no template is run");
    let steering = |c: char| matches!(c, '\0'..='\x09' | '\x0B'..='\x1F' | '\x7F'..='\u{9F}' | '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    assert!(!html.contains(steering) && !render_text(order).contains(steering));
    let Some(read) = read(mail.content()) else { return };
    let names: Vec<&str> = read.headers.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "Date",
        "From",
        "To",
        "Subject",
        "Message-ID",
        "Auto-Submitted",
        "Content-Language",
        "MIME-Version",
        "Content-Type",
    ];
    assert_eq!(names, expected);
    for (name, value) in &read.headers {
        assert!(!value.contains(|c| c == '\n' || steering(c)), "{name}: {value:?}");
    }
    assert_eq!(
        (read.from.1.as_str(), read.to.1.as_str()),
        ("entradas@teatro.example.cl", "antonia@example.cl")
    );
    assert_eq!(read.parts.len(), 5);
    for (sent, arrived) in order.attachments.iter().zip(&read.parts[2..]) {
        assert_eq!(arrived.content, sent.bytes);
        let name = arrived.file_name.as_deref().unwrap();
        assert!(!name.is_empty() && !name.contains(['/', '\\', '"', '<', '\n']), "{name}");
    }
    let event = String::from_utf8(read.part("text/calendar").content.clone()).unwrap();
    assert_eq!(
        event.split("\r\n").filter(|line| *line == "BEGIN:VEVENT" || *line == "END:VEVENT").count(),
        2
    );
    assert!(event.split("\r\n").all(|line| line.len() <= 75 && !line.contains('\n')));
    for name in ["METHOD:", "UID:", "ORGANIZER:", "STATUS:", "SEQUENCE:", "SUMMARY:", "LOCATION:"] {
        let lines = event.split("\r\n").filter(|line| line.starts_with(name)).count();
        let expected = usize::from(name != "SEQUENCE:" || order.entry.sequence > 0);
        assert_eq!(lines, expected, "{name} in {event}");
    }
}

#[test]
fn known_tricks_change_nothing() {
    TEXTS.iter().for_each(|text| stays_in_its_place(text));
    stays_in_its_place(&"ñ".repeat(300));
    stays_in_its_place(&"W".repeat(3_000));
    stays_in_its_place(&format!("a{}", "\u{301}".repeat(300)));
    stays_in_its_place(&"👩\u{200D}👩\u{200D}👧".repeat(300));
    stays_in_its_place(&"\r\nBcc: x@example.cl".repeat(300));
}

#[test]
fn names_arrive_as_they_are_where_they_can() {
    for name in [
        "Ana Pérez",
        "Perez, Ana",
        "Ana \"La Jefa\" Pérez",
        "O'Higgins",
        "Ana (jefa)",
        "李小龍",
        "🎭",
        "a\\b c",
    ] {
        let order = OrderMail {
            buyer_name: name.to_owned(),
            sender_name: name.to_owned(),
            show: name.to_owned(),
            ..confirmation(Language::Spanish)
        };
        let mail = compose(&order, &id("name"), date()).unwrap();
        let Some(read) = read(mail.content()) else { return };
        assert_eq!(read.from.0, name);
        assert_eq!(read.header("Subject"), format!("Tus entradas para {name}"));
        if !name.contains('\\') {
            assert_eq!(read.to.0, name);
        }
    }
}

proptest! {
    // Each case runs Python.
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_text_stays_in_its_place(text in "(\\PC|[\r\n\t <>\"'\\\\{}%:;,@./=?_-]|\u{202E}|[a-z ]){0,400}") {
        stays_in_its_place(&text);
    }
}
