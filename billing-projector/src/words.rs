//! The words of documents that depend on what was sold, in both languages.

use ticketflow_documents::Language;

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

/// `Platea, fila A, asiento 6`.
pub(crate) fn seat(language: Language, zone: &str, row: &str, number: &str) -> String {
    match language {
        Language::Spanish => format!("{zone}, fila {row}, asiento {number}"),
        Language::English => format!("{zone}, row {row}, seat {number}"),
    }
}

/// `Cancha, entrada general`.
pub(crate) fn general(language: Language, zone: &str) -> String {
    match language {
        Language::Spanish => format!("{zone}, entrada general"),
        Language::English => format!("{zone}, general admission"),
    }
}
