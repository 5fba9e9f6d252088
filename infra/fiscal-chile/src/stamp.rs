//! The stamp of a document (TED, timbre electrónico): its main data and the authorisation of its folio, signed with the key that came
//! with that. It stands in the document and is printed as a PDF417 symbol.
//!
//! Invariant: signed, stored and printed are one text without white space between tags, in ISO-8859-1; and it fits the symbol.

use std::fmt;

use data_encoding::BASE64;
use jiff::civil::DateTime;

use crate::caf::Caf;
use crate::documents::{Document, plain_rut, plain_time};
use crate::keys::{RsaKey, decode_base64};
use crate::latin1;
use crate::xml_tree::Element;
use crate::xml_writer::escape;

/// Of the receiver's name and of the first item (schema).
const MAX_TEXT: usize = 40;
/// The same, when it is written with entities: both texts at this length still leave a stamp that one symbol holds.
const MAX_ESCAPED_BYTES: usize = 72;
/// Bytes that a PDF417 symbol of any shape holds at error correction level 5: of 928 codewords 64 correct errors, one says how many there
/// are, up to 29 fill the last row and 2 say that these are bytes; 5 hold 6 bytes.
#[cfg(test)]
const PDF417_BYTES: usize = (928 - 64 - 1 - 29 - 2) / 5 * 6;
/// For a receiver without a name: the schema wants one.
pub(crate) const NO_NAME: &str = "Sin nombre";

/// The stamp of a document. It names the receiver: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Stamp {
    xml: String,
}

impl fmt::Debug for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Stamp({} bytes)", self.xml.len())
    }
}

impl Stamp {
    /// Stamps a document that was checked and that the authorisation covers.
    pub(crate) fn new(document: &Document, caf: &Caf, key: &RsaKey, stamped_at: DateTime) -> Self {
        let receiver = document.receiver();
        let data = [
            "<DD>",
            &leaf("RE", &plain_rut(document.issuer().rut)),
            &leaf("TD", &document.document_type().code().to_string()),
            &leaf("F", &document.folio().to_string()),
            &leaf("FE", &document.issued_on().to_string()),
            &leaf("RR", &receiver.plain_rut()),
            &leaf("RSR", &stamp_text(receiver.name.as_deref().unwrap_or_default(), NO_NAME)),
            &leaf("MNT", &document.totals().total.to_string()),
            &leaf("IT1", &stamp_text(document.first_item(), "?")),
            &caf.to_xml(),
            &leaf("TSTED", &plain_time(stamped_at)),
            "</DD>",
        ]
        .concat();
        let signature = BASE64.encode(&key.sign_sha1(&latin1::encode(&data)));
        let xml =
            format!("<TED version=\"1.0\">{data}<FRMT algoritmo=\"SHA1withRSA\">{signature}</FRMT></TED>");
        Self { xml }
    }

    /// As it was read from a document.
    pub(crate) fn of_element(element: Element<'_>) -> Self {
        Self { xml: element.outer_xml().to_owned() }
    }

    /// The element as it stands in the document.
    #[must_use]
    pub fn as_xml(&self) -> &str {
        &self.xml
    }

    /// What the PDF417 symbol has to carry, in ISO-8859-1.
    #[must_use]
    pub fn to_pdf417_bytes(&self) -> Vec<u8> {
        latin1::encode(&self.xml)
    }
}

/// Whether the key of the authorisation in this stamp signed its data.
pub(crate) fn is_genuine(stamp: Element<'_>, caf: &Caf) -> bool {
    let (Some(data), Some(signature)) = (stamp.child("DD"), stamp.child("FRMT")) else { return false };
    let Some(bytes) = decode_base64(&signature.text()) else { return false };
    signature.attribute("algoritmo") == Some("SHA1withRSA")
        && caf.public_key().verifies_sha1(&latin1::encode(data.outer_xml()), &bytes)
}

/// Escaped already.
fn leaf(name: &str, text: &str) -> String {
    format!("<{name}>{text}</{name}>")
}

/// At most 40 characters, and fewer if most of them are written as entities.
fn stamp_text(text: &str, otherwise: &str) -> String {
    let mut cleaned = latin1::clean(text, MAX_TEXT);
    while escape(&cleaned).len() > MAX_ESCAPED_BYTES + cleaned.chars().filter(|c| !c.is_ascii()).count() {
        cleaned.pop();
    }
    let kept = cleaned.trim_end();
    escape(if kept.is_empty() { otherwise } else { kept })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_stamp_are_short_when_escaped_too() {
        assert_eq!(stamp_text("Pérez & Cía", "x"), "Pérez &amp; Cía");
        assert_eq!(stamp_text(&"ñ".repeat(50), "x"), "ñ".repeat(40));
        assert_eq!(stamp_text(&"\"".repeat(50), "x"), "&quot;".repeat(12));
        assert_eq!(stamp_text("\u{202E}\0", "x"), "x");
    }

    #[test]
    fn the_longest_stamp_fits_the_symbol() {
        use crate::caf::{TestCaf, test_caf};
        use crate::documents::*;
        let quotes = "\"".repeat(50);
        let rut = "76.123.456-0".parse().unwrap();
        let name = "&".repeat(8) + &"x".repeat(32);
        let caf = TestCaf {
            issuer: rut,
            issuer_name: &name,
            document_type: DocumentType::TaxedReceipt,
            folios: 9_999_999_998..=9_999_999_999,
            authorised_on: jiff::civil::date(2026, 1, 1),
        };
        let authority = RsaKey::from_seed(&[9; 32], 512).unwrap();
        let (caf, key) = Caf::parse(&test_caf(&caf, &[1; 32], &authority).unwrap()).unwrap();
        let document = Document::CreditNote(CreditNote {
            folio: 9_999_999_999,
            issued_on: jiff::civil::date(2026, 1, 1),
            issuer: Issuer {
                rut,
                name: String::new(),
                activity: String::new(),
                activity_code: 1,
                address: String::new(),
                district: String::new(),
                city: String::new(),
            },
            receiver: Receiver { rut: None, name: Some(quotes.clone()), contact: None },
            reference: ReceiptReference {
                document_type: DocumentType::TaxedReceipt,
                folio: 1,
                issued_on: jiff::civil::date(2026, 1, 1),
            },
            correction: Correction::Annuls,
            reason: String::new(),
            lines: vec![CreditLine { name: quotes, amount: 1 }],
            totals: Totals { total: 999_999_999_999, ..Totals::default() },
        });
        let stamp = Stamp::new(&document, &caf, &key, jiff::civil::datetime(2026, 1, 1, 1, 1, 1, 0));
        let length = stamp.to_pdf417_bytes().len();
        assert!(length <= PDF417_BYTES, "{length} of {PDF417_BYTES}");
    }
}
