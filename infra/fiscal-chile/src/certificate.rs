//! Who signs documents and envelopes: a private key with its certificate, and a self-signed one for demonstrations.
//!
//! Real certificates come from accredited providers, in PKCS #12 files that are opened elsewhere. The authority of the test
//! certificate is nobody: it proves only that key and signature fit.

use jiff::civil::Date;
use ticketflow_domain::Rut;
use zeroize::Zeroizing;

use crate::documents::plain_rut;
use crate::keys::{KeyError, PublicKey, RsaKey, base64_lines, pem_bodies};
use crate::latin1::clean;

/// Bits of the key of [`test_identity`].
const TEST_KEY_BITS: usize = 2048;
/// Characters of a common name (X.520).
const MAX_COMMON_NAME: usize = 64;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const UTC_TIME: u8 = 0x17;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const OCTET_STRING: u8 = 0x04;
const BOOLEAN: u8 = 0x01;

const RSA_ENCRYPTION: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const SHA256_WITH_RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const SERIAL_NUMBER: [u8; 3] = [0x55, 0x04, 0x05];
const BASIC_CONSTRAINTS: [u8; 3] = [0x55, 0x1d, 0x13];

/// Why key and certificate are no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The certificate is of another key.
    #[error("the certificate does not have the public key of the private key")]
    OtherKey,
    /// There is no certificate in the text, or it is damaged.
    #[error("there is no certificate in PEM")]
    NoCertificate,
    /// The test certificate would begin or end outside of 2000 to 2049.
    #[error("a test certificate is valid between 2000 and 2049")]
    Validity,
    /// See [`KeyError`].
    #[error("the private key cannot be used")]
    Key(#[from] KeyError),
}

/// A private key and its certificate.
#[derive(Debug, Clone)]
pub struct SigningIdentity {
    key: RsaKey,
    certificate: Vec<u8>,
}

impl SigningIdentity {
    /// With a certificate in DER.
    ///
    /// # Errors
    /// [`CertificateError::OtherKey`].
    pub fn new(key: RsaKey, certificate_der: Vec<u8>) -> Result<Self, CertificateError> {
        // The key stands in the certificate as it is written here; what else it says is for those who trust it to judge.
        let wanted = subject_public_key(&key.public_key());
        if !certificate_der.windows(wanted.len()).any(|window| window == wanted) {
            return Err(CertificateError::OtherKey);
        }
        Ok(Self { key, certificate: certificate_der })
    }

    /// From PEM: a private key and its certificate, among others of its chain and with anything around them, as
    /// `openssl pkcs12 -nodes` writes them.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        let key = RsaKey::from_pem(pem)?;
        let mut certificates = pem_bodies(pem, "CERTIFICATE").peekable();
        if certificates.peek().is_none() {
            return Err(CertificateError::NoCertificate);
        }
        certificates
            .find_map(|der| Self::new(key.clone(), der.to_vec()).ok())
            .ok_or(CertificateError::OtherKey)
    }

    /// What [`Self::from_pem`] takes. It holds the private key.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let certificate = base64_lines(&self.certificate);
        let certificate = format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
        Zeroizing::new(certificate + &self.key.to_pem())
    }

    /// The private key.
    pub(crate) fn key(&self) -> &RsaKey {
        &self.key
    }

    /// The certificate in DER.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }
}

/// A key from a seed with a certificate that it signed itself, for demonstrations and tests.
///
/// # Errors
/// [`CertificateError::Validity`].
pub fn test_identity(
    seed: &[u8; 32],
    name: &str,
    rut: Rut,
    valid_from: Date,
    valid_until: Date,
) -> Result<SigningIdentity, CertificateError> {
    let key = RsaKey::from_seed(seed, TEST_KEY_BITS)?;
    let certificate = self_signed(&key, name, rut, valid_from, valid_until)?;
    SigningIdentity::new(key, certificate)
}

/// A self-signed certificate (RFC 5280, version 3) in DER.
///
/// # Errors
/// [`CertificateError::Validity`].
pub(crate) fn self_signed(
    key: &RsaKey,
    name: &str,
    rut: Rut,
    valid_from: Date,
    valid_until: Date,
) -> Result<Vec<u8>, CertificateError> {
    let years = 2000..=2049;
    if !years.contains(&valid_from.year()) || !years.contains(&valid_until.year()) || valid_until < valid_from
    {
        return Err(CertificateError::Validity);
    }
    let algorithm = algorithm(&SHA256_WITH_RSA);
    let name = distinguished_name(&clean(name, MAX_COMMON_NAME), &plain_rut(rut));
    let validity = der(SEQUENCE, &[&utc_time(valid_from, "000000Z"), &utc_time(valid_until, "235959Z")]);
    // Critical, and empty: not an authority.
    let constraints = der(
        SEQUENCE,
        &[
            &der(OBJECT_IDENTIFIER, &[&BASIC_CONSTRAINTS]),
            &der(BOOLEAN, &[&[0xff]]),
            &der(OCTET_STRING, &[&der(SEQUENCE, &[])]),
        ],
    );
    let to_be_signed = der(
        SEQUENCE,
        &[
            &der(VERSION, &[&der(INTEGER, &[&[2]])]),
            &der(INTEGER, &[&[1]]),
            &algorithm,
            &name,
            &validity,
            &name,
            &subject_public_key(&key.public_key()),
            &der(EXTENSIONS, &[&der(SEQUENCE, &[&constraints])]),
        ],
    );
    let signature = der(BIT_STRING, &[&[0], &key.sign_sha256(&to_be_signed)]);
    Ok(der(SEQUENCE, &[&to_be_signed, &algorithm, &signature]))
}

