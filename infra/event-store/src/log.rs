//! The log as its users see it: open, append, read, close.
//!
//! Owns the state that writer, housekeeper and readers share, and the lives of the two threads. Invariants: one holder of
//! the data folder at a time; readers see durable batches only; after a fatal error every append is refused. Encoding of
//! domain events is left to the codec, meaning of streams to the services.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use rkyv::util::AlignedVec;
use tokio::sync::{oneshot, watch};

use crate::append::{Append, AppendError, Appended, Urgency};
use crate::codec::CodecError;
use crate::disk::{Disk, DiskError, DiskLock, During};
use crate::frame::OwnedBatch;
use crate::index::{Head, Index};
use crate::options::{Driver, FatalError, LogOptions};
use crate::queue::{Answer, Queue, Request};
use crate::reader::{LogReader, ReadError};
use crate::recovery::{OpenError, OpenReport, recover};
use crate::reserve::{self, Reserve, StorageState};
use crate::segment::{LOG_DIR, Segment, SegmentHeader};
use crate::snapshots::{
    self, INDEX_NAME, SNAPSHOT_DIR, SkippedSnapshot, Snapshot, SnapshotError, StoredSnapshot,
};
use crate::stream::{Category, Position, Revision, StreamId};
use crate::stream_reader::StreamReader;
use crate::verify::{Progress, VerifyError, VerifyReport};
use crate::writer::{Writer, name_segment};

/// File that carries the lock of the data folder.
pub(crate) const LOCK_FILE: &str = "lock";

/// What writer, housekeeper and readers share.
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: LogOptions,
    index: RwLock<Index>,
    pub(crate) head: watch::Sender<Head>,
    pub(crate) queue: Queue,
    pub(crate) reserve: Reserve,
    /// Turns true when no more appends will come.
    pub(crate) closing: watch::Sender<bool>,
    dead: AtomicBool,
    /// Up to which address the index is stored.
    stored_index: Mutex<u64>,
}

impl Shared {
    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().expect("nothing panics while it holds the index")
    }

    pub(crate) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().expect("nothing panics while it holds the index")
    }

    /// Refuses everything from now on and tells the owner, once.
    pub(crate) fn die(&self, error: &FatalError) {
        self.queue.close();
        self.reserve.close();
        self.closing.send_replace(true);
        if !self.dead.swap(true, Ordering::SeqCst) {
            tracing::error!(%error, "the event log stops");
            (self.options.fatal)(error);
        }
    }

    fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Stores the index when so many bytes were appended since the last time. A large index is stored more rarely, so that
    /// storing it never costs more than a quarter of the appending itself.
    fn store_index(&self, after_bytes: u64) -> Result<(), DiskError> {
        let mut stored = self.stored_index.lock().unwrap_or_else(PoisonError::into_inner);
        let (head, end_address, bytes) = {
            let index = self.index();
            let appended = index.end_address.saturating_sub(*stored);
            let index_bytes = 33 * index.streams.len() as u64 + 16 * index.landmarks.len() as u64;
            let due = appended >= after_bytes && (after_bytes <= 1 || appended >= 4 * index_bytes);
            if index.head.position == 0 || appended == 0 || !due {
                return Ok(());
            }
            (index.head, index.end_address, index.encode())
        };
        snapshots::write(&*self.disk, INDEX_NAME, head, &bytes)?;
        *stored = end_address;
        Ok(())
    }

    /// What is done beside appending: the next segment, the free space, the stored index.
    fn keep_house(&self) {
        self.reserve.tend(&*self.disk);
        if let Err(error) = self.store_index(self.options.index_snapshot_bytes) {
            tracing::warn!(%error, cause = %error.source, "cannot store the index of the log; opening will take longer");
        }
    }
}

/// The embedded event log of one data folder. Clones share it; the last one closes it.
#[derive(Clone)]
pub struct EmbeddedLog {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    /// Whoever has it writes: the thread, or a caller who would rather write than wait for the thread.
    writer: Arc<Mutex<Writer>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    lock: Mutex<Option<DiskLock>>,
}

