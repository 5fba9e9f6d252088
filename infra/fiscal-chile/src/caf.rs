//! Folio authorisations (CAF, código de autorización de folios): which folios an issuer may use, signed by the authority, and the
//! private key that stamps documents with them.
//!
//! Invariant: the public part and the private key leave [`Caf::parse`] apart and only if they fit. The public part is kept as the
//! authority wrote it, without white space between tags: that text is what it signed, and what every stamp carries.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use data_encoding::BASE64;
use jiff::ToSpan;
use jiff::civil::Date;
use ticketflow_domain::Rut;

use crate::documents::{DocumentType, plain_rut};
use crate::keys::{KeyError, PublicKey, RsaKey, base64_lines, decode_base64};
use crate::latin1;
use crate::xml_tree::{Element, XmlError, XmlTree};
use crate::xml_writer::escape;

/// The authority's key of test authorisations (`IDK`).
const TEST_KEY_ID: i64 = 100;
/// As the authority's own: a longer one would not fit into the PDF417 symbol of a stamp.
const TEST_KEY_BITS: usize = 512;
/// Months after which what is left of a range of credit notes may not be used. Those of boletas do not end.
const CREDIT_NOTE_MONTHS: i32 = 6;
const MAX_ISSUER_NAME: usize = 40;

/// The public part of an authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caf {
    issuer: Rut,
    document_type: DocumentType,
    first: u64,
    last: u64,
    authorised_on: Date,
    public_key: PublicKey,
    key_id: i64,
    data: String,
    signature: String,
}

