//! The settings of a log, their defaults and bounds.

use std::sync::Arc;

use crate::disk::DiskError;
use crate::frame::MIN_FRAME_BYTES;
use crate::segment::{CAPACITY_UNIT_BYTES, SEGMENT_HEADER_BYTES};

/// The error after which the log takes no more appends. The process should end and recover by reading.
#[derive(Debug, thiserror::Error)]
pub enum FatalError {
    /// A write or a sync failed; what reached the disk is unknown, and a second sync would not tell.
    #[error("the event log could not make its appends durable")]
    Disk(#[from] DiskError),
    /// The writer thread panicked.
    #[error("the writer of the event log panicked")]
    Panicked,
}

/// Is told of the fatal error, once, on the thread that met it.
pub type FatalCallback = Arc<dyn Fn(&FatalError) + Send + Sync>;

/// Who does the work of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// A writer thread and a housekeeper thread.
    Threads,
    /// Whoever calls [`crate::EmbeddedLog::drive`]: deterministic, for a simulator that runs everything in one thread.
    Manual,
}

/// The settings of a log.
#[derive(Clone)]
pub struct LogOptions {
    /// Size of the first segment in bytes; each next one is twice as large, up to `segment_bytes`, so that a fresh data
    /// folder stays small. A multiple of 4,096.
    pub first_segment_bytes: u64,
    /// Size of a segment in bytes. A multiple of 4,096.
    pub segment_bytes: u64,
    /// The largest batch in bytes, as stored; larger ones are refused as too large. Fits the first segment.
    pub max_batch_bytes: usize,
    /// How many batches wait for the writer before appends are refused as unavailable.
    pub queue_batches: usize,
    /// How many bytes wait for the writer before appends are refused as unavailable.
    pub queue_bytes: usize,
    /// Under so much free space, in bytes, appends of normal urgency are refused.
    pub low_space_bytes: u64,
    /// How often the free space is looked at, in milliseconds.
    pub housekeeping_interval_ms: u64,
    /// After so many bytes of log the in-memory index is stored, so that opening scans at most about this much.
    pub index_snapshot_bytes: u64,
    /// Who does the work.
    pub driver: Driver,
    /// Is told of a fatal error; the binary aborts there.
    pub fatal: FatalCallback,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            first_segment_bytes: 16 << 20,
            segment_bytes: 64 << 20,
            // A plan of 100,000 seats in one event stays well below.
            max_batch_bytes: 8 << 20,
            queue_batches: 65_536,
            queue_bytes: 64 << 20,
            low_space_bytes: 256 << 20,
            housekeeping_interval_ms: 1_000,
            index_snapshot_bytes: 64 << 20,
            driver: Driver::Threads,
            fatal: Arc::new(|_| {}),
        }
    }
}

impl LogOptions {
    /// Why the settings contradict each other, if they do.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let whole = |bytes: u64| bytes > 0 && bytes.is_multiple_of(CAPACITY_UNIT_BYTES);
        let room = self.first_segment_bytes.saturating_sub(SEGMENT_HEADER_BYTES);
        if !whole(self.first_segment_bytes) || !whole(self.segment_bytes) {
            Some("segment sizes must be multiples of 4096 bytes")
        } else if self.segment_bytes < self.first_segment_bytes {
            Some("the first segment must not be larger than the others")
        } else if self.max_batch_bytes < MIN_FRAME_BYTES || self.max_batch_bytes as u64 > room {
            Some("the largest batch must fit the first segment")
        } else if self.queue_batches == 0 || self.queue_bytes < self.max_batch_bytes {
            Some("the queue must hold the largest batch")
        } else {
            None
        }
    }

    /// Size of the segment after one of `capacity` bytes.
    pub(crate) fn next_capacity(&self, capacity: u64) -> u64 {
        capacity.saturating_mul(2).clamp(self.first_segment_bytes, self.segment_bytes)
    }
}

impl std::fmt::Debug for LogOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogOptions")
            .field("first_segment_bytes", &self.first_segment_bytes)
            .field("segment_bytes", &self.segment_bytes)
            .field("max_batch_bytes", &self.max_batch_bytes)
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}
