//! How many mails a second are put together, and written to a folder, by one thread: `mail_rate FOLDER [MAILS]`.
//!
//! Each has a PDF of 40 kB. Writing waits for the disk, twice for every mail.

use jiff::{Timestamp, tz::TimeZone};
use std::hint::black_box;
use std::time::Instant;
use ticketflow_domain::{Currency, Language, Money};
use ticketflow_mail::{
    Attachment, CalendarEntry, MailKind, MailTransport, MediaType, MessageId, OrderMail, Seat, compose,
};

const PDF_BYTES: usize = 40_000;

fn order() -> OrderMail {
    let seat = |n: u32| Seat { label: format!("Fila C, asiento {n}"), zone: "Platea".to_owned() };
    let seats: Vec<Seat> = (1..=4).map(seat).collect();
    OrderMail {
        kind: MailKind::Confirmation,
        language: Language::Spanish,
        is_demo: false,
        buyer_name: "Antonia Núñez".to_owned(),
        buyer_address: "antonia@example.cl".to_owned(),
        sender_name: "Teatro del Ejemplo".to_owned(),
        sender_address: "entradas@teatro.example.cl".to_owned(),
        show: "La ñandú y el sueño".to_owned(),
        venue: "Sala Grande, Calle Inventada 123, Valparaíso".to_owned(),
        starts_at: Timestamp::from_second(1_810_000_000).expect("within range").to_zoned(TimeZone::UTC),
        seats: seats.clone(),
        total: Money { amount: 100_000, currency: Currency::CLP },
        entry: CalendarEntry { sequence: 0, seats },
        order: "01KB2R5T7W9YAC4EG6HJ8KMNPQ".parse().expect("an id"),
        order_page: Some("https://entradas.example.cl/orders/01KB2R5T7W9YAC4EG6HJ8KMNPQ".to_owned()),
        receipt: None,
        attachments: vec![Attachment {
            file_name: "entradas.pdf".to_owned(),
            media_type: MediaType::Pdf,
            bytes: (0..PDF_BYTES).map(|n| (n * 31 % 251) as u8).collect(),
        }],
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("the first argument is a folder");
    let mails: u32 = arguments.next().map_or(2_000, |count| count.parse().expect("a number of mails"));
    let transport =
        MailTransport::open(&format!("file:{folder}").parse().expect("a folder")).expect("a transport");
    let order = order();
    let id = |n: u32| format!("mail-{n}@example.cl").parse::<MessageId>().expect("an id");
    let since = Instant::now();
    let mut bytes = 0;
    for n in 0..mails {
        bytes = black_box(compose(&order, &id(n), Timestamp::UNIX_EPOCH).expect("a mail")).content().len();
    }
    let rate = f64::from(mails) / since.elapsed().as_secs_f64();
    println!("composed           {rate:8.0} mails/s of {bytes} bytes");
    let since = Instant::now();
    for n in 0..mails {
        let mail = compose(&order, &id(n), Timestamp::UNIX_EPOCH).expect("a mail");
        transport.send(&mail).await.expect("it is written");
    }
    let rate = f64::from(mails) / since.elapsed().as_secs_f64();
    println!("composed + written {rate:8.0} mails/s");
}
