//! What an authority finds in an envelope: every check that needs the envelope and the authority's key alone. Pure.
//!
//! Stricter than the real one in form: signatures are recognised only as this crate writes them. Whether a folio was seen before
//! is for `authority` to know; whether an amount is right is not asked, nor whose a certificate is.

use jiff::civil::Date;
use sha1::{Digest, Sha1};
use ticketflow_domain::Rut;

use crate::AUTHORITY_RUT;
use crate::caf::Caf;
use crate::documents::DocumentType;
use crate::envelope::MAX_DOCUMENTS;
use crate::keys::PublicKey;
use crate::xml_tree::{Element, XmlError, XmlTree};
use crate::{signature, stamp};

/// Why an envelope or a document was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Elements are missing or say what they cannot.
    #[error("{0} is missing or not valid")]
    Schema(&'static str),
    /// The envelope is not for this authority.
    #[error("the envelope is addressed to another receiver")]
    Receiver,
    /// The cover counts other documents than there are.
    #[error("the cover does not count the documents that are there")]
    Count,
    /// The signature of the envelope does not hold.
    #[error("the signature of the envelope does not hold")]
    EnvelopeSignature,
    /// The signature of the document does not hold.
    #[error("the signature of the document does not hold")]
    DocumentSignature,
    /// The authorisation in the stamp is not this authority's.
    #[error("the authorisation of folios was not signed by this authority")]
    ForeignAuthorisation,
    /// The stamp was not signed with the key of its authorisation.
    #[error("the signature of the stamp does not hold")]
    StampSignature,
    /// Document, stamp, authorisation and cover say different things.
    #[error("{0} differs between document, stamp, authorisation and cover")]
    Differs(&'static str),
    /// The authorisation does not have this folio.
    #[error("the folio is outside of the authorised range")]
    FolioOutOfRange,
    /// A credit note six months or more after its folio was authorised.
    #[error("the authorisation of folios has expired")]
    Expired,
    /// Another document has this folio.
    #[error("the folio was used for another document")]
    FolioUsed,
    /// This very document was taken before: who lost the first answer has what it wanted.
    #[error("the document was taken before")]
    Repeated,
    /// By what was set for a test.
    #[error("{0}")]
    Simulated(String),
}

/// A document that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedDocument {
    /// What kind it is.
    pub document_type: DocumentType,
    /// Its number.
    pub folio: u64,
    /// Why.
    pub refusal: Refusal,
}

/// A document of an envelope that could be read.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) issuer: Rut,
    pub(crate) document_type: DocumentType,
    pub(crate) folio: u64,
    pub(crate) digest: [u8; 20],
    pub(crate) refusal: Option<Refusal>,
}

/// Why the bytes cannot even be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEnvelope {
    /// See [`XmlError`].
    #[error("the envelope cannot be read")]
    Xml(#[from] XmlError),
    /// Another root.
    #[error("the file is no envelope")]
    OtherRoot,
}

/// Looks at an envelope: its documents, or why it is refused as a whole.
pub(crate) fn examine(
    bytes: &[u8],
    authority: &PublicKey,
) -> Result<Result<Vec<Examined>, Refusal>, NotAnEnvelope> {
    let tree = XmlTree::parse(bytes)?;
    let receipts = match tree.root().name() {
        "EnvioBOLETA" => true,
        "EnvioDTE" => false,
        _ => return Err(NotAnEnvelope::OtherRoot),
    };
    Ok(envelope(tree.root(), receipts, authority))
}