impl EmbeddedLog {
    /// Takes the lock of the data folder, reads the log to its end, repairs an unfinished tail, and starts to take appends.
    /// Layout of the folder: `log/` with segments named by first position, `snapshots/`, `lock`.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is changed then, except that an unfinished tail may already have been cut.
    pub fn open(disk: Arc<dyn Disk>, options: LogOptions) -> Result<(Self, OpenReport), OpenError> {
        if let Some(contradiction) = options.contradiction() {
            return Err(OpenError::Options(contradiction));
        }
        let lock = disk.lock(LOCK_FILE)?;
        for folder in [LOG_DIR, SNAPSHOT_DIR] {
            disk.create_dir(folder).during("make", folder)?;
        }
        disk.sync_dir("").during("sync", ".")?;
        let (mut index, mut report) = recover(&*disk)?;
        if index.segments.is_empty() {
            begin_log(&*disk, &options, &mut index)?;
            report.segments = 1;
        }
        let shared = Arc::new(share(disk, options, index, &report));
        let inner = Inner::start(shared, lock)?;
        Ok((Self { inner: Arc::new(inner) }, report))
    }

    /// Queues a batch; never waits. The answer comes through the returned future, or through [`PendingAppend::wait`] on a
    /// thread that may block. Dropping it does not take the batch back.
    pub fn append(&self, append: Append) -> PendingAppend {
        let (answer, receiver) = oneshot::channel();
        match self.admit(append, answer) {
            Ok(()) => PendingAppend::queued(receiver),
            Err(error) => PendingAppend::refused(error),
        }
    }

    /// As [`EmbeddedLog::append`], but if nobody is writing, writes and syncs here and now, together with whatever waits.
    /// That spares two changes of thread, which take as long as a fast disk, and blocks the caller for as long as the disk
    /// takes; at most one caller at a time.
    pub fn append_here(&self, append: Append) -> PendingAppend {
        let inner = &*self.inner;
        let Some(mut writer) = inner.free_writer() else { return self.append(append) };
        let (answer, receiver) = oneshot::channel();
        match self.check(append, answer).and_then(|request| inner.shared.queue.push_own(request)) {
            Ok(()) => {
                carry_on(&mut writer, Writer::drive_once);
                PendingAppend::queued(receiver)
            }
            Err(error) => PendingAppend::refused(error),
        }
    }

    fn admit(&self, append: Append, answer: oneshot::Sender<Answer>) -> Result<(), AppendError> {
        self.inner.shared.queue.push(self.check(append, answer)?)
    }

    fn check(&self, append: Append, answer: oneshot::Sender<Answer>) -> Result<Request, AppendError> {
        let shared = &self.inner.shared;
        let frame_bytes = self.fitting_bytes(&append).ok_or(AppendError::TooLarge)?;
        if append.urgency == Urgency::Normal && shared.reserve.storage_state() == StorageState::Low {
            return Err(AppendError::StorageLow);
        }
        Ok(Request { append, frame_bytes, answer })
    }

    /// Bytes that a batch takes in the log; `None` when it has no event or is larger than the log takes.
    pub(crate) fn fitting_bytes(&self, append: &Append) -> Option<usize> {
        append.frame_bytes().filter(|bytes| *bytes <= self.inner.shared.options.max_batch_bytes)
    }

    /// Without threads: writes everything queued, as one group where it fits, and keeps house. Does nothing with threads.
    pub fn drive(&self) {
        let shared = &self.inner.shared;
        if shared.options.driver == Driver::Manual {
            borrow(&self.inner.writer).drive();
            if !shared.is_dead() {
                shared.keep_house();
            }
        }
    }

    /// The end of the durable log.
    #[must_use]
    pub fn head(&self) -> Head {
        self.inner.shared.index().head
    }

    /// Follows the end of the durable log.
    #[must_use]
    pub fn subscribe_head(&self) -> watch::Receiver<Head> {
        self.inner.shared.head.subscribe()
    }

    /// Whether appends of normal urgency are taken.
    #[must_use]
    pub fn storage_state(&self) -> StorageState {
        self.inner.shared.reserve.storage_state()
    }

    /// Durable revision of a stream; 0 when it has no event.
    #[must_use]
    pub fn stream_revision(&self, stream: &StreamId) -> Revision {
        self.inner.shared.index().revision(stream)
    }

