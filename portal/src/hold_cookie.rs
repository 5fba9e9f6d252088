//! What a browser remembers of its hold, in one HttpOnly cookie per show: the hold's id and token, its deadline, and
//! what the checkout page shows. The portal itself remembers nothing, so any replica can serve the next page.
//!
//! A buyer who edits the cookie changes what their own page says and nothing else: seats, prices and the deadline are
//! decided by the API, which checks the token. Personal data is never in it.

use crate::api_model::{Hold, Money};
use crate::language::Language;
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

const HOLD: &str = "ticketflow_hold";
const LAST_ORDER: &str = "ticketflow_order";
/// Browsers drop a cookie of more than 4,096 bytes; the rest is for name and attributes.
const MAX_VALUE_BYTES: usize = 3_600;
/// The API ends a payment at most so long after its start.
const LONGEST_PAYMENT_SECONDS: i64 = 300;
/// How long a second click on "pay" still finds its way to the tickets.
const LAST_ORDER_SECONDS: i64 = 3_600;

/// A hold as its browser remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RememberedHold {
    pub(crate) hold_id: String,
    pub(crate) token: String,
    pub(crate) expires_at: String,
    pub(crate) total: Money,
    pub(crate) count: usize,
    /// Seat names with their prices in minor units; empty when names are so long that no cookie holds them.
    pub(crate) seats: Vec<(String, i64)>,
    /// The key of a payment whose outcome is not known: whatever page comes next must ask with it, not anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paying_key: Option<String>,
    /// The buyer's language in that payment, by its code: with another one it would be another request under the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paying_language: Option<String>,
}

impl RememberedHold {
    pub(crate) fn new(hold: &Hold) -> Self {
        let mut remembered = Self {
            hold_id: hold.hold_id.clone(),
            token: hold.hold_token.clone(),
            expires_at: hold.expires_at.clone(),
            total: hold.total.clone(),
            count: hold.seats.len(),
            seats: hold.seats.iter().map(|held| (held.seat.clone(), held.price.amount)).collect(),
            paying_key: None,
            paying_language: None,
        };
        if remembered.encoded().len() > MAX_VALUE_BYTES {
            remembered.seats.clear();
        }
        remembered
    }

    fn encoded(&self) -> String {
        let json = serde_json::to_vec(self).expect("texts and numbers always become JSON");
        BASE64URL_NOPAD.encode(&json)
    }

    /// The hold in the request's cookies, unless it is over or not ours.
    pub(crate) fn read(headers: &HeaderMap, now: Timestamp) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(cookie(headers, HOLD)?.as_bytes()).ok()?;
        let hold: Self = serde_json::from_slice(&bytes).ok()?;
        let fits_a_header = |text: &String| text.bytes().all(|byte| byte.is_ascii_graphic());
        let whole =
            is_id(&hold.hold_id) && fits_a_header(&hold.token) && hold.paying_key.iter().all(fits_a_header);
        (whole && hold.expires_at.parse::<Timestamp>().ok()? > now).then_some(hold)
    }

    /// The same hold while a payment of it may be under way: remembered for as long as the API lets a hold wait for
    /// its payment, with the payment's key and language, so that the next press still finds it.
    pub(crate) fn waiting_for_payment(&self, key: &str, language: Option<Language>, now: Timestamp) -> Self {
        let longest = now + SignedDuration::from_secs(LONGEST_PAYMENT_SECONDS);
        let known: Option<Timestamp> = self.expires_at.parse().ok();
        let expires_at = known.map_or(longest, |known| known.max(longest)).to_string();
        let (paying_key, paying_language) = (Some(key.to_owned()), language.map(|one| one.code().to_owned()));
        Self { expires_at, paying_key, paying_language, ..self.clone() }
    }

    /// The buyer's language in a payment: that of a payment that may be under way, if it had one; else the page's.
    pub(crate) fn buyer_language(&self, page: Language) -> Option<Language> {
        match self.paying_key {
            Some(_) => self.paying_language.as_deref().and_then(Language::parse),
            None => Some(page),
        }
    }

    /// The cookie that keeps this hold until its deadline.
    pub(crate) fn keep(&self, show: &str, now: Timestamp, secure: bool) -> HeaderValue {
        let seconds = self.expires_at.parse::<Timestamp>().map_or(0, |end| end.as_second() - now.as_second());
        set_cookie(HOLD, &self.encoded(), &format!("/shows/{show}"), seconds.max(0), secure)
    }

    /// The cookie that forgets the hold of this show.
    pub(crate) fn forget(show: &str, secure: bool) -> HeaderValue {
        set_cookie(HOLD, "", &format!("/shows/{show}"), 0, secure)
    }
}

