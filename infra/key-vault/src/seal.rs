//! Sealing of personal data: XChaCha20-Poly1305 under the customer's key, bound to customer and place.
//!
//! A sealed value is one version byte, a random 24-byte nonce, and the ciphertext with its 16-byte tag. The customer id
//! and the context are authenticated along with it: moved to another customer or another order it does not open.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::data_key::{CustomerId, DataKey};

/// First byte of what is sealed this way.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// Keeps this use of a data key apart from any other.
const DOMAIN: &[u8] = b"ticketflow seal v1:";

/// What a sealed value belongs to. Not stored with it: the opener has to know it.
#[derive(Debug, Clone, Copy)]
pub struct SealContext<'a> {
    /// Whose data it is.
    pub customer_id: CustomerId,
    /// Where it stands, such as the order id or the name of the event's field.
    pub place: &'a [u8],
}

impl SealContext<'_> {
    /// Domain and customer id have fixed lengths, so that no two contexts give the same bytes.
    fn associated_data(&self) -> Vec<u8> {
        [DOMAIN, &self.customer_id, self.place].concat()
    }
}

/// Opened personal data. Wiped from memory on drop; `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Plaintext(Zeroizing<Vec<u8>>);

impl std::ops::Deref for Plaintext {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Plaintext {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Plaintext(redacted)")
    }
}

/// Why a value cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The operating system gave no randomness.
    #[error("no randomness for a nonce")]
    Randomness(#[source] getrandom::Error),
    /// More than the cipher takes under one nonce (256 GB).
    #[error("too long to seal")]
    TooLong,
    /// Shorter than any sealed value.
    #[error("sealed value is cut short: {length} bytes")]
    CutShort {
        /// Its length in bytes.
        length: usize,
    },
    /// Sealed by a later version of this program, or no sealed value at all.
    #[error("sealed value has unknown version {version}")]
    UnknownVersion {
        /// Its first byte.
        version: u8,
    },
    /// Tampered with, or sealed with another key, for another customer or in another place.
    #[error("sealed value does not belong to this key, customer and place, or was tampered with")]
    NotAuthentic,
}

/// Seals `plaintext`; 41 bytes longer than it.
pub fn seal(key: &DataKey, context: SealContext<'_>, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(SealError::Randomness)?;
    let payload = Payload { msg: plaintext, aad: &context.associated_data() };
    let ciphertext = cipher(key).encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::TooLong)?;
    let mut sealed = Vec::with_capacity(1 + NONCE_BYTES + ciphertext.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

/// Opens what [`seal`] made with the same key and context.
pub fn open(key: &DataKey, context: SealContext<'_>, sealed: &[u8]) -> Result<Plaintext, SealError> {
    match sealed.first() {
        Some(&VERSION) => {}
        Some(&version) => return Err(SealError::UnknownVersion { version }),
        None => return Err(SealError::CutShort { length: 0 }),
    }
    let cut_short = SealError::CutShort { length: sealed.len() };
    let (nonce, ciphertext) = sealed[1..].split_first_chunk::<NONCE_BYTES>().ok_or(cut_short)?;
    if ciphertext.len() < TAG_BYTES {
        return Err(cut_short);
    }
    let payload = Payload { msg: ciphertext, aad: &context.associated_data() };
    let plaintext =
        cipher(key).decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::NotAuthentic)?;
    Ok(Plaintext(Zeroizing::new(plaintext)))
}