    /// The streams of a category with their revisions, sorted.
    #[must_use]
    pub fn streams(&self, category: Category) -> Vec<(StreamId, Revision)> {
        let index = self.inner.shared.index();
        let mut streams: Vec<_> = index
            .streams
            .iter()
            .filter(|(stream, _)| stream.category == category)
            .map(|(stream, tail)| (*stream, tail.revision))
            .collect();
        streams.sort_unstable();
        streams
    }

    /// Reads the batches of a stream from the one that holds `from_revision` (0 and 1 both mean the first) to what is
    /// durable now. Blocks on the disk: for blocking threads.
    ///
    /// # Errors
    /// [`ReadError`] when the way back through the stream is damaged.
    pub fn read_stream(&self, stream: StreamId, from_revision: Revision) -> Result<StreamReader, ReadError> {
        StreamReader::new(self.inner.shared.clone(), stream, from_revision)
    }

    /// Reads all batches from the one that holds `position` (0 and 1 both mean the first) up to the durable head, which may
    /// move meanwhile. Blocks on the disk: for blocking threads.
    ///
    /// # Errors
    /// [`ReadError::AheadOfLog`] for a position more than one past the head; [`ReadError`] when the log is damaged.
    pub fn read_from(&self, position: Position) -> Result<LogReader, ReadError> {
        LogReader::new(self.inner.shared.clone(), position)
    }

    /// The batch that holds a position; `None` when the log does not reach it. Blocks on the disk.
    ///
    /// # Errors
    /// [`ReadError`] when the log is damaged.
    pub fn read_at(&self, position: Position) -> Result<Option<OwnedBatch>, ReadError> {
        if position == 0 || position > self.head().position {
            return Ok(None);
        }
        let mut reader = self.read_from(position)?;
        Ok(reader.next_batch()?.map(OwnedBatch::copy_of))
    }

    /// Stores a named snapshot: what `name` holds after all events up to `at`. Blocks on the disk.
    ///
    /// # Errors
    /// [`SnapshotError`]; older snapshots of the name then still stand.
    pub fn write_snapshot(&self, name: &str, at: Head, bytes: &[u8]) -> Result<(), SnapshotError> {
        snapshots::check_name(name)?;
        let head = self.head().position;
        if at.position > head {
            return Err(SnapshotError::AheadOfLog { name: name.to_owned(), position: at.position, head });
        }
        Ok(snapshots::write(&*self.inner.shared.disk, name, at, bytes)?)
    }

    /// The newest snapshot of a name that passes every check and belongs to this log, and those that were skipped.
    ///
    /// # Errors
    /// [`SnapshotError`] when the folder cannot be read.
    pub fn latest_snapshot(
        &self,
        name: &str,
    ) -> Result<(Option<Snapshot>, Vec<SkippedSnapshot>), SnapshotError> {
        snapshots::check_name(name)?;
        Ok(snapshots::latest(&*self.inner.shared.disk, name, self.head().position, |at| self.had_head(at))?)
    }

    /// Whether the log once ended like that: with a batch at this position and with this hash.
    fn had_head(&self, at: Head) -> Result<bool, ReadError> {
        Ok(self.read_at(at.position)?.is_some_and(|batch| {
            batch.view().last_position() == at.position && batch.view().chain_hash() == at.chain_hash
        }))
    }

    /// What the newest usable snapshot of a name reads back as, and up to which position it holds all events. `None` without
    /// one: a snapshot only shortens a fold, so that whatever is wrong with it is said in the process log and passed over.
    /// Blocks on the disk.
    pub fn restore_snapshot<T>(
        &self,
        name: &str,
        read: impl FnOnce(&[u8]) -> Result<T, CodecError>,
    ) -> Option<(T, Position)> {
        let (stored, skipped) = self
            .latest_snapshot(name)
            .inspect_err(
                |error| tracing::warn!(name, %error, "the snapshots cannot be read; folding all events"),
            )
            .ok()?;
        for skipped in skipped {
            tracing::warn!(path = skipped.path, fault = %skipped.fault, "a snapshot was skipped");
        }
        let stored = stored?;
        let restored = read(&stored.bytes).inspect_err(
            |error| tracing::warn!(name, %error, "the snapshot does not read back; folding all events"),
        );
        Some((restored.ok()?, stored.position))
    }

