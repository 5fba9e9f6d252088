//! Reading frames from a segment through one reused, aligned buffer.
//!
//! Owns the window of bytes last read. Invariants: the window lies within one segment and never reaches past the limit the
//! caller gave, so bytes that are not durable yet are never cached; every frame handed out passed its checksum. Order and
//! chain of frames are checked by the callers.

use std::io;

use rkyv::util::AlignedVec;

use crate::disk::read_exact_at;
use crate::frame::{self, Batch, FrameFault, HEADER_BYTES};
use crate::segment::Segment;

/// One read of a sequential scan: large enough that system calls do not count, small enough to leave room in the
/// processor's cache for what is done with the frames.
pub(crate) const SCAN_BYTES: usize = 256 << 10;
/// One read of a single frame.
pub(crate) const SINGLE_BYTES: usize = 4096;

/// Why no frame was read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Fault(#[from] FrameFault),
}

/// The bytes of one segment from `start` on.
#[derive(Default)]
pub(crate) struct FrameBuffer {
    bytes: AlignedVec<16>,
    start: u64,
    filled: usize,
}

impl FrameBuffer {
    /// Forgets what was read, so that the next frame comes from the disk.
    pub(crate) fn forget(&mut self) {
        self.filled = 0;
    }

    /// The frame at `address`, which must lie in `segment`. Nothing at or after `limit` is read; `read_bytes` is how much to
    /// read at once when the window has to move.
    pub(crate) fn frame(
        &mut self,
        segment: &Segment,
        address: u64,
        limit: u64,
        read_bytes: usize,
    ) -> Result<Batch<'_>, FrameReadError> {
        let available = usize::try_from(limit.saturating_sub(address)).unwrap_or(usize::MAX);
        if available < frame::MIN_FRAME_BYTES {
            return Err(FrameFault::NoMagic.into());
        }
        self.cover(segment, address, HEADER_BYTES, limit, read_bytes)?;
        let length = frame::claimed_length(self.at(address))?;
        if length > available {
            return Err(FrameFault::Length.into());
        }
        self.cover(segment, address, length, limit, read_bytes)?;
        Ok(frame::check(self.at(address), segment.checksum_seed, address)?)
    }

    /// The header of the frame at `address` without a check, reading up to `read_bytes` *before* it when the window has to
    /// move: the way to follow a stream backwards.
    pub(crate) fn header_backwards(
        &mut self,
        segment: &Segment,
        address: u64,
        read_bytes: usize,
    ) -> Result<&[u8], FrameReadError> {
        let end = address + HEADER_BYTES as u64;
        if !self.covers(address, HEADER_BYTES) {
            let start = end.saturating_sub(read_bytes as u64).max(segment.first_frame()).min(address);
            // Frames lie at multiples of 16, and so must the start of the window.
            let start = start.next_multiple_of(frame::ALIGNMENT as u64).min(address);
            self.read(segment, start, (end - start) as usize)?;
        }
        Ok(&self.at(address)[..HEADER_BYTES])
    }

    fn at(&self, address: u64) -> &[u8] {
        &self.bytes[(address - self.start) as usize..self.filled]
    }

    fn covers(&self, address: u64, bytes: usize) -> bool {
        address >= self.start && address + bytes as u64 <= self.start + self.filled as u64
    }

    fn cover(
        &mut self,
        segment: &Segment,
        address: u64,
        bytes: usize,
        limit: u64,
        read_bytes: usize,
    ) -> io::Result<()> {
        if self.covers(address, bytes) {
            return Ok(());
        }
        let wanted = bytes.max(read_bytes) as u64;
        self.read(segment, address, wanted.min(limit - address) as usize)
    }

    fn read(&mut self, segment: &Segment, start: u64, bytes: usize) -> io::Result<()> {
        self.filled = 0;
        if self.bytes.len() < bytes {
            self.bytes.resize(bytes, 0);
        }
        read_exact_at(&*segment.file, &mut self.bytes[..bytes], segment.offset(start))?;
        self.start = start;
        self.filled = bytes;
        Ok(())
    }
}
