//! Sheets as the billing service would fill them, for tests, samples and measurements.

use jiff::civil;
use ticketflow_documents::{
    Buyer, FiscalStamp, Issuer, Place, ReceiptLine, ReceiptSheet, Reference, Tax, Ticket, TicketSheet, Totals,
};
use ticketflow_domain::billing::DocumentType;
use ticketflow_domain::{Currency, Language, Money, ShowId};

/// As long as a ticket code is, in its alphabet: no two are alike.
pub(crate) fn code(number: usize) -> String {
    let body: String = (0..175_usize)
        .map(|at| {
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(at * at * 7 + at * 3 + number * (at + 11)) % 32])
        })
        .collect();
    format!("TF:{body}")
}

pub(crate) fn pesos(amount: i64) -> Money {
    Money { amount, currency: Currency::CLP }
}

pub(crate) fn tickets(language: Language, count: usize) -> TicketSheet {
    let terms = match language {
        Language::Spanish => {
            "Válida para una persona y una sola vez: el código se anula al entrar. Las puertas abren una hora antes. \
             No se permite el ingreso con alimentos ni grabar la función. Cambios y devoluciones según las condiciones \
             del recinto y la Ley del Consumidor; conserva esta entrada hasta el final de la función."
        }
        Language::English => {
            "Admits one person, once: the code is void after entry. Doors open one hour before. No food, no recording. \
             Changes and refunds follow the venue's conditions and consumer law; keep this ticket until the show is over."
        }
    };
    TicketSheet {
        language,
        is_demo: true,
        show_id: ShowId::from_bytes([9; 16]),
        show: "La casa de las mareas".to_owned(),
        venue: "Teatro Caleta Clara, Ñuñoa".to_owned(),
        starts_at: civil::datetime(2026, 12, 5, 20, 30, 0, 0),
        buyer: "María José Núñez Güell".to_owned(),
        order_reference: "01KB2R5T7W9YAC4EG6HJ8KMNPQ".to_owned(),
        terms: terms.to_owned(),
        tickets: (0..count)
            .map(|number| Ticket {
                zone: "Platea alta".to_owned(),
                place: Place::Seat { row: "K".to_owned(), seat: (14 + number).to_string() },
                price: pesos(25_000),
                code: code(number),
            })
            .collect(),
    }
}

/// A stamp in the shape of the SII's, with nobody's keys.
pub(crate) fn ted() -> String {
    let key = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODkrLw";
    format!(
        "<TED version=\"1.0\"><DD><RE>76123456-0</RE><TD>39</TD><F>12</F><FE>2026-11-27</FE><RR>66666666-6</RR>\
         <RSR>María José Núñez</RSR><MNT>75000</MNT><IT1>Platea alta, fila K, asiento 14</IT1><CAF version=\"1.0\"><DA>\
         <RE>76123456-0</RE><RS>PRODUCCIONES ÑUÑOA SPA</RS><TD>39</TD><RNG><D>1</D><H>500</H></RNG><FA>2026-11-01</FA>\
         <RSAPK><M>{key}</M><E>Aw==</E></RSAPK><IDK>100</IDK></DA><FRMA algoritmo=\"SHA1withRSA\">{key}</FRMA></CAF>\
         <TSTED>2026-11-27T20:15:00</TSTED></DD><FRMT algoritmo=\"SHA1withRSA\">{key}</FRMT></TED>"
    )
}

pub(crate) fn boleta(language: Language) -> ReceiptSheet {
    ReceiptSheet {
        language,
        is_demo: true,
        document_type: DocumentType::TaxedReceipt,
        folio: 12,
        issuer: Issuer {
            name: "Producciones Ñuñoa SpA".to_owned(),
            tax_id: "76.123.456-0".to_owned(),
            activity: "Producción de espectáculos y artes escénicas".to_owned(),
            address: "Av. Irarrázaval 1234, Ñuñoa, Santiago".to_owned(),
        },
        issued_on: civil::date(2026, 11, 27),
        buyer: Some(Buyer {
            name: "María José Núñez Güell".to_owned(),
            rut: Some("12.345.678-5".parse().expect("a RUT")),
        }),
        order_reference: "01KB2R5T7W9YAC4EG6HJ8KMNPQ".to_owned(),
        reference: None,
        lines: vec![
            line("La casa de las mareas: Platea alta, fila K, asientos 14 a 16", 3, 75_000),
            line("La casa de las mareas: Cancha, entrada general", 2, 30_000),
            line("Cargo por servicio", 5, 5_000),
        ],
        totals: Totals {
            net: Some(pesos(92_437)),
            tax: Some(Tax { percent: 19, amount: pesos(17_563) }),
            exempt: None,
            total: pesos(110_000),
        },
        stamp: Some(FiscalStamp {
            ted: ted(),
            resolution_number: 80,
            resolution_year: 2014,
            verify_at: "www.sii.cl".to_owned(),
        }),
    }
}

pub(crate) fn credit_note(language: Language) -> ReceiptSheet {
    ReceiptSheet {
        document_type: DocumentType::FiscalCreditNote,
        folio: 3,
        reference: Some(Reference {
            document_type: DocumentType::TaxedReceipt,
            folio: 12,
            issued_on: civil::date(2026, 11, 27),
            reason: "Devolución de una entrada.".to_owned(),
        }),
        ..boleta(language)
    }
}

pub(crate) fn line(description: &str, quantity: u32, amount: i64) -> ReceiptLine {
    ReceiptLine { description: description.to_owned(), quantity, amount: pesos(amount) }
}