    /// Stores what `make` gives for the head of the log as a snapshot, unless there is one of that position. Blocks on the
    /// disk.
    ///
    /// # Errors
    /// What `make` answers, or [`SnapshotError`]; older snapshots of the name then still stand.
    pub fn renew_snapshot<E: From<SnapshotError>>(
        &self,
        name: &str,
        make: impl FnOnce(Position) -> Result<AlignedVec<16>, E>,
    ) -> Result<StoredSnapshot, E> {
        let head = self.head();
        let mut bytes = 0;
        // One that claims the head is read: it may be damaged, or of a history that was lost.
        let is_stored = self.snapshot_position(name)? == head.position
            && self.latest_snapshot(name)?.0.is_some_and(|stored| stored.position == head.position);
        if !is_stored {
            let made = make(head.position)?;
            self.write_snapshot(name, head, &made)?;
            bytes = made.len() as u64;
        }
        Ok(StoredSnapshot { position: head.position, bytes })
    }

    /// How far the newest snapshot of a name says it is, without reading it; 0 without one. Those that claim more than the
    /// log has are passed over.
    ///
    /// # Errors
    /// [`SnapshotError`] when the folder cannot be read.
    pub fn snapshot_position(&self, name: &str) -> Result<Position, SnapshotError> {
        snapshots::check_name(name)?;
        let files = snapshots::list(&*self.inner.shared.disk)?;
        let head = self.head().position;
        let ours = files.iter().filter(|file| file.name == name && file.position <= head);
        Ok(ours.map(|file| file.position).max().unwrap_or(0))
    }

    /// Checks everything up to the durable head while the log goes on; see [`crate::verify`].
    ///
    /// # Errors
    /// [`VerifyError`] when the disk fails or the data folder is refused as a whole.
    pub fn verify(&self, progress: impl FnMut(Progress)) -> Result<VerifyReport, VerifyError> {
        let shared = &self.inner.shared;
        let index = shared.index();
        let (head, end_address) = (index.head, index.end_address);
        drop(index);
        crate::verify::verify_live(&*shared.disk, head, end_address, progress)
    }

    /// Takes no more appends, finishes those that wait, stores the index, ends the threads, releases the lock. Later calls do
    /// nothing. Also done when the last clone is dropped.
    ///
    /// # Errors
    /// [`DiskError`] when the index could not be stored; the log itself is complete then too.
    pub fn close(&self) -> Result<(), DiskError> {
        self.inner.close()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }
}

impl std::fmt::Debug for EmbeddedLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedLog").field("head", &self.head()).finish_non_exhaustive()
    }
}

/// Makes the first segment of an empty log.
fn begin_log(disk: &dyn Disk, options: &LogOptions, index: &mut Index) -> Result<(), DiskError> {
    let capacity = options.first_segment_bytes;
    let file = reserve::prepare(disk, capacity)?;
    let header = SegmentHeader { first_position: 1, base_address: 0, capacity, previous_hash: [0; 32] };
    let segment = Arc::new(Segment::new(header, file));
    name_segment(disk, &segment)?;
    index.end_address = segment.first_frame();
    index.segments.push(segment);
    Ok(())
}

fn share(disk: Arc<dyn Disk>, options: LogOptions, index: Index, report: &OpenReport) -> Shared {
    let last = index.segments.last().expect("an open log has a segment");
    let next_capacity = options.next_capacity(last.header.capacity);
    let spare = reserve::reopen(&*disk, next_capacity);
    let stored_index = if report.index_position == index.head.position { index.end_address } else { 0 };
    Shared {
        reserve: Reserve::new(spare, next_capacity, options.low_space_bytes),
        queue: Queue::new(options.queue_batches, options.queue_bytes),
        head: watch::Sender::new(index.head),
        index: RwLock::new(index),
        closing: watch::Sender::new(false),
        dead: AtomicBool::new(false),
        stored_index: Mutex::new(stored_index),
        disk,
        options,
    }
}

