//! RSA keys and the one signature that the authority's schemas allow: PKCS #1 v1.5 over SHA-1.
//!
//! Invariant: a private key is never shown, and signing draws no randomness from outside: the blinding that hides the key from
//! who measures time is derived from the key and the message. Keys of 512 bits are taken, because authorisations come with them.

use std::fmt;

use data_encoding::BASE64;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::pkcs8::DecodePrivateKey;
use rsa::rand_core::{CryptoRng, RngCore, impls};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BigUint, Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// `DigestInfo` of RFC 8017 up to the digest.
const SHA1_PREFIX: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];
const SHA256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];
/// The shortest key that such a signature fits into with room to spare, and that the authority hands out.
const MIN_BITS: usize = 512;
const MAX_BITS: usize = 4096;
const PEM_LINE: usize = 64;

/// Why a text or number makes no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither `RSA PRIVATE KEY` nor `PRIVATE KEY`, or damaged.
    #[error("not an RSA private key in PEM")]
    Malformed,
    /// Outside of what is taken.
    #[error("an RSA key has 512 to 4,096 bits")]
    Size,
    /// The numbers do not fit each other.
    #[error("the numbers of the RSA key do not fit each other")]
    Inconsistent,
}

/// An RSA private key. `Debug` does not show it, and it is wiped from memory when dropped.
#[derive(Clone)]
pub struct RsaKey(RsaPrivateKey);

impl fmt::Debug for RsaKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RsaKey(..)")
    }
}

impl RsaKey {
    /// From PEM, PKCS #1 or PKCS #8, with anything around it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = match pem_body(pem, "RSA PRIVATE KEY") {
            Some(der) => RsaPrivateKey::from_pkcs1_der(&der).map_err(|_| KeyError::Inconsistent)?,
            None => {
                let der = pem_body(pem, "PRIVATE KEY").ok_or(KeyError::Malformed)?;
                RsaPrivateKey::from_pkcs8_der(&der).map_err(|_| KeyError::Inconsistent)?
            }
        };
        if !(MIN_BITS..=MAX_BITS).contains(&key.n().bits()) {
            return Err(KeyError::Size);
        }
        Ok(Self(key))
    }

    /// The key that follows from a seed: the same seed gives the same key. Whoever knows the seed has the key.
    ///
    /// # Errors
    /// [`KeyError::Size`].
    pub fn from_seed(seed: &[u8; 32], bits: usize) -> Result<Self, KeyError> {
        if !(MIN_BITS..=MAX_BITS).contains(&bits) {
            return Err(KeyError::Size);
        }
        RsaPrivateKey::new(&mut Stream::new(&[seed]), bits).map(Self).map_err(|_| KeyError::Inconsistent)
    }

    /// As PEM, PKCS #1: what an authorisation file has.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let der = self.0.to_pkcs1_der().expect("a valid key can be written");
        let body = base64_lines(der.as_bytes());
        format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n")
    }

    /// The public part.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.to_public_key())
    }

    /// Signs with SHA-1, as `SHA1withRSA` and `rsa-sha1`.
    pub(crate) fn sign_sha1(&self, message: &[u8]) -> Vec<u8> {
        self.sign(&SHA1_PREFIX, &Sha1::digest(message))
    }

    /// Signs with SHA-256: certificates alone.
    pub(crate) fn sign_sha256(&self, message: &[u8]) -> Vec<u8> {
        self.sign(&SHA256_PREFIX, &Sha256::digest(message))
    }

    fn sign(&self, prefix: &[u8], digest: &[u8]) -> Vec<u8> {
        let secret = Zeroizing::new(self.0.d().to_bytes_be());
        let mut blinding = Stream::new(&[&secret, digest]);
        let scheme = Pkcs1v15Sign { hash_len: Some(digest.len()), prefix: prefix.into() };
        self.0
            .sign_with_rng(&mut blinding, scheme, digest)
            .expect("a key of 512 bits or more has room for the digest and was validated")
    }
}

/// An RSA public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(RsaPublicKey);

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({} bits)", self.0.n().bits())
    }
}

impl PublicKey {
    /// From modulus and exponent, big-endian.
    ///
    /// # Errors
    /// [`KeyError::Size`], [`KeyError::Inconsistent`].
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let (modulus, exponent) = (BigUint::from_bytes_be(modulus), BigUint::from_bytes_be(exponent));
        if !(MIN_BITS..=MAX_BITS).contains(&modulus.bits()) {
            return Err(KeyError::Size);
        }
        RsaPublicKey::new(modulus, exponent).map(Self).map_err(|_| KeyError::Inconsistent)
    }

    /// Big-endian, without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> Vec<u8> {
        self.0.n().to_bytes_be()
    }

    /// Big-endian, without leading zeros.
    #[must_use]
    pub fn exponent(&self) -> Vec<u8> {
        self.0.e().to_bytes_be()
    }

    /// Whether the key's owner signed this message with SHA-1.
    #[must_use]
    pub fn verifies_sha1(&self, message: &[u8], signature: &[u8]) -> bool {
        let scheme = Pkcs1v15Sign { hash_len: Some(20), prefix: SHA1_PREFIX.into() };
        self.0.verify(scheme, &Sha1::digest(message), signature).is_ok()
    }
}

