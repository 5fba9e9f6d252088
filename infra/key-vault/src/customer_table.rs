//! The customers in memory: by lookup and by id, in at most 100 bytes each.
//!
//! Entries live in fixed-size chunks that never move, so that growing leaves no copies of keys behind; the two hash
//! indexes hold 4-byte entry numbers in shards, so that growth pauses nobody. A destroyed customer keeps its id, with
//! lookup and key wiped. What is in the file is the writer's business.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use zeroize::Zeroize;

use crate::data_key::{CustomerId, DataKey, KEY_BYTES};
use crate::lookup::{LOOKUP_BYTES, RutLookup};

/// Entries per chunk: large enough that the list of chunks stays short, small enough to waste little.
const CHUNK_ENTRIES: usize = 1024;
/// Shards of an index: growing one of a million customers touches 16,000 entries, well under a millisecond.
const SHARDS: usize = 64;
/// The slot of a destroyed customer, which has no use for one.
const NO_SLOT: u32 = u32::MAX;

struct Entry {
    id: CustomerId,
    lookup: [u8; LOOKUP_BYTES],
    key: [u8; KEY_BYTES],
    slot: u32,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.key.zeroize();
        self.lookup.zeroize();
    }
}

/// What the table knows of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Unknown,
    Live { slot: u32 },
    Destroyed,
}

/// Why a customer cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Id,
    Lookup,
    Full,
}

/// The table.
pub(crate) struct CustomerTable {
    chunks: Vec<Vec<Entry>>,
    by_id: Vec<HashTable<u32>>,
    by_lookup: Vec<HashTable<u32>>,
    hash_builder: DefaultHashBuilder,
    length: u32,
}

impl CustomerTable {
    pub(crate) fn new() -> Self {
        let shards = || (0..SHARDS).map(|_| HashTable::new()).collect();
        Self {
            chunks: Vec::new(),
            by_id: shards(),
            by_lookup: shards(),
            hash_builder: DefaultHashBuilder::default(),
            length: 0,
        }
    }

    /// The live customer filed under a lookup.
    pub(crate) fn find(&self, lookup: RutLookup) -> Option<(CustomerId, DataKey)> {
        let hash = hash_lookup(&lookup.0);
        let number = self.by_lookup[shard_of(hash)]
            .find(hash, |&number| self.entry(number).lookup == lookup.0)
            .copied()?;
        let entry = self.entry(number);
        Some((entry.id, DataKey::from_bytes(&entry.key)))
    }

    /// The key of a live customer.
    pub(crate) fn key(&self, id: &CustomerId) -> Option<DataKey> {
        let entry = self.entry(self.number_of(id)?);
        (entry.slot != NO_SLOT).then(|| DataKey::from_bytes(&entry.key))
    }

    pub(crate) fn standing(&self, id: &CustomerId) -> Standing {
        match self.number_of(id).map(|number| self.entry(number).slot) {
            None => Standing::Unknown,
            Some(NO_SLOT) => Standing::Destroyed,
            Some(slot) => Standing::Live { slot },
        }
    }

    /// Number of ids, destroyed ones included.
    pub(crate) fn len(&self) -> u32 {
        self.length
    }

    pub(crate) fn insert(
        &mut self,
        id: CustomerId,
        lookup: RutLookup,
        key: &DataKey,
        slot: u64,
    ) -> Result<(), Taken> {
        let slot = u32::try_from(slot).ok().filter(|&slot| slot != NO_SLOT).ok_or(Taken::Full)?;
        let hash = hash_lookup(&lookup.0);
        let (shard, chunks) = (&mut self.by_lookup[shard_of(hash)], &self.chunks);
        if shard.find(hash, |&number| entry_of(chunks, number).lookup == lookup.0).is_some() {
            return Err(Taken::Lookup);
        }
        let number = self.add(id, lookup.0, key.bytes(), slot)?;
        let chunks = &self.chunks;
        self.by_lookup[shard_of(hash)]
            .insert_unique(hash, number, |&number| hash_lookup(&entry_of(chunks, number).lookup));
        Ok(())
    }

    /// Adds an id that was destroyed before.
    pub(crate) fn insert_destroyed(&mut self, id: CustomerId) -> Result<(), Taken> {
        self.add(id, [0; LOOKUP_BYTES], &[0; KEY_BYTES], NO_SLOT).map(drop)
    }

    /// Wipes lookup and key of a live customer; the id stays taken.
    pub(crate) fn destroy(&mut self, id: &CustomerId) {
        let Some(number) = self.number_of(id) else { return };
        let hash = hash_lookup(&self.entry(number).lookup);
        if let Ok(indexed) = self.by_lookup[shard_of(hash)].find_entry(hash, |&other| other == number) {
            indexed.remove();
        }
        let entry = &mut self.chunks[number as usize / CHUNK_ENTRIES][number as usize % CHUNK_ENTRIES];
        entry.lookup.zeroize();
        entry.key.zeroize();
        entry.slot = NO_SLOT;
    }

