//! What lies behind the last valid frame: an unfinished flush, or damage?
//!
//! Owns the one judgement that recovery turns on. A flush that power cut short may leave any of its sectors on the disk, in
//! any order, so a valid frame may well stand behind a torn one. Each frame says up to where the log was durable when it
//! was written (`flush_address`). Hence a bad frame before a valid one is
//! - damage, when the valid one belongs to a later flush: the bad one had been durable;
//! - damage, when both belong to one flush but no sector of the bad part is missing: sectors tear, bits do not;
//! - unfinished otherwise.
//!
//! A bad frame with nothing valid behind it is unfinished by rule. FORMAT.md says what that rule cannot see.

use std::io;

use crate::disk::read_exact_at;
use crate::frame::{self, ALIGNMENT, MAGIC, MIN_FRAME_BYTES};
use crate::segment::Segment;

/// The unit that a disk writes whole.
pub(crate) const SECTOR_BYTES: usize = 512;

/// The judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Zeros, or what an unfinished flush left: may be cut.
    Unfinished {
        /// Bytes up to the last that is not zero.
        dirty_bytes: u64,
    },
    /// The invalid frame had been durable.
    Damaged,
}

/// Judges the bytes from `address`, where no valid frame starts, to the end of the segment.
pub(crate) fn examine(segment: &Segment, address: u64) -> io::Result<Tail> {
    let start = segment.offset(address);
    let mut bytes = vec![0; (segment.header.capacity - start) as usize];
    read_exact_at(&*segment.file, &mut bytes, start)?;
    let dirty = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let dirty_bytes = dirty as u64;

    for at in (ALIGNMENT..dirty.saturating_sub(MIN_FRAME_BYTES - 1)).step_by(ALIGNMENT) {
        if bytes[at..at + 4] != MAGIC.to_le_bytes() {
            continue;
        }
        let Ok(later) = frame::check(&bytes[at..], segment.checksum_seed, address + at as u64) else {
            continue;
        };
        let had_been_durable = later.flush_address() > address;
        if had_been_durable || !misses_a_sector(&bytes[..at], start) {
            return Ok(Tail::Damaged);
        }
    }
    Ok(Tail::Unfinished { dirty_bytes })
}

/// Whether some sector of `bytes`, which start at `offset` in the file, still has the zeros from before the flush. The sector
/// in which the valid frame behind them starts was written, so it does not count.
fn misses_a_sector(bytes: &[u8], offset: u64) -> bool {
    let into_sector = (offset % SECTOR_BYTES as u64) as usize;
    let mut from = 0;
    let mut to = SECTOR_BYTES - into_sector;
    while to <= bytes.len() {
        if bytes[from..to].iter().all(|byte| *byte == 0) {
            return true;
        }
        (from, to) = (to, to + SECTOR_BYTES);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_sector_is_whole() {
        let mut bytes = vec![1; 2048];
        assert!(!misses_a_sector(&bytes, 0));
        bytes[600..1100].fill(0);
        assert!(!misses_a_sector(&bytes, 0), "no sector is all zeros");
        bytes[1100..1112].fill(0);
        assert!(misses_a_sector(&bytes[..1200], 1024 - 600), "one is, seen from another offset");
        bytes[512..1024].fill(0);
        assert!(misses_a_sector(&bytes, 0));
        assert!(!misses_a_sector(&bytes[..1000], 0), "a sector that the later frame shares was written");
        assert!(misses_a_sector(&[0; 16], 496), "the rest of a sector counts");
    }
}
