//! From data to a signed document, and back from stored bytes.
//!
//! Invariant: a [`SignedDocument`] was signed here, byte for byte as it is sent: it is read back only if it would be written the
//! same and its signature holds. Its bytes alone and its bytes in an envelope differ in the first tag only.

use std::fmt;

use jiff::civil::DateTime;

use crate::caf::Caf;
use crate::certificate::SigningIdentity;
use crate::document_xml::{document_id, write_document};
use crate::documents::{Document, DocumentError, DocumentType, date_fits, plain_rut};
use crate::keys::RsaKey;
use crate::latin1;
use crate::signature::{is_genuine, sign};
use crate::stamp::Stamp;
use crate::xml_tree::{Element, XmlTree};
use crate::xml_writer::{DECLARATION, SII_NAMESPACE, namespaces};

/// A document with stamp and signature. It names the receiver: `Debug` shows only which document it is.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedDocument {
    document_type: DocumentType,
    folio: u64,
    issuer: String,
    stamp: Stamp,
    /// `Documento` and `Signature`.
    signed: String,
}

impl fmt::Debug for SignedDocument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SignedDocument({})", document_id(self.document_type, self.folio))
    }
}

/// Bytes that are no document signed here: damaged, changed, or by another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no document that was signed here")]
pub struct UnreadableDocument;

/// Makes the document: stamped with the key of its folio's authorisation, signed by the issuer. `signed_at` is Chilean time. The
/// same input gives the same bytes.
///
/// # Errors
/// [`DocumentError`].
pub fn issue(
    document: &Document,
    caf: &Caf,
    caf_key: &RsaKey,
    identity: &SigningIdentity,
    signed_at: DateTime,
) -> Result<SignedDocument, DocumentError> {
    document.check()?;
    date_fits(signed_at.date(), "the time of the signature")?;
    let (document_type, folio) = (document.document_type(), document.folio());
    let refused = |what| Err(DocumentError::NotAuthorised { folio, what });
    if caf.issuer() != document.issuer().rut {
        return refused("it is another issuer's");
    }
    if caf.document_type() != document_type {
        return refused("it is for another kind of document");
    }
    if !caf.folios().contains(&folio) {
        return refused("the folio is outside of the range");
    }
    if caf_key.public_key() != *caf.public_key() {
        return Err(DocumentError::OtherKey);
    }
    let stamp = Stamp::new(document, caf, caf_key, signed_at);
    let body = write_document(document, &stamp, signed_at);
    let signature = sign(&body, &document_id(document_type, folio), identity);
    let issuer = plain_rut(document.issuer().rut);
    Ok(SignedDocument { document_type, folio, issuer, stamp, signed: format!("{body}\n{signature}") })
}

impl SignedDocument {
    /// Reads what [`Self::to_xml`] gave.
    ///
    /// # Errors
    /// [`UnreadableDocument`].
    pub fn from_xml(bytes: &[u8]) -> Result<Self, UnreadableDocument> {
        let tree = XmlTree::parse(bytes).map_err(|_| UnreadableDocument)?;
        let document = Self::of_element(tree.root()).ok_or(UnreadableDocument)?;
        let is_same = document.to_xml() == bytes;
        if is_same { Ok(document) } else { Err(UnreadableDocument) }
    }

    fn of_element(root: Element<'_>) -> Option<Self> {
        let (body, signature) = (root.child("Documento")?, root.child("Signature")?);
        let id = body.descend(&["Encabezado", "IdDoc"])?;
        let document_type = DocumentType::from_code(id.text_of("TipoDTE")?.parse().ok()?)?;
        let folio = id.text_of("Folio")?.parse().ok()?;
        let issuer = body.descend(&["Encabezado", "Emisor", "RUTEmisor"])?.text();
        if body.attribute("ID")? != document_id(document_type, folio) || !is_genuine(body, signature) {
            return None;
        }
        let signed = root.inner_xml().strip_prefix('\n')?.to_owned();
        Some(Self { document_type, folio, issuer, stamp: Stamp::of_element(body.child("TED")?), signed })
    }

    /// What kind it is.
    #[must_use]
    pub fn document_type(&self) -> DocumentType {
        self.document_type
    }

    /// Its number.
    #[must_use]
    pub fn folio(&self) -> u64 {
        self.folio
    }

    /// The issuer's RUT as it stands in the document.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What is printed on it as PDF417.
    #[must_use]
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// As a file of its own, in ISO-8859-1.
    #[must_use]
    pub fn to_xml(&self) -> Vec<u8> {
        let tag = format!("<DTE{} version=\"1.0\">\n", namespaces(SII_NAMESPACE));
        latin1::encode(&[DECLARATION, &tag, &self.signed, "</DTE>\n"].concat())
    }

    /// As it stands in an envelope, which declares the namespaces.
    pub(crate) fn as_part(&self) -> String {
        ["<DTE version=\"1.0\">\n", &self.signed, "</DTE>\n"].concat()
    }
}
