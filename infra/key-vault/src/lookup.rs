//! The index key of a RUT: HMAC-SHA256 under the vault's secret pepper.
//!
//! There are fewer than a hundred million RUTs, so that a plain hash could be tried out in a minute; without the pepper
//! a lookup says nothing. The check digit follows from the number and is not part of it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Length of the pepper in bytes.
pub(crate) const PEPPER_BYTES: usize = 32;
/// Length of a lookup: half an HMAC, with no chance of two RUTs of one country meeting.
pub(crate) const LOOKUP_BYTES: usize = 16;
/// Keeps these HMACs apart from any other use of the pepper.
const DOMAIN: &[u8] = b"ticketflow rut lookup v1:";

/// What the vault files a customer under. Only the vault that made it can use it; `Debug` shows none of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RutLookup(pub(crate) [u8; LOOKUP_BYTES]);

impl std::fmt::Debug for RutLookup {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RutLookup(redacted)")
    }
}

/// Makes lookups of one vault.
#[derive(Clone)]
pub(crate) struct Pepper {
    hmac: Hmac<Sha256>,
    secret: Zeroizing<[u8; PEPPER_BYTES]>,
}

impl Pepper {
    pub(crate) fn new(secret: &[u8; PEPPER_BYTES]) -> Self {
        let hmac = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Self { hmac, secret: Zeroizing::new(*secret) }
    }

    /// For whoever moves the vault.
    pub(crate) fn secret(&self) -> &[u8; PEPPER_BYTES] {
        &self.secret
    }

    /// The lookup of a RUT, given as its number without the check digit.
    pub(crate) fn lookup(&self, rut_number: u32) -> RutLookup {
        // Seven or eight decimal digits of the person's identity: wiped like the rest.
        let text = Zeroizing::new(rut_number.to_string());
        let mut hmac = self.hmac.clone();
        hmac.update(DOMAIN);
        hmac.update(text.as_bytes());
        let digest = hmac.finalize().into_bytes();
        let mut lookup = [0; LOOKUP_BYTES];
        lookup.copy_from_slice(&digest[..LOOKUP_BYTES]);
        RutLookup(lookup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_is_fixed_by_pepper_and_number() {
        let pepper = Pepper::new(&[7; PEPPER_BYTES]);
        // Golden: HMAC-SHA256(32 times 0x07, "ticketflow rut lookup v1:12345678"), first 16 bytes. Files depend on it.
        assert_eq!(pepper.lookup(12_345_678).0, GOLDEN);
        assert_ne!(pepper.lookup(12_345_679), pepper.lookup(12_345_678));
        assert_ne!(Pepper::new(&[8; PEPPER_BYTES]).lookup(12_345_678), pepper.lookup(12_345_678));
    }

    const GOLDEN: [u8; LOOKUP_BYTES] =
        [0x5a, 0x07, 0x3a, 0xd0, 0xb6, 0x69, 0xdd, 0x37, 0x8d, 0x9e, 0x48, 0xa6, 0xbc, 0x2a, 0x0e, 0x79];
}
