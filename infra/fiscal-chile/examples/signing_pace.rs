//! How many boletas a second one processor signs, and how long an envelope of 500 takes: `cargo run --release --example signing_pace`.
//! Counts the time in which it had the processor: others on the machine do not make it slower.

#![allow(clippy::unwrap_used, reason = "a measurement ends by panicking")]

use jiff::civil::{date, datetime};
use rustix::time::{ClockId, clock_gettime};
use ticketflow_fiscal_chile::{
    Caf, Document, DocumentType, EnvelopeHeader, Issuer, LineKind, MAX_DOCUMENTS, Receipt, ReceiptLine,
    Receiver, RsaKey, TestCaf, TicketInfo, Totals, issue, seal_envelope, test_caf, test_identity,
};

const TICKETS: usize = 3;

fn main() {
    let rut = "76.123.456-0".parse().unwrap();
    let today = date(2026, 11, 27);
    let at = datetime(2026, 11, 27, 12, 0, 0, 0);
    let authority = RsaKey::from_seed(&[1; 32], 512).unwrap();
    let range = TestCaf {
        issuer: rut,
        issuer_name: "Boletería Ñandú",
        document_type: DocumentType::TaxedReceipt,
        folios: 1..=500,
        authorised_on: today,
    };
    let (caf, key) = Caf::parse(&test_caf(&range, &[2; 32], &authority).unwrap()).unwrap();
    let identity = test_identity(&[3; 32], "Boletería Ñandú", rut, today, date(2036, 1, 1)).unwrap();
    let ticket = TicketInfo {
        number: 1,
        issued_at: at,
        event_name: "La casa de las mareas".to_owned(),
        ticket_type: "Platea".to_owned(),
        event_code: "A1B2C".to_owned(),
        event_at: at,
        venue: "Teatro Caleta Clara, Valparaíso".to_owned(),
        section: "Platea".to_owned(),
        row: Some("F".to_owned()),
        seat: Some("12".to_owned()),
    };
    let line = ReceiptLine {
        kind: LineKind::Ticket(ticket),
        organiser: rut,
        name: "La casa de las mareas: Platea, fila F, asiento 12".to_owned(),
        quantity: 1,
        unit_price: 11_900,
    };
    let text = str::to_owned;
    let receipt = |folio| {
        Document::Receipt(Receipt {
            document_type: DocumentType::TaxedReceipt,
            folio,
            issued_on: today,
            issuer: Issuer {
                rut,
                name: text("Boletería Ñandú"),
                activity: text("Venta de entradas"),
                activity_code: 799_000,
                address: text("Costanera 12"),
                district: text("Ñuñoa"),
                city: text("Santiago"),
            },
            receiver: Receiver { rut: Some(rut), name: Some(text("María José Muñoz")), contact: None },
            lines: vec![line.clone(); TICKETS],
            totals: Totals { net: 30_000, tax: 5_700, exempt: 0, total: 35_700 },
        })
    };
    let since = processor_seconds();
    let signed: Vec<_> = (1..=MAX_DOCUMENTS as u64)
        .map(|folio| issue(&receipt(folio), &caf, &key, &identity, at).unwrap())
        .collect();
    let signing = processor_seconds() - since;
    let header = EnvelopeHeader {
        issuer: rut,
        sender: rut,
        resolution_date: date(2014, 8, 22),
        resolution_number: 80,
        signed_at: at,
    };
    let since = processor_seconds();
    let envelope = seal_envelope(&header, &signed, &identity).unwrap();
    println!(
        "{:.0} documents a second; an envelope of {} bytes in {:.1} ms",
        signed.len() as f64 / signing,
        envelope.len(),
        (processor_seconds() - since) * 1_000.0
    );
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
