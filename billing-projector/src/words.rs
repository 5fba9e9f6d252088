//! The words of documents that depend on what was sold, in both languages.

use ticketflow_domain::Language;
use ticketflow_domain::billing::DocumentType;

/// In small print on every ticket.
pub(crate) const fn terms(language: Language) -> &'static str {
    match language {
        Language::Spanish => {
            "Válida para una persona y una sola vez: el código se anula al entrar. No la publiques: quien muestre primero el \
             código, entra. Cambios y devoluciones según las condiciones del recinto y la ley del consumidor; conserva esta \
             entrada hasta el final de la función."
        }
        Language::English => {
            "Admits one person, once: the code is void after entry. Do not publish it: whoever shows the code first gets in. \
             Changes and refunds follow the venue's conditions and consumer law; keep this ticket until the show is over."
        }
    }
}

/// Instead of the name of a person whose data were erased.
pub(crate) const fn erased_buyer(language: Language) -> &'static str {
    match language {
        Language::Spanish => "Datos eliminados",
        Language::English => "Details erased",
    }
}

/// Why a receipt is corrected.
pub(crate) const fn refund_reason(language: Language, annuls: bool) -> &'static str {
    match (language, annuls) {
        (Language::Spanish, true) => "Devolución de todas las entradas.",
        (Language::Spanish, false) => "Devolución de una parte de las entradas.",
        (Language::English, true) => "All tickets were given back.",
        (Language::English, false) => "Some of the tickets were given back.",
    }
}

/// `fila A, asiento 6`.
pub(crate) fn place(language: Language, row: &str, number: &str) -> String {
    match language {
        Language::Spanish => format!("fila {row}, asiento {number}"),
        Language::English => format!("row {row}, seat {number}"),
    }
}

/// Instead of row and seat where there are none.
pub(crate) const fn general_place(language: Language) -> &'static str {
    match language {
        Language::Spanish => "entrada general",
        Language::English => "general admission",
    }
}

/// Instead of lines that a credit note has no room for. Chilean documents are in Spanish.
pub(crate) fn more_tickets(count: usize) -> String {
    format!("Otras {count} entradas")
}

/// The name of a file with tickets.
pub(crate) const fn tickets_file(language: Language) -> &'static str {
    match language {
        Language::Spanish => "entradas.pdf",
        Language::English => "tickets.pdf",
    }
}

/// How the name of a file with a document begins. Chilean documents keep their names.
pub(crate) const fn document_file(language: Language, document_type: DocumentType) -> &'static str {
    match (document_type, language) {
        (DocumentType::Receipt, Language::Spanish) => "comprobante",
        (DocumentType::Receipt, Language::English) => "receipt",
        (DocumentType::CreditNote, Language::Spanish) => "devolucion",
        (DocumentType::CreditNote, Language::English) => "refund",
        (DocumentType::TaxedReceipt, _) => "boleta",
        (DocumentType::ExemptReceipt, _) => "boleta-exenta",
        (DocumentType::FiscalCreditNote, _) => "nota-de-credito",
    }
}
