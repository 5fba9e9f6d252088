//! The index: from the hash of a key to row numbers. Holds no keys: the rows have them.
//!
//! Beside a row's number stands half of its hash, so that growing an index and passing over other keys need not look at rows.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as TableEntry;

/// Shards of a large index: growing one of a million keys moves 16,000 entries, well under a millisecond.
const SHARDS: usize = 64;

/// An index of so many keys is split into its shards: as many as may move at once, and as fill a table of 16,384 places.
const SPLIT_AT: usize = 14_336;

/// Row numbers by the hash of their key.
#[derive(Debug, Clone, Default)]
pub struct RowIndex {
    /// The only table of a small index, so that it stays in the processor's cache; empty once it is split.
    small: HashTable<Entry>,
    /// None before an index is split.
    shards: Vec<HashTable<Entry>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    mixed_hash: u32,
    row: u32,
}

impl RowIndex {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn table(&self, mixed_hash: u32) -> &HashTable<Entry> {
        self.shards.get(shard(mixed_hash)).unwrap_or(&self.small)
    }

    fn table_mut(&mut self, mixed_hash: u32) -> &mut HashTable<Entry> {
        self.shards.get_mut(shard(mixed_hash)).unwrap_or(&mut self.small)
    }

    /// The row with that hash for which `is_it` holds.
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mixed_hash = mix(hash);
        let is_it = |entry: &Entry| entry.mixed_hash == mixed_hash && is_it(entry.row);
        self.table(mixed_hash).find(spread(mixed_hash), is_it).map(|entry| entry.row)
    }

    /// Adds a row unless one with its key is there; says which row the key has.
    pub fn find_or_insert(&mut self, hash: u64, row: u32, mut is_it: impl FnMut(u32) -> bool) -> u32 {
        if self.small.len() == SPLIT_AT {
            self.split();
        }
        let mixed_hash = mix(hash);
        let is_it = |entry: &Entry| entry.mixed_hash == mixed_hash && is_it(entry.row);
        match self.table_mut(mixed_hash).entry(spread(mixed_hash), is_it, |entry| spread(entry.mixed_hash)) {
            TableEntry::Occupied(entry) => entry.get().row,
            TableEntry::Vacant(vacant) => vacant.insert(Entry { mixed_hash, row }).get().row,
        }
    }

    /// Adds a row whose key is not in the index.
    pub fn insert(&mut self, hash: u64, row: u32) {
        if self.small.len() == SPLIT_AT {
            self.split();
        }
        let mixed_hash = mix(hash);
        let entry = Entry { mixed_hash, row };
        self.table_mut(mixed_hash).insert_unique(spread(mixed_hash), entry, |entry| spread(entry.mixed_hash));
    }

    /// Takes out the row with that hash for which `is_it` holds.
    pub fn take(&mut self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mixed_hash = mix(hash);
        let is_it = |entry: &Entry| entry.mixed_hash == mixed_hash && is_it(entry.row);
        let entry = self.table_mut(mixed_hash).find_entry(spread(mixed_hash), is_it).ok()?;
        Some(entry.remove().0.row)
    }

    /// Takes a row out, if it is there.
    pub fn remove(&mut self, hash: u64, row: u32) {
        self.take(hash, |other| other == row);
    }

    #[cold]
    fn split(&mut self) {
        let whole = std::mem::take(&mut self.small);
        self.shards.resize_with(SHARDS, || HashTable::with_capacity(2 * SPLIT_AT / SHARDS));
        for entry in whole {
            let spread_entry = |entry: &Entry| spread(entry.mixed_hash);
            self.shards[shard(entry.mixed_hash)].insert_unique(spread_entry(&entry), entry, spread_entry);
        }
    }
}

/// The bits of a hash that are kept.
fn mix(hash: u64) -> u32 {
    (hash ^ hash >> 32) as u32
}

fn shard(mixed_hash: u32) -> usize {
    (mixed_hash >> 26) as usize % SHARDS
}

/// A table looks at the lowest and at the highest bits of 64.
fn spread(mixed_hash: u32) -> u64 {
    u64::from(mixed_hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The hash of an id that ends in random bits nobody outside chooses, such as a ULID minted here.
#[must_use]
pub fn hash_of_random_id(id: &[u8; 16]) -> u64 {
    let random = u64::from_be_bytes(id[8..].try_into().expect("eight of sixteen bytes"));
    // Ids minted in the same millisecond count up in their last byte; the product spreads that over all bits.
    random.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_key_until_removed() {
        let key = |row: u32| u128::from(row).wrapping_mul(0x1234_5678_9ABC_DEF1_2345).to_be_bytes();
        let hash = |row: u32| hash_of_random_id(&key(row));
        let find = |index: &RowIndex, row: u32| index.find(hash(row), |other| key(other) == key(row));
        let mut index = RowIndex::new();
        assert_eq!(find(&index, 0), None);
        index.remove(hash(0), 0);
        // Across the split.
        for row in 0..50_000 {
            index.insert(hash(row), row);
            assert_eq!(find(&index, row / 2), Some(row / 2));
        }
        for row in 0..50_000 {
            assert_eq!(find(&index, row), Some(row));
        }
        assert_eq!(index.find_or_insert(hash(9), 60_000, |other| key(other) == key(9)), 9);
        assert_eq!(index.find_or_insert(hash(60_000), 60_000, |other| key(other) == key(60_000)), 60_000);
        assert_eq!(find(&index, 60_000), Some(60_000));
        index.remove(hash(7), 7);
        index.remove(hash(7), 7);
        assert_eq!((find(&index, 7), find(&index, 8), find(&index, 50_000)), (None, Some(8), None));
        let take = |index: &mut RowIndex, row: u32| index.take(hash(row), |other| key(other) == key(row));
        assert_eq!((take(&mut index, 8), take(&mut index, 8), find(&index, 8)), (Some(8), None, None));
    }

    #[test]
    fn ids_that_count_up_spread_over_the_shards() {
        let mut shards = std::collections::HashSet::new();
        for low in 0..1_000_u128 {
            let id = (0x0190_0000_0000_0000_1234_5678_9ABC_0000 + low).to_be_bytes();
            shards.insert(shard(mix(hash_of_random_id(&id))));
        }
        assert_eq!(shards.len(), SHARDS);
    }
}
