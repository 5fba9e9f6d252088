//! What the kinds of documents are called, on paper and in mails.

use std::fmt::Display;

use ticketflow_domain::Language;
use ticketflow_domain::billing::DocumentType;

/// `Comprobante de pago`. Documents of the Chilean authority have the authority's name for them in every language.
#[must_use]
pub const fn document_name(language: Language, document_type: DocumentType) -> &'static str {
    match (document_type, language) {
        (DocumentType::Receipt, Language::Spanish) => "Comprobante de pago",
        (DocumentType::Receipt, Language::English) => "Payment receipt",
        (DocumentType::CreditNote, Language::Spanish) => "Comprobante de devolución",
        (DocumentType::CreditNote, Language::English) => "Refund receipt",
        (DocumentType::TaxedReceipt, Language::Spanish) => "Boleta electrónica",
        (DocumentType::TaxedReceipt, Language::English) => "Electronic receipt (boleta electrónica)",
        (DocumentType::ExemptReceipt, Language::Spanish) => "Boleta exenta electrónica",
        (DocumentType::ExemptReceipt, Language::English) => {
            "Exempt electronic receipt (boleta exenta electrónica)"
        }
        (DocumentType::FiscalCreditNote, Language::Spanish) => "Nota de crédito electrónica",
        (DocumentType::FiscalCreditNote, Language::English) => {
            "Electronic credit note (nota de crédito electrónica)"
        }
    }
}

/// `N.º 12` or `No. 12`.
pub fn document_number(language: Language, folio: impl Display) -> String {
    match language {
        Language::Spanish => format!("N.º {folio}"),
        Language::English => format!("No. {folio}"),
    }
}

/// `Boleta electrónica N.º 12`.
pub fn document_title(language: Language, document_type: DocumentType, folio: impl Display) -> String {
    format!("{} {}", document_name(language, document_type), document_number(language, folio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_the_authority_has_its_name_in_every_language() {
        for document_type in DocumentType::ALL {
            let [spanish, english] = [Language::Spanish, Language::English]
                .map(|language| document_name(language, document_type).to_lowercase());
            let is_fiscal = document_type.chilean_code().is_some();
            assert_eq!(english.contains(&spanish), is_fiscal, "{english}");
        }
    }

    #[test]
    fn a_title_is_name_and_number() {
        let (boleta, note) = (DocumentType::TaxedReceipt, DocumentType::CreditNote);
        assert_eq!(document_title(Language::Spanish, boleta, 12), "Boleta electrónica N.º 12");
        assert_eq!(document_title(Language::English, note, "1.234"), "Refund receipt No. 1.234");
    }
}
