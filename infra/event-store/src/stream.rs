//! Names of streams.
//!
//! Owns [`StreamId`] and its one text spelling: `show-{ulid}` for everything with a ULID, `billing-{series}` for billing.
//! Invariant: text and bytes map one to one, so a stream has exactly one name. What lives in a stream is left to others.

use std::fmt;
use std::str::FromStr;

/// Crockford base 32, the alphabet of ULIDs.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters that spell 128 bits at 5 bits each; the first carries only 3.
const ULID_CHARACTERS: usize = 26;

/// Count of events in a stream: 0 is an empty stream, the first event has revision 1.
pub type Revision = u64;

/// Sequence number of an event in the whole log: the first event is 1, without gaps; 0 is "before everything".
pub type Position = u64;

/// What a stream is about. The number is stored in every frame and never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Category {
    /// One performance: its plan, holds, orders, refunds and check-ins.
    Show = 1,
    /// One buyer.
    Customer = 2,
    /// One series of folios.
    Billing = 3,
    /// What operators did.
    Ops = 4,
}

impl Category {
    /// Every category, in the order of its number.
    pub const ALL: [Category; 4] = [Self::Show, Self::Customer, Self::Billing, Self::Ops];

    /// The category with this stored number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|category| *category as u8 == number)
    }

    /// The word before the dash in a stream's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Customer => "customer",
            Self::Billing => "billing",
            Self::Ops => "ops",
        }
    }
}

/// The identity of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId {
    /// What the stream is about.
    pub category: Category,
    /// A ULID in big-endian bytes, or for billing the series in ASCII, padded with zeros at the end.
    pub id: [u8; 16],
}

/// Why a text is not the name of a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a stream name: {reason}")]
pub struct StreamNameError {
    name: String,
    reason: &'static str,
}

impl StreamId {
    /// The stream of `category` with this id.
    #[must_use]
    pub const fn new(category: Category, id: [u8; 16]) -> Self {
        Self { category, id }
    }

    /// The billing stream of a series: 1 to 16 ASCII letters or digits.
    ///
    /// # Errors
    /// [`StreamNameError`] when the series is empty, too long or holds another character.
    pub fn billing(series: &str) -> Result<Self, StreamNameError> {
        let id = series_bytes(series)
            .map_err(|reason| StreamNameError { name: format!("billing-{series}"), reason })?;
        Ok(Self::new(Category::Billing, id))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-", self.category.name())?;
        if self.category == Category::Billing {
            let length = self.id.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            return write!(f, "{}", self.id[..length].escape_ascii());
        }
        let bits = u128::from_be_bytes(self.id);
        (0..ULID_CHARACTERS).rev().try_for_each(|place| {
            let digit = (bits >> (5 * place)) & 31;
            write!(f, "{}", char::from(CROCKFORD[digit as usize]))
        })
    }
}

impl FromStr for StreamId {
    type Err = StreamNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (word, id) = name.split_once('-').ok_or("no dash after the category")?;
            let category = Category::ALL
                .into_iter()
                .find(|category| category.name() == word)
                .ok_or("unknown category")?;
            let id = match category {
                Category::Billing => series_bytes(id)?,
                Category::Show | Category::Customer | Category::Ops => ulid_bytes(id)?,
            };
            Ok(Self::new(category, id))
        };
        parse().map_err(|reason| StreamNameError { name: name.to_owned(), reason })
    }
}

fn series_bytes(series: &str) -> Result<[u8; 16], &'static str> {
    if series.is_empty() || series.len() > 16 {
        return Err("a series has 1 to 16 characters");
    }
    if !series.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("a series holds ASCII letters and digits only");
    }
    let mut id = [0; 16];
    id[..series.len()].copy_from_slice(series.as_bytes());
    Ok(id)
}

fn ulid_bytes(text: &str) -> Result<[u8; 16], &'static str> {
    if text.len() != ULID_CHARACTERS {
        return Err("a ULID has 26 characters");
    }
    if text.as_bytes()[0] > b'7' {
        return Err("a ULID fits 128 bits");
    }
    text.bytes()
        .try_fold(0u128, |bits, byte| {
            let digit = CROCKFORD.iter().position(|known| *known == byte)?;
            Some(bits << 5 | digit as u128)
        })
        .map(u128::to_be_bytes)
        .ok_or("a ULID is written in upper-case Crockford base 32")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_and_its_stream_map_one_to_one(id: [u8; 16], category in 0usize..4) {
            let category = [Category::Show, Category::Customer, Category::Ops, Category::Show][category];
            let stream = StreamId::new(category, id);
            prop_assert_eq!(stream.to_string().parse::<StreamId>(), Ok(stream));
        }
    }

    #[test]
    fn names_follow_the_ulid_alphabet() {
        let all_ones = StreamId::new(Category::Show, [0xff; 16]);
        assert_eq!(all_ones.to_string(), "show-7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        let zero = StreamId::new(Category::Ops, [0; 16]);
        assert_eq!(zero.to_string(), "ops-00000000000000000000000000");
        let billing = StreamId::billing("B39").unwrap();
        assert_eq!(billing.to_string(), "billing-B39");
        assert_eq!("billing-B39".parse(), Ok(billing));
    }

    #[test]
    fn what_is_not_a_name_is_refused_with_a_reason() {
        for (name, reason) in [
            ("show", "no dash"),
            ("hall-7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "unknown category"),
            ("show-8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "128 bits"),
            ("show-7zzzzzzzzzzzzzzzzzzzzzzzzz", "upper-case"),
            ("show-7ZZ", "26 characters"),
            ("show-7ZZZZZZZZZZZZZZZZZZZZZZZé", "upper-case"),
            ("billing-", "1 to 16"),
            ("billing-a b", "letters and digits"),
        ] {
            let error = name.parse::<StreamId>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
