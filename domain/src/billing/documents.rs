//! The kinds of documents, and which an issuer may make; and the name of an issuer's books.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// By whose rules an issuer makes documents.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Nobody's: a receipt says what was paid, and its number is the issuer's own.
    Plain,
    /// Those of the Servicio de Impuestos Internos: folios come in ranges that it authorises.
    Chile,
}

/// A kind of document. Each has folios of its own.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DocumentType {
    /// A receipt by nobody's rules.
    Receipt,
    /// What gives a [`Self::Receipt`] back, whole or in part.
    CreditNote,
    /// Boleta electrónica, type 39: prices include value added tax.
    TaxedReceipt,
    /// Boleta exenta electrónica, type 41.
    ExemptReceipt,
    /// Nota de crédito electrónica, type 61: the only way to take a boleta back.
    FiscalCreditNote,
}

impl DocumentType {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::Receipt, Self::CreditNote, Self::TaxedReceipt, Self::ExemptReceipt, Self::FiscalCreditNote];

    /// By whose rules it is made.
    #[must_use]
    pub const fn scheme(self) -> Scheme {
        match self {
            Self::Receipt | Self::CreditNote => Scheme::Plain,
            Self::TaxedReceipt | Self::ExemptReceipt | Self::FiscalCreditNote => Scheme::Chile,
        }
    }

    /// Whether it is given for an order; otherwise for a refund.
    #[must_use]
    pub const fn is_receipt(self) -> bool {
        match self {
            Self::Receipt | Self::TaxedReceipt | Self::ExemptReceipt => true,
            Self::CreditNote | Self::FiscalCreditNote => false,
        }
    }

    /// What takes it back.
    #[must_use]
    pub const fn credit_note(self) -> Self {
        match self.scheme() {
            Scheme::Plain => Self::CreditNote,
            Scheme::Chile => Self::FiscalCreditNote,
        }
    }

    /// Its number in Chile (`TipoDTE`).
    #[must_use]
    pub const fn chilean_code(self) -> Option<u16> {
        match self {
            Self::Receipt | Self::CreditNote => None,
            Self::TaxedReceipt => Some(39),
            Self::ExemptReceipt => Some(41),
            Self::FiscalCreditNote => Some(61),
        }
    }
}

/// A document of an issuer.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct DocumentId {
    /// What it is.
    pub document_type: DocumentType,
    /// Its number, from 1.
    pub folio: u64,
}

/// The name of an issuer's books, and of their stream: 1 to 16 ASCII letters or digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct SeriesCode([u8; 16]);

/// A text that names no series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a series: 1 to 16 ASCII letters or digits are expected")]
pub struct InvalidSeriesCode;

impl SeriesCode {
    /// As a stream is identified; `None` for bytes that are no name.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let text = std::str::from_utf8(&bytes[..length]).ok()?;
        text.parse().ok().filter(|code: &Self| code.0 == bytes)
    }

    /// As a stream is identified: padded with zeros at the end.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl FromStr for SeriesCode {
    type Err = InvalidSeriesCode;

    fn from_str(text: &str) -> Result<Self, InvalidSeriesCode> {
        let fits = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let mut code = [0; 16];
        code.get_mut(..text.len())
            .filter(|_| fits)
            .ok_or(InvalidSeriesCode)?
            .copy_from_slice(text.as_bytes());
        Ok(Self(code))
    }
}

impl fmt::Display for SeriesCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        formatter.write_str(&String::from_utf8_lossy(&self.0[..length]))
    }
}

impl fmt::Debug for SeriesCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SeriesCode({self})")
    }
}

impl Serialize for SeriesCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SeriesCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
