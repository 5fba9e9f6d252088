//! Measures how many tickets a core makes in a second: PDFs of one ticket each, with its QR code and embedded fonts.
//! Usage: `ticket_rate [SECONDS]` (10). `ticket_rate_reportlab.py` beside it does the same with ReportLab. Both count the
//! time in which they had the processor: others on the machine do not make them slower.

#[path = "../tests/documents/sheets.rs"]
#[allow(dead_code)]
mod sheets;

use rustix::time::{ClockId, clock_gettime};
use ticketflow_documents::{render_receipt, render_tickets};
use ticketflow_domain::Language;

fn main() {
    let seconds = std::env::args().nth(1).and_then(|it| it.parse().ok()).unwrap_or(10.0);
    let mut sheet = sheets::tickets(Language::Spanish, 1);
    measure("tickets", seconds, |number| {
        sheet.tickets[0].code = sheets::code(number);
        render_tickets(&sheet).expect("the sample is sound").len()
    });
    let mut boleta = sheets::boleta(Language::Spanish);
    measure("boletas", seconds, |number| {
        boleta.folio = number as u64;
        render_receipt(&boleta).expect("the sample is sound").len()
    });
}

/// Rate and size; the first run, which reads the fonts, is not counted.
fn measure(what: &str, seconds: f64, mut make: impl FnMut(usize) -> usize) {
    let bytes = make(0);
    let started = processor_seconds();
    let mut made = 0;
    while processor_seconds() - started < seconds {
        made += 1;
        make(made);
    }
    let rate = made as f64 / (processor_seconds() - started);
    println!("{what}: {rate:.0}/s on one core, {bytes} bytes each");
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
