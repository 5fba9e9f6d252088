//! Tickets.

use crate::{hostile_texts, sheets, tools};
use rxing::BarcodeFormat;
use ticketflow_documents::{MAX_TICKETS, Place, RenderTicketsError, render_tickets};
use ticketflow_domain::Language;

/// Enough for a phone's camera.
const RESOLUTION: u32 = 150;

#[test]
fn all_texts_of_a_ticket_are_on_its_page() {
    let pdf = render_tickets(&sheets::tickets(Language::Spanish, 2)).unwrap();
    let Some(words) = tools::words(&pdf) else { return };
    for text in [
        "Entrada 1 de 2",
        "Entrada 2 de 2",
        "La casa de las mareas",
        "Teatro Caleta Clara, Ñuñoa",
        "sábado 5 de diciembre de 2026",
        "20:30 h",
        "María José Núñez Güell",
        "$25.000",
        "Platea alta",
        "Fila Asiento",
        "01KB2R5T7W9YAC4EG6HJ8KMNPQ",
        "Válida para una persona",
        "DEMO, SIN VALIDEZ TRIBUTARIA",
    ] {
        assert!(words.contains(text), "{text:?} is missing in {words:?}");
    }
    let english = render_tickets(&sheets::tickets(Language::English, 1)).unwrap();
    let words = tools::words(&english).unwrap();
    for text in ["Ticket 1 of 1", "Saturday 5 December 2026", "CLP 25,000", "Row Seat", "NOT A TAX DOCUMENT"]
    {
        assert!(words.contains(text), "{text:?} is missing in {words:?}");
    }
}

#[test]
fn the_demo_mark_is_on_demo_tickets_only() {
    let mut sheet = sheets::tickets(Language::Spanish, 1);
    sheet.is_demo = false;
    let Some(words) = tools::words(&render_tickets(&sheet).unwrap()) else { return };
    assert!(!words.contains("DEMO"), "{words}");
}

#[test]
fn general_admission_has_no_seat() {
    let mut sheet = sheets::tickets(Language::Spanish, 1);
    sheet.tickets[0].place = Place::GeneralAdmission;
    let Some(words) = tools::words(&render_tickets(&sheet).unwrap()) else { return };
    assert!(words.contains("Entrada general") && !words.contains("Asiento"), "{words}");
}

#[test]
fn every_ticket_of_an_order_has_a_page_with_its_own_code() {
    for count in [1, 4, 10] {
        let sheet = sheets::tickets(Language::Spanish, count);
        let pdf = render_tickets(&sheet).unwrap();
        let Some(pages) = tools::page_count(&pdf) else { return };
        assert_eq!(pages, count);
        for (index, ticket) in sheet.tickets.iter().enumerate() {
            let Some(picture) = tools::picture(&pdf, index + 1, RESOLUTION) else { return };
            assert_eq!(tools::decode(&picture, BarcodeFormat::QR_CODE), ticket.code, "page {}", index + 1);
        }
    }
}

/// The grey values around the code, as the page is designed.
fn code_area(picture: &tools::Picture) -> Vec<u8> {
    let pixels = |points: f32| (points * RESOLUTION as f32 / 72.0) as usize;
    let (left, right, top, bottom) = (pixels(33.0), pixels(181.0), pixels(383.0), pixels(531.0));
    let rows = picture.grey.chunks(picture.width as usize).skip(top).take(bottom - top);
    rows.flat_map(|row| row[left..right].to_vec()).collect()
}

#[test]
fn no_text_moves_or_covers_the_code() {
    let plain = render_tickets(&sheets::tickets(Language::Spanish, 1)).unwrap();
    let Some(plain) = tools::picture(&plain, 1, RESOLUTION) else { return };
    assert!(code_area(&plain).contains(&0) && plain.width < plain.height);
    for (name, text) in hostile_texts() {
        let mut sheet = sheets::tickets(Language::Spanish, 1);
        for place in [
            &mut sheet.show,
            &mut sheet.venue,
            &mut sheet.buyer,
            &mut sheet.order_reference,
            &mut sheet.terms,
            &mut sheet.tickets[0].zone,
        ] {
            place.clone_from(&text);
        }
        sheet.tickets[0].place = Place::Seat { row: text.clone(), seat: text.clone() };
        let pdf = render_tickets(&sheet).unwrap();
        assert_eq!(tools::page_count(&pdf), Some(1), "{name}");
        let picture = tools::picture(&pdf, 1, RESOLUTION).unwrap();
        assert_eq!(tools::decode(&picture, BarcodeFormat::QR_CODE), sheet.tickets[0].code, "{name}");
        assert!(code_area(&picture) == code_area(&plain), "{name}: something else is where the code is");
        let words = tools::words(&pdf).unwrap();
        assert!(!words.contains(['\0', '\u{1b}', '\u{202E}', '\u{200B}', '\u{FFFD}']), "{name}: {words:?}");
    }
}

#[test]
fn the_same_sheet_gives_the_same_bytes_and_another_does_not() {
    let render = |count| render_tickets(&sheets::tickets(Language::Spanish, count)).unwrap();
    let first = render(4);
    for _ in 0..5 {
        assert!(render(4) == first);
    }
    assert!(render(3) != first);
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(move || render(4))).collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == first));
}

#[test]
fn the_file_says_what_it_is_and_carries_its_fonts() {
    let pdf = render_tickets(&sheets::tickets(Language::Spanish, 1)).unwrap();
    assert!(pdf.len() < 40_000, "{} bytes", pdf.len());
    assert!(String::from_utf8_lossy(&pdf).contains("/Lang(es-CL)"));
    let Some(info) = tools::info(&pdf) else { return };
    assert!(info.contains("Entradas: La casa de las mareas") && info.contains("TicketFlow"), "{info}");
    assert!(!info.contains("CreationDate"), "{info}");
    let fonts = tools::fonts(&pdf).unwrap();
    let faces: Vec<_> = fonts.lines().skip(2).collect();
    assert_eq!(faces.len(), 2, "{fonts}");
    // Embedded, subset, readable.
    assert!(faces.iter().all(|face| face.contains("yes yes yes")), "{fonts}");
}

#[test]
fn what_cannot_be_a_file_of_tickets_is_refused() {
    let mut sheet = sheets::tickets(Language::Spanish, 0);
    assert!(matches!(render_tickets(&sheet), Err(RenderTicketsError::TicketCount { count: 0 })));
    sheet = sheets::tickets(Language::Spanish, MAX_TICKETS + 1);
    assert!(matches!(render_tickets(&sheet), Err(RenderTicketsError::TicketCount { count: 201 })));
    sheet = sheets::tickets(Language::Spanish, 2);
    sheet.tickets[1].code = "x".repeat(5_000);
    assert!(matches!(render_tickets(&sheet), Err(RenderTicketsError::CodeTooLong { number: 2 })));
}