/// The order that this browser bought last for a show.
pub(crate) fn last_order(headers: &HeaderMap) -> Option<(&str, Option<u64>)> {
    let (order, position) = cookie(headers, LAST_ORDER)?.split_once('.')?;
    is_id(order).then(|| (order, position.parse().ok()))
}

/// Remembers an order, and the position at which it was paid, for the checkout of its show.
pub(crate) fn keep_last_order(show: &str, order: &str, position: Option<u64>, secure: bool) -> HeaderValue {
    let order = format!("{order}.{}", position.unwrap_or_default());
    set_cookie(LAST_ORDER, &order, &format!("/shows/{show}/checkout"), LAST_ORDER_SECONDS, secure)
}

/// Whether a text may stand in a path as an id: what anybody may have typed is checked before it travels on.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// `Lax`, not `Strict`: a link in a mail must find the hold. Forms from other sites are refused by their origin.
pub(crate) fn set_cookie(name: &str, value: &str, path: &str, seconds: i64, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(text).expect("names, ids and base64 are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api_model::HeldSeat;

    fn money(amount: i64) -> Money {
        Money { amount, currency: "CLP".into() }
    }

    fn hold(seat: &str) -> Hold {
        Hold {
            hold_id: "01HOLD".into(),
            hold_token: "secret".into(),
            seats: vec![HeldSeat { seat: seat.into(), price: money(100) }; 10],
            total: money(1_000),
            expires_at: "2026-11-22T12:00:00Z".into(),
        }
    }

    fn sent_back(value: &HeaderValue) -> HeaderMap {
        let pair = value.to_str().unwrap().split(';').next().unwrap().to_owned();
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(format!("other=1; {pair}")).unwrap())])
    }

    #[test]
    fn a_hold_comes_back_until_its_deadline() {
        let remembered = RememberedHold::new(&hold("Platea-Ñ-1"));
        let now: Timestamp = "2026-11-22T11:59:00Z".parse().unwrap();
        let value = remembered.keep("SHOW", now, true);
        let text = value.to_str().unwrap();
        assert!(
            text.contains("Max-Age=60") && text.contains("HttpOnly") && text.contains("Secure"),
            "{text}"
        );
        assert_eq!(RememberedHold::read(&sent_back(&value), now), Some(remembered));
        assert_eq!(RememberedHold::read(&sent_back(&value), "2026-11-22T12:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn a_hold_outlives_its_deadline_while_it_is_being_paid() {
        let remembered = RememberedHold::new(&hold("A-1-1"));
        let late: Timestamp = "2026-11-22T11:59:59Z".parse().unwrap();
        let waiting = remembered.waiting_for_payment("key", Some(Language::English), late);
        assert_eq!(waiting.expires_at, "2026-11-22T12:04:59Z");
        let sent_back = RememberedHold::read(&sent_back(&waiting.keep("S", late, false)), late).unwrap();
        assert_eq!(sent_back.paying_key.as_deref(), Some("key"));
        assert_eq!(sent_back.buyer_language(Language::Spanish), Some(Language::English));
        assert_eq!(remembered.buyer_language(Language::Spanish), Some(Language::Spanish));
        let early: Timestamp = "2026-11-22T11:30:00Z".parse().unwrap();
        let waiting = remembered.waiting_for_payment("key", Some(Language::English), early);
        assert_eq!(waiting.expires_at, remembered.expires_at);
        // A payment that was sent when buyers had no language is repeated without one.
        let before = RememberedHold { paying_language: None, ..waiting };
        assert_eq!(before.buyer_language(Language::Spanish), None);
    }

    #[test]
    fn names_too_long_for_a_cookie_leave_the_count_and_the_total() {
        let remembered = RememberedHold::new(&hold(&"🎭".repeat(200)));
        assert!(remembered.seats.is_empty() && remembered.count == 10);
        assert!(remembered.encoded().len() < MAX_VALUE_BYTES);
    }

    #[test]
    fn a_forged_cookie_is_no_hold() {
        let now: Timestamp = "2026-11-22T11:00:00Z".parse().unwrap();
        let mut forged = RememberedHold::new(&hold("A-1-1"));
        forged.hold_id = "../../ops".into();
        assert_eq!(RememberedHold::read(&sent_back(&forged.keep("S", now, false)), now), None);
        forged.hold_id = "ok".into();
        forged.token = "x\r\nInjected: 1".into();
        assert_eq!(RememberedHold::read(&sent_back(&forged.keep("S", now, false)), now), None);
        forged.token = "ok".into();
        forged.paying_key = Some("x\r\ny".into());
        assert_eq!(RememberedHold::read(&sent_back(&forged.keep("S", now, false)), now), None);
        for junk in ["ticketflow_hold=", "ticketflow_hold=%%%", "ticketflow_hold=e30"] {
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(junk))]);
            assert_eq!(RememberedHold::read(&headers, now), None, "{junk}");
        }
    }
}