/// Why a file is no authorisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CafError {
    /// See [`XmlError`].
    #[error("the authorisation of folios cannot be read")]
    Xml(#[from] XmlError),
    /// An element is missing.
    #[error("the authorisation of folios has no {0}")]
    Missing(&'static str),
    /// An element says what it cannot.
    #[error("{0} of the authorisation of folios is not valid")]
    Invalid(&'static str),
    /// The private key is none.
    #[error("the private key of the authorisation of folios is not valid")]
    Key(#[from] KeyError),
    /// The private key is of another authorisation.
    #[error("the private key does not belong to the public key of the authorisation of folios")]
    OtherKey,
}

impl Caf {
    /// Takes an authorisation file (`AUTORIZACION`) apart. Whether the authority signed it: [`Self::is_signed_by`].
    ///
    /// # Errors
    /// [`CafError`].
    pub fn parse(file: &[u8]) -> Result<(Self, RsaKey), CafError> {
        let tree = XmlTree::parse(file)?;
        let caf = Self::of_element(tree.root().child("CAF").ok_or(CafError::Missing("CAF"))?)?;
        let pem = tree.root().text_of("RSASK").ok_or(CafError::Missing("RSASK"))?;
        let key = RsaKey::from_pem(&pem)?;
        if key.public_key() != caf.public_key {
            return Err(CafError::OtherKey);
        }
        Ok((caf, key))
    }

    /// Reads what [`Self::to_xml`] gave.
    ///
    /// # Errors
    /// [`CafError`].
    pub fn parse_public(xml: &str) -> Result<Self, CafError> {
        Self::of_element(XmlTree::parse(xml.as_bytes())?.root())
    }

    pub(crate) fn of_element(caf: Element<'_>) -> Result<Self, CafError> {
        if caf.name() != "CAF" || caf.attribute("version") != Some("1.0") {
            return Err(CafError::Invalid("CAF"));
        }
        let data = caf.child("DA").ok_or(CafError::Missing("DA"))?;
        let signature = caf.child("FRMA").ok_or(CafError::Missing("FRMA"))?;
        if signature.attribute("algoritmo") != Some("SHA1withRSA")
            || decode_base64(&signature.text()).is_none()
        {
            return Err(CafError::Invalid("FRMA"));
        }
        let [first, last] =
            ["D", "H"].map(|name| parse(data.child("RNG").ok_or(CafError::Missing("RNG"))?, name));
        let (first, last): (u64, u64) = (first?, last?);
        if first == 0 || last < first {
            return Err(CafError::Invalid("RNG"));
        }
        let code = parse(data, "TD")?;
        let rut = data.text_of("RE").ok_or(CafError::Missing("RE"))?;
        let issuer =
            rut.parse().ok().filter(|issuer| plain_rut(*issuer) == rut).ok_or(CafError::Invalid("RE"))?;
        let key = data.child("RSAPK").ok_or(CafError::Missing("RSAPK"))?;
        let number =
            |name| key.text_of(name).and_then(|text| decode_base64(&text)).ok_or(CafError::Invalid("RSAPK"));
        Ok(Self {
            issuer,
            document_type: DocumentType::from_code(code).ok_or(CafError::Invalid("TD"))?,
            first,
            last,
            authorised_on: parse(data, "FA")?,
            public_key: PublicKey::new(&number("M")?, &number("E")?)
                .map_err(|_| CafError::Invalid("RSAPK"))?,
            key_id: parse(data, "IDK")?,
            data: flat_data(data)?,
            signature: signature.text(),
        })
    }

    /// Whose folios.
    #[must_use]
    pub fn issuer(&self) -> Rut {
        self.issuer
    }

    /// Of which kind.
    #[must_use]
    pub fn document_type(&self) -> DocumentType {
        self.document_type
    }

    /// Which.
    #[must_use]
    pub fn folios(&self) -> RangeInclusive<u64> {
        self.first..=self.last
    }

    /// When they were authorised.
    #[must_use]
    pub fn authorised_on(&self) -> Date {
        self.authorised_on
    }

    /// The day from which on what is left may not be used; boletas have none.
    #[must_use]
    pub fn expires_on(&self) -> Option<Date> {
        match self.document_type {
            DocumentType::TaxedReceipt | DocumentType::ExemptReceipt => None,
            DocumentType::CreditNote => Some(self.authorised_on.saturating_add(CREDIT_NOTE_MONTHS.months())),
        }
    }

    /// With which stamps are verified.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Which of its keys the authority signed with.
    #[must_use]
    pub fn key_id(&self) -> i64 {
        self.key_id
    }

    /// Whether this authority signed it.
    #[must_use]
    pub fn is_signed_by(&self, authority: &PublicKey) -> bool {
        let signature = decode_base64(&self.signature).unwrap_or_default();
        authority.verifies_sha1(&latin1::encode(&self.data), &signature)
    }

    /// The `<CAF>` element as it has to stand in a stamp. It holds no secret.
    #[must_use]
    pub fn to_xml(&self) -> String {
        caf_element(&self.data, &self.signature)
    }
}

/// For whom [`test_caf`] is.
#[derive(Debug, Clone)]
pub struct TestCaf<'a> {
    /// Whose folios.
    pub issuer: Rut,
    /// Its name; 40 characters are kept.
    pub issuer_name: &'a str,
    /// Of which kind.
    pub document_type: DocumentType,
    /// Which.
    pub folios: RangeInclusive<u64>,
    /// When.
    pub authorised_on: Date,
}

/// An authorisation file by an authority of one's own making. The key that comes with it follows from the seed.
///
/// # Errors
/// [`CafError::Invalid`] for a range that is empty or begins at 0.
pub fn test_caf(caf: &TestCaf<'_>, seed: &[u8; 32], authority: &RsaKey) -> Result<Vec<u8>, CafError> {
    let key = RsaKey::from_seed(seed, TEST_KEY_BITS)?;
    let name = escape(&latin1::clean(caf.issuer_name, MAX_ISSUER_NAME));
    let data = data_element(&[
        ("RE", &plain_rut(caf.issuer)),
        ("RS", if name.is_empty() { "?" } else { &name }),
        ("TD", &caf.document_type.code().to_string()),
        ("D", &caf.folios.start().to_string()),
        ("H", &caf.folios.end().to_string()),
        ("FA", &caf.authorised_on.to_string()),
        ("M", &BASE64.encode(&key.public_key().modulus())),
        ("E", &BASE64.encode(&key.public_key().exponent())),
        ("IDK", &TEST_KEY_ID.to_string()),
    ]);
    let signature = BASE64.encode(&authority.sign_sha1(&latin1::encode(&data)));
    let element = caf_element(&data, &signature);
    Caf::parse_public(&element)?;
    let public = spki_pem(&key.public_key());
    let private = key.to_pem();
    let file = format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<AUTORIZACION>\n{element}\n<RSASK>{private}</RSASK>\n<RSAPUBK>{public}</RSAPUBK>\n</AUTORIZACION>\n"
    );
    Ok(latin1::encode(&file))
}

fn spki_pem(key: &PublicKey) -> String {
    let body = base64_lines(&crate::certificate::subject_public_key(key));
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
}

fn caf_element(data: &str, signature: &str) -> String {
    format!("<CAF version=\"1.0\">{data}<FRMA algoritmo=\"SHA1withRSA\">{signature}</FRMA></CAF>")
}

/// The elements in the schema's order, some of them one level deeper.
fn data_element(parts: &[(&str, &str); 9]) -> String {
    let mut data = String::from("<DA>");
    for (name, text) in parts {
        let (before, after) = match *name {
            "D" => ("<RNG>", ""),
            "H" => ("", "</RNG>"),
            "M" => ("<RSAPK>", ""),
            "E" => ("", "</RSAPK>"),
            _ => ("", ""),
        };
        data.extend([before, "<", name, ">", text, "</", name, ">", after]);
    }
    data.push_str("</DA>");
    data
}

/// Written anew from the texts of the file: no white space between tags, nothing that is not of the schema.
fn flat_data(data: Element<'_>) -> Result<String, CafError> {
    let range = data.child("RNG").ok_or(CafError::Missing("RNG"))?;
    let key = data.child("RSAPK").ok_or(CafError::Missing("RSAPK"))?;
    Ok(data_element(&[
        ("RE", raw_text(data, "RE")?),
        ("RS", raw_text(data, "RS")?),
        ("TD", raw_text(data, "TD")?),
        ("D", raw_text(range, "D")?),
        ("H", raw_text(range, "H")?),
        ("FA", raw_text(data, "FA")?),
        ("M", raw_text(key, "M")?),
        ("E", raw_text(key, "E")?),
        ("IDK", raw_text(data, "IDK")?),
    ]))
}

/// As the authority wrote and signed it. Refused is what a stamp would have to write otherwise.
fn raw_text<'a>(parent: Element<'a>, name: &'static str) -> Result<&'a str, CafError> {
    let raw = parent.child(name).ok_or(CafError::Missing(name))?.inner_xml().trim();
    let is_odd = raw.contains("&#") || raw.contains(['<', '>', '\n', '\r', '\t']);
    if is_odd || raw.chars().any(|character| character > '\u{FF}') {
        Err(CafError::Invalid(name))
    } else {
        Ok(raw)
    }
}

/// In the one way of writing that the schema has: what is read is also what is written into stamps.
fn parse<T: FromStr + Display>(parent: Element<'_>, name: &'static str) -> Result<T, CafError> {
    let text = parent.text_of(name).ok_or(CafError::Missing(name))?;
    text.parse().ok().filter(|value: &T| value.to_string() == text).ok_or(CafError::Invalid(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn authority() -> RsaKey {
        RsaKey::from_seed(&[9; 32], 512).unwrap()
    }

    fn file() -> String {
        let caf = TestCaf {
            issuer: "76.123.456-0".parse().unwrap(),
            issuer_name: "Pérez & Cía <Ñuñoa>",
            document_type: DocumentType::CreditNote,
            folios: 5..=9,
            authorised_on: date(2026, 8, 31),
        };
        latin1::decode(&test_caf(&caf, &[3; 32], &authority()).unwrap())
    }

    fn parsed(file: &str) -> Result<(Caf, RsaKey), CafError> {
        Caf::parse(&latin1::encode(file))
    }

    #[test]
    fn a_test_authorisation_is_one() {
        let (caf, key) = parsed(&file()).unwrap();
        assert_eq!((caf.folios(), caf.document_type(), caf.key_id()), (5..=9, DocumentType::CreditNote, 100));
        assert_eq!(caf.expires_on(), Some(date(2027, 2, 28)));
        assert_eq!(caf.public_key(), &key.public_key());
        assert!(caf.is_signed_by(&authority().public_key()));
        assert!(!caf.is_signed_by(&RsaKey::from_seed(&[8; 32], 512).unwrap().public_key()));
        assert_eq!(Caf::parse_public(&caf.to_xml()).unwrap(), caf);
        assert!(!format!("{caf:?} {key:?}").contains("PRIVATE"));
    }

    #[test]
    fn lines_and_indents_of_a_file_do_not_matter() {
        let (file, pretty) = (file(), file().replace("><", ">\r\n\t <"));
        assert_eq!(parsed(&pretty).unwrap().0, parsed(&file).unwrap().0);
        let without_encoding = file.replace(" encoding=\"ISO-8859-1\"", "");
        assert!(parsed(&without_encoding).unwrap().0.is_signed_by(&authority().public_key()));
    }

    #[test]
    fn a_changed_range_is_not_signed() {
        let changed = file().replace("<H>9</H>", "<H>99</H>");
        assert!(!parsed(&changed).unwrap().0.is_signed_by(&authority().public_key()));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let other_key = RsaKey::from_seed(&[4; 32], 512).unwrap().to_pem();
        let begin = file().find("-----BEGIN RSA").unwrap();
        let end = file().find("</RSASK>").unwrap();
        let with_other_key = [&file()[..begin], &other_key, &file()[end..]].concat();
        for (file, error) in [
            (with_other_key, CafError::OtherKey),
            (String::new(), CafError::Xml(XmlError::Malformed)),
            ("<AUTORIZACION/>".to_owned(), CafError::Missing("CAF")),
            (file().replace("RSASK>", "X>"), CafError::Missing("RSASK")),
            (file().replace("<D>5</D>", "<D>0</D>"), CafError::Invalid("RNG")),
            (file().replace("<TD>61</TD>", "<TD>33</TD>"), CafError::Invalid("TD")),
            (file().replace("76123456-0", "76123456-1"), CafError::Invalid("RE")),
            (file().replace("<IDK>100</IDK>", ""), CafError::Missing("IDK")),
            (file().replace("SHA1withRSA", "MD5"), CafError::Invalid("FRMA")),
            (file().replace("Ñuñoa", "&#209;"), CafError::Invalid("RS")),
        ] {
            assert_eq!(parsed(&file).unwrap_err(), error);
        }
    }
}