fn envelope(root: Element<'_>, receipts: bool, authority: &PublicKey) -> Result<Vec<Examined>, Refusal> {
    let set = child(root, "SetDTE")?;
    if !signature::is_genuine(set, child(root, "Signature")?) {
        return Err(Refusal::EnvelopeSignature);
    }
    let cover = child(set, "Caratula")?;
    if text(cover, "RutReceptor")? != AUTHORITY_RUT {
        return Err(Refusal::Receiver);
    }
    let issuer: Rut = parsed(cover, "RutEmisor")?;
    let documents = set
        .children()
        .filter(|child| child.name() == "DTE")
        .map(|document| examine_document(document, issuer, authority))
        .collect::<Result<Vec<_>, _>>()?;
    if !(1..=MAX_DOCUMENTS).contains(&documents.len()) {
        return Err(Refusal::Schema("DTE"));
    }
    if documents.iter().any(|document| document.document_type.is_receipt() != receipts) {
        return Err(Refusal::Schema("TipoDTE"));
    }
    let counted = cover
        .children()
        .filter(|child| child.name() == "SubTotDTE")
        .map(|part| Ok((parsed(part, "TpoDTE")?, parsed(part, "NroDTE")?)))
        .collect::<Result<Vec<(u16, usize)>, Refusal>>()?;
    let is_counted = |kind: DocumentType| {
        let there = documents.iter().filter(|document| document.document_type == kind).count();
        let mut said = counted.iter().filter(|(code, _)| *code == kind.code()).map(|(_, count)| *count);
        said.next().unwrap_or(0) == there && said.next().is_none()
    };
    if DocumentType::ALL.into_iter().all(is_counted) { Ok(documents) } else { Err(Refusal::Count) }
}

/// A document that does not say who it is makes the envelope unreadable; other faults are its own.
fn examine_document(
    root: Element<'_>,
    cover_issuer: Rut,
    authority: &PublicKey,
) -> Result<Examined, Refusal> {
    let body = child(root, "Documento")?;
    let header = child(body, "Encabezado")?;
    let id = child(header, "IdDoc")?;
    let code = parsed(id, "TipoDTE")?;
    let document_type = DocumentType::from_code(code).ok_or(Refusal::Schema("TipoDTE"))?;
    let folio = parsed(id, "Folio")?;
    let issuer: Rut = parsed(child(header, "Emisor")?, "RUTEmisor")?;
    let digest = Sha1::digest(body.outer_xml().as_bytes()).into();
    let refusal = if issuer == cover_issuer {
        check_document(root, body, header, authority).err()
    } else {
        Some(Refusal::Differs("the issuer"))
    };
    Ok(Examined { issuer, document_type, folio, digest, refusal })
}

fn check_document(
    root: Element<'_>,
    body: Element<'_>,
    header: Element<'_>,
    authority: &PublicKey,
) -> Result<(), Refusal> {
    if !signature::is_genuine(body, child(root, "Signature")?) {
        return Err(Refusal::DocumentSignature);
    }
    let ted = child(body, "TED")?;
    let data = child(ted, "DD")?;
    let caf = Caf::of_element(child(data, "CAF")?).map_err(|_| Refusal::Schema("CAF"))?;
    if !caf.is_signed_by(authority) {
        return Err(Refusal::ForeignAuthorisation);
    }
    if !stamp::is_genuine(ted, &caf) {
        return Err(Refusal::StampSignature);
    }
    for (in_stamp, path, what) in [
        ("RE", ["Emisor", "RUTEmisor"], "the issuer"),
        ("TD", ["IdDoc", "TipoDTE"], "the kind of document"),
        ("F", ["IdDoc", "Folio"], "the folio"),
        ("FE", ["IdDoc", "FchEmis"], "the date"),
        ("RR", ["Receptor", "RUTRecep"], "the receiver"),
        ("MNT", ["Totales", "MntTotal"], "the total"),
    ] {
        let in_document = header.descend(&path).ok_or(Refusal::Schema(path[1]))?.text();
        if text(data, in_stamp)? != in_document {
            return Err(Refusal::Differs(what));
        }
    }
    if caf.issuer() != parsed::<Rut>(data, "RE")? {
        return Err(Refusal::Differs("the issuer"));
    }
    if caf.document_type().code() != parsed::<u16>(data, "TD")? {
        return Err(Refusal::Differs("the kind of document"));
    }
    if !caf.folios().contains(&parsed(data, "F")?) {
        return Err(Refusal::FolioOutOfRange);
    }
    let issued_on: Date = parsed(data, "FE")?;
    if caf.expires_on().is_some_and(|expires_on| issued_on >= expires_on) {
        return Err(Refusal::Expired);
    }
    Ok(())
}

