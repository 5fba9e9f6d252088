//! Reading one stream.
//!
//! Owns the walk back along the frames of a stream, which needs no index but the stream's end, and the way forward over
//! them. Invariant: revisions are contiguous, or reading ends with an error.

use std::sync::Arc;

use crate::frame::{Batch, FrameFault, HEADER_BYTES};
use crate::frame_buffer::{FrameBuffer, FrameReadError, SINGLE_BYTES};
use crate::log::Shared;
use crate::reader::{ReadError, read_error};
use crate::segment::Segment;
use crate::stream::{Revision, StreamId};

/// Frames of one stream nearer than this are fetched together; farther apart, a read of their own is cheaper than all that
/// lies between them.
const NEAR_BYTES: u64 = 4 << 10;
/// How much is read at once where frames are near.
const WINDOW_BYTES: usize = 64 << 10;

/// Reads the batches of one stream in order of revision.
pub struct StreamReader {
    shared: Arc<Shared>,
    stream: StreamId,
    /// Addresses of the frames, the next one last.
    addresses: Vec<u64>,
    buffer: FrameBuffer,
    /// Revision that the next frame must start with; unknown before the first.
    next_revision: Option<Revision>,
}

impl StreamReader {
    pub(crate) fn new(
        shared: Arc<Shared>,
        stream: StreamId,
        from_revision: Revision,
    ) -> Result<Self, ReadError> {
        let tail = shared.index().streams.get(&stream).copied();
        let mut reader = Self {
            shared,
            stream,
            addresses: Vec::new(),
            buffer: FrameBuffer::default(),
            next_revision: None,
        };
        if let Some(tail) = tail.filter(|tail| tail.revision >= from_revision) {
            reader.walk_back(tail.last_address, from_revision.max(1))?;
        }
        reader.buffer.forget();
        Ok(reader)
    }

    /// Collects the frames from the last one back to the one that holds `from_revision`.
    fn walk_back(&mut self, last_address: u64, from_revision: Revision) -> Result<(), ReadError> {
        let mut address = last_address;
        loop {
            let near = self.addresses.last().is_some_and(|after| after - address <= NEAR_BYTES);
            let read_bytes = if near { WINDOW_BYTES } else { HEADER_BYTES };
            let (segment, _) = segment_at(&self.shared, address)?;
            let header = self
                .buffer
                .header_backwards(&segment, address, read_bytes)
                .map_err(|error| read_error(&segment, address, error))?;
            let head = Batch::of_checked(header, address);
            let previous = head.previous_address();
            let first_revision = head.first_revision();
            if header[64..80] != self.stream.id
                || previous >= address
                || (previous == 0) != (first_revision == 1)
            {
                return Err(read_error(&segment, address, FrameFault::PreviousAddress.into()));
            }
            self.addresses.push(address);
            if first_revision <= from_revision {
                return Ok(());
            }
            address = previous;
        }
    }

    /// The next batch, or `None` at what was the end of the stream when the reader was made.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn next_batch(&mut self) -> Result<Option<Batch<'_>>, ReadError> {
        let Some(address) = self.addresses.pop() else { return Ok(None) };
        let near = self.addresses.last().is_some_and(|after| after - address <= NEAR_BYTES);
        let read_bytes = if near { WINDOW_BYTES } else { SINGLE_BYTES };
        let (segment, limit) = segment_at(&self.shared, address)?;
        let batch = self
            .buffer
            .frame(&segment, address, limit, read_bytes)
            .map_err(|error| read_error(&segment, address, error))?;
        let expected = self.next_revision.unwrap_or(batch.first_revision());
        if batch.stream() != self.stream || batch.first_revision() != expected {
            return Err(read_error(&segment, address, FrameFault::Revision.into()));
        }
        self.next_revision = Some(batch.last_revision() + 1);
        Ok(Some(batch))
    }
}

/// The segment of an address and the end of its durable bytes; an address outside of all is damage in the one that named it.
fn segment_at(shared: &Shared, address: u64) -> Result<(Arc<Segment>, u64), ReadError> {
    let index = shared.index();
    match index.segment_of(address) {
        Some((segment, end)) if address >= segment.first_frame() && address < end => {
            Ok((segment.clone(), end))
        }
        _ => {
            let last = index.segments.last().expect("an open log has a segment");
            let fault = FrameReadError::Fault(FrameFault::PreviousAddress);
            Err(read_error(last, address.max(last.header.base_address), fault))
        }
    }
}
