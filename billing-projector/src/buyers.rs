//! Who bought: the details that came with an order, opened with the customer's key.
//!
//! Invariant: personal data is in memory while a document is made, and nowhere else. A customer whose key was destroyed has no
//! details any more, which is an answer and no error.

use std::sync::Arc;

use serde::Deserialize;
use ticketflow_domain::customer::CustomerEvent;
use ticketflow_domain::{CustomerId, Language, OrderId, Rut};
use ticketflow_event_store::{Category, CodecError, EmbeddedLog, ReadError, StreamId, customer_event};
use ticketflow_key_vault::{CustomerKeys, SealContext, SealError, VaultError, open};

/// Details of one customer looked through first: those of the last orders. Then twice as many each time.
const FIRST_LOOK: u64 = 64;

/// Why details could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BuyerError {
    /// The keys cannot be asked now.
    #[error("the customers' keys cannot be read")]
    Keys(#[from] VaultError),
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// Reading panicked.
    #[error("reading ended by an error of this software")]
    Task(#[from] tokio::task::JoinError),
    /// An event does not read back: a later version wrote it.
    #[error("the details given with order {order_id} do not read back")]
    Event {
        /// Of which order.
        order_id: OrderId,
        /// Why.
        #[source]
        source: CodecError,
    },
    /// They were sealed with another key, or changed since.
    #[error("the details given with order {order_id} do not open")]
    Sealed {
        /// Of which order.
        order_id: OrderId,
        /// Why.
        #[source]
        source: SealError,
    },
    /// They are not what a purchase writes.
    #[error("the details given with order {order_id} are not a buyer's")]
    Malformed {
        /// Of which order.
        order_id: OrderId,
    },
    /// The customer's stream has none for the order.
    #[error("no details were given with order {order_id}")]
    Missing {
        /// Of which order.
        order_id: OrderId,
    },
}

impl BuyerError {
    /// Whether trying again may help without anybody doing something.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Self::Keys(_) | Self::Task(_))
    }
}

// No `Debug`: personal data must not reach a log.
/// A buyer.
#[derive(Clone, Deserialize)]
pub struct Buyer {
    /// Tax number.
    #[serde(deserialize_with = "rut_of_text")]
    pub rut: Rut,
    /// As given.
    pub name: String,
    /// Where the documents go.
    pub email: String,
    /// In which they want to be written to; `None` where they did not say, as nobody could at first.
    #[serde(default)]
    pub language: Option<Language>,
}

fn rut_of_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Rut, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// Opens buyers' details.
#[derive(Clone)]
pub struct Buyers {
    log: EmbeddedLog,
    keys: Arc<dyn CustomerKeys>,
}

impl Buyers {
    /// Of this log, with these keys.
    #[must_use]
    pub fn new(log: EmbeddedLog, keys: Arc<dyn CustomerKeys>) -> Self {
        Self { log, keys }
    }

    /// The buyer of an order; `None` once the customer's key is destroyed.
    ///
    /// # Errors
    /// [`BuyerError`].
    pub async fn of(&self, customer_id: CustomerId, order_id: OrderId) -> Result<Option<Buyer>, BuyerError> {
        let Some(key) = self.keys.key(customer_id.to_bytes()).await? else { return Ok(None) };
        let log = self.log.clone();
        let sealed = tokio::task::spawn_blocking(move || sealed(&log, customer_id, order_id)).await??;
        let context = SealContext { customer_id: customer_id.to_bytes(), place: &order_id.to_bytes() };
        let details =
            open(&key, context, &sealed).map_err(|source| BuyerError::Sealed { order_id, source })?;
        serde_json::from_slice(&details).map(Some).map_err(|_| BuyerError::Malformed { order_id })
    }
}

/// What is sealed for an order, from the end of the customer's stream backwards: recent orders are asked about most.
fn sealed(log: &EmbeddedLog, customer_id: CustomerId, order_id: OrderId) -> Result<Vec<u8>, BuyerError> {
    let stream = StreamId::new(Category::Customer, customer_id.to_bytes());
    let end = log.stream_revision(&stream);
    let mut look = FIRST_LOOK;
    loop {
        let from = end.saturating_sub(look) + 1;
        let mut reader = log.read_stream(stream, from)?;
        while let Some(batch) = reader.next_batch()? {
            for record in batch.events() {
                let event =
                    customer_event(record).map_err(|source| BuyerError::Event { order_id, source })?;
                if let CustomerEvent::BuyerDetailsRecorded(details) = event
                    && details.order_id == order_id
                {
                    return Ok(details.sealed);
                }
            }
        }
        if from == 1 {
            return Err(BuyerError::Missing { order_id });
        }
        look = look.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_read_as_they_were_sealed_before_and_since_buyers_have_a_language() {
        let read = |details: &str| serde_json::from_str::<Buyer>(details).ok().map(|buyer| buyer.language);
        let before = r#"{"rut":"12.345.678-5","name":"Ana","email":"a@b.cl"}"#;
        assert_eq!(read(before), Some(None));
        for (code, language) in [("es", Language::Spanish), ("en", Language::English)] {
            let since = before.replace('}', &format!(r#","language":"{code}"}}"#));
            assert_eq!(read(&since), Some(Some(language)));
        }
        assert_eq!(read(&before.replace('}', r#","language":"fr"}"#)), None, "no purchase writes that");
    }
}