    fn add(
        &mut self,
        id: CustomerId,
        lookup: [u8; LOOKUP_BYTES],
        key: &[u8; KEY_BYTES],
        slot: u32,
    ) -> Result<u32, Taken> {
        if self.number_of(&id).is_some() {
            return Err(Taken::Id);
        }
        let number = self.length;
        self.length = number.checked_add(1).ok_or(Taken::Full)?;
        if (number as usize).is_multiple_of(CHUNK_ENTRIES) {
            self.chunks.push(Vec::with_capacity(CHUNK_ENTRIES));
        }
        let chunk = self.chunks.last_mut().expect("a chunk with room was just made sure of");
        chunk.push(Entry { id, lookup, key: *key, slot });
        let (chunks, hash_builder) = (&self.chunks, &self.hash_builder);
        let hash = hash_builder.hash_one(id);
        self.by_id[shard_of(hash)]
            .insert_unique(hash, number, |&number| hash_builder.hash_one(entry_of(chunks, number).id));
        Ok(number)
    }

    fn number_of(&self, id: &CustomerId) -> Option<u32> {
        let hash = self.hash_builder.hash_one(id);
        self.by_id[shard_of(hash)].find(hash, |&number| self.entry(number).id == *id).copied()
    }

    fn entry(&self, number: u32) -> &Entry {
        entry_of(&self.chunks, number)
    }
}

fn entry_of(chunks: &[Vec<Entry>], number: u32) -> &Entry {
    &chunks[number as usize / CHUNK_ENTRIES][number as usize % CHUNK_ENTRIES]
}

/// A lookup is random already: its first bytes are its hash.
fn hash_lookup(lookup: &[u8; LOOKUP_BYTES]) -> u64 {
    let first = lookup.first_chunk::<8>().expect("a lookup is longer than 8 bytes");
    u64::from_le_bytes(*first)
}

/// The shard of a hash, from bits that the tables themselves do not look at (they use the lowest and highest).
fn shard_of(hash: u64) -> usize {
    (hash >> 32) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> CustomerId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        id
    }

    fn lookup(number: u64) -> RutLookup {
        crate::lookup::Pepper::new(&[1; 32]).lookup(u32::try_from(number).unwrap())
    }

    fn key(number: u64) -> DataKey {
        DataKey::from_bytes(&[number as u8; KEY_BYTES])
    }

    #[test]
    fn finds_by_both_indexes_across_chunks() {
        let mut table = CustomerTable::new();
        let count = 20_000;
        for number in 0..count {
            table.insert(id(number), lookup(number), &key(number), number).unwrap();
        }
        for number in 0..count {
            assert_eq!(table.find(lookup(number)), Some((id(number), key(number))));
            assert_eq!(table.key(&id(number)), Some(key(number)));
            assert_eq!(table.standing(&id(number)), Standing::Live { slot: number as u32 });
        }
        assert_eq!(table.find(lookup(count)), None);
        assert_eq!(table.standing(&id(count)), Standing::Unknown);
        assert_eq!(u64::from(table.len()), count);
    }

    #[test]
    fn a_destroyed_customer_keeps_nothing_but_the_id() {
        let mut table = CustomerTable::new();
        table.insert(id(1), lookup(1), &key(1), 0).unwrap();
        table.insert(id(2), lookup(2), &key(2), 1).unwrap();
        table.destroy(&id(1));
        table.destroy(&id(1));
        table.destroy(&id(9));
        assert_eq!((table.find(lookup(1)), table.key(&id(1))), (None, None));
        assert_eq!(table.standing(&id(1)), Standing::Destroyed);
        assert_eq!(table.entry(0).key, [0; KEY_BYTES]);
        assert_eq!(table.entry(0).lookup, [0; LOOKUP_BYTES]);
        assert_eq!(table.insert(id(1), lookup(3), &key(3), 2), Err(Taken::Id), "the id never comes back");
        assert_eq!(
            table.insert(id(4), lookup(1), &key(4), 2),
            Ok(()),
            "the RUT may come back as somebody new"
        );
        assert_eq!(table.find(lookup(1)), Some((id(4), key(4))));
        assert_eq!(table.find(lookup(2)), Some((id(2), key(2))));
    }

    #[test]
    fn ids_and_lookups_are_taken_once() {
        let mut table = CustomerTable::new();
        table.insert(id(1), lookup(1), &key(1), 0).unwrap();
        assert_eq!(table.insert(id(2), lookup(1), &key(2), 1), Err(Taken::Lookup));
        assert_eq!(table.insert(id(1), lookup(2), &key(2), 1), Err(Taken::Id));
        assert_eq!(table.insert_destroyed(id(1)), Err(Taken::Id));
        assert_eq!(table.insert(id(3), lookup(3), &key(3), u64::from(NO_SLOT)), Err(Taken::Full));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn an_entry_and_its_index_slots_take_at_most_100_bytes() {
        // An index entry is 4 bytes and 1 of control, in tables that are at least 7/16 full.
        let index_bytes = 2 * (5 * 16_usize).div_ceil(7);
        assert!(std::mem::size_of::<Entry>() + index_bytes <= 100, "{}", std::mem::size_of::<Entry>());
    }
}
