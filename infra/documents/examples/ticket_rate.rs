//! Measures how many tickets a core makes in a second: PDFs of one ticket each, with its QR code and embedded fonts.
//! Usage: `ticket_rate [SECONDS]` (10). `ticket_rate_reportlab.py` beside it does the same with ReportLab.

#[path = "../tests/documents/sheets.rs"]
#[allow(dead_code)]
mod sheets;

use std::time::{Duration, Instant};
use ticketflow_documents::{Language, render_receipt, render_tickets};

fn main() {
    let seconds = std::env::args().nth(1).and_then(|it| it.parse().ok()).unwrap_or(10);
    let time = Duration::from_secs(seconds);
    let mut sheet = sheets::tickets(Language::Spanish, 1);
    measure("tickets", time, |number| {
        sheet.tickets[0].code = sheets::code(number);
        render_tickets(&sheet).expect("the sample is sound").len()
    });
    let mut boleta = sheets::boleta(Language::Spanish);
    measure("boletas", time, |number| {
        boleta.folio = number as u64;
        render_receipt(&boleta).expect("the sample is sound").len()
    });
}

/// Rate and size; the first run, which reads the fonts, is not counted.
fn measure(what: &str, time: Duration, mut make: impl FnMut(usize) -> usize) {
    let bytes = make(0);
    let started = Instant::now();
    let mut made = 0;
    while started.elapsed() < time {
        made += 1;
        make(made);
    }
    println!("{what}: {:.0}/s on one core, {bytes} bytes each", made as f64 / started.elapsed().as_secs_f64());
}
