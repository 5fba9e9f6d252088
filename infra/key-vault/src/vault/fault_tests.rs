//! The vault on a disk that fails: every change of a scripted run fails once in every way, every record is torn, every
//! bit is flipped. What was acknowledged has to be there afterwards, and what was destroyed has to be gone.

use std::io::ErrorKind;

use super::tests::{mint, wait};
use super::*;
use crate::memory_file::{Fault, MemoryFile};
use crate::record::{HEADER_BYTES, RECORD_BYTES, Record, decode_record, encode_record, offset_of};

fn open(file: &MemoryFile) -> Result<KeyVault, VaultOpenError> {
    KeyVault::start(Box::new(file.clone()), Path::new("vault.keys"))
}

/// What a run was told.
#[derive(Default)]
struct Told {
    live: Vec<(u32, CustomerId, DataKey)>,
    destroyed: Vec<CustomerId>,
    /// Destructions whose outcome is not known.
    perhaps_destroyed: Vec<CustomerId>,
    storage_errors: usize,
    broken_errors: usize,
}

/// Makes eight customers and destroys two of them, in batches of one; notes what was acknowledged.
fn scripted_run(file: &MemoryFile) -> Told {
    let mut told = Told::default();
    let Ok(vault) = open(file) else { return told };
    for rut in 0..8 {
        match wait(vault.find_or_create(vault.lookup(rut), mint)) {
            Ok(made) => told.live.push((rut, made.customer_id, made.key)),
            Err(error) => told.count(&error),
        }
        if rut % 4 == 3 && !told.live.is_empty() {
            let (_, id, _) = told.live.remove(0);
            match wait(vault.destroy(id)) {
                Ok(Destruction::Destroyed) => told.destroyed.push(id),
                Ok(Destruction::Unknown) => panic!("it was acknowledged"),
                Err(error) => {
                    told.count(&error);
                    told.perhaps_destroyed.push(id);
                }
            }
        }
    }
    told
}

impl Told {
    fn count(&mut self, error: &VaultError) {
        match error {
            VaultError::Storage { .. } => self.storage_errors += 1,
            VaultError::Broken { .. } => self.broken_errors += 1,
            other => panic!("{other}"),
        }
    }

    fn check(&self, file: &MemoryFile, what: &str) {
        let vault = open(file).unwrap_or_else(|error| panic!("{what}: {error}"));
        for (rut, id, key) in &self.live {
            let found = vault.find(vault.lookup(*rut)).unwrap_or_else(|| panic!("{what}: RUT {rut} is lost"));
            assert_eq!((&found.customer_id, &found.key), (id, key), "{what}");
            assert_eq!(wait(vault.key(id)).as_ref(), Some(key), "{what}");
        }
        for id in &self.destroyed {
            assert_eq!(wait(vault.key(id)), None, "{what}: came back");
        }
        for id in &self.perhaps_destroyed {
            assert_eq!(wait(vault.destroy(*id)).unwrap(), Destruction::Destroyed, "{what}: can be finished");
            assert_eq!(wait(vault.key(id)), None, "{what}");
        }
        for rut in 100..103 {
            assert!(
                wait(vault.find_or_create(vault.lookup(rut), mint)).unwrap().fresh,
                "{what}: goes on working"
            );
        }
    }
}

#[test]
fn whatever_change_fails_what_was_acknowledged_is_there_after_a_restart() {
    let calm = MemoryFile::fresh();
    let told = scripted_run(&calm);
    assert_eq!((told.live.len(), told.destroyed.len(), told.storage_errors + told.broken_errors), (6, 2, 0));
    let changes = calm.changes();
    assert!(changes > 20);

    let (mut storage_errors, mut broken_errors) = (0, 0);
    let (full, io) = (ErrorKind::StorageFull, ErrorKind::Other);
    for fault in [Fault::Error(full), Fault::Error(io), Fault::Half(full), Fault::Half(io), Fault::Crash] {
        for change in 1..=changes {
            let what = format!("{fault:?} at change {change}");
            let file = MemoryFile::fresh();
            file.fail_at(change, fault);
            let told = scripted_run(&file);
            storage_errors += told.storage_errors;
            broken_errors += told.broken_errors;
            if fault != Fault::Crash {
                told.check(&MemoryFile::with_bytes(file.bytes()), &what);
            }
            for (pattern, kept) in [("nothing", 0_u64), ("all", u64::MAX), ("some", 0x5a5a_3c96_a5f0_1b2d)] {
                let mut pieces = kept;
                let after = file.after_power_cut(|| {
                    pieces = pieces.rotate_left(1);
                    pieces & 1 == 1
                });
                told.check(&after, &format!("{what}, power cut that keeps {pattern}"));
            }
        }
    }
    assert!(storage_errors > 0 && broken_errors > 0, "both kinds of failure have been met");
}

