//! The bearer key of operators and organisers, checked in one place.
//!
//! Only a hash of the key is kept, and hashes are compared, so that the time taken tells nothing of the key.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};

use crate::Problem;

pub(crate) const MISSING: Problem = Problem::unauthorized("unauthorized", "The request needs a bearer key");

/// What a bearer key is checked against.
#[derive(Clone, Copy)]
pub struct OperatorKey([u8; 32]);

impl std::fmt::Debug for OperatorKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("OperatorKey(..)")
    }
}

impl OperatorKey {
    /// Of this key.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Checks `Authorization: Bearer KEY`.
    ///
    /// # Errors
    /// 401 `unauthorized` when there is no key, or another one.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let header = headers.get(AUTHORIZATION).ok_or_else(|| {
            MISSING.detail("send Authorization: Bearer KEY; the key is in operator.key in the data folder")
        })?;
        let key = header
            .as_bytes()
            .split_at_checked(7)
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
        let given: [u8; 32] = Sha256::digest(key.map_or(&[][..], |(_, key)| key)).into();
        if given == self.0 { Ok(()) } else { Err(MISSING.detail("the bearer key is not valid here")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_key_passes() {
        let key = OperatorKey::new("secret");
        let with = |value: &str| HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        assert!(key.check(&with("Bearer secret")).is_ok());
        assert!(key.check(&with("bearer secret")).is_ok());
        for wrong in ["Bearer secreT", "Bearer ", "Basic secret", "secret", "Bearer secret ", "B"] {
            assert!(key.check(&with(wrong)).is_err(), "{wrong}");
        }
        assert!(key.check(&HeaderMap::new()).is_err());
    }
}
