//! The proof that a log is whole.
//!
//! Owns the full check: checksums, contiguous positions and revisions, hash chain, the way back along each stream, unused
//! space, snapshots, and an expected head from outside. Works on a closed folder and on a live one, also from another
//! process; it takes no lock and writes nothing. Repair is left to nobody: a fault is a matter for people.

use std::sync::Arc;

use crate::disk::{Disk, DiskError, During, read_exact_at};
use crate::frame::FrameFault;
use crate::frame_buffer::{FrameBuffer, FrameReadError, SCAN_BYTES};
use crate::index::{Head, Index};
use crate::recovery::{OpenError, check_follows, open_segments, record};
use crate::segment::{Segment, SegmentFault};
use crate::snapshots::{self, INDEX_NAME, SnapshotFault, SnapshotFile};
use crate::stream::Position;
use crate::tail::{Tail, examine};

/// A live writer may be in the middle of a write when its tail is read; it is read again so often before it counts as bad.
const TAIL_READS: usize = 64;

/// How far the check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of log that were checked.
    pub bytes_done: u64,
    /// Bytes of log in all segments, unused space included.
    pub bytes_total: u64,
    /// Position of the last event that was checked.
    pub position: Position,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyFault {
    /// A segment as a whole.
    #[error("segment {segment} is refused: {fault}")]
    Segment {
        /// Its file, relative to the data folder.
        segment: String,
        /// What is wrong.
        fault: SegmentFault,
    },
    /// A frame.
    #[error("segment {segment} is damaged at offset {offset} (position {position}): {fault}")]
    Frame {
        /// The segment's file, relative to the data folder.
        segment: String,
        /// Where the frame starts, in bytes.
        offset: u64,
        /// Position of the first event that is affected.
        position: Position,
        /// What is wrong.
        fault: FrameFault,
    },
    /// Bytes in the unused end of a finished segment.
    #[error("segment {segment} has bytes behind its end at offset {offset}")]
    DirtyEnd {
        /// The segment's file, relative to the data folder.
        segment: String,
        /// Where its frames end.
        offset: u64,
    },
    /// A snapshot.
    #[error("snapshot {path} {fault}")]
    Snapshot {
        /// Its file, relative to the data folder.
        path: String,
        /// What is wrong.
        fault: SnapshotFault,
    },
    /// The log is not the one whose head was noted outside, or it lost its end.
    #[error("the log does not have the expected chain hash at position {}", .expected.position)]
    Head {
        /// What was expected.
        expected: Head,
        /// The chain hash found there; `None` when no batch ends at that position.
        found: Option<[u8; 32]>,
    },
}

/// What the check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// The end of the log that was checked, up to the first fault.
    pub head: Head,
    /// Segments.
    pub segments: usize,
    /// Batches.
    pub batches: u64,
    /// Events.
    pub events: u64,
    /// Streams.
    pub streams: usize,
    /// Snapshots that were checked.
    pub snapshots: usize,
    /// Bytes of an unfinished flush behind the end; the next opening will cut them.
    pub unfinished_bytes: u64,
    /// The first thing that is wrong; `None` for a log that is whole.
    pub fault: Option<VerifyFault>,
}

/// Why the check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Checks the data folder of a log. `expected` is a head noted outside, at any time in the log's life: only with it a log
/// that lost its last batch can be told from one that never had it.
///
/// # Errors
/// [`VerifyError`] when the disk fails; what is wrong with the log is in the report.
pub fn verify(
    disk: &dyn Disk,
    expected: Option<Head>,
    progress: impl FnMut(Progress),
) -> Result<VerifyReport, VerifyError> {
    Check::new(disk, expected, None, progress).run()
}

/// Checks a log up to the durable head that its own process knows.
pub(crate) fn verify_live(
    disk: &dyn Disk,
    head: Head,
    end_address: u64,
    progress: impl FnMut(Progress),
) -> Result<VerifyReport, VerifyError> {
    let expected = (head.position > 0).then_some(head);
    Check::new(disk, expected, Some(end_address), progress).run()
}

/// A chain hash that somebody else noted for a position.
struct Witness {
    head: Head,
    /// The snapshot that says so; `None` for the expected head.
    snapshot: Option<SnapshotFile>,
    /// The content of an index snapshot; gone when it does not describe the log at its position.
    index: Option<Index>,
    found: Option<[u8; 32]>,
}

struct Check<'a, P> {
    disk: &'a dyn Disk,
    end_address: Option<u64>,
    progress: P,
    bytes_total: u64,
    /// In order of position.
    witnesses: Vec<Witness>,
    expected: Option<Head>,
    index: Index,
    report: VerifyReport,
}

