//! Which commands were carried out lately, by their idempotency key: where in the log their answer is.
//!
//! Only successes are remembered; a refusal is decided afresh. Bounded in time and in count. 36 bytes a record and 9 to 20
//! for its index; the answer itself is read back from the log, so that it is the first one again.

use hashbrown::HashMap;
use sha2::{Digest, Sha256};
use ticketflow_domain::show::ShowEvent;
use ticketflow_domain::{HashIds, OrderId, Timestamp};
use ticketflow_event_store::Position;
use ticketflow_row_table::{RowIndex, Rows};

/// How long an answer is remembered: longer than any client retries.
const MEMORY_SECONDS: u32 = 24 * 60 * 60;

/// Answers remembered per show: a stadium sold out ten times over, holds included.
const MAX_RECORDS: usize = 1_000_000;

/// An idempotency key in its scope, and what was asked with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestKey {
    /// First half of SHA-256 of principal, route and key.
    pub key: [u8; 16],
    /// First bytes of SHA-256 of the request body.
    pub fingerprint: [u8; 8],
}

impl RequestKey {
    /// `principal` is who asks (empty for anyone), `route` the operation with the ids in its path.
    #[must_use]
    pub fn new(principal: &str, route: &[&[u8]], key: &str, body: &[u8]) -> Self {
        let mut digest = Sha256::new();
        for part in [principal.as_bytes(), key.as_bytes()].into_iter().chain(route.iter().copied()) {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let scope: [u8; 32] = digest.finalize().into();
        let body: [u8; 32] = Sha256::digest(body).into();
        Self {
            key: scope[..16].try_into().expect("half of 32 bytes"),
            fingerprint: body[..8].try_into().expect("8 of 32 bytes"),
        }
    }
}

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing: decide.
    No,
    /// The same request was carried out; its last event is at this position.
    Answered {
        /// Of the first event of the answer.
        position: Position,
    },
    /// The key was used for another request.
    Reused,
}

/// Packed to 36 bytes: no field is wider than four.
#[derive(Debug, Clone, Copy)]
struct Record {
    key: [u8; 16],
    fingerprint: [u8; 8],
    position: [u32; 2],
    at_seconds: u32,
}

impl Record {
    fn position(&self) -> Position {
        u64::from(self.position[0]) | u64::from(self.position[1]) << 32
    }
}

/// The memory of one show.
#[derive(Debug, Default, Clone)]
pub struct IdempotencyTable {
    records: Rows<Record>,
    /// Number of the oldest record that is remembered.
    oldest: u32,
    /// When the oldest record is too old; 0 where that is not known.
    forget_from: u32,
    by_key: RowIndex,
    /// Payments under way: the key is remembered only once the order is paid.
    paying: HashMap<OrderId, RequestKey, HashIds>,
}

fn hash(key: &[u8; 16]) -> u64 {
    // The key is a hash already.
    u64::from_le_bytes(key[..8].try_into().expect("half of 16 bytes"))
}

impl IdempotencyTable {
    /// What is known of a request.
    #[must_use]
    pub fn find(&self, request: &RequestKey) -> Known {
        match self.record(&request.key) {
            None => Known::No,
            Some(record) if record.fingerprint == request.fingerprint => {
                Known::Answered { position: record.position() }
            }
            Some(_) => Known::Reused,
        }
    }

    fn record(&self, key: &[u8; 16]) -> Option<&Record> {
        let row = self.by_key.find(hash(key), |row| self.records[row].key == *key)?;
        self.records.get(row)
    }

    /// Remembers a command by its first event. A started payment is remembered when it has become an order.
    pub fn remember(&mut self, request: RequestKey, event: &ShowEvent, position: Position, now: Timestamp) {
        if let ShowEvent::PaymentStarted(event) = event {
            self.paying.insert(event.order_id, request);
        } else {
            self.insert(request, position, now);
        }
    }

    /// Follows payments to their outcome; to be called for every event.
    pub fn follow(&mut self, event: &ShowEvent, position: Position, now: Timestamp) {
        match event {
            ShowEvent::OrderPaid(event) => {
                if let Some(request) = self.paying.remove(&event.order_id) {
                    self.insert(request, position, now);
                }
            }
            ShowEvent::PaymentFailed(event) => {
                self.paying.remove(&event.order_id);
            }
            _ => {}
        }
    }

    /// The key whose payment an event brings to its end, before [`Self::follow`] has seen it.
    #[must_use]
    pub fn key_settled_by(&self, event: &ShowEvent) -> Option<[u8; 16]> {
        let order_id = match event {
            ShowEvent::OrderPaid(event) => event.order_id,
            ShowEvent::PaymentFailed(event) => event.order_id,
            _ => return None,
        };
        self.paying.get(&order_id).map(|request| request.key)
    }

    fn insert(&mut self, request: RequestKey, position: Position, now: Timestamp) {
        let at_seconds = u32::try_from(now.as_millis() / 1_000).unwrap_or(0);
        self.forget(at_seconds);
        let row = self.records.next_number();
        let records = &self.records;
        let known = |other: u32| records[other].key == request.key;
        if self.by_key.find_or_insert(hash(&request.key), row, known) == row {
            self.records.push(Record {
                key: request.key,
                fingerprint: request.fingerprint,
                position: [position as u32, (position >> 32) as u32],
                at_seconds,
            });
        }
    }