#[test]
fn a_full_disk_refuses_and_takes_customers_again_when_there_is_room() {
    let file = MemoryFile::fresh();
    let vault = open(&file).unwrap();
    let before = file.bytes();
    file.fail_at(file.changes() + 1, Fault::Half(ErrorKind::StorageFull));
    let refused = wait(vault.find_or_create(vault.lookup(1), mint));
    assert!(matches!(refused, Err(VaultError::Storage { .. })), "{refused:?}");
    assert_eq!(file.bytes(), before, "half a record was taken back");
    assert!(vault.is_writable());
    assert!(wait(vault.find_or_create(vault.lookup(1), mint)).unwrap().fresh);
}

#[test]
fn after_a_failed_sync_keys_are_read_and_nothing_is_written() {
    let file = MemoryFile::fresh();
    let vault = open(&file).unwrap();
    let made = wait(vault.find_or_create(vault.lookup(1), mint)).unwrap();
    file.fail_at(file.changes() + 2, Fault::Error(ErrorKind::Other));
    let unsure = wait(vault.find_or_create(vault.lookup(2), mint));
    assert!(matches!(unsure, Err(VaultError::Broken { .. })), "{unsure:?}");
    let changes = file.changes();
    assert!(!vault.is_writable());
    assert!(matches!(wait(vault.find_or_create(vault.lookup(3), mint)), Err(VaultError::Broken { .. })));
    assert!(matches!(wait(vault.destroy(made.customer_id)), Err(VaultError::Broken { .. })));
    assert_eq!(wait(vault.key(&made.customer_id)), Some(made.key));
    drop(vault);
    assert_eq!(file.changes(), changes, "not even a mark is written");
}

#[test]
fn an_overwrite_that_fails_is_not_called_done_and_is_finished_at_the_next_start() {
    let file = MemoryFile::fresh();
    let vault = open(&file).unwrap();
    let made = wait(vault.find_or_create(vault.lookup(1), mint)).unwrap();
    // Intent written, intent synced, then the overwrite.
    file.fail_at(file.changes() + 3, Fault::Half(ErrorKind::Other));
    for _ in 0..2 {
        assert!(matches!(wait(vault.destroy(made.customer_id)), Err(VaultError::Broken { .. })));
    }
    drop(vault);
    let file = MemoryFile::with_bytes(file.bytes());
    let vault = open(&file).unwrap();
    assert_eq!(wait(vault.key(&made.customer_id)), None);
    assert!(vault.find(vault.lookup(1)).is_none());
    assert!(!file.bytes().windows(32).any(|window| window == made.key.bytes()), "the key is off the disk");
}

/// A closed vault with customers, a destroyed one, and marks.
fn closed_vault() -> Vec<u8> {
    let file = MemoryFile::fresh();
    let told = scripted_run(&file);
    assert_eq!(told.destroyed.len(), 2);
    file.bytes()
}

#[test]
fn every_flipped_bit_of_a_closed_vault_is_noticed() {
    let bytes = closed_vault();
    let last_record = bytes.len() - RECORD_BYTES;
    for bit in 0..last_record * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let file = MemoryFile::with_bytes(damaged.clone());
        let slot_offset = match (bit / 8).checked_sub(HEADER_BYTES) {
            None => 0,
            Some(within) => offset_of((within / RECORD_BYTES) as u64),
        };
        match open(&file) {
            Err(VaultOpenError::Corrupt { offset, .. }) => assert_eq!(offset, slot_offset, "bit {bit}"),
            Err(VaultOpenError::NotAVault { .. }) => assert!(bit < 64, "bit {bit}"),
            Err(other) => panic!("bit {bit}: {other}"),
            // The overwritten record of a destroyed customer holds nothing that could be lost: it is overwritten again.
            Ok(vault) => {
                let slot = (slot_offset - HEADER_BYTES as u64) / RECORD_BYTES as u64;
                let record = &bytes[slot_offset as usize..][..RECORD_BYTES];
                let (record, _) = decode_record(record.try_into().unwrap(), slot).unwrap();
                assert!(matches!(record, Record::Destroyed { .. }), "bit {bit} was not noticed");
                assert_eq!(vault.customer_count(), 8);
                continue;
            }
        }
        assert_eq!(file.bytes(), damaged, "a refused file is left as it is");
    }
}

