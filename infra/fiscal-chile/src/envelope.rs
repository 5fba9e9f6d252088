//! Envelopes: up to 500 documents of one issuer under a cover (`Caratula`), signed as a whole. Boletas go in an `EnvioBOLETA`, credit
//! notes in an `EnvioDTE`.
//!
//! Invariant: a sealed envelope validates, and the signatures in it hold as they did outside.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};
use ticketflow_domain::Rut;

use crate::AUTHORITY_RUT;
use crate::certificate::SigningIdentity;
use crate::documents::{DocumentType, date_fits, plain_rut, plain_time};
use crate::issue::SignedDocument;
use crate::latin1;
use crate::signature::sign;
use crate::xml_writer::{DECLARATION, SII_NAMESPACE, XmlWriter, namespaces};

/// Documents of an envelope (`EnvioBOLETA_v11.xsd`; an `EnvioDTE` could hold more).
pub const MAX_DOCUMENTS: usize = 500;
const MAX_RESOLUTION_NUMBER: u32 = 999_999;
/// What the set of documents is called (`ID`).
const SET_ID: &str = "SetDoc";

/// The cover of an envelope.
#[derive(Debug, Clone)]
pub struct EnvelopeHeader {
    /// Whose documents they are (`RutEmisor`).
    pub issuer: Rut,
    /// The person who sends them, owner of the certificate (`RutEnvia`).
    pub sender: Rut,
    /// When the issuer was authorised to issue (`FchResol`).
    pub resolution_date: Date,
    /// Up to 999,999; 0 while certifying (`NroResol`).
    pub resolution_number: u32,
    /// Chilean time (`TmstFirmaEnv`).
    pub signed_at: DateTime,
}

/// Why documents make no envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// None, or more than [`MAX_DOCUMENTS`].
    #[error("an envelope has 1 to 500 documents, not {0}")]
    Count(usize),
    /// Boletas and credit notes have envelopes of their own.
    #[error("boletas and credit notes do not go in one envelope")]
    Mixed,
    /// A document of another issuer.
    #[error("folio {0} is of another issuer than the envelope")]
    OtherIssuer(u64),
    /// The same document two times.
    #[error("folio {0} is in the envelope twice")]
    Twice(u64),
    /// The number of the resolution or a date is outside of what the schema takes.
    #[error("{0} is outside of what the schema takes")]
    OutOfRange(&'static str),
}

/// Puts documents into an envelope and signs it: the bytes to send.
///
/// # Errors
/// [`EnvelopeError`].
pub fn seal_envelope(
    header: &EnvelopeHeader,
    documents: &[SignedDocument],
    identity: &SigningIdentity,
) -> Result<Vec<u8>, EnvelopeError> {
    let receipts = check(header, documents)?;
    let mut cover = XmlWriter::default();
    cover.raw("<Caratula version=\"1.0\">\n");
    cover.leaf("RutEmisor", plain_rut(header.issuer));
    cover.leaf("RutEnvia", plain_rut(header.sender));
    cover.leaf("RutReceptor", AUTHORITY_RUT);
    cover.leaf("FchResol", header.resolution_date);
    cover.leaf("NroResol", header.resolution_number);
    cover.leaf("TmstFirmaEnv", plain_time(header.signed_at));
    for kind in DocumentType::ALL {
        let count = documents.iter().filter(|document| document.document_type() == kind).count();
        if count > 0 {
            cover.parent("SubTotDTE", |cover| {
                cover.leaf("TpoDTE", kind.code());
                cover.leaf("NroDTE", count);
            });
        }
    }
    cover.raw("</Caratula>\n");
    let mut set = format!("<SetDTE ID=\"{SET_ID}\">\n{}", cover.finish());
    for document in documents {
        set.push_str(&document.as_part());
    }
    set.push_str("</SetDTE>");

    let (root, schema) =
        if receipts { ("EnvioBOLETA", "EnvioBOLETA_v11.xsd") } else { ("EnvioDTE", "EnvioDTE_v10.xsd") };
    let signature = sign(&set, SET_ID, identity);
    let namespaces = namespaces(SII_NAMESPACE);
    Ok(latin1::encode(&format!(
        "{DECLARATION}<{root}{namespaces} version=\"1.0\" xsi:schemaLocation=\"{SII_NAMESPACE} {schema}\">\n\
         {set}\n{signature}</{root}>\n"
    )))
}

/// Whether they are boletas.
fn check(header: &EnvelopeHeader, documents: &[SignedDocument]) -> Result<bool, EnvelopeError> {
    let receipts = match documents.first() {
        Some(first) if documents.len() <= MAX_DOCUMENTS => first.document_type().is_receipt(),
        _ => return Err(EnvelopeError::Count(documents.len())),
    };
    let issuer = plain_rut(header.issuer);
    let mut seen = BTreeSet::new();
    for document in documents {
        if document.document_type().is_receipt() != receipts {
            return Err(EnvelopeError::Mixed);
        }
        if document.issuer() != issuer {
            return Err(EnvelopeError::OtherIssuer(document.folio()));
        }
        if !seen.insert((document.document_type(), document.folio())) {
            return Err(EnvelopeError::Twice(document.folio()));
        }
    }
    let what = if header.resolution_number > MAX_RESOLUTION_NUMBER {
        "the number of the resolution"
    } else if !(2000..=2050).contains(&header.resolution_date.year()) {
        "the date of the resolution"
    } else if date_fits(header.signed_at.date(), "").is_err() {
        "the time of the signature"
    } else {
        return Ok(receipts);
    };
    Err(EnvelopeError::OutOfRange(what))
}
