//! Opening: from the files of a data folder to an index and the end of the log.
//!
//! Invariants: nothing that may have been acknowledged is ever cut. Only an invalid tail of the last segment is removed, and
//! only when no later flush proves that it had been durable; everything else that does not fit is an error that names
//! segment and offset. After recovery the last flush and the zeros behind it are written again and synced, so that the log
//! also stands on a disk whose last sync had failed.

use std::sync::Arc;

use crate::disk::{Disk, DiskError, During, LockError, read_exact_at, write_all_at};
use crate::frame::{Batch, FrameFault};
use crate::frame_buffer::{FrameBuffer, FrameReadError, SCAN_BYTES, SINGLE_BYTES};
use crate::index::{Head, Index, Landmark, StreamTail};
use crate::segment::{
    LOG_DIR, SEGMENT_HEADER_BYTES, Segment, SegmentFault, SegmentHeader, position_in_name, segment_path,
};
use crate::snapshots::{self, INDEX_NAME, SNAPSHOT_DIR, SkippedSnapshot, SnapshotFault, SnapshotFile};
use crate::stream::Position;
use crate::tail::{Tail, examine};

/// Why a log was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The options contradict each other.
    #[error("the options of the log contradict each other: {0}")]
    Options(&'static str),
    /// Another holder of the data folder lives, or the lock file is unusable.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A segment as a whole is not acceptable.
    #[error("segment {segment} is refused: {fault}")]
    Segment {
        /// Its file, relative to the data folder.
        segment: String,
        /// What is wrong.
        fault: SegmentFault,
    },
    /// A record is damaged that had been durable: cutting it would lose acknowledged events.
    #[error("segment {segment} is damaged at offset {offset} (position {position}): {fault}")]
    Corrupt {
        /// The segment's file, relative to the data folder.
        segment: String,
        /// Where the damaged frame starts, in bytes.
        offset: u64,
        /// Position of the first event that cannot be read.
        position: Position,
        /// What is wrong.
        fault: FrameFault,
    },
    /// A snapshot proves that the log once was longer.
    #[error("the log ends at position {head}, but {snapshot} proves that it had reached {position}")]
    LostEvents {
        /// Where the log ends.
        head: Position,
        /// What the snapshot has.
        position: Position,
        /// The snapshot's file.
        snapshot: String,
    },
}

/// An invalid tail that was removed: a flush that never finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutTail {
    /// The segment's file, relative to the data folder.
    pub segment: String,
    /// Where the log now ends, in bytes from the start of the segment.
    pub offset: u64,
    /// How many bytes lay behind that, up to the last that was not zero.
    pub bytes: u64,
}

/// What opening found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// The end of the log.
    pub head: Head,
    /// Segments.
    pub segments: usize,
    /// Streams.
    pub streams: usize,
    /// Batches that were scanned; those before the index snapshot were not.
    pub scanned_batches: u64,
    /// Position of the index snapshot that was used; 0 for none.
    pub index_position: Position,
    /// The tail that was removed.
    pub cut: Option<CutTail>,
    /// Index snapshots that were not used, and why.
    pub skipped_snapshots: Vec<SkippedSnapshot>,
    /// Files in the folder of the log that are none of its own; they were left alone.
    pub ignored_files: Vec<String>,
}

/// Reads the log up to its end and repairs the tail. The caller holds the lock.
pub(crate) fn recover(disk: &dyn Disk) -> Result<(Index, OpenReport), OpenError> {
    let mut report = OpenReport::default();
    let segments = open_segments(disk, &mut report.ignored_files)?;
    let (stored, claimed, mut skipped) = stored_index(disk, &segments)?;
    // A snapshot that does not fit the log says nothing about it: then the whole log is read.
    let anchor = match &stored {
        Some(index) => check_anchor(index)?,
        None => None,
    };
    let (start, flush_address) = stored.zip(anchor).unwrap_or_default();
    report.index_position = start.head.position;
    let (index, scanned, tail) = scan(start, flush_address, &segments)?;
    if report.index_position == 0
        && let Some(claimed) = claimed
    {
        let path = index_path(claimed.position);
        if claimed.position > index.head.position {
            let (head, position) = (index.head.position, claimed.position);
            return Err(OpenError::LostEvents { head, position, snapshot: path });
        }
        skipped.push(SkippedSnapshot { path, fault: SnapshotFault::Foreign });
    }
    report.skipped_snapshots = skipped;
    report.scanned_batches = scanned;
    report.head = index.head;
    report.segments = index.segments.len();
    report.streams = index.streams.len();
    if let Some(last) = index.segments.last() {
        report.cut = repair(disk, last, &index, &tail)?;
    }
    Ok((index, report))
}

