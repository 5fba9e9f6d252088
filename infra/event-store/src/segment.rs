//! Segment files: names, headers, addresses.
//!
//! Owns the segment header and the arithmetic between addresses and files. An *address* is a byte offset in the log as a
//! whole: segment `k + 1` starts where the capacity of segment `k` ends. Invariant: a header's checksum covers all of its
//! 128 bytes, and its content ties the segment to the one before (position, address, chain hash).

use std::sync::Arc;

use crate::disk::DiskFile;
use crate::frame::ChainHash;
use crate::stream::Position;

/// Folder of the segments.
pub(crate) const LOG_DIR: &str = "log";
/// The version this code reads and writes.
pub const FORMAT_VERSION: u32 = 1;
/// Bytes before the first frame of a segment.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = 128;
/// Capacities are multiples of this: a page, so that segments stay aligned for every device.
pub(crate) const CAPACITY_UNIT_BYTES: u64 = 4096;

const MAGIC: [u8; 8] = *b"TKTLOG\r\n";
const SUFFIX: &str = ".segment";

/// What a segment says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Position of the first event that it will hold.
    pub(crate) first_position: Position,
    /// Address of its first byte.
    pub(crate) base_address: u64,
    /// Length of the file in bytes.
    pub(crate) capacity: u64,
    /// Chain hash of the last frame of the segment before; zeros in the first.
    pub(crate) previous_hash: ChainHash,
}

/// Why a header was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentFault {
    /// The file is shorter than a header or than the header says.
    #[error("the file is cut short")]
    Truncated,
    /// The file is not a segment of an event log.
    #[error("this is not a segment of an event log")]
    Foreign,
    /// A later version of the software wrote it.
    #[error(
        "it has format version {found}, newer than the {FORMAT_VERSION} this software reads: use a newer one"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
    /// The header's checksum does not match or its fields are impossible.
    #[error("its header is damaged")]
    Damaged,
    /// The file's name is not the position in its header.
    #[error("its name is not its first position")]
    Misnamed,
    /// It does not continue the segment before it: one is missing, or it comes from another log.
    #[error("it does not follow the segment before: one is missing or foreign")]
    Disconnected,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES as usize] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES as usize];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_position.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.base_address.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.capacity.to_le_bytes());
        bytes[40..72].copy_from_slice(&self.previous_hash);
        let checksum = header_checksum(&bytes);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES as usize]) -> Result<Self, SegmentFault> {
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("a slice of 8"));
        let short = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("a slice of 4"));
        let sound = short(12) == header_checksum(bytes);
        if bytes[0..8] != MAGIC {
            return Err(SegmentFault::Foreign);
        }
        // A newer format may check itself in another way, so the version speaks first; but a version that fails the checksum
        // while the rest of the header is ours is damage, not the future.
        let found = short(8);
        if found > FORMAT_VERSION && !differs_only_in_version(bytes) {
            return Err(SegmentFault::Newer { found });
        }
        if !sound || found != FORMAT_VERSION {
            return Err(SegmentFault::Damaged);
        }
        let header = Self {
            first_position: number(16),
            base_address: number(24),
            capacity: number(32),
            previous_hash: bytes[40..72].try_into().expect("a slice of 32"),
        };
        if header.capacity < CAPACITY_UNIT_BYTES || !header.capacity.is_multiple_of(CAPACITY_UNIT_BYTES) {
            return Err(SegmentFault::Damaged);
        }
        Ok(header)
    }
}

fn header_checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[0..12]), &bytes[16..])
}

fn differs_only_in_version(bytes: &[u8]) -> bool {
    let mut ours = bytes.to_vec();
    ours[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    ours[12..16] == header_checksum(&ours).to_le_bytes()
}

/// Path of the segment whose first event has this position.
pub(crate) fn segment_path(first_position: Position) -> String {
    format!("{LOG_DIR}/{first_position:020}{SUFFIX}")
}

/// The position in a segment's file name; `None` for other files.
pub(crate) fn position_in_name(name: &str) -> Option<Position> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// An open segment.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) checksum_seed: u32,
}

impl Segment {
    pub(crate) fn new(header: SegmentHeader, file: Arc<dyn DiskFile>) -> Self {
        let checksum_seed = crc32c::crc32c(&header.encode());
        Self { header, file, checksum_seed }
    }

    pub(crate) fn path(&self) -> String {
        segment_path(self.header.first_position)
    }

    /// Address of the first frame.
    pub(crate) fn first_frame(&self) -> u64 {
        self.header.base_address + SEGMENT_HEADER_BYTES
    }

    /// Address after the last byte of the file.
    pub(crate) fn limit(&self) -> u64 {
        self.header.base_address + self.header.capacity
    }

    /// Offset in the file.
    pub(crate) fn offset(&self, address: u64) -> u64 {
        address - self.header.base_address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader { first_position: 7, base_address: 8192, capacity: 4096, previous_hash: [3; 32] }
    }

    #[test]
    fn a_header_survives_its_bytes_and_no_flipped_bit_does() {
        let bytes = header().encode();
        assert_eq!(SegmentHeader::decode(&bytes), Ok(header()));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let fault = SegmentHeader::decode(&flipped).unwrap_err();
            assert!(matches!(fault, SegmentFault::Foreign | SegmentFault::Damaged), "bit {bit}: {fault}");
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let mut bytes = header().encode();
        bytes[8..12].copy_from_slice(&9u32.to_le_bytes());
        let checksum = header_checksum(&bytes);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes), Err(SegmentFault::Newer { found: 9 }));
    }

    #[test]
    fn names_are_positions() {
        assert_eq!(segment_path(42), "log/00000000000000000042.segment");
        assert_eq!(position_in_name("00000000000000000042.segment"), Some(42));
        for other in ["spare", "42.segment", "0000000000000000004x.segment", "99999999999999999999.segment"] {
            assert_eq!(position_in_name(other), None, "{other}");
        }
    }
}
