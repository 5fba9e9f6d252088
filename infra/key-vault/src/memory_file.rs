//! A file for tests that fails and tears on demand: it keeps what is on the disk apart from what is in the cache.
//!
//! A crash keeps the synced bytes and, of what was written since, an arbitrary part: whole writes, cut ones, or single
//! 16-byte pieces out of order, as a disk may have it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::file::VaultFile;
use crate::lookup::PEPPER_BYTES;
use crate::record::encode_header;

/// Bytes that are torn apart at most.
const PIECE_BYTES: usize = 16;

/// How a call that changes the file fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Fails having done nothing.
    Error(io::ErrorKind),
    /// A write gets half through and fails; a sync fails with the data dropped from the cache's dirty list.
    Half(io::ErrorKind),
    /// Half of it happens, and every call after it fails: the machine is gone.
    Crash,
}

#[derive(Default)]
struct State {
    cache: Vec<u8>,
    disk: Vec<u8>,
    /// Byte ranges written since the last sync.
    dirty: Vec<(usize, usize)>,
    changes: u64,
    syncs: u64,
    /// The change, counted from 1, that fails.
    fault: Option<(u64, Fault)>,
    gone: bool,
}

/// The file. Clones are the same file, as after a restart.
#[derive(Clone, Default)]
pub(crate) struct MemoryFile(Arc<Mutex<State>>);

impl MemoryFile {
    /// A fresh vault's file.
    pub(crate) fn fresh() -> Self {
        Self::with_bytes(encode_header(&[1; PEPPER_BYTES]).to_vec())
    }

    pub(crate) fn with_bytes(bytes: Vec<u8>) -> Self {
        let state = State { cache: bytes.clone(), disk: bytes, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state().cache.clone()
    }

    /// How often the file was changed or synced.
    pub(crate) fn changes(&self) -> u64 {
        self.state().changes
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Lets the `change`-th change from the file's beginning fail.
    pub(crate) fn fail_at(&self, change: u64, fault: Fault) {
        self.state().fault = Some((change, fault));
    }

    /// Power off and on: of what was not synced, `chosen` decides piece by piece what reached the disk.
    pub(crate) fn after_power_cut(&self, mut chosen: impl FnMut() -> bool) -> Self {
        let state = self.state();
        let mut disk = state.disk.clone();
        for &(from, to) in &state.dirty {
            for start in (from..to.min(state.cache.len())).step_by(PIECE_BYTES) {
                let end = (start + PIECE_BYTES).min(to).min(state.cache.len());
                if chosen() {
                    disk.resize(disk.len().max(end), 0);
                    disk[start..end].copy_from_slice(&state.cache[start..end]);
                }
            }
        }
        Self::with_bytes(disk)
    }
}

impl State {
    /// Counts a change; the fault it meets, if any.
    fn change(&mut self) -> io::Result<Option<Fault>> {
        if self.gone {
            return Err(io::Error::other("the machine is gone"));
        }
        self.changes += 1;
        match self.fault {
            Some((change, fault)) if change == self.changes => match fault {
                Fault::Error(kind) => Err(kind.into()),
                other => {
                    self.gone = other == Fault::Crash;
                    Ok(Some(other))
                }
            },
            _ => Ok(None),
        }
    }
}

fn failure(fault: Fault) -> io::Error {
    match fault {
        Fault::Error(kind) | Fault::Half(kind) => kind.into(),
        Fault::Crash => io::Error::other("the machine is gone"),
    }
}

impl VaultFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().cache.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let start = offset as usize;
        let bytes = state.cache.get(start..start + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.change()?;
        let bytes = if fault.is_some() { &bytes[..bytes.len() / 2] } else { bytes };
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        let length = state.cache.len().max(end);
        state.cache.resize(length, 0);
        state.cache[start..end].copy_from_slice(bytes);
        state.dirty.push((start, end));
        fault.map_or(Ok(()), |fault| Err(failure(fault)))
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.state();
        if let Some(fault) = state.change()? {
            return Err(failure(fault));
        }
        state.cache.resize(length as usize, 0);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state();
        if let Some(fault) = state.change()? {
            if fault != Fault::Crash {
                state.dirty.clear();
            }
            return Err(failure(fault));
        }
        state.syncs += 1;
        state.disk = state.cache.clone();
        state.dirty.clear();
        Ok(())
    }
}