/// Opens every segment and checks that each follows the one before.
pub(crate) fn open_segments(
    disk: &dyn Disk,
    ignored: &mut Vec<String>,
) -> Result<Vec<Arc<Segment>>, OpenError> {
    let mut segments: Vec<Arc<Segment>> = Vec::new();
    for name in disk.list(LOG_DIR).during("list", LOG_DIR)? {
        let Some(position) = position_in_name(&name) else {
            if name != crate::reserve::SPARE && name != crate::reserve::UNFINISHED_SPARE {
                ignored.push(name);
            }
            continue;
        };
        let path = segment_path(position);
        let refused = |fault| OpenError::Segment { segment: path.clone(), fault };
        let file = disk.open(&path).during("open", &path)?;
        let length = file.length().during("measure", &path)?;
        let mut bytes = [0; SEGMENT_HEADER_BYTES as usize];
        if length < SEGMENT_HEADER_BYTES {
            return Err(refused(SegmentFault::Truncated));
        }
        read_exact_at(&*file, &mut bytes, 0).during("read", &path)?;
        let header = SegmentHeader::decode(&bytes).map_err(refused)?;
        if length < header.capacity {
            return Err(refused(SegmentFault::Truncated));
        }
        if header.first_position != position {
            return Err(refused(SegmentFault::Misnamed));
        }
        let follows = match segments.last() {
            None => header.first_position == 1 && header.base_address == 0 && header.previous_hash == [0; 32],
            Some(before) => header.base_address == before.limit(),
        };
        if !follows {
            return Err(refused(SegmentFault::Disconnected));
        }
        segments.push(Arc::new(Segment::new(header, file)));
    }
    Ok(segments)
}

type StoredIndex = (Option<Index>, Option<Head>, Vec<SkippedSnapshot>);

/// The index from the newest index snapshot, and the head it claims.
fn stored_index(disk: &dyn Disk, segments: &[Arc<Segment>]) -> Result<StoredIndex, OpenError> {
    // Whether it belongs to the log is seen when the log is read on from where it ends.
    let (snapshot, mut skipped) = snapshots::latest(disk, INDEX_NAME, Position::MAX, |_| Ok(true))?;
    let Some(snapshot) = snapshot else { return Ok((None, None, skipped)) };
    let head = Head { position: snapshot.position, chain_hash: snapshot.chain_hash };
    let mut index = Index::decode(&snapshot.bytes, head);
    match &mut index {
        Some(index) => index.segments = segments.to_vec(),
        // Whole, but written by another version of the software: its position still counts as proof.
        None => {
            skipped.push(SkippedSnapshot { path: index_path(head.position), fault: SnapshotFault::Content })
        }
    }
    Ok((index, Some(head), skipped))
}

fn index_path(position: Position) -> String {
    SnapshotFile { name: INDEX_NAME.to_owned(), position }.path()
}

/// Where the frames of the last segment end, and what lies behind.
pub(crate) struct LogTail {
    /// Length of the bytes behind the end, up to the last that is not zero.
    pub(crate) dirty_bytes: u64,
    /// From here on the last flush may not have been durable.
    pub(crate) rewrite_from: u64,
}

/// Reads every frame after the index and adds it. `flush_address` is that of the index's last frame.
fn scan(
    mut index: Index,
    flush_address: u64,
    segments: &[Arc<Segment>],
) -> Result<(Index, u64, LogTail), OpenError> {
    let mut buffer = FrameBuffer::default();
    let mut tail = LogTail { dirty_bytes: 0, rewrite_from: flush_address };
    let anchored = index.head.position > 0;
    index.segments = segments.to_vec();
    let mut scanned = 0;
    let first = index.ends.len();
    for (number, segment) in segments.iter().enumerate().skip(first) {
        if number > first || !anchored {
            index.end_address = segment.first_frame();
        }
        let next = segments.get(number + 1);
        scanned += scan_segment(&mut index, segment, next.is_none(), &mut buffer, &mut tail)?;
        let Some(next) = next else { break };
        let follows = next.header.first_position == index.head.position + 1
            && next.header.previous_hash == index.head.chain_hash;
        if !follows {
            return Err(damage_or_gap(&index, segment, next, &mut buffer));
        }
        index.ends.push(index.end_address);
    }
    Ok((index, scanned, tail))
}

/// The last frame before the index's end must be the one the index was made from. Returns the address of its flush, or
/// `None` when the index does not fit.
fn check_anchor(index: &Index) -> Result<Option<u64>, OpenError> {
    let Some(segment) = index.segments.get(index.ends.len()) else { return Ok(None) };
    let ends_inside = (segment.first_frame()..=segment.limit()).contains(&index.end_address);
    let Some((segment, _)) = index.segment_of(index.last_frame).filter(|_| ends_inside) else {
        return Ok(None);
    };
    if index.last_frame < segment.first_frame() {
        return Ok(None);
    }
    match FrameBuffer::default().frame(segment, index.last_frame, segment.limit(), SINGLE_BYTES) {
        Ok(batch) => {
            let head = Head { position: batch.last_position(), chain_hash: batch.chain_hash() };
            Ok((head == index.head).then(|| batch.flush_address()))
        }
        Err(FrameReadError::Fault(_)) => Ok(None),
        Err(FrameReadError::Io(source)) => {
            Err(DiskError { operation: "read", path: segment.path(), source }.into())
        }
    }
}

