//! The one writer: takes what waits, encodes it into one buffer, writes it once, syncs it once, publishes, answers.
//!
//! Invariants: nothing is published or answered with success before it is durable; a revision is checked against durable
//! state plus what lies in the same buffer, by nobody else; after a failed write or sync the log takes nothing more, and the
//! sync is not repeated, because a second one may succeed without having written.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use rkyv::util::AlignedVec;
use tokio::sync::oneshot;

use crate::append::{AppendError, Appended, Expected, Urgency};
use crate::disk::{DiskError, During, write_all_at, write_at_once};
use crate::frame::{self, Placement};
use crate::index::{Head, Index, Landmark, StreamTail};
use crate::log::Shared;
use crate::options::{Driver, FatalError};
use crate::queue::{Answer, Request};
use crate::reserve::{SPARE, StorageState};
use crate::segment::{LOG_DIR, Segment, SegmentHeader};

/// A flush is cut here, so that the first caller in it never waits for more than this much writing.
const MAX_FLUSH_BYTES: usize = 4 << 20;

pub(crate) struct Writer {
    shared: Arc<Shared>,
    segment: Arc<Segment>,
    /// Taken from the queue, not yet encoded.
    pending: VecDeque<Request>,
    /// Encoded, not yet durable.
    buffer: AlignedVec<16>,
    /// Ends of the streams that the buffer changes.
    tails: HashMap<crate::StreamId, StreamTail>,
    landmarks: Vec<Landmark>,
    last_landmark: Option<Landmark>,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
    /// The end of the log including the buffer.
    head: Head,
    last_frame: u64,
    /// Where the buffer will be written: everything below is durable.
    flush_address: u64,
    last_flush: Duration,
}