    /// Drops what is too old, or too much.
    fn forget(&mut self, now_seconds: u32) {
        if now_seconds < self.forget_from && self.len() < MAX_RECORDS {
            return;
        }
        let due = |record: &Record| record.at_seconds.saturating_add(MEMORY_SECONDS) <= now_seconds;
        while let Some(oldest) = self.records.get(self.oldest)
            && (self.len() >= MAX_RECORDS || due(oldest))
        {
            self.by_key.remove(hash(&oldest.key), self.oldest);
            self.oldest = self.oldest.wrapping_add(1);
            self.records.forget_before(self.oldest);
        }
        self.forget_from = self
            .records
            .get(self.oldest)
            .map_or(0, |oldest| oldest.at_seconds.saturating_add(MEMORY_SECONDS));
    }

    fn remembered(&self) -> impl Iterator<Item = &Record> {
        (0..self.len() as u32).map(|number| &self.records[self.oldest.wrapping_add(number)])
    }

    /// The stored shape: remembered records, and payments under way.
    #[must_use]
    pub fn into_snapshot(self) -> IdempotencySnapshot {
        let record = |record: &Record| (record.key, record.fingerprint, record.position(), record.at_seconds);
        let mut paying: Vec<_> =
            self.paying.iter().map(|(id, key)| (*id, key.key, key.fingerprint)).collect();
        paying.sort_unstable();
        IdempotencySnapshot { records: self.remembered().map(record).collect(), paying }
    }

    /// The memory from its stored shape.
    #[must_use]
    pub fn from_snapshot(snapshot: IdempotencySnapshot) -> Self {
        let mut table = Self::default();
        for (key, fingerprint, position, at_seconds) in snapshot.records {
            let at = Timestamp::from_millis(i64::from(at_seconds) * 1_000);
            table.insert(RequestKey { key, fingerprint }, position, at);
        }
        let paying = snapshot.paying.into_iter();
        table.paying = paying.map(|(id, key, fingerprint)| (id, RequestKey { key, fingerprint })).collect();
        table
    }

    /// Records remembered now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.next_number().wrapping_sub(self.oldest) as usize
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Version 1 of the stored shape.
#[derive(Debug, Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct IdempotencySnapshot {
    records: Vec<([u8; 16], [u8; 8], u64, u32)>,
    paying: Vec<(OrderId, [u8; 16], [u8; 8])>,
}

#[cfg(test)]
mod tests {
    use ticketflow_domain::show::SalesOpened;

    use super::*;

    fn request(number: u32) -> RequestKey {
        RequestKey::new("", &[b"route"], &number.to_string(), b"body")
    }

    fn opened() -> ShowEvent {
        ShowEvent::SalesOpened(SalesOpened { at: Timestamp::from_millis(0) })
    }

    #[test]
    fn scope_and_body_both_matter() {
        let base = RequestKey::new("", &[b"route", b"1"], "k", b"body");
        assert_eq!(base, RequestKey::new("", &[b"route", b"1"], "k", b"body"));
        for other in [
            RequestKey::new("p", &[b"route", b"1"], "k", b"body"),
            RequestKey::new("", &[b"route1", b""], "k", b"body"),
            RequestKey::new("", &[b"route", b"1"], "l", b"body"),
        ] {
            assert_ne!(base.key, other.key);
        }
        assert_ne!(base.fingerprint, RequestKey::new("", &[b"route", b"1"], "k", b"other").fingerprint);
    }

    #[test]
    fn a_key_is_known_for_24_hours_and_only_with_its_body() {
        let mut table = IdempotencyTable::default();
        let at = Timestamp::from_millis(1_000_000);
        table.remember(request(1), &opened(), 7, at);
        assert_eq!(table.find(&request(1)), Known::Answered { position: 7 });
        assert_eq!(table.find(&RequestKey { fingerprint: [0; 8], ..request(1) }), Known::Reused);
        table.remember(request(2), &opened(), 8, at.plus_seconds(MEMORY_SECONDS - 1));
        assert_eq!(table.find(&request(1)), Known::Answered { position: 7 });
        table.remember(request(3), &opened(), 9, at.plus_seconds(MEMORY_SECONDS));
        assert_eq!(table.find(&request(1)), Known::No);
        assert_eq!(table.find(&request(2)), Known::Answered { position: 8 });
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_the_oldest() {
        let mut table = IdempotencyTable::default();
        for number in 0..MAX_RECORDS as u32 + 10 {
            table.remember(request(number), &opened(), number.into(), Timestamp::from_millis(5));
        }
        assert_eq!(table.len(), MAX_RECORDS);
        assert_eq!(table.find(&request(9)), Known::No);
        assert_eq!(table.find(&request(10)), Known::Answered { position: 10 });
        let restored = IdempotencyTable::from_snapshot(table.into_snapshot());
        assert_eq!(restored.find(&request(500_000)), Known::Answered { position: 500_000 });
    }
}
