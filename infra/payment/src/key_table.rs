//! A compact table from text keys to small values, in order of insertion.
//!
//! Keys that are ULIDs, as our order ids are, take 16 bytes without an allocation of their own. Entries are never removed.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;
use ticketflow_row_table::{RowIndex, Rows};
use ulid::Ulid;

/// A key as stored: the 16 bytes of a canonical ULID, or the text itself.
enum CompactKey {
    Ulid([u8; 16]),
    Text(Box<str>),
}

impl CompactKey {
    fn new(text: &str) -> Self {
        match canonical_ulid(text) {
            Some(bytes) => Self::Ulid(bytes),
            None => Self::Text(text.into()),
        }
    }

    fn to_text(&self) -> String {
        match self {
            Self::Ulid(bytes) => Ulid::from_bytes(*bytes).to_string(),
            Self::Text(text) => text.to_string(),
        }
    }
}

/// The key that is looked for, without an allocation.
enum SoughtKey<'a> {
    Ulid([u8; 16]),
    Text(&'a str),
}

impl<'a> SoughtKey<'a> {
    fn new(text: &'a str) -> Self {
        match canonical_ulid(text) {
            Some(bytes) => Self::Ulid(bytes),
            None => Self::Text(text),
        }
    }

    fn matches(&self, stored: &CompactKey) -> bool {
        match (self, stored) {
            (Self::Ulid(sought), CompactKey::Ulid(stored)) => sought == stored,
            (Self::Text(sought), CompactKey::Text(stored)) => *sought == &**stored,
            _ => false,
        }
    }
}

/// The bytes of a ULID whose text is exactly what those bytes print as; lower case and look-alike letters would not
/// come back as they were, so they count as plain text.
fn canonical_ulid(text: &str) -> Option<[u8; 16]> {
    let ulid = Ulid::from_string(text).ok()?;
    let mut canonical = [0; ulid::ULID_LEN];
    (ulid.array_to_str(&mut canonical) == text).then(|| ulid.to_bytes())
}

struct Entry<V> {
    key: CompactKey,
    value: V,
}

/// The table. Entry numbers are stable and count up from 0 in order of insertion.
pub(crate) struct KeyTable<V> {
    entries: Rows<Entry<V>>,
    by_key: RowIndex,
    hash_builder: DefaultHashBuilder,
}

impl<V> KeyTable<V> {
    pub(crate) fn new() -> Self {
        Self { entries: Rows::new(), by_key: RowIndex::new(), hash_builder: DefaultHashBuilder::default() }
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> u32 {
        self.entries.next_number()
    }

    /// The number of the entry under `key`.
    pub(crate) fn find(&self, key: &str) -> Option<u32> {
        let sought = SoughtKey::new(key);
        let hash = match &sought {
            SoughtKey::Ulid(bytes) => self.hash_builder.hash_one(bytes),
            SoughtKey::Text(text) => self.hash_builder.hash_one(text),
        };
        self.by_key.find(hash, |number| sought.matches(&self.entries[number].key))
    }

    /// Adds an entry whose key is not in the table yet.
    pub(crate) fn insert(&mut self, key: &str, value: V) -> u32 {
        let key = CompactKey::new(key);
        let hash = match &key {
            CompactKey::Ulid(bytes) => self.hash_builder.hash_one(bytes),
            CompactKey::Text(text) => self.hash_builder.hash_one(&**text),
        };
        let number = self.entries.push(Entry { key, value });
        self.by_key.insert(hash, number);
        number
    }

    pub(crate) fn value(&self, number: u32) -> &V {
        &self.entries[number].value
    }

    pub(crate) fn value_mut(&mut self, number: u32) -> &mut V {
        &mut self.entries[number].value
    }

    pub(crate) fn key(&self, number: u32) -> String {
        self.entries[number].key.to_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_inserted_and_keeps_the_text_of_keys() {
        let keys = [
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "01arz3ndektsv4rrffq69g5fav",
            "O1ARZ3NDEKTSV4RRFFQ69G5FAV",
            "order-1",
            "order-1:refund-2",
            "x",
        ];
        let mut table = KeyTable::new();
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(table.find(key), None);
            assert_eq!(table.insert(key, number), number as u32);
        }
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(table.find(key), Some(number as u32));
            assert_eq!(table.key(number as u32), *key);
            assert_eq!(*table.value(number as u32), number);
        }
        assert_eq!(table.find("order-2"), None);
    }

    #[test]
    fn holds_many_keys_across_chunks_and_growth() {
        let mut table = KeyTable::new();
        let count = 50_000;
        for number in 0..count {
            table.insert(&Ulid::from_parts(number, 7).to_string(), number);
        }
        assert_eq!(u64::from(table.len()), count);
        for number in 0..count {
            let found = table.find(&Ulid::from_parts(number, 7).to_string()).expect("inserted above");
            assert_eq!(*table.value(found), number);
        }
    }

    #[test]
    fn an_entry_is_at_most_48_bytes() {
        assert!(std::mem::size_of::<Entry<(i64, i64, [u8; 4])>>() <= 48);
    }
}