/// Either the disk failed, or a fault was found; both end the check.
enum End {
    Disk(DiskError),
    Fault(VerifyFault),
}

impl From<DiskError> for End {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl<'a, P: FnMut(Progress)> Check<'a, P> {
    fn new(disk: &'a dyn Disk, expected: Option<Head>, end_address: Option<u64>, progress: P) -> Self {
        Self {
            disk,
            end_address,
            progress,
            bytes_total: 0,
            witnesses: Vec::new(),
            expected,
            index: Index::default(),
            report: VerifyReport::default(),
        }
    }

    fn run(mut self) -> Result<VerifyReport, VerifyError> {
        // Damaged snapshots are reported last: they are caches, the log is the truth. But they are listed first, so that in a
        // live folder none of them can be newer than the segments.
        let mut result = self.load_witnesses();
        let snapshot_fault = match result {
            Ok(fault) => {
                result = self.check_segments().and_then(|()| self.check_witnesses()).map(|()| None);
                fault
            }
            Err(_) => None,
        };
        self.report.head = self.index.head;
        self.report.streams = self.index.streams.len();
        self.report.fault = match result {
            Ok(_) => snapshot_fault,
            Err(End::Fault(fault)) => Some(fault),
            Err(End::Disk(error)) => return Err(error.into()),
        };
        Ok(self.report)
    }

    /// Reads every snapshot; the fault of the first damaged one is kept for later.
    fn load_witnesses(&mut self) -> Result<Option<VerifyFault>, End> {
        let mut first_fault = None;
        for file in snapshots::list(self.disk)? {
            match snapshots::read(self.disk, &file) {
                Ok(snapshot) => {
                    self.report.snapshots += 1;
                    let head = Head { position: snapshot.position, chain_hash: snapshot.chain_hash };
                    let is_index = file.name == INDEX_NAME;
                    let index = is_index.then(|| Index::decode(&snapshot.bytes, head)).flatten();
                    self.witnesses.push(Witness { head, snapshot: Some(file), index, found: None });
                }
                // A live log removes superfluous snapshots while we look.
                Err(_) if !snapshots::list(self.disk)?.contains(&file) => {}
                Err(fault) => {
                    first_fault.get_or_insert(VerifyFault::Snapshot { path: file.path(), fault });
                }
            }
        }
        if self.end_address.is_some() {
            let end = self.expected.unwrap_or_default().position;
            self.witnesses.retain(|witness| witness.head.position <= end);
        }
        if let Some(head) = self.expected {
            self.witnesses.push(Witness { head, snapshot: None, index: None, found: None });
        }
        self.witnesses.sort_by_key(|witness| witness.head.position);
        Ok(first_fault)
    }

    fn check_segments(&mut self) -> Result<(), End> {
        let mut segments = open_segments(self.disk, &mut Vec::new()).map_err(|error| match error {
            OpenError::Segment { segment, fault } => End::Fault(VerifyFault::Segment { segment, fault }),
            OpenError::Disk(error) => End::Disk(error),
            OpenError::Options(_)
            | OpenError::Lock(_)
            | OpenError::Corrupt { .. }
            | OpenError::LostEvents { .. } => {
                unreachable!("opening segments only meets the disk and bad segments")
            }
        })?;
        // What a live log began after its head was noted is another check's business.
        if let Some(end) = self.end_address {
            segments.retain(|segment| segment.first_frame() <= end);
        }
        self.report.segments = segments.len();
        self.bytes_total = segments.last().map_or(0, |last| last.limit());
        let mut buffer = FrameBuffer::default();
        for (number, segment) in segments.iter().enumerate() {
            self.index.segments.push(segment.clone());
            self.index.end_address = segment.first_frame();
            let next = segments.get(number + 1);
            self.check_frames(segment, next.is_none(), &mut buffer)?;
            (self.progress)(Progress {
                bytes_done: self.index.end_address,
                bytes_total: self.bytes_total,
                position: self.index.head.position,
            });
            let Some(next) = next else { break };
            self.check_end(segment, next, &mut buffer)?;
            self.index.ends.push(self.index.end_address);
        }
        Ok(())
    }

