//! Reading the log in order of position.
//!
//! Owns the sequential reader. Invariants: positions are contiguous, or reading ends with an error; nothing after the
//! durable head is touched. Checks of the hash chain are left to `verify`; here the checksum of every frame is enough.

use std::sync::Arc;

use crate::disk::DiskError;
use crate::frame::{Batch, FrameFault};
use crate::frame_buffer::{FrameBuffer, FrameReadError, SCAN_BYTES, SINGLE_BYTES};
use crate::log::Shared;
use crate::segment::Segment;
use crate::stream::Position;

/// Why reading ended.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The caller asks for what the log never had: it remembers another log, or this one lost its end.
    #[error("position {position} is past the end of the log at {head}")]
    AheadOfLog {
        /// What was asked for.
        position: Position,
        /// Where the log ends.
        head: Position,
    },
    /// A frame is damaged.
    #[error("segment {segment} is damaged at offset {offset}: {fault}")]
    Corrupt {
        /// The segment's file, relative to the data folder.
        segment: String,
        /// Where the damaged frame starts, in bytes.
        offset: u64,
        /// What is wrong.
        fault: FrameFault,
    },
}

/// Names segment and offset in what went wrong with a frame.
pub(crate) fn read_error(segment: &Segment, address: u64, error: FrameReadError) -> ReadError {
    match error {
        FrameReadError::Io(source) => DiskError { operation: "read", path: segment.path(), source }.into(),
        FrameReadError::Fault(fault) => {
            ReadError::Corrupt { segment: segment.path(), offset: segment.offset(address), fault }
        }
    }
}

/// Reads batches in order of position up to the durable head; at the head it answers `None` and may be asked again later.
pub struct LogReader {
    shared: Arc<Shared>,
    buffer: FrameBuffer,
    segment: Arc<Segment>,
    /// Durable bytes of the segment as last seen.
    limit: u64,
    address: u64,
    next_position: Position,
    read_bytes: usize,
}

impl LogReader {
    pub(crate) fn new(shared: Arc<Shared>, position: Position) -> Result<Self, ReadError> {
        let position = position.max(1);
        let index = shared.index();
        let head = index.head.position;
        if position > head + 1 {
            return Err(ReadError::AheadOfLog { position, head });
        }
        let (address, next_position) = if position > head {
            (index.end_address, head + 1)
        } else {
            let landmark = index.landmark_before(position);
            (landmark.address, landmark.position)
        };
        // The end may be the end of a full segment, which no segment holds; then the last one stands in until it moves.
        let last = index.segments.last().expect("an open log has a segment");
        let (segment, limit) = index.segment_of(address).unwrap_or((last, index.end_address));
        let segment = segment.clone();
        drop(index);
        let buffer = FrameBuffer::default();
        let mut reader =
            Self { shared, buffer, segment, limit, address, next_position, read_bytes: SINGLE_BYTES };
        reader.skip_to(position)?;
        Ok(reader)
    }

    /// Position of the first event that [`LogReader::next_batch`] will give.
    #[must_use]
    pub fn next_position(&self) -> Position {
        self.next_position
    }

    /// The next batch, or `None` at the durable head.
    ///
    /// # Errors
    /// [`ReadError`]; the reader stays where it is.
    pub fn next_batch(&mut self) -> Result<Option<Batch<'_>>, ReadError> {
        if !self.find_frame() {
            return Ok(None);
        }
        let batch = self
            .buffer
            .frame(&self.segment, self.address, self.limit, self.read_bytes)
            .map_err(|error| read_error(&self.segment, self.address, error))?;
        if batch.first_position() != self.next_position {
            return Err(read_error(&self.segment, self.address, FrameFault::Position.into()));
        }
        self.address = batch.end_address();
        self.next_position = batch.last_position() + 1;
        // A reader that goes on is worth reading ahead for.
        self.read_bytes = (self.read_bytes * 2).min(SCAN_BYTES);
        Ok(Some(batch))
    }

    fn skip_to(&mut self, position: Position) -> Result<(), ReadError> {
        while self.next_position < position {
            let before = (self.address, self.next_position, self.segment.clone(), self.limit);
            match self.next_batch()? {
                Some(batch) if batch.last_position() < position => {}
                _ => {
                    (self.address, self.next_position, self.segment, self.limit) = before;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Moves to the next segment where one ends; says whether a durable frame starts at the address.
    fn find_frame(&mut self) -> bool {
        if self.address < self.limit {
            return true;
        }
        let index = self.shared.index();
        while let Some((segment, end)) = index.segment_of(self.address) {
            // A segment that is full to its last byte ends where the header of the next one starts.
            self.address = self.address.max(segment.first_frame());
            if self.address < end {
                (self.segment, self.limit) = (segment.clone(), end);
                return true;
            }
            let Some(start) = index.next_segment_start(self.address) else { break };
            self.address = start;
        }
        false
    }
}
