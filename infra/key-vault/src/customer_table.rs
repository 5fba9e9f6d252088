//! The customers in memory: by lookup and by id, in at most 120 bytes each.
//!
//! Rows never move, so that growing leaves no copies of keys behind. A destroyed customer keeps its id, with lookup and key
//! wiped. What is in the file is the writer's business.

use ticketflow_row_table::{RowIndex, Rows, hash_of_random_id};
use zeroize::Zeroize;

use crate::data_key::{CustomerId, DataKey, KEY_BYTES};
use crate::lookup::{LOOKUP_BYTES, RutLookup};

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

/// Who is filed under what, with which key; nothing but the id of one that was destroyed.
pub(crate) type Kept = (CustomerId, Option<(RutLookup, DataKey)>);

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
    entries: Rows<Entry>,
    by_id: RowIndex,
    by_lookup: RowIndex,
}

impl CustomerTable {
    pub(crate) fn new() -> Self {
        let (by_id, by_lookup) = (RowIndex::new(), RowIndex::new());
        Self { entries: Rows::in_whole_chunks(), by_id, by_lookup }
    }

    /// The live customer filed under a lookup.
    pub(crate) fn find(&self, lookup: RutLookup) -> Option<(CustomerId, DataKey)> {
        let entry = &self.entries[self.number_filed_under(lookup)?];
        Some((entry.id, DataKey::from_bytes(&entry.key)))
    }

    /// The key of a live customer.
    pub(crate) fn key(&self, id: &CustomerId) -> Option<DataKey> {
        let entry = &self.entries[self.number_of(id)?];
        (entry.slot != NO_SLOT).then(|| DataKey::from_bytes(&entry.key))
    }

    pub(crate) fn standing(&self, id: &CustomerId) -> Standing {
        match self.number_of(id).map(|number| self.entries[number].slot) {
            None => Standing::Unknown,
            Some(NO_SLOT) => Standing::Destroyed,
            Some(slot) => Standing::Live { slot },
        }
    }

    /// Number of ids, destroyed ones included.
    pub(crate) fn len(&self) -> u32 {
        self.entries.next_number()
    }

    /// All customers.
    pub(crate) fn contents(&self) -> impl Iterator<Item = Kept> {
        self.entries.iter().map(|entry| {
            let filed = || (RutLookup(entry.lookup), DataKey::from_bytes(&entry.key));
            (entry.id, (entry.slot != NO_SLOT).then(filed))
        })
    }

    pub(crate) fn insert(
        &mut self,
        id: CustomerId,
        lookup: RutLookup,
        key: &DataKey,
        slot: u64,
    ) -> Result<(), Taken> {
        let slot = u32::try_from(slot).ok().filter(|&slot| slot != NO_SLOT).ok_or(Taken::Full)?;
        if self.number_filed_under(lookup).is_some() {
            return Err(Taken::Lookup);
        }
        let number = self.add(id, lookup.0, key.bytes(), slot)?;
        self.by_lookup.insert(hash_lookup(&lookup.0), number);
        Ok(())
    }

    /// Adds an id that was destroyed before.
    pub(crate) fn insert_destroyed(&mut self, id: CustomerId) -> Result<(), Taken> {
        self.add(id, [0; LOOKUP_BYTES], &[0; KEY_BYTES], NO_SLOT).map(drop)
    }

    /// Wipes lookup and key of a live customer; the id stays taken.
    pub(crate) fn destroy(&mut self, id: &CustomerId) {
        let Some(number) = self.number_of(id) else { return };
        let entry = &mut self.entries[number];
        self.by_lookup.remove(hash_lookup(&entry.lookup), number);
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
        if self.len() == u32::MAX {
            return Err(Taken::Full);
        }
        let number = self.entries.push(Entry { id, lookup, key: *key, slot });
        self.by_id.insert(hash_of_random_id(&id), number);
        Ok(number)
    }

    fn number_of(&self, id: &CustomerId) -> Option<u32> {
        self.by_id.find(hash_of_random_id(id), |number| self.entries[number].id == *id)
    }

    fn number_filed_under(&self, lookup: RutLookup) -> Option<u32> {
        self.by_lookup.find(hash_lookup(&lookup.0), |number| self.entries[number].lookup == lookup.0)
    }
}

/// A lookup is random already: its first bytes are its hash.
fn hash_lookup(lookup: &[u8; LOOKUP_BYTES]) -> u64 {
    let first = lookup.first_chunk::<8>().expect("a lookup is longer than 8 bytes");
    u64::from_le_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> CustomerId {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&number.to_be_bytes());
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
        assert_eq!(table.entries[0].key, [0; KEY_BYTES]);
        assert_eq!(table.entries[0].lookup, [0; LOOKUP_BYTES]);
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
    fn an_entry_and_its_index_slots_take_at_most_120_bytes() {
        // An index entry is 8 bytes and 1 of control, in tables that are at least 7/16 full.
        let index_bytes = 2 * (9 * 16_usize).div_ceil(7);
        assert!(std::mem::size_of::<Entry>() + index_bytes <= 120, "{}", std::mem::size_of::<Entry>());
    }
}
