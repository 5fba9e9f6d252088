//! Hold tokens: what proves that a hold is the caller's.
//!
//! A keyed hash of the hold's id, so that none need be stored and a replayed answer bears the same one.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ticketflow_domain::HoldId;

/// Bytes of a hold token: 128 bits can't be guessed.
const HOLD_TOKEN_BYTES: usize = 16;

/// Makes and checks hold tokens.
#[derive(Clone)]
pub struct HoldTokens {
    mac: Hmac<Sha256>,
}

impl HoldTokens {
    /// Under this secret.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self { mac: Hmac::new_from_slice(secret).expect("a key of any length will do") }
    }

    /// The token of a hold, 32 hexadecimal characters.
    #[must_use]
    pub fn token(&self, hold_id: HoldId) -> String {
        let tag = self.mac.clone().chain_update(hold_id.to_bytes()).finalize().into_bytes();
        HEXLOWER.encode(&tag[..HOLD_TOKEN_BYTES])
    }

    /// Whether the token is that hold's. Takes the same time for every wrong token.
    #[must_use]
    pub fn is_token(&self, hold_id: HoldId, token: &str) -> bool {
        let Ok(token) = HEXLOWER.decode(token.as_bytes()) else { return false };
        let mac = self.mac.clone().chain_update(hold_id.to_bytes());
        token.len() == HOLD_TOKEN_BYTES && mac.verify_truncated_left(&token).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_its_hold_only() {
        let (hold, other) = (HoldId::from_bytes([1; 16]), HoldId::from_bytes([2; 16]));
        let (tokens, foreign) = (HoldTokens::new(&[1; 32]), HoldTokens::new(&[2; 32]));
        let token = tokens.token(hold);
        assert!(tokens.is_token(hold, &token));
        assert!(!tokens.is_token(other, &token));
        assert!(!foreign.is_token(hold, &token));
        for bad in ["", "zz", &token[..30], "é"] {
            assert!(!tokens.is_token(hold, bad), "{bad}");
        }
    }
}