    fn check_frames(
        &mut self,
        segment: &Arc<Segment>,
        is_last: bool,
        buffer: &mut FrameBuffer,
    ) -> Result<(), End> {
        let limit = self.end_address.map_or(segment.limit(), |end| end.min(segment.limit()));
        let mut reads = 0;
        let mut reported = self.index.end_address;
        loop {
            let address = self.index.end_address;
            match buffer.frame(segment, address, limit, SCAN_BYTES) {
                Ok(batch) => {
                    if let Err(fault) = check_follows(&self.index, &batch) {
                        return Err(self.frame_fault(segment, fault));
                    }
                    record(&mut self.index, &batch);
                    self.report.batches += 1;
                    self.report.events += u64::from(batch.event_count());
                    self.ask_witnesses();
                    reads = 0;
                }
                Err(FrameReadError::Io(source)) => {
                    return Err(DiskError { operation: "read", path: segment.path(), source }.into());
                }
                Err(FrameReadError::Fault(_)) if !is_last => return Ok(()),
                Err(FrameReadError::Fault(fault)) => {
                    match self.examine_end(segment, address)? {
                        Tail::Unfinished { dirty_bytes } => self.report.unfinished_bytes = dirty_bytes,
                        Tail::Damaged if reads < TAIL_READS => {
                            reads += 1;
                            buffer.forget();
                            continue;
                        }
                        Tail::Damaged => return Err(self.frame_fault(segment, fault)),
                    }
                    return Ok(());
                }
            }
            if self.index.end_address - reported >= SCAN_BYTES as u64 {
                reported = self.index.end_address;
                let (bytes_total, position) = (self.bytes_total, self.index.head.position);
                (self.progress)(Progress { bytes_done: reported, bytes_total, position });
            }
        }
    }

    /// Behind the head that its own process knows, a live log has what it is writing right now: not to be judged.
    fn examine_end(&self, segment: &Segment, address: u64) -> Result<Tail, End> {
        match self.end_address {
            Some(end) if address >= end => Ok(Tail::Unfinished { dirty_bytes: 0 }),
            Some(_) => Ok(Tail::Damaged),
            None => Ok(examine(segment, address).during("read", &segment.path())?),
        }
    }

    fn frame_fault(&self, segment: &Segment, fault: FrameFault) -> End {
        End::Fault(VerifyFault::Frame {
            segment: segment.path(),
            offset: segment.offset(self.index.end_address),
            position: self.index.head.position + 1,
            fault,
        })
    }

    /// The end of a segment that is not the last: the next one follows, and nothing lies behind.
    fn check_end(&self, segment: &Segment, next: &Segment, buffer: &mut FrameBuffer) -> Result<(), End> {
        let head = self.index.head;
        let end = self.index.end_address;
        if next.header.first_position > head.position + 1 {
            let fault = match buffer.frame(segment, end, segment.limit(), SCAN_BYTES) {
                Err(FrameReadError::Fault(fault)) => fault,
                Ok(_) | Err(FrameReadError::Io(_)) => FrameFault::Position,
            };
            return Err(self.frame_fault(segment, fault));
        }
        if next.header.first_position != head.position + 1 || next.header.previous_hash != head.chain_hash {
            let fault = SegmentFault::Disconnected;
            return Err(End::Fault(VerifyFault::Segment { segment: next.path(), fault }));
        }
        let offset = segment.offset(end);
        let mut rest = vec![0; (segment.limit() - end) as usize];
        read_exact_at(&*segment.file, &mut rest, offset).during("read", &segment.path())?;
        if rest.iter().any(|byte| *byte != 0) {
            return Err(End::Fault(VerifyFault::DirtyEnd { segment: segment.path(), offset }));
        }
        Ok(())
    }

    /// Compares the head with what was noted for its position.
    fn ask_witnesses(&mut self) {
        let head = self.index.head;
        let first = self.witnesses.partition_point(|witness| witness.head.position < head.position);
        for witness in &mut self.witnesses[first..] {
            if witness.head.position != head.position {
                break;
            }
            witness.found = Some(head.chain_hash);
            witness.index.take_if(|stored| !stored.describes_the_same_as(&self.index));
        }
    }

    fn check_witnesses(&self) -> Result<(), End> {
        let head = self.index.head;
        for witness in &self.witnesses {
            let empty = witness.head == Head::default();
            let Some(file) = &witness.snapshot else {
                if witness.found != Some(witness.head.chain_hash) && !empty {
                    let (expected, found) = (witness.head, witness.found);
                    return Err(End::Fault(VerifyFault::Head { expected, found }));
                }
                continue;
            };
            let fault = if witness.head.position > head.position {
                Some(SnapshotFault::AheadOfLog)
            } else if witness.found != Some(witness.head.chain_hash) && !empty {
                Some(SnapshotFault::Foreign)
            } else if file.name == INDEX_NAME && witness.index.is_none() {
                Some(SnapshotFault::Content)
            } else {
                None
            };
            if let Some(fault) = fault {
                return Err(End::Fault(VerifyFault::Snapshot { path: file.path(), fault }));
            }
        }
        Ok(())
    }
}
