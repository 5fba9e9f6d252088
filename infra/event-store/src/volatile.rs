//! What a simulated disk has not made durable yet: writes to a file, changes of names.
//!
//! Owns the rules of what a power cut keeps. Invariants: a sector has the content after some of the writes to it, never a
//! mixture; equal random numbers give equal losses. Calls, handles and faults are left to the simulated disk.

use std::collections::BTreeMap;

use crate::tail::SECTOR_BYTES;

#[derive(Clone)]
pub(crate) enum NameChange {
    Link(String, u64),
    Unlink(String),
    Rename(String, String),
}

impl NameChange {
    pub(crate) fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Link(path, number) => {
                names.insert(path.clone(), *number);
            }
            Self::Unlink(path) => {
                names.remove(path);
            }
            Self::Rename(from, to) => {
                if let Some(number) = names.remove(from) {
                    names.insert(to.clone(), number);
                }
            }
        }
    }

    pub(crate) fn is_in(&self, folder: &str) -> bool {
        let (Self::Link(path, _) | Self::Unlink(path) | Self::Rename(path, _)) = self;
        path.rsplit_once('/').map_or("", |(parent, _)| parent) == folder
    }
}

#[derive(Default)]
pub(crate) struct Content {
    pub(crate) current: Vec<u8>,
    pub(crate) durable: Vec<u8>,
    /// Writes that are not durable, oldest first.
    pub(crate) writes: Vec<(usize, Vec<u8>)>,
}

impl Content {
    pub(crate) fn write(&mut self, bytes: &[u8], offset: usize) {
        overwrite(&mut self.current, bytes, offset);
        self.writes.push((offset, bytes.to_vec()));
    }

    pub(crate) fn keep_all(&mut self) {
        for (offset, bytes) in self.writes.drain(..) {
            overwrite(&mut self.durable, &bytes, offset);
        }
    }

    /// Makes a seeded choice of the writes durable and forgets the rest. Of the writes to one sector the first few survive,
    /// because a sector is written whole; how many is chosen for each sector apart.
    pub(crate) fn keep_some(&mut self, random: &mut Random) {
        let mut history: BTreeMap<usize, Vec<(usize, Vec<u8>)>> = BTreeMap::new();
        for (offset, bytes) in self.writes.drain(..) {
            let mut start = 0;
            while start < bytes.len() {
                let at = offset + start;
                let end = bytes.len().min(start + SECTOR_BYTES - at % SECTOR_BYTES);
                history.entry(at / SECTOR_BYTES).or_default().push((at, bytes[start..end].to_vec()));
                start = end;
            }
        }
        // Some power cuts keep nothing or everything: both are likely in life.
        let mood = random.up_to(3);
        for pieces in history.into_values() {
            let kept = match mood {
                0 => 0,
                1 => pieces.len(),
                _ => random.up_to(pieces.len()),
            };
            for (offset, bytes) in pieces.iter().take(kept) {
                overwrite(&mut self.durable, bytes, *offset);
            }
        }
    }
}

fn overwrite(target: &mut Vec<u8>, bytes: &[u8], offset: usize) {
    let end = offset + bytes.len();
    if target.len() < end {
        target.resize(end, 0);
    }
    target[offset..end].copy_from_slice(bytes);
}

/// Splitmix64: small, and all that a simulation needs.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound`, both included.
    pub(crate) fn up_to(&mut self, bound: usize) -> usize {
        (self.next() % (bound as u64 + 1)) as usize
    }
}