/// Base64 in lines of 64.
pub(crate) fn base64_lines(bytes: &[u8]) -> String {
    let text = BASE64.encode(bytes);
    let lines: Vec<&str> =
        text.as_bytes().chunks(PEM_LINE).map(|line| str::from_utf8(line).expect("Base64 is ASCII")).collect();
    lines.join("\n")
}

/// Base64 with white space anywhere.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let dense: String = text.split_ascii_whitespace().collect();
    BASE64.decode(dense.as_bytes()).ok()
}

fn pem_body(pem: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    pem_bodies(pem, label).next()
}

/// What stands under a label in PEM, as often as it does.
pub(crate) fn pem_bodies(pem: &str, label: &str) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut rest = pem;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&begin)?;
        let (body, after) = after.split_once(&end)?;
        rest = after;
        decode_base64(body).map(Zeroizing::new)
    })
}

/// Random bytes that follow from a secret: SHA-256 of it with a counter.
struct Stream {
    seeded: Sha256,
    counter: u64,
}

impl Stream {
    fn new(secret: &[&[u8]]) -> Self {
        let mut seeded = Sha256::new_with_prefix(b"ticketflow-fiscal-chile");
        for part in secret {
            seeded.update(part.len().to_be_bytes());
            seeded.update(part);
        }
        Self { seeded, counter: 0 }
    }
}

impl RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let block = self.seeded.clone().chain_update(self.counter.to_be_bytes()).finalize();
            self.counter += 1;
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

/// The secret cannot be told from the bytes.
impl CryptoRng for Stream {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_key_and_pem_brings_it_back() {
        let key = RsaKey::from_seed(&[7; 32], 512).unwrap();
        assert_eq!(key.to_pem(), RsaKey::from_seed(&[7; 32], 512).unwrap().to_pem());
        assert_ne!(key.to_pem(), RsaKey::from_seed(&[8; 32], 512).unwrap().to_pem());
        let again = RsaKey::from_pem(&format!("\n{}\n", key.to_pem())).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        assert_eq!(key.public_key().modulus().len(), 64);
    }

    #[test]
    fn a_signature_holds_for_its_message_alone_and_is_always_the_same() {
        let key = RsaKey::from_seed(&[1; 32], 512).unwrap();
        let signature = key.sign_sha1(b"message");
        assert_eq!(signature, key.sign_sha1(b"message"));
        assert!(key.public_key().verifies_sha1(b"message", &signature));
        assert!(!key.public_key().verifies_sha1(b"massage", &signature));
        let other = RsaKey::from_seed(&[2; 32], 512).unwrap().public_key();
        assert!(!other.verifies_sha1(b"message", &signature));
        assert!(!other.verifies_sha1(b"message", b""));
    }

    /// By openssl, in the shape of those that the authority hands out: 512 bits, exponent 3.
    const AS_HANDED_OUT: &str = "-----BEGIN RSA PRIVATE KEY-----
MIIBOgIBAAJBAPbeBHBz0xa9Cw9A/hyXyUO3zaHRAraVZHqubvC5EUQc9Zugfnuj
U+9g42QoG7je9qH7pjdsf1eaav2GKV8T6JECAQMCQQCklAL1ooy501y01f69uoYt
JTPBNgHPDkL8dEn10LYtZ1SLYOUpAZfsxDpnZaJk1LWCfXxCz5eO0rJARc4wwjgj
AiEA/LcsVsafHmqGc3e00lok0wA874Gokzs8HZG6f0D1KKsCIQD6E2LP94HRobQY
UVrVx3sTXgJ8UYyIxiJCC2L01PtrswIhAKh6HY8vFL7xrvelIzbmwzdVffUBGwzS
KBO2fFTV+MXHAiEApreXNU+r4RZ4EDY8joT8t5QBqDZdsIQW1rJB+I388ncCIFvk
3vpuJaSDlut4LicmczO3qmjwPxoG2/05N7xKOad7
-----END RSA PRIVATE KEY-----";

    #[test]
    fn a_key_as_the_authority_hands_them_out_is_taken() {
        let key = RsaKey::from_pem(AS_HANDED_OUT).unwrap();
        assert_eq!(key.public_key().exponent(), [3]);
        assert!(key.public_key().verifies_sha1(b"message", &key.sign_sha1(b"message")));
        assert_eq!(key.to_pem().trim_end(), AS_HANDED_OUT);
        let cut = AS_HANDED_OUT.replace("JTPB", "JTPC");
        assert_eq!(RsaKey::from_pem(&cut).unwrap_err(), KeyError::Inconsistent);
    }

    #[test]
    fn what_is_no_key_is_refused_and_a_key_is_not_shown() {
        assert_eq!(RsaKey::from_pem("").unwrap_err(), KeyError::Malformed);
        let pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
        assert_eq!(RsaKey::from_pem(pem).unwrap_err(), KeyError::Inconsistent);
        assert_eq!(RsaKey::from_seed(&[0; 32], 128).unwrap_err(), KeyError::Size);
        assert_eq!(PublicKey::new(&[1; 8], &[3]).unwrap_err(), KeyError::Size);
        assert_eq!(format!("{:?}", RsaKey::from_seed(&[1; 32], 512).unwrap()), "RsaKey(..)");
    }
}
