//! Receipts.

use crate::{hostile_texts, sheets, tools};
use rxing::BarcodeFormat;
use ticketflow_documents::{MAX_RECEIPT_LINES, ReceiptSheet, RenderReceiptError, render_receipt};
use ticketflow_domain::Language;
use ticketflow_domain::billing::DocumentType;

/// What the tax office asks of a stamp, at least.
const RESOLUTION: u32 = 200;

fn assert_words(sheet: &ReceiptSheet, texts: &[&str]) {
    let pdf = render_receipt(sheet).expect("the sheet is sound");
    let Some(words) = tools::words(&pdf) else { return };
    for text in texts {
        assert!(words.contains(text), "{text:?} is missing in {words:?}");
    }
}

#[test]
fn all_texts_of_a_boleta_are_on_its_page() {
    let texts = [
        "Producciones Ñuñoa SpA",
        "RUT 76.123.456-0",
        "Boleta electrónica",
        "N.º 12",
        "27 de noviembre de 2026",
        "María José Núñez Güell",
        "RUT 12.345.678-5",
        "Cargo por servicio 5 $5.000",
        "Neto $92.437",
        "IVA (19%) $17.563",
        "Total $110.000",
        "Timbre Electrónico SII",
        "Res. 80 de 2014 · Verifique documento: www.sii.cl",
        "DEMO, SIN VALIDEZ TRIBUTARIA",
    ];
    assert_words(&sheets::boleta(Language::Spanish), &texts);
    let english = [
        "Electronic receipt",
        "No. 12",
        "27 November 2026",
        "CLP 110,000",
        "VAT (19%)",
        "Timbre Electrónico SII",
    ];
    assert_words(&sheets::boleta(Language::English), &english);
}

#[test]
fn a_credit_note_names_the_document_that_it_corrects() {
    let reference =
        "Referencia: Boleta electrónica N.º 12 del 27 de noviembre de 2026. Devolución de una entrada.";
    assert_words(
        &sheets::credit_note(Language::Spanish),
        &["Nota de crédito", "electrónica", "N.º 3", reference],
    );
}

#[test]
fn a_receipt_without_tax_stamp_and_buyer_has_no_place_for_them() {
    let mut sheet = sheets::boleta(Language::Spanish);
    sheet.document_type = DocumentType::Receipt;
    (sheet.stamp, sheet.buyer, sheet.totals.net, sheet.totals.tax) = (None, None, None, None);
    let pdf = render_receipt(&sheet).unwrap();
    let Some(words) = tools::words(&pdf) else { return };
    assert!(words.contains("Comprobante de pago") && words.contains("Total $110.000"), "{words}");
    assert!(["Timbre", "IVA", "Neto", "Señor"].iter().all(|absent| !words.contains(absent)), "{words}");
    assert!(tools::info(&pdf).unwrap().contains("Comprobante de pago N.º 12"));
}

#[test]
fn the_stamp_reads_back_to_its_characters() {
    for (folio, ted) in [(1, sheets::ted()), (2, "á".to_owned()), (3, "<F>ñ</F>".repeat(125))] {
        let mut sheet = sheets::boleta(Language::Spanish);
        sheet.folio = folio;
        if let Some(stamp) = &mut sheet.stamp {
            stamp.ted.clone_from(&ted);
        }
        let Some(picture) = tools::picture(&render_receipt(&sheet).unwrap(), 1, RESOLUTION) else { return };
        assert_eq!(tools::decode(&picture, BarcodeFormat::PDF_417), ted);
    }
}

#[test]
fn lines_go_on_over_pages_and_none_is_lost() {
    for (count, pages) in [(1, 1), (10, 1), (18, 2), (40, 2), (150, 7)] {
        let mut sheet = sheets::boleta(Language::Spanish);
        sheet.lines =
            (1..=count).map(|number| sheets::line(&format!("Entrada número {number};"), 1, 25_000)).collect();
        let pdf = render_receipt(&sheet).unwrap();
        let Some(words) = tools::words(&pdf) else { return };
        assert!((1..=count).all(|number| words.contains(&format!("Entrada número {number};"))), "{count}");
        assert_eq!(tools::page_count(&pdf), Some(pages), "{count} lines");
        assert_eq!(words.matches("Total $").count(), 1, "{count}");
        let last = tools::picture(&pdf, pages, RESOLUTION).unwrap();
        assert_eq!(tools::decode(&last, BarcodeFormat::PDF_417), sheets::ted(), "{count}");
        assert_eq!(words.contains(&format!("Página {pages} de {pages}")), pages > 1);
    }
}

#[test]
fn no_text_moves_or_covers_the_stamp() {
    for (name, text) in hostile_texts() {
        let mut sheet = sheets::credit_note(Language::Spanish);
        for place in [
            &mut sheet.issuer.name,
            &mut sheet.issuer.activity,
            &mut sheet.issuer.address,
            &mut sheet.order_reference,
        ] {
            place.clone_from(&text);
        }
        if let (Some(buyer), Some(reference), Some(stamp)) =
            (&mut sheet.buyer, &mut sheet.reference, &mut sheet.stamp)
        {
            for place in [&mut buyer.name, &mut reference.reason, &mut stamp.verify_at] {
                place.clone_from(&text);
            }
        }
        sheet.lines = (0..8).map(|_| sheets::line(&text, u32::MAX, i64::MIN)).collect();
        let pdf = render_receipt(&sheet).unwrap();
        assert!(tools::page_count(&pdf).is_none_or(|pages| pages == 1), "{name}");
        let Some(picture) = tools::picture(&pdf, 1, RESOLUTION) else { return };
        assert_eq!(tools::decode(&picture, BarcodeFormat::PDF_417), sheets::ted(), "{name}");
        let words = tools::words(&pdf).unwrap();
        assert!(words.contains("Total $110.000"), "{name}: {words:?}");
        assert!(!words.contains(['\0', '\u{1b}', '\u{202E}', '\u{200B}', '\u{FFFD}']), "{name}: {words:?}");
    }
}

#[test]
fn the_same_sheet_gives_the_same_bytes() {
    let render = || render_receipt(&sheets::credit_note(Language::Spanish)).unwrap();
    let first = render();
    assert!((0..5).all(|_| render() == first));
    assert!(render_receipt(&sheets::boleta(Language::Spanish)).unwrap() != first);
}

#[test]
fn what_cannot_be_a_document_is_refused() {
    let sheet = |change: fn(&mut ReceiptSheet)| {
        let mut sheet = sheets::boleta(Language::Spanish);
        change(&mut sheet);
        render_receipt(&sheet)
    };
    let ted = |text: &str| {
        let mut sheet = sheets::boleta(Language::Spanish);
        if let Some(stamp) = &mut sheet.stamp {
            text.clone_into(&mut stamp.ted);
        }
        render_receipt(&sheet)
    };
    assert!(matches!(sheet(|it| it.lines.clear()), Err(RenderReceiptError::LineCount { count: 0 })));
    let many = sheet(|it| it.lines = vec![it.lines[0].clone(); MAX_RECEIPT_LINES + 1]);
    assert!(matches!(many, Err(RenderReceiptError::LineCount { count: 501 })));
    assert!(matches!(ted("5 €"), Err(RenderReceiptError::StampCharacters)));
    assert!(matches!(ted(""), Err(RenderReceiptError::StampCharacters)));
    assert!(matches!(ted(&"x".repeat(2_000)), Err(RenderReceiptError::StampTooLong)));
}
