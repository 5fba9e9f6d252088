//! The layout of the vault's file: a 64-byte header with the pepper, then records of 72 bytes.
//!
//! Little-endian. A record's checksum covers its slot number too, so that a record in the wrong place is as bad as a
//! damaged one. Each record says how far into its batch it stands: a batch is synced as one before the next is begun,
//! which lets recovery tell a torn batch from damage. Reading and judging a whole file is `recovery`'s business.

use zeroize::Zeroizing;

use crate::data_key::{CustomerId, DataKey, KEY_BYTES};
use crate::lookup::{LOOKUP_BYTES, PEPPER_BYTES, RutLookup};

/// Length of the header in bytes.
pub(crate) const HEADER_BYTES: usize = 64;
/// Length of a record in bytes.
pub(crate) const RECORD_BYTES: usize = 72;

const MAGIC: &[u8; 8] = b"TFLOWKEY";
/// Version of the whole layout.
const VERSION: u32 = 1;
const HEADER_CHECKED_BYTES: usize = HEADER_BYTES - 4;
const RECORD_CHECKED_BYTES: usize = RECORD_BYTES - 4;

const KIND_LIVE: u8 = 1;
const KIND_DESTROYED: u8 = 2;
const KIND_INTENT: u8 = 3;
const KIND_MARK: u8 = 4;

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    /// A customer with lookup and key.
    Live { id: CustomerId, lookup: RutLookup, key: DataKey },
    /// A customer whose lookup and key were overwritten.
    Destroyed { id: CustomerId },
    /// The decision to destroy the customer in a slot, written before that slot is touched: a torn overwrite is
    /// finished at the next start.
    Intent { id: CustomerId, slot: u64 },
    /// All before it was synced. Written at start and end, so that damage to it can never pass for a torn batch.
    Mark,
}

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    Foreign,
    Version(u32),
    Damaged,
}

/// The header of a new file.
pub(crate) fn encode_header(pepper: &[u8; PEPPER_BYTES]) -> Zeroizing<[u8; HEADER_BYTES]> {
    let mut header = Zeroizing::new([0; HEADER_BYTES]);
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&(RECORD_BYTES as u32).to_le_bytes());
    header[16..16 + PEPPER_BYTES].copy_from_slice(pepper);
    let checksum = crc32c::crc32c(&header[..HEADER_CHECKED_BYTES]);
    header[HEADER_CHECKED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// The pepper of a header.
pub(crate) fn decode_header(
    header: &[u8; HEADER_BYTES],
) -> Result<Zeroizing<[u8; PEPPER_BYTES]>, HeaderFault> {
    if &header[..8] != MAGIC {
        return Err(HeaderFault::Foreign);
    }
    if crc32c::crc32c(&header[..HEADER_CHECKED_BYTES]).to_le_bytes() != header[HEADER_CHECKED_BYTES..] {
        return Err(HeaderFault::Damaged);
    }
    let version = u32::from_le_bytes(array(&header[8..12]));
    if version != VERSION || u32::from_le_bytes(array(&header[12..16])) != RECORD_BYTES as u32 {
        return Err(HeaderFault::Version(version));
    }
    Ok(Zeroizing::new(array(&header[16..16 + PEPPER_BYTES])))
}

/// Where a slot begins, in bytes from the start of the file.
pub(crate) fn offset_of(slot: u64) -> u64 {
    HEADER_BYTES as u64 + slot * RECORD_BYTES as u64
}

/// Appends the record for `slot`, the `place_in_batch`-th of its batch.
pub(crate) fn encode_record(record: &Record, slot: u64, place_in_batch: u16, buffer: &mut Vec<u8>) {
    let start = buffer.len();
    buffer.resize(start + RECORD_BYTES, 0);
    let bytes = &mut buffer[start..];
    bytes[2..4].copy_from_slice(&place_in_batch.to_le_bytes());
    match record {
        Record::Live { id, lookup, key } => {
            bytes[0] = KIND_LIVE;
            bytes[4..20].copy_from_slice(id);
            bytes[20..36].copy_from_slice(&lookup.0);
            bytes[36..68].copy_from_slice(key.bytes());
        }
        Record::Destroyed { id } => {
            bytes[0] = KIND_DESTROYED;
            bytes[4..20].copy_from_slice(id);
        }
        Record::Intent { id, slot } => {
            bytes[0] = KIND_INTENT;
            bytes[4..20].copy_from_slice(id);
            bytes[20..28].copy_from_slice(&slot.to_le_bytes());
        }
        Record::Mark => bytes[0] = KIND_MARK,
    }
    let checksum = checksum(slot, &bytes[..RECORD_CHECKED_BYTES]);
    bytes[RECORD_CHECKED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
}

/// The record in `slot` and its place in its batch, or `None` if these bytes are no record of that slot.
pub(crate) fn decode_record(bytes: &[u8; RECORD_BYTES], slot: u64) -> Option<(Record, u16)> {
    if checksum(slot, &bytes[..RECORD_CHECKED_BYTES]).to_le_bytes() != bytes[RECORD_CHECKED_BYTES..] {
        return None;
    }
    let place_in_batch = u16::from_le_bytes(array(&bytes[2..4]));
    let id: CustomerId = array(&bytes[4..20]);
    let record = match bytes[0] {
        KIND_LIVE => {
            let lookup = RutLookup(array::<LOOKUP_BYTES>(&bytes[20..36]));
            let key = Zeroizing::new(array::<KEY_BYTES>(&bytes[36..68]));
            Record::Live { id, lookup, key: DataKey::from_bytes(&key) }
        }
        KIND_DESTROYED => Record::Destroyed { id },
        KIND_INTENT => Record::Intent { id, slot: u64::from_le_bytes(array(&bytes[20..28])) },
        KIND_MARK => Record::Mark,
        _ => return None,
    };
    (u64::from(place_in_batch) <= slot).then_some((record, place_in_batch))
}

fn checksum(slot: u64, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&slot.to_le_bytes()), bytes)
}

fn array<const LENGTH: usize>(bytes: &[u8]) -> [u8; LENGTH] {
    bytes.try_into().expect("the slice is cut to the length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> [Record; 4] {
        let key = DataKey::from_bytes(&[3; KEY_BYTES]);
        [
            Record::Live { id: [1; 16], lookup: RutLookup([2; LOOKUP_BYTES]), key },
            Record::Destroyed { id: [1; 16] },
            Record::Intent { id: [1; 16], slot: 7 },
            Record::Mark,
        ]
    }

    #[test]
    fn records_come_back_in_their_own_slot_only() {
        for record in samples() {
            let mut bytes = Vec::new();
            encode_record(&record, 9, 4, &mut bytes);
            let bytes: [u8; RECORD_BYTES] = bytes.try_into().unwrap();
            assert_eq!(decode_record(&bytes, 9), Some((record, 4)));
            assert_eq!(decode_record(&bytes, 10), None);
            for bit in 0..RECORD_BYTES * 8 {
                let mut flipped = bytes;
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(decode_record(&flipped, 9), None, "bit {bit}");
            }
        }
        assert_eq!(decode_record(&[0; RECORD_BYTES], 0), None, "zeros are no record");
    }

    #[test]
    fn headers_come_back_and_every_flipped_bit_is_noticed() {
        let header = encode_header(&[5; PEPPER_BYTES]);
        assert_eq!(*decode_header(&header).unwrap(), [5; PEPPER_BYTES]);
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = *header;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_header(&flipped).is_err(), "bit {bit}");
        }
    }
}
