//! Writes sample documents to look at. Usage: `samples FOLDER`.

#[path = "../tests/documents/sheets.rs"]
mod sheets;

use std::path::PathBuf;
use ticketflow_documents::{Place, render_receipt, render_tickets};
use ticketflow_domain::billing::DocumentType;
use ticketflow_domain::{Language, ShowId};

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("usage: samples FOLDER"));
    let save = |name: &str, pdf: Vec<u8>| {
        std::fs::write(folder.join(name), pdf).expect("the folder takes a file");
    };
    for (name, language) in [("es", Language::Spanish), ("en", Language::English)] {
        let mut sheet = sheets::tickets(language, 4);
        save(&format!("tickets-{name}.pdf"), render_tickets(&sheet).expect("the sample is sound"));
        sheet.tickets[0].place = Place::GeneralAdmission;
        sheet.show =
            "Réquiem alemán op. 45 de Johannes Brahms, con el Coro Sinfónico de la Universidad de Chile"
                .to_owned();
        sheet.show_id = ShowId::from_bytes([3; 16]);
        save(&format!("general-{name}.pdf"), render_tickets(&sheet).expect("the sample is sound"));
        sheet.show = format!("Noche de 🎉👩\u{200D}👩\u{200D}👧 en 東京 {}", "y mucho más ".repeat(20));
        sheet.venue = "ערב של שירים \u{202E}<b>Teatro</b>".to_owned();
        sheet.buyer = "W".repeat(300);
        sheet.tickets[0].zone = "Tribuna Andes Lateral Superior Numerada ".repeat(6);
        sheet.tickets[0].place = Place::Seat { row: "Palco 12".to_owned(), seat: "123456789".to_owned() };
        sheet.terms = "Otra condición más. ".repeat(60);
        save(&format!("hostile-{name}.pdf"), render_tickets(&sheet).expect("the sample is sound"));
        save(
            &format!("boleta-{name}.pdf"),
            render_receipt(&sheets::boleta(language)).expect("the sample is sound"),
        );
        let note = sheets::credit_note(language);
        save(&format!("credit-note-{name}.pdf"), render_receipt(&note).expect("the sample is sound"));
        let mut payment = sheets::boleta(language);
        payment.document_type = DocumentType::Receipt;
        payment.is_demo = false;
        payment.stamp = None;
        payment.lines = (0..30).map(|_| payment.lines[0].clone()).collect();
        save(&format!("payment-{name}.pdf"), render_receipt(&payment).expect("the sample is sound"));
    }
}