/// `SubjectPublicKeyInfo` in DER.
pub(crate) fn subject_public_key(key: &PublicKey) -> Vec<u8> {
    let numbers = der(SEQUENCE, &[&unsigned(&key.modulus()), &unsigned(&key.exponent())]);
    der(SEQUENCE, &[&algorithm(&RSA_ENCRYPTION), &der(BIT_STRING, &[&[0], &numbers])])
}

fn algorithm(identifier: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &[&der(OBJECT_IDENTIFIER, &[identifier]), &der(NULL, &[])])
}

fn distinguished_name(common_name: &str, serial_number: &str) -> Vec<u8> {
    let attribute = |identifier: &[u8], tag: u8, value: &str| {
        let pair = der(SEQUENCE, &[&der(OBJECT_IDENTIFIER, &[identifier]), &der(tag, &[value.as_bytes()])]);
        der(SET, &[&pair])
    };
    let parts = [
        attribute(&COMMON_NAME, UTF8_STRING, common_name),
        attribute(&SERIAL_NUMBER, PRINTABLE_STRING, serial_number),
    ];
    der(SEQUENCE, &[&parts[0], &parts[1]])
}

fn utc_time(date: Date, time: &str) -> Vec<u8> {
    let text = format!("{:02}{:02}{:02}{time}", date.year() % 100, date.month(), date.day());
    der(UTC_TIME, &[text.as_bytes()])
}

/// A number that is not negative: a first bit that is set gets a zero before it.
fn unsigned(big_endian: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if big_endian.first().is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
    der(INTEGER, &[sign, big_endian])
}

/// Tag, length, contents.
fn der(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let length = contents.len().to_be_bytes();
    let significant = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let mut encoded = vec![tag];
    if contents.len() >= 0x80 {
        encoded.push(0x80 | u8::try_from(significant.len()).expect("a length has at most 8 bytes"));
    }
    encoded.extend_from_slice(significant);
    encoded.extend(contents);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_certificate_has_to_be_of_the_key() {
        let [one, other] = [1, 2].map(|seed| RsaKey::from_seed(&[seed; 32], 512).unwrap());
        let rut = "12.345.678-5".parse().unwrap();
        let certificate = self_signed(&one, "Ñandú", rut, date(2026, 1, 1), date(2030, 1, 1)).unwrap();
        assert!(SigningIdentity::new(one, certificate.clone()).is_ok());
        assert_eq!(SigningIdentity::new(other, certificate).unwrap_err(), CertificateError::OtherKey);
    }

    #[test]
    fn an_identity_is_read_back_from_pem_among_other_certificates() {
        let rut = "12.345.678-5".parse().unwrap();
        let [one, other] = [1, 2].map(|seed| {
            test_identity(&[seed; 32], "Ñandú", rut, date(2026, 1, 1), date(2030, 1, 1)).unwrap()
        });
        let (pem, other) = (one.to_pem(), other.to_pem());
        let chain = other.split("-----BEGIN RSA").next().unwrap();
        let read = SigningIdentity::from_pem(&[chain, "Bag Attributes\n", &pem].concat()).unwrap();
        assert_eq!(read.certificate_der(), one.certificate_der());
        let key = &pem[pem.find("-----BEGIN RSA").unwrap()..];
        assert_eq!(SigningIdentity::from_pem(key).unwrap_err(), CertificateError::NoCertificate);
        assert_eq!(
            SigningIdentity::from_pem(&[chain, key].concat()).unwrap_err(),
            CertificateError::OtherKey
        );
        assert_eq!(SigningIdentity::from_pem(chain).unwrap_err(), CertificateError::Key(KeyError::Malformed));
        assert!(!format!("{read:?}").contains("PRIVATE"));
    }

    #[test]
    fn a_certificate_outside_of_its_years_is_refused() {
        let key = RsaKey::from_seed(&[1; 32], 512).unwrap();
        let rut = "12.345.678-5".parse().unwrap();
        for (from, until) in [(date(1999, 1, 1), date(2030, 1, 1)), (date(2026, 1, 1), date(2050, 1, 1))] {
            assert_eq!(self_signed(&key, "x", rut, from, until), Err(CertificateError::Validity));
        }
    }
}