/// Why encoding stopped.
enum Stop {
    /// Nothing is pending.
    Drained,
    /// The buffer should be flushed first.
    Full,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let index = shared.index();
        let segment = index.segments.last().expect("an open log has a segment").clone();
        let (head, last_frame, flush_address) = (index.head, index.last_frame, index.end_address);
        let last_landmark = index.landmarks.last().copied();
        drop(index);
        Self {
            shared,
            segment,
            pending: VecDeque::new(),
            buffer: AlignedVec::new(),
            tails: HashMap::new(),
            landmarks: Vec::new(),
            last_landmark,
            answers: Vec::new(),
            head,
            last_frame,
            flush_address,
            last_flush: Duration::ZERO,
        }
    }

    /// Works until nothing waits.
    pub(crate) fn drive(&mut self) {
        while self.shared.queue.take(&mut self.pending) {
            self.finish_pending();
        }
    }

    /// Works until everything is done that waits now; what comes meanwhile is left to the thread.
    pub(crate) fn drive_once(&mut self) {
        self.shared.queue.take(&mut self.pending);
        self.finish_pending();
    }

    fn finish_pending(&mut self) {
        while !self.pending.is_empty() {
            self.commit_group();
        }
    }

    /// Gathers a group and flushes it. Gathering ends when nothing waits, or when it took as long as the last flush: then
    /// waiting longer would cost the first callers more than another flush does.
    fn commit_group(&mut self) {
        let started = Instant::now();
        loop {
            match self.encode_pending() {
                Err(error) => return self.fail(error),
                Ok(Stop::Full) => break,
                Ok(Stop::Drained) => {}
            }
            if started.elapsed() >= self.last_flush || !self.shared.queue.take(&mut self.pending) {
                break;
            }
        }
        if let Err(error) = self.flush() {
            self.fail(error);
        }
    }

    fn encode_pending(&mut self) -> Result<Stop, DiskError> {
        while let Some(request) = self.pending.pop_front() {
            if let Err(error) = self.admit(&request) {
                self.answers.push((request.answer, Err(error)));
                continue;
            }
            let full = !self.buffer.is_empty() && self.buffer.len() + request.frame_bytes > MAX_FLUSH_BYTES;
            let fits = self.next_address() + request.frame_bytes as u64 <= self.segment.limit();
            if full || (!fits && !self.buffer.is_empty()) {
                self.pending.push_front(request);
                return Ok(Stop::Full);
            }
            if !fits && !self.begin_segment(&request)? {
                self.answers.push((request.answer, Err(AppendError::StorageLow)));
                continue;
            }
            self.encode(request);
        }
        Ok(Stop::Drained)
    }

    fn next_address(&self) -> u64 {
        self.flush_address + self.buffer.len() as u64
    }

    /// The stream's end including the buffer.
    fn tail(&self, stream: &crate::StreamId) -> StreamTail {
        let durable = || self.shared.index().streams.get(stream).copied();
        self.tails
            .get(stream)
            .copied()
            .or_else(durable)
            .unwrap_or(StreamTail { revision: 0, last_address: 0 })
    }

    fn admit(&self, request: &Request) -> Result<(), AppendError> {
        if let Expected::Revision(expected) = request.append.expected {
            let actual = self.tail(&request.append.stream).revision;
            if actual != expected {
                return Err(AppendError::Conflict { actual });
            }
        }
        match (request.append.urgency, self.shared.reserve.storage_state()) {
            (Urgency::Normal, StorageState::Low) => Err(AppendError::StorageLow),
            _ => Ok(()),
        }
    }

    fn encode(&mut self, request: Request) {
        let append = &request.append;
        let before = self.tail(&append.stream);
        let count = append.events.len() as u64;
        let address = self.next_address();
        let first_position = self.head.position + 1;
        let place = Placement {
            checksum_seed: self.segment.checksum_seed,
            address,
            previous_address: before.last_address,
            flush_address: self.flush_address,
            first_position,
            first_revision: before.revision + 1,
            previous_hash: self.head.chain_hash,
        };
        let chain_hash = frame::encode(&mut self.buffer, &place, append, request.frame_bytes);
        let tail = StreamTail { revision: before.revision + count, last_address: address };
        self.tails.insert(append.stream, tail);
        if Index::wants_landmark(self.last_landmark.as_ref(), address) {
            let landmark = Landmark { position: first_position, address };
            self.landmarks.push(landmark);
            self.last_landmark = Some(landmark);
        }
        self.head = Head { position: self.head.position + count, chain_hash };
        self.last_frame = address;
        let appended =
            Appended { first_position, last_position: self.head.position, revision: tail.revision };
        self.answers.push((request.answer, Ok(appended)));
    }

    /// One write, one sync, then the truth is told: to the index, to those who wait for the head, to the callers.
    fn flush(&mut self) -> Result<(), DiskError> {
        if !self.buffer.is_empty() {
            let started = Instant::now();
            let offset = self.segment.offset(self.flush_address);
            write_at_once(&*self.segment.file, &self.buffer, offset)
                .and_then(|()| self.segment.file.sync_data())
                .map_err(|source| DiskError { operation: "append to", path: self.segment.path(), source })?;
            self.last_flush = started.elapsed();
            self.flush_address += self.buffer.len() as u64;
            self.buffer.clear();
            self.publish();
        }
        for (sender, answer) in self.answers.drain(..) {
            // A caller that went away does not need its answer.
            let _ = sender.send(answer);
        }
        Ok(())
    }

    fn publish(&mut self) {
        let mut index = self.shared.index_mut();
        index.streams.extend(self.tails.drain());
        index.landmarks.append(&mut self.landmarks);
        index.head = self.head;
        index.last_frame = self.last_frame;
        index.end_address = self.flush_address;
        drop(index);
        self.shared.head.send_replace(self.head);
    }

    /// Turns the spare into the next segment; `false` when there is none to be had for this request.
    fn begin_segment(&mut self, request: &Request) -> Result<bool, DiskError> {
        let reserve = &self.shared.reserve;
        if self.shared.options.driver == Driver::Manual && !reserve.has_spare() {
            reserve.tend(&*self.shared.disk);
        }
        let low = reserve.storage_state() == StorageState::Low;
        if low && request.append.urgency == Urgency::Normal {
            return Ok(false);
        }
        let expected_capacity = self.shared.options.next_capacity(self.segment.header.capacity);
        let Some(spare) = reserve.take(self.shared.options.next_capacity(expected_capacity)) else {
            return Ok(false);
        };
        let header = SegmentHeader {
            first_position: self.head.position + 1,
            base_address: self.segment.limit(),
            capacity: spare.capacity,
            previous_hash: self.head.chain_hash,
        };
        let segment = Arc::new(Segment::new(header, spare.file));
        name_segment(&*self.shared.disk, &segment)?;
        reserve.named();
        let end = self.flush_address;
        self.flush_address = segment.first_frame();
        self.segment = segment.clone();
        let mut index = self.shared.index_mut();
        index.ends.push(end);
        index.segments.push(segment);
        index.end_address = self.flush_address;
        Ok(true)
    }

    /// Ends the log's life as a writer. Those in the buffer get "unknown"; those that were never written get "unavailable",
    /// also where the reason was a conflict with something that is now unknown itself.
    pub(crate) fn fail(&mut self, error: impl Into<FatalError>) {
        self.shared.queue.close();
        self.shared.queue.take(&mut self.pending);
        for (sender, answer) in self.answers.drain(..) {
            let known = match answer {
                Ok(_) => AppendError::Unknown,
                Err(AppendError::Conflict { .. }) => AppendError::Unavailable,
                Err(refusal) => refusal,
            };
            let _ = sender.send(Err(known));
        }
        for request in self.pending.drain(..) {
            let _ = request.answer.send(Err(AppendError::Unavailable));
        }
        self.buffer.clear();
        self.shared.die(&error.into());
    }
}

/// Writes the header into a spare and gives it its name as a segment. The header must be durable before the name, and the
/// name before the first frame: a segment that can be seen is whole, and a frame that was acknowledged can be found.
pub(crate) fn name_segment(disk: &dyn crate::Disk, segment: &Segment) -> Result<(), DiskError> {
    let (spare, path) = (format!("{LOG_DIR}/{SPARE}"), segment.path());
    write_all_at(&*segment.file, &segment.header.encode(), 0).during("write the header of", &path)?;
    segment.file.sync_all().during("sync", &path)?;
    disk.rename(&spare, &path).during("name", &path)?;
    disk.sync_dir(LOG_DIR).during("sync", LOG_DIR)
}
