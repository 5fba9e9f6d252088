//! Identifiers: 16-byte ULIDs, one newtype per thing, so that a hold id is never taken for an order id.
//!
//! Ids are minted by the services (the domain has no randomness) and shown as 26 characters of
//! Crockford base32, which sort by time of creation.

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::str::FromStr;

use ticketflow_row_table::hash_of_random_id;
use ulid::Ulid;

/// A text that is not a ULID: 26 upper-case characters of Crockford base32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ULID: 26 upper-case characters of Crockford base32 are expected")]
pub struct InvalidId;

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, utoipa::ToSchema,
        )]
        #[schema(value_type = String, pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$", example = "01KBN5Z3V0Q8W4R6T9Y2M7C1XD")]
        pub struct $name([u8; 16]);

        impl $name {
            /// Takes the 16 bytes of a ULID, most significant first.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes of the ULID, most significant first.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0
            }

            /// The id as text in a fixed buffer, for callers that write it without allocating.
            pub fn write_text(self, buffer: &mut [u8; 26]) -> &str {
                Ulid::from_bytes(self.0).array_to_str(buffer)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.write_text(&mut [0; 26]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let ulid = Ulid::from_string(text).map_err(|_| InvalidId)?;
                let id = Self(ulid.to_bytes());
                // An id has one spelling: no lower case, and no digits that overflow 128 bits.
                if id.write_text(&mut [0; 26]) == text { Ok(id) } else { Err(InvalidId) }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.write_text(&mut [0; 26]))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

ulid_id!(
    /// A show: one performance, the consistency boundary.
    ShowId
);
ulid_id!(
    /// A hold: seats set aside for one buyer until a deadline.
    HoldId
);
ulid_id!(
    /// An order: one purchase and, at the payment gateway, the idempotency key of its charge.
    OrderId
);
ulid_id!(
    /// A ticket: the right to one seat.
    TicketId
);
ulid_id!(
    /// A customer: a person, known elsewhere only by this id.
    CustomerId
);
ulid_id!(
    /// A refund: the idempotency key of the money that goes back.
    RefundId
);

/// Hashes ids for tables: their last half is random and minted here, so that it needs no hashing to speak of.
pub type HashIds = BuildHasherDefault<IdHasher>;

/// See [`HashIds`].
#[derive(Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.try_into().map_or(0, hash_of_random_id);
    }

    /// The length of an id says nothing.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_minted_together_hash_apart() {
        use std::hash::BuildHasher;
        let hash = |low: u128| {
            HashIds::default()
                .hash_one(HoldId::from_bytes((0x0190_0000_0000_0000_u128 << 64 | low).to_be_bytes()))
        };
        let hashes: std::collections::HashSet<u64> = (0..10_000).map(hash).collect();
        assert_eq!(hashes.len(), 10_000);
        let buckets: std::collections::HashSet<u64> = hashes.iter().map(|hash| hash % 1_024).collect();
        assert_eq!(buckets.len(), 1_024, "the low bits, which choose the place, differ too");
    }

    #[test]
    fn text_round_trips_and_rejects_what_is_no_ulid() {
        let id = ShowId::from_bytes([7; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 26);
        for bad in [
            "",
            "show",
            "0123456789012345678901234U",
            "é",
            "81ARZ3NDEKTSV4RRFFQ69G5FAVX",
            "81ARZ3NDEKTSV4RRFFQ69G5FAV",
            "01arz3ndektsv4rrffq69g5fav",
        ] {
            assert_eq!(bad.parse::<ShowId>(), Err(InvalidId), "{bad}");
        }
    }
}
