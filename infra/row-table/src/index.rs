//! The index: from the hash of a key to row numbers. Holds neither keys nor hashes; the rows have them.

use hashbrown::HashTable;

/// Shards of an index: growing one of a million keys rehashes 16,000 of them, well under a millisecond.
const SHARDS: usize = 64;

/// Row numbers by the hash of their key.
#[derive(Debug, Clone, Default)]
pub struct RowIndex {
    /// None before the first row.
    shards: Vec<HashTable<u32>>,
}

impl RowIndex {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The row with that hash for which `is_it` holds.
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        self.shards.get(shard_of(hash))?.find(hash, |&row| is_it(row)).copied()
    }

    /// Adds a row whose key is not in the index. `hash_of` gives the hash of rows that are in it.
    pub fn insert(&mut self, hash: u64, row: u32, hash_of: impl Fn(u32) -> u64) {
        if self.shards.is_empty() {
            self.shards.resize_with(SHARDS, HashTable::new);
        }
        self.shards[shard_of(hash)].insert_unique(hash, row, |&row| hash_of(row));
    }

    /// Takes a row out, if it is there.
    pub fn remove(&mut self, hash: u64, row: u32) {
        let entry =
            self.shards.get_mut(shard_of(hash)).map(|shard| shard.find_entry(hash, |&other| other == row));
        if let Some(Ok(entry)) = entry {
            entry.remove();
        }
    }
}

/// The shard of a hash, from bits that the tables themselves do not look at (they use the lowest and highest).
fn shard_of(hash: u64) -> usize {
    (hash >> 32) as usize % SHARDS
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
        for row in 0..50_000 {
            index.insert(hash(row), row, hash);
        }
        for row in 0..50_000 {
            assert_eq!(find(&index, row), Some(row));
        }
        index.remove(hash(7), 7);
        index.remove(hash(7), 7);
        assert_eq!((find(&index, 7), find(&index, 8), find(&index, 50_000)), (None, Some(8), None));
    }

    #[test]
    fn ids_that_count_up_spread_over_the_shards() {
        let mut shards = std::collections::HashSet::new();
        for low in 0..1_000_u128 {
            shards.insert(shard_of(hash_of_random_id(
                &(0x0190_0000_0000_0000_1234_5678_9ABC_0000 + low).to_be_bytes(),
            )));
        }
        assert_eq!(shards.len(), SHARDS);
    }
}