/// Adds the frames of one segment from the index's end on.
fn scan_segment(
    index: &mut Index,
    segment: &Arc<Segment>,
    is_last: bool,
    buffer: &mut FrameBuffer,
    tail: &mut LogTail,
) -> Result<u64, OpenError> {
    let mut scanned = 0;
    loop {
        let address = index.end_address;
        let corrupt = |fault| OpenError::Corrupt {
            segment: segment.path(),
            offset: segment.offset(address),
            position: index.head.position + 1,
            fault,
        };
        match buffer.frame(segment, address, segment.limit(), SCAN_BYTES) {
            Ok(batch) => {
                check_follows(index, &batch).map_err(corrupt)?;
                tail.rewrite_from = batch.flush_address();
                record(index, &batch);
                scanned += 1;
            }
            Err(FrameReadError::Io(source)) => {
                return Err(DiskError { operation: "read", path: segment.path(), source }.into());
            }
            Err(FrameReadError::Fault(_)) if !is_last => return Ok(scanned),
            Err(FrameReadError::Fault(fault)) => {
                match examine(segment, address).during("read", &segment.path())? {
                    Tail::Unfinished { dirty_bytes } => tail.dirty_bytes = dirty_bytes,
                    Tail::Damaged => return Err(corrupt(fault)),
                }
                return Ok(scanned);
            }
        }
    }
}

/// A segment ended, but the next does not follow: is there damage at the end, or is a segment missing in between?
fn damage_or_gap(index: &Index, segment: &Segment, next: &Segment, buffer: &mut FrameBuffer) -> OpenError {
    let address = index.end_address;
    let fault = match buffer.frame(segment, address, segment.limit(), SCAN_BYTES) {
        Err(FrameReadError::Fault(fault)) => fault,
        Err(FrameReadError::Io(source)) => {
            return DiskError { operation: "read", path: segment.path(), source }.into();
        }
        Ok(_) => FrameFault::Position,
    };
    if next.header.first_position > index.head.position + 1 {
        return OpenError::Corrupt {
            segment: segment.path(),
            offset: segment.offset(address),
            position: index.head.position + 1,
            fault,
        };
    }
    OpenError::Segment { segment: next.path(), fault: SegmentFault::Disconnected }
}

/// Whether a frame is the one that must come next.
pub(crate) fn check_follows(index: &Index, batch: &Batch<'_>) -> Result<(), FrameFault> {
    if batch.first_position() != index.head.position + 1 {
        return Err(FrameFault::Position);
    }
    let before = index.streams.get(&batch.stream());
    if batch.first_revision() != before.map_or(1, |tail| tail.revision + 1) {
        return Err(FrameFault::Revision);
    }
    if batch.previous_address() != before.map_or(0, |tail| tail.last_address) {
        return Err(FrameFault::PreviousAddress);
    }
    if batch.flush_address() > batch.address() {
        return Err(FrameFault::FlushAddress);
    }
    if batch.expected_chain_hash(&index.head.chain_hash) != batch.chain_hash() {
        return Err(FrameFault::ChainHash);
    }
    Ok(())
}

/// Adds a frame to the index.
pub(crate) fn record(index: &mut Index, batch: &Batch<'_>) {
    let address = batch.address();
    if Index::wants_landmark(index.landmarks.last(), address) {
        index.landmarks.push(Landmark { position: batch.first_position(), address });
    }
    let tail = StreamTail { revision: batch.last_revision(), last_address: address };
    index.streams.insert(batch.stream(), tail);
    index.head = Head { position: batch.last_position(), chain_hash: batch.chain_hash() };
    index.last_frame = address;
    index.end_address = batch.end_address();
}

/// Makes the end of the log durable again: what a process before us wrote but could not sync is still only in memory, and
/// after a failed sync the system believes it clean. So the last flush is written once more, zeros replace the cut tail, and
/// both are synced, with the names.
fn repair(
    disk: &dyn Disk,
    segment: &Segment,
    index: &Index,
    tail: &LogTail,
) -> Result<Option<CutTail>, OpenError> {
    let path = segment.path();
    let end = segment.offset(index.end_address);
    let from = segment.offset(tail.rewrite_from.clamp(segment.header.base_address, index.end_address));
    let mut bytes = vec![0; (end - from + tail.dirty_bytes) as usize];
    read_exact_at(&*segment.file, &mut bytes[..(end - from) as usize], from).during("read", &path)?;
    write_all_at(&*segment.file, &bytes, from).during("repair", &path)?;
    segment.file.sync_all().during("sync", &path)?;
    disk.sync_dir(LOG_DIR).during("sync", LOG_DIR)?;
    disk.sync_dir(SNAPSHOT_DIR).during("sync", SNAPSHOT_DIR)?;
    Ok((tail.dirty_bytes > 0).then_some(CutTail { segment: path, offset: end, bytes: tail.dirty_bytes }))
}
