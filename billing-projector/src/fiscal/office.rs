//! Signs documents and envelopes in the issuer's name.
//!
//! Invariant: a document is signed as of the moment at which it was issued, so that it comes out the same, byte for byte, however often
//! and wherever it is asked for, as long as the certificate is the same.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use ticketflow_documents::FiscalStamp;
use ticketflow_domain::billing::Issuer;
use ticketflow_domain::{Currency, Rut, Timestamp};
use ticketflow_fiscal_chile::{
    DocumentError, DocumentType, EnvelopeError, EnvelopeHeader, SignedDocument, issue, seal_envelope,
};

use super::boleta::chilean_document;
use super::chilean_type;
use super::key_files::KeyFileError;
use super::keys::FiscalKeys;
use crate::issued::IssuedDocument;

/// The clock of everything that the authority reads.
const TIME_ZONE: &str = "America/Santiago";
/// Where anybody checks a document.
const VERIFY_AT: &str = "www.sii.cl";

/// Why a document or an envelope cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum FiscalError {
    /// The folio was loaded by another process, or the file is gone.
    #[error("the authorisation of folio {folio} of type {} is not among this process's keys", document_type.code())]
    NoAuthorisation {
        /// Of which kind.
        document_type: DocumentType,
        /// Which.
        folio: u64,
    },
    /// The keys cannot be read.
    #[error("the fiscal keys cannot be read")]
    Keys(#[from] KeyFileError),
    /// The document is not one of the authority's.
    #[error("the authority knows no such document")]
    NotChilean,
    /// The issuer has no RUT.
    #[error("the issuer's tax number {0:?} is no RUT")]
    IssuerRut(String),
    /// The issuer has no resolution.
    #[error(transparent)]
    Resolution(#[from] InvalidResolution),
    /// Chilean documents are in pesos.
    #[error("the amounts are in {0}, and the authority takes pesos only")]
    Currency(Currency),
    /// The amounts are below zero, or the time is outside of the calendar.
    #[error("{0} is outside of what the authority takes")]
    OutOfRange(&'static str),
    /// The document is not one that the authority could take.
    #[error("the document is not as the authority wants it")]
    Document(#[from] DocumentError),
    /// So is the envelope.
    #[error("the envelope is not as the authority wants it")]
    Envelope(#[from] EnvelopeError),
}

impl FiscalError {
    /// Whether it may succeed later, or elsewhere.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Self::NoAuthorisation { .. } | Self::Keys(_))
    }
}

/// By what decision of the authority somebody issues: `80/2014-08-22`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution {
    /// 0 while it is being certified.
    pub number: u32,
    /// Of the decision.
    pub date: Date,
}

/// A text that is no resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a resolution is written as its number and date, like 80/2014-08-22")]
pub struct InvalidResolution;

impl FromStr for Resolution {
    type Err = InvalidResolution;

    fn from_str(text: &str) -> Result<Self, InvalidResolution> {
        let (number, date) = text.split_once('/').ok_or(InvalidResolution)?;
        let number = number.parse().map_err(|_| InvalidResolution)?;
        let read = Self { number, date: date.parse().map_err(|_| InvalidResolution)? };
        if read.to_string() == text { Ok(read) } else { Err(InvalidResolution) }
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number, self.date)
    }
}

/// Signs in the name of the issuers whose keys it has.
#[derive(Debug)]
pub struct FiscalOffice {
    keys: Arc<FiscalKeys>,
    activity_code: u32,
    sender: Option<Rut>,
    time_zone: TimeZone,
}

impl FiscalOffice {
    /// With these keys. `activity_code` is the issuer's (`Acteco`); `sender` the owner of the certificate, where that is not the issuer.
    #[must_use]
    pub fn new(keys: Arc<FiscalKeys>, activity_code: u32, sender: Option<Rut>) -> Self {
        let time_zone = TimeZone::get(TIME_ZONE).expect("the time zones are part of the program");
        Self { keys, activity_code, sender, time_zone }
    }

    /// The authority's clock.
    #[must_use]
    pub fn time_zone(&self) -> &TimeZone {
        &self.time_zone
    }

    /// A document with stamp and signature. Takes a processor for some milliseconds.
    ///
    /// # Errors
    /// [`FiscalError`].
    pub fn sign(&self, issued: &IssuedDocument<'_>) -> Result<SignedDocument, FiscalError> {
        let document = chilean_document(issued, self.activity_code, &self.time_zone)?;
        let document_type = chilean_type(issued.document_type()).ok_or(FiscalError::NotChilean)?;
        let folio = issued.view.document.folio;
        let authorisation = self
            .keys
            .find(rut(issued.issuer())?, document_type, folio)?
            .ok_or(FiscalError::NoAuthorisation { document_type, folio })?;
        let signed_at = chilean_time(issued.view.issued_at, &self.time_zone)?;
        Ok(issue(&document, &authorisation.caf, &authorisation.key, self.keys.identity(), signed_at)?)
    }

    /// The stamp as it is printed.
    ///
    /// # Errors
    /// [`FiscalError::Resolution`].
    pub fn printed_stamp(
        &self,
        issued: &IssuedDocument<'_>,
        signed: &SignedDocument,
    ) -> Result<FiscalStamp, FiscalError> {
        let resolution: Resolution = issued.issuer().resolution.parse()?;
        Ok(FiscalStamp {
            ted: signed.stamp().as_xml().to_owned(),
            resolution_number: resolution.number,
            resolution_year: u16::try_from(resolution.date.year()).map_err(|_| InvalidResolution)?,
            verify_at: VERIFY_AT.to_owned(),
        })
    }

    /// Documents of one issuer as they are sent. Takes a processor for some milliseconds.
    ///
    /// # Errors
    /// [`FiscalError`].
    pub fn envelope(
        &self,
        issuer: &Issuer,
        documents: &[SignedDocument],
        now: Timestamp,
    ) -> Result<Vec<u8>, FiscalError> {
        let (issuer_rut, resolution) = (rut(issuer)?, issuer.resolution.parse::<Resolution>()?);
        let header = EnvelopeHeader {
            issuer: issuer_rut,
            sender: self.sender.unwrap_or(issuer_rut),
            resolution_date: resolution.date,
            resolution_number: resolution.number,
            signed_at: chilean_time(now, &self.time_zone)?,
        };
        Ok(seal_envelope(&header, documents, self.keys.identity())?)
    }
}

pub(crate) fn rut(issuer: &Issuer) -> Result<Rut, FiscalError> {
    issuer.tax_id.parse().map_err(|_| FiscalError::IssuerRut(issuer.tax_id.clone()))
}

pub(super) fn chilean_time(at: Timestamp, time_zone: &TimeZone) -> Result<DateTime, FiscalError> {
    let instant = jiff::Timestamp::from_millisecond(at.as_millis());
    let instant = instant.map_err(|_| FiscalError::OutOfRange("a time"))?;
    Ok(time_zone.to_datetime(instant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolution_is_read_as_it_is_written() {
        let resolution: Resolution = "80/2014-08-22".parse().unwrap();
        assert_eq!((resolution.number, resolution.to_string()), (80, "80/2014-08-22".to_owned()));
        for text in ["", "80", "80/", "/2014-08-22", "x/2014-08-22", "80/2014-13-01", "080/2014-08-22"] {
            assert_eq!(text.parse::<Resolution>(), Err(InvalidResolution), "{text}");
        }
    }
}
