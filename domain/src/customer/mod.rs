//! The customer: a person, of whom the log holds only sealed data. Stream: `customer-{ulid}`.
//!
//! A guest purchase makes (or finds) a placeholder customer and records the buyer's details, sealed with the
//! customer's own key. Destroying that key erases the person; the events stay and fold as before.

use serde::{Deserialize, Serialize};

use crate::ids::{CustomerId, OrderId};
use crate::time::Timestamp;

/// A customer came to be through a guest purchase: no account, no password.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct PlaceholderCreated {
    /// The customer.
    pub customer_id: CustomerId,
    /// When.
    pub at: Timestamp,
}

/// The details that a buyer gave with an order.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct BuyerDetailsRecorded {
    /// The order that they were given with; part of the sealed data's context.
    pub order_id: OrderId,
    /// RUT, name, e-mail and language, sealed with the customer's key; hexadecimal in JSON.
    #[serde(with = "hexadecimal")]
    pub sealed: Vec<u8>,
    /// When.
    pub at: Timestamp,
}

mod hexadecimal {
    use data_encoding::HEXLOWER;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        HEXLOWER.decode(text.as_bytes()).map_err(serde::de::Error::custom)
    }
}

/// Any event of a customer's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[allow(missing_docs, reason = "each variant is its struct, which says what it is")]
pub enum CustomerEvent {
    PlaceholderCreated(PlaceholderCreated),
    BuyerDetailsRecorded(BuyerDetailsRecorded),
}

/// Records a buyer's details with an order.
#[derive(Debug, Clone)]
pub struct RecordBuyer {
    /// Who buys.
    pub customer_id: CustomerId,
    /// With which order.
    pub order_id: OrderId,
    /// Sealed details.
    pub sealed: Vec<u8>,
}

/// The events that carry the command out, given how many events the stream has: the first makes the placeholder.
pub fn decide(revision: u64, command: RecordBuyer, now: Timestamp) -> Vec<CustomerEvent> {
    let details = BuyerDetailsRecorded { order_id: command.order_id, sealed: command.sealed, at: now };
    let placeholder = PlaceholderCreated { customer_id: command.customer_id, at: now };
    let mut events = Vec::with_capacity(2);
    if revision == 0 {
        events.push(CustomerEvent::PlaceholderCreated(placeholder));
    }
    events.push(CustomerEvent::BuyerDetailsRecorded(details));
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_purchase_makes_the_placeholder_and_later_ones_find_it() {
        let command = || RecordBuyer {
            customer_id: CustomerId::from_bytes([1; 16]),
            order_id: OrderId::from_bytes([2; 16]),
            sealed: vec![3],
        };
        let now = Timestamp::from_millis(5);
        assert!(matches!(
            decide(0, command(), now)[..],
            [CustomerEvent::PlaceholderCreated(_), CustomerEvent::BuyerDetailsRecorded(_)]
        ));
        assert!(matches!(decide(2, command(), now)[..], [CustomerEvent::BuyerDetailsRecorded(_)]));
    }
}