fn cipher(key: &DataKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new_from_slice(key.bytes()).expect("a data key is 32 bytes, as the cipher's is")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CUSTOMER: CustomerId = [1; 16];
    const SECRET: &[u8] = br#"{"rut":"12345678-5","name":"Ana","email":"ana@example.cl"}"#;

    fn context(place: &[u8]) -> SealContext<'_> {
        SealContext { customer_id: CUSTOMER, place }
    }

    #[test]
    fn opens_with_the_same_key_customer_and_place_only() {
        let key = DataKey::generate().unwrap();
        let sealed = seal(&key, context(b"order-1"), SECRET).unwrap();
        assert_eq!(&*open(&key, context(b"order-1"), &sealed).unwrap(), SECRET);

        let other_customer = SealContext { customer_id: [2; 16], place: b"order-1" };
        assert_eq!(open(&key, other_customer, &sealed), Err(SealError::NotAuthentic));
        assert_eq!(open(&key, context(b"order-2"), &sealed), Err(SealError::NotAuthentic));
        assert_eq!(
            open(&DataKey::generate().unwrap(), context(b"order-1"), &sealed),
            Err(SealError::NotAuthentic)
        );
    }

    #[test]
    fn customer_and_place_cannot_be_shifted_into_each_other() {
        let key = DataKey::generate().unwrap();
        let sealed = seal(&key, SealContext { customer_id: [1; 16], place: &[1, 2] }, SECRET).unwrap();
        let mut shifted = [1; 16];
        shifted[15] = 2;
        assert!(open(&key, SealContext { customer_id: shifted, place: &[] }, &sealed).is_err());
        assert!(open(&key, SealContext { customer_id: [1; 16], place: &[2, 1] }, &sealed).is_err());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let key = DataKey::generate().unwrap();
        let sealed = seal(&key, context(b"order-1"), SECRET).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut tampered = sealed.clone();
            tampered[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&key, context(b"order-1"), &tampered).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(open(&key, context(b"order-1"), &sealed[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn a_later_version_is_named() {
        let key = DataKey::generate().unwrap();
        let mut sealed = seal(&key, context(b""), SECRET).unwrap();
        sealed[0] = 2;
        assert_eq!(open(&key, context(b""), &sealed), Err(SealError::UnknownVersion { version: 2 }));
        assert_eq!(open(&key, context(b""), &[]), Err(SealError::CutShort { length: 0 }));
        assert_eq!(open(&key, context(b""), &[1; 40]), Err(SealError::CutShort { length: 40 }));
    }

    #[test]
    fn a_value_sealed_by_the_first_version_still_opens() {
        let key = DataKey::from_bytes(&[9; 32]);
        let opened = open(&key, context(b"golden"), GOLDEN).unwrap();
        assert_eq!(&*opened, b"sealed long ago");
    }

    #[test]
    fn debug_shows_nothing() {
        let key = DataKey::from_bytes(&[42; 32]);
        let opened = open(&key, context(b"x"), &seal(&key, context(b"x"), SECRET).unwrap()).unwrap();
        let shown = format!("{key:?} {opened:?}");
        assert_eq!(shown, "DataKey(redacted) Plaintext(redacted)");
    }

    proptest! {
        #[test]
        fn any_plaintext_comes_back(plaintext: Vec<u8>, place: Vec<u8>, customer_id: CustomerId) {
            let key = DataKey::generate().unwrap();
            let context = SealContext { customer_id, place: &place };
            let sealed = seal(&key, context, &plaintext).unwrap();
            prop_assert_eq!(sealed.len(), plaintext.len() + 41);
            let opened = open(&key, context, &sealed).unwrap();
            prop_assert_eq!(&opened[..], &plaintext[..]);
            let again = seal(&key, context, &plaintext).unwrap();
            prop_assert_ne!(again, sealed, "a nonce must not come twice");
        }

        #[test]
        fn no_bytes_make_open_panic(sealed: Vec<u8>) {
            prop_assert!(open(&DataKey::from_bytes(&[0; 32]), context(b""), &sealed).is_err());
        }
    }

    /// Made with libsodium, independently of this code: key 32 times 9, nonce 0 to 23.
    const GOLDEN: &[u8] = &[
        0x01, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
        0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x2c, 0x22, 0x31, 0x07, 0x67, 0xd2, 0x6e, 0x7e, 0x08,
        0xc7, 0x00, 0xde, 0x97, 0x40, 0x28, 0x48, 0x21, 0xab, 0xfa, 0xb6, 0xb2, 0x3a, 0x96, 0x25, 0xa8, 0x19,
        0xfb, 0xb8, 0x81, 0x8b, 0xe8,
    ];
}
