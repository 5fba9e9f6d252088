//! The operator's key in the operator's browser: one cookie that no page's script can read, sent to the operators' pages of
//! this origin alone.
//!
//! The portal keeps no sessions, so any replica serves the next page; whether the key is right is the API's to say, at
//! every request anew. A key is never written to a page or a log.

use crate::hold_cookie::cookie;
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, HeaderValue};

const OPERATOR: &str = "ticketflow_operator";
/// Where the cookie goes: to no other page of the portal.
const PATH: &str = "/ops";
/// A long shift; the next one signs in itself.
const SHIFT_SECONDS: u32 = 12 * 3_600;
/// Longer than any key that the server makes, and no burden for a header.
const MAX_KEY_BYTES: usize = 512;

/// A key that somebody claims to be the operator's. Not printed, not even by `{:?}`.
pub(crate) struct OperatorKey(String);

impl OperatorKey {
    /// What was typed or pasted; nothing when it cannot be a key.
    pub(crate) fn typed(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits =
            (1..=MAX_KEY_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The key that the browser keeps.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(cookie(headers, OPERATOR)?.as_bytes()).ok()?;
        Self::typed(std::str::from_utf8(&bytes).ok()?)
    }

    /// The cookie that keeps it for a shift.
    pub(crate) fn keep(&self, secure: bool) -> HeaderValue {
        set_cookie(&BASE64URL_NOPAD.encode(self.0.as_bytes()), SHIFT_SECONDS, secure)
    }

    /// The cookie that forgets it.
    pub(crate) fn forget(secure: bool) -> HeaderValue {
        set_cookie("", 0, secure)
    }

    /// As the API wants it.
    pub(crate) fn bearer(&self) -> HeaderValue {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0)).expect("visible ASCII");
        value.set_sensitive(true);
        value
    }
}

/// `Strict`: no other site's link opens an operator's page with the key.
fn set_cookie(value: &str, seconds: u32, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text =
        format!("{OPERATOR}={value}; Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(text).expect("base64 is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

    #[test]
    fn a_key_comes_back_from_a_cookie_that_scripts_and_other_sites_cannot_use() {
        let key = OperatorKey::typed("  s3cret/+=\n").unwrap();
        let cookie = key.keep(true);
        let text = cookie.to_str().unwrap();
        for attribute in ["; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/ops;", "; Max-Age=43200"] {
            assert!(text.contains(attribute), "{text}");
        }
        assert!(!text.contains("s3cret"));
        let pair = text.split(';').next().unwrap();
        let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(pair).unwrap())]);
        assert_eq!(OperatorKey::read(&headers).unwrap().bearer(), "Bearer s3cret/+=");
        assert!(OperatorKey::forget(false).to_str().unwrap().contains("Max-Age=0"));
    }

    #[test]
    fn what_cannot_be_a_key_never_reaches_a_header() {
        for text in ["", "  ", "two words", "line\r\nInjected: 1", "ñ", &"x".repeat(MAX_KEY_BYTES + 1)] {
            assert!(OperatorKey::typed(text).is_none(), "{text:?}");
        }
        for value in ["", "%%%", "DQo"] {
            let pair = format!("{OPERATOR}={value}");
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(pair).unwrap())]);
            assert!(OperatorKey::read(&headers).is_none(), "{value}");
        }
    }
}