fn child<'a>(parent: Element<'a>, name: &'static str) -> Result<Element<'a>, Refusal> {
    parent.child(name).ok_or(Refusal::Schema(name))
}

fn text(parent: Element<'_>, name: &'static str) -> Result<String, Refusal> {
    child(parent, name).map(Element::text)
}

fn parsed<T: std::str::FromStr>(parent: Element<'_>, name: &'static str) -> Result<T, Refusal> {
    text(parent, name)?.parse().map_err(|_| Refusal::Schema(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::{SigningIdentity, self_signed};
    use crate::document_xml::write_document;
    use crate::documents::{Document, Issuer, LineKind, Receipt, ReceiptLine, Receiver, Totals};
    use crate::keys::RsaKey;
    use crate::latin1;
    use crate::stamp::Stamp;
    use crate::xml_writer::{SII_NAMESPACE, namespaces};
    use crate::{TestCaf, test_caf};
    use jiff::civil::{date, datetime};

    const FOLIOS: std::ops::RangeInclusive<u64> = 5..=9;

    fn key(seed: u8) -> RsaKey {
        RsaKey::from_seed(&[seed; 32], 512).unwrap()
    }

    fn receipt(folio: u64) -> Document {
        let rut = "76.123.456-0".parse().unwrap();
        let [name, activity, address, district, city] = ["a", "b", "c", "d", "e"].map(str::to_owned);
        let line = |name: &str, unit_price| ReceiptLine {
            kind: LineKind::ServiceFee,
            organiser: rut,
            name: name.to_owned(),
            quantity: 1,
            unit_price,
        };
        Document::Receipt(Receipt {
            document_type: DocumentType::ExemptReceipt,
            folio,
            issued_on: date(2026, 11, 27),
            issuer: Issuer { rut, name, activity, activity_code: 1, address, district, city },
            receiver: Receiver::default(),
            lines: vec![line("fee", 100), line("fee", 20)],
            totals: Totals { exempt: 120, total: 120, ..Totals::default() },
        })
    }

    /// What a forger who has every key but the authority's changes, and whether he signs again.
    #[derive(Default)]
    struct Forgery {
        folio: Option<u64>,
        document: Option<(&'static str, &'static str)>,
        document_unsigned: bool,
        set: Option<(&'static str, &'static str)>,
        set_unsigned: bool,
    }

    impl Forgery {
        /// The first reason of the envelope or of its document.
        fn refusal(self) -> Option<Refusal> {
            match examine(&latin1::encode(&self.envelope()), &key(1).public_key()).unwrap() {
                Ok(mut documents) => documents.remove(0).refusal,
                Err(refusal) => Some(refusal),
            }
        }

        fn envelope(self) -> String {
            let document = receipt(self.folio.unwrap_or(5));
            let caf = TestCaf {
                issuer: document.issuer().rut,
                issuer_name: "a",
                document_type: document.document_type(),
                folios: FOLIOS,
                authorised_on: date(2026, 1, 1),
            };
            let (caf, caf_key) = Caf::parse(&test_caf(&caf, &[2; 32], &key(1)).unwrap()).unwrap();
            let certificate =
                self_signed(&key(3), "x", document.issuer().rut, date(2026, 1, 1), date(2030, 1, 1)).unwrap();
            let identity = SigningIdentity::new(key(3), certificate).unwrap();
            let at = datetime(2026, 11, 27, 1, 2, 3, 0);
            let genuine = write_document(&document, &Stamp::new(&document, &caf, &caf_key, at), at);
            let changed = change(&genuine, self.document);
            let signed = if self.document_unsigned { &genuine } else { &changed };
            let id = genuine.split('"').nth(1).unwrap();
            let signature = signature::sign(signed, id, &identity);
            let genuine = format!(
                "<SetDTE ID=\"SetDoc\">\n<Caratula version=\"1.0\">\n<RutEmisor>76123456-0</RutEmisor>\n\
                 <RutReceptor>{AUTHORITY_RUT}</RutReceptor>\n<SubTotDTE>\n<TpoDTE>41</TpoDTE>\n<NroDTE>1</NroDTE>\n\
                 </SubTotDTE>\n</Caratula>\n<DTE version=\"1.0\">\n{changed}\n{signature}</DTE>\n</SetDTE>"
            );
            let changed = change(&genuine, self.set);
            let signed = if self.set_unsigned { &genuine } else { &changed };
            let signature = signature::sign(signed, "SetDoc", &identity);
            format!("<EnvioBOLETA{}>\n{changed}\n{signature}</EnvioBOLETA>", namespaces(SII_NAMESPACE))
        }
    }

    fn change(text: &str, change: Option<(&str, &str)>) -> String {
        let Some((from, to)) = change else { return text.to_owned() };
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    }

    #[test]
    fn what_is_genuine_is_taken() {
        assert_eq!(Forgery::default().refusal(), None);
    }

    #[test]
    fn folios_outside_of_the_range_are_refused_though_the_stamp_holds() {
        for folio in [1, 4, 10] {
            let forgery = Forgery { folio: Some(folio), ..Forgery::default() };
            assert_eq!(forgery.refusal(), Some(Refusal::FolioOutOfRange), "{folio}");
        }
    }

    #[test]
    fn a_changed_document_that_was_signed_again_is_refused_for_its_stamp() {
        for (document, refusal) in [
            (("<MntTotal>120", "<MntTotal>121"), Refusal::Differs("the total")),
            (("<FchEmis>2026-11-27", "<FchEmis>2026-11-26"), Refusal::Differs("the date")),
            (("<RUTRecep>66666666-6", "<RUTRecep>12345678-5"), Refusal::Differs("the receiver")),
            (("<Folio>5", "<Folio>6"), Refusal::Differs("the folio")),
            (("<RUTEmisor>76123456-0", "<RUTEmisor>12345678-5"), Refusal::Differs("the issuer")),
            (("<MNT>120", "<MNT>121"), Refusal::StampSignature),
            (("<H>9</H>", "<H>99</H>"), Refusal::ForeignAuthorisation),
            (("</TED>", "</TED><TED/>"), Refusal::Schema("TED")),
        ] {
            let forgery = Forgery { document: Some(document), ..Forgery::default() };
            assert_eq!(forgery.refusal(), Some(refusal), "{document:?}");
        }
    }

    #[test]
    fn signatures_hold_or_refuse() {
        let document = Some(("<MontoItem>100", "<MontoItem>101"));
        let forgery = Forgery { document, document_unsigned: true, ..Forgery::default() };
        assert_eq!(forgery.refusal(), Some(Refusal::DocumentSignature));
        let forgery = Forgery { set: document, set_unsigned: true, ..Forgery::default() };
        assert_eq!(forgery.refusal(), Some(Refusal::EnvelopeSignature));
    }

    #[test]
    fn a_cover_that_says_something_else_is_refused() {
        for (set, refusal) in [
            (("60803000-K", "60803000-0"), Refusal::Receiver),
            (("<NroDTE>1", "<NroDTE>2"), Refusal::Count),
            (("<TpoDTE>41", "<TpoDTE>39"), Refusal::Count),
            (("<NroDTE>1", "<NroDTE>99999999999999999999"), Refusal::Schema("NroDTE")),
            (("<RutEmisor>76123456-0", "<RutEmisor>12345678-5"), Refusal::Differs("the issuer")),
        ] {
            let forgery = Forgery { set: Some(set), ..Forgery::default() };
            assert_eq!(forgery.refusal(), Some(refusal), "{set:?}");
        }
    }
}