impl Inner {
    fn start(shared: Arc<Shared>, lock: DiskLock) -> Result<Self, DiskError> {
        let writer = Arc::new(Mutex::new(Writer::new(shared.clone())));
        // The first look at the free space happens before the first append.
        let mut inner = Self {
            shared: shared.clone(),
            writer: writer.clone(),
            threads: Mutex::default(),
            lock: Mutex::new(Some(lock)),
        };
        if shared.options.driver == Driver::Manual {
            shared.reserve.tend(&*shared.disk);
            return Ok(inner);
        }
        let housekeeping = Duration::from_millis(shared.options.housekeeping_interval_ms);
        let housekeeper = shared.clone();
        inner.spawn("log-housekeeper", move || {
            housekeeper.keep_house();
            while housekeeper.reserve.rest(housekeeping) {
                housekeeper.keep_house();
            }
        })?;
        inner.spawn("log-writer", move || {
            while shared.queue.wait() {
                carry_on(&mut borrow(&writer), Writer::drive);
            }
        })?;
        Ok(inner)
    }

    /// The writer, if nobody has it and there is a thread that does the rest.
    fn free_writer(&self) -> Option<MutexGuard<'_, Writer>> {
        (self.shared.options.driver == Driver::Threads).then(|| self.writer.try_lock().ok())?
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), DiskError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work).during("start", name)?;
        self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    fn close(&self) -> Result<(), DiskError> {
        self.shared.queue.close();
        if self.shared.options.driver == Driver::Manual {
            borrow(&self.writer).drive();
        }
        let mut threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // The writer first: while it finishes it may still need a spare from the housekeeper.
        while let Some(thread) = threads.pop() {
            if thread.thread().name() == Some("log-housekeeper") {
                self.shared.reserve.close();
            }
            // A panic in the thread was already reported as fatal.
            let _ = thread.join();
        }
        self.shared.closing.send_replace(true);
        let Some(lock) = self.lock.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        let stored = if self.shared.is_dead() { Ok(()) } else { self.shared.store_index(1) };
        drop(lock);
        stored
    }
}

fn borrow(writer: &Mutex<Writer>) -> MutexGuard<'_, Writer> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets the writer work; a panic on the way ends the log as a failed write does.
fn carry_on(writer: &mut Writer, work: fn(&mut Writer)) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(writer))).is_err() {
        writer.fail(FatalError::Panicked);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, cause = %error.source, "closing the log: its index was not stored");
        }
    }
}

/// An append on its way.
#[derive(Debug)]
#[must_use = "the outcome of an append matters"]
pub struct PendingAppend {
    state: Pending,
}

#[derive(Debug)]
enum Pending {
    Refused(AppendError),
    Queued(oneshot::Receiver<Answer>),
}

impl PendingAppend {
    pub(crate) fn queued(receiver: oneshot::Receiver<Answer>) -> Self {
        Self { state: Pending::Queued(receiver) }
    }

    pub(crate) fn refused(error: AppendError) -> Self {
        Self { state: Pending::Refused(error) }
    }

    /// Blocks the calling thread until the outcome is known. Not for threads that run async tasks.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn wait(self) -> Result<Appended, AppendError> {
        match self.state {
            Pending::Refused(error) => Err(error),
            Pending::Queued(receiver) => receiver.blocking_recv().unwrap_or(Err(AppendError::Unknown)),
        }
    }

    /// The outcome if it is known already.
    pub fn try_wait(&mut self) -> Option<Result<Appended, AppendError>> {
        match &mut self.state {
            Pending::Refused(error) => Some(Err(*error)),
            Pending::Queued(receiver) => match receiver.try_recv() {
                Ok(answer) => Some(answer),
                Err(oneshot::error::TryRecvError::Empty) => None,
                Err(oneshot::error::TryRecvError::Closed) => Some(Err(AppendError::Unknown)),
            },
        }
    }
}

impl Future for PendingAppend {
    type Output = Result<Appended, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            Pending::Refused(error) => Poll::Ready(Err(*error)),
            // The writer answers everything it takes; without an answer it died on the way.
            Pending::Queued(receiver) => {
                Pin::new(receiver).poll(context).map(|answer| answer.unwrap_or(Err(AppendError::Unknown)))
            }
        }
    }
}
