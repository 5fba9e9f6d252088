//! The feed: every batch from a position on, first from disk, then as it becomes durable.
//!
//! Invariants: positions are contiguous from start to end; a chunk is bounded in bytes; the disk is read on blocking threads
//! only; dropping a waiting [`Feed::next`] loses nothing. Checkpoints are left to the projections.

use rkyv::util::AlignedVec;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::frame::Batch;
use crate::index::Head;
use crate::log::EmbeddedLog;
use crate::reader::{LogReader, ReadError};
use crate::stream::Position;

/// A chunk ends with the batch that reaches this size: enough to make a hand-over between threads cheap.
const CHUNK_BYTES: usize = 1 << 20;

/// Why a feed ended.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The runtime shut down, or reading panicked.
    #[error("the reading task of the feed ended")]
    Task(#[source] tokio::task::JoinError),
}

/// Consecutive batches.
#[derive(Default)]
pub struct FeedChunk {
    bytes: AlignedVec<16>,
    /// Address, start and length of each frame.
    frames: Vec<(u64, usize, usize)>,
}

impl FeedChunk {
    /// The batches in order.
    pub fn batches(&self) -> impl Iterator<Item = Batch<'_>> {
        self.frames
            .iter()
            .map(|(address, start, length)| Batch::of_checked(&self.bytes[*start..start + length], *address))
    }

    /// Bytes of all frames.
    #[must_use]
    pub fn byte_length(&self) -> usize {
        self.bytes.len()
    }

    fn fill(&mut self, reader: &mut LogReader) -> Result<(), ReadError> {
        while self.bytes.len() < CHUNK_BYTES {
            let Some(batch) = reader.next_batch()? else { break };
            self.frames.push((batch.address(), self.bytes.len(), batch.bytes().len()));
            self.bytes.extend_from_slice(batch.bytes());
        }
        Ok(())
    }
}

type Reading = JoinHandle<(Box<LogReader>, Result<FeedChunk, ReadError>)>;

enum State {
    Idle(Box<LogReader>),
    Reading(Reading),
    Ended,
}

/// Every batch from a position on.
pub struct Feed {
    state: State,
    head: watch::Receiver<Head>,
    closing: watch::Receiver<bool>,
    next_position: Position,
}

impl Feed {
    /// The feed of `log` from the batch that holds `position` (0 and 1 both mean the first). That batch is delivered whole:
    /// who resumes within a batch skips the events it has. Reads the disk: for blocking threads, or at start.
    ///
    /// # Errors
    /// [`ReadError`] as of [`EmbeddedLog::read_from`].
    pub fn new(log: &EmbeddedLog, position: Position) -> Result<Self, ReadError> {
        let reader = log.read_from(position)?;
        Ok(Self {
            next_position: reader.next_position(),
            state: State::Idle(Box::new(reader)),
            head: log.subscribe_head(),
            closing: log.shared().closing.subscribe(),
        })
    }

    /// Position of the first event of the next chunk.
    #[must_use]
    pub fn next_position(&self) -> Position {
        self.next_position
    }

    /// The next batches, waiting for them if there are none; `None` when the log is closed and everything was delivered.
    /// May be dropped while it waits.
    ///
    /// # Errors
    /// [`FeedError`]; the feed has ended then.
    pub async fn next(&mut self) -> Result<Option<FeedChunk>, FeedError> {
        loop {
            if matches!(self.state, State::Idle(_)) && !self.wait_for_head().await {
                return Ok(None);
            }
            let Some(reading) = self.reading() else { return Ok(None) };
            let outcome = reading.await;
            self.state = State::Ended;
            let (reader, read) = outcome.map_err(FeedError::Task)?;
            let chunk = read?;
            self.state = State::Idle(reader);
            let Some(last) = chunk.batches().last() else { continue };
            let first = chunk.batches().next().map(|batch| batch.first_position());
            assert_eq!(first, Some(self.next_position), "a feed has no gaps");
            self.next_position = last.last_position() + 1;
            return Ok(Some(chunk));
        }
    }

    /// Waits until something can be read; `false` when nothing ever will.
    async fn wait_for_head(&mut self) -> bool {
        loop {
            // Closing is looked at first: a log that closed after its last flush has published that flush.
            let closing = *self.closing.borrow_and_update();
            if self.head.borrow_and_update().position >= self.next_position {
                return true;
            }
            if closing {
                return false;
            }
            tokio::select! {
                changed = self.head.changed() => if changed.is_err() { return false },
                changed = self.closing.changed() => if changed.is_err() { return false },
            }
        }
    }

    /// The running read, begun if there is none.
    fn reading(&mut self) -> Option<&mut Reading> {
        self.state = match std::mem::replace(&mut self.state, State::Ended) {
            State::Idle(mut reader) => State::Reading(tokio::task::spawn_blocking(move || {
                let mut chunk = FeedChunk::default();
                let read = chunk.fill(&mut reader).map(|()| chunk);
                (reader, read)
            })),
            other => other,
        };
        match &mut self.state {
            State::Reading(reading) => Some(reading),
            State::Idle(_) | State::Ended => None,
        }
    }
}