#[test]
fn a_file_cut_anywhere_opens_with_the_records_before_the_cut() {
    let bytes = closed_vault();
    for length in HEADER_BYTES..bytes.len() {
        let file = MemoryFile::with_bytes(bytes[..length].to_vec());
        match open(&file) {
            Ok(vault) => {
                let records = (length - HEADER_BYTES) / RECORD_BYTES;
                assert!(vault.customer_count() as usize <= records);
                drop(vault);
                assert_eq!(
                    file.bytes().len() % RECORD_BYTES,
                    HEADER_BYTES % RECORD_BYTES,
                    "cut at a record's end"
                );
            }
            Err(error) => panic!("cut to {length}: {error}"),
        }
    }
}

#[test]
fn records_that_contradict_each_other_are_refused() {
    let key = || DataKey::from_bytes(&[1; 32]);
    let live =
        |id: u8, lookup: u8| Record::Live { id: [id; 16], lookup: RutLookup([lookup; 16]), key: key() };
    let destroyed = |id: u8| Record::Destroyed { id: [id; 16] };
    let intent = |id: u8, slot: u64| Record::Intent { id: [id; 16], slot };
    for (what, records) in [
        ("one id twice", vec![live(1, 1), live(1, 2), Record::Mark]),
        ("one RUT twice", vec![live(1, 1), live(2, 1), Record::Mark]),
        ("back from the dead", vec![destroyed(1), live(1, 2), Record::Mark]),
        ("an intent for nobody", vec![live(1, 1), intent(9, 77), Record::Mark]),
        ("an intent for another", vec![live(1, 1), live(2, 2), intent(2, 0), Record::Mark]),
        ("an intent for a mark", vec![Record::Mark, intent(2, 0), Record::Mark]),
    ] {
        let mut bytes = MemoryFile::fresh().bytes();
        for (slot, record) in (0_u64..).zip(&records) {
            encode_record(record, slot, 0, &mut bytes);
        }
        let file = MemoryFile::with_bytes(bytes.clone());
        assert!(matches!(open(&file), Err(VaultOpenError::Corrupt { .. })), "{what}");
        assert_eq!(file.bytes(), bytes, "{what}: left as it is");
    }
}

#[test]
fn a_batch_torn_in_its_middle_is_cut_whole_and_the_one_before_kept() {
    let mut bytes = MemoryFile::fresh().bytes();
    let live = |number: u8| Record::Live {
        id: [number; 16],
        lookup: RutLookup([number; 16]),
        key: DataKey::from_bytes(&[number; 32]),
    };
    encode_record(&live(1), 0, 0, &mut bytes);
    for place in 0..4_u16 {
        encode_record(&live(2 + place as u8), 1 + u64::from(place), place, &mut bytes);
    }
    // The second of four did not reach the disk, the third and fourth did.
    bytes[offset_of(2) as usize..][..RECORD_BYTES].fill(0);
    let vault = open(&MemoryFile::with_bytes(bytes)).unwrap();
    assert_eq!(wait(vault.key(&[1; 16])), Some(DataKey::from_bytes(&[1; 32])));
    assert_eq!(wait(vault.key(&[4; 16])), None, "never acknowledged");
    assert_eq!(vault.customer_count(), 2, "the first of the torn batch stays, unknown to anybody");
}

#[test]
fn an_intent_of_a_torn_batch_neither_destroys_nor_excuses() {
    let live = |number: u8| Record::Live {
        id: [number; 16],
        lookup: RutLookup([number; 16]),
        key: DataKey::from_bytes(&[number; 32]),
    };
    let mut bytes = MemoryFile::fresh().bytes();
    encode_record(&live(1), 0, 0, &mut bytes);
    encode_record(&live(2), 1, 0, &mut bytes);
    encode_record(&live(3), 2, 0, &mut bytes);
    encode_record(&Record::Intent { id: [1; 16], slot: 0 }, 3, 1, &mut bytes);
    bytes[offset_of(2) as usize] ^= 1;
    let vault = open(&MemoryFile::with_bytes(bytes.clone())).unwrap();
    assert_eq!(wait(vault.key(&[1; 16])), Some(DataKey::from_bytes(&[1; 32])), "nobody was told it is gone");
    drop(vault);

    bytes[offset_of(0) as usize] ^= 1;
    let refused = open(&MemoryFile::with_bytes(bytes)).err();
    assert!(matches!(refused, Some(VaultOpenError::Corrupt { offset: 64, .. })), "{refused:?}");
}
