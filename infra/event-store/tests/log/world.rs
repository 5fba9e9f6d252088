//! What the tests share: small options, batches with content that can be recognised, and the whole log as a list.

use std::sync::Arc;

use ticketflow_event_store::{
    Append, Batch, Category, Driver, EmbeddedLog, EncodedEvents, Expected, LogOptions, OpenReport, SimDisk,
    StreamId, Urgency, verify,
};

/// A log that rolls its segments after a few batches and runs in the caller's thread.
pub(crate) fn small_options() -> LogOptions {
    LogOptions {
        first_segment_bytes: 4096,
        segment_bytes: 8192,
        max_batch_bytes: 3500,
        queue_bytes: 1 << 20,
        low_space_bytes: 0,
        index_snapshot_bytes: 6000,
        driver: Driver::Manual,
        ..LogOptions::default()
    }
}

pub(crate) fn open(disk: &SimDisk) -> (EmbeddedLog, OpenReport) {
    EmbeddedLog::open(Arc::new(disk.clone()), small_options()).expect("the log opens")
}

pub(crate) fn stream(number: u8) -> StreamId {
    StreamId::new(Category::Show, [number; 16])
}

pub(crate) fn batch_id(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

/// Batch `number`: its id, time, metadata and payloads all follow from the number.
pub(crate) fn batch(number: u64, stream: StreamId, expected: Expected, payloads: &[usize]) -> Append {
    let mut events = EncodedEvents::new();
    for (place, bytes) in payloads.iter().enumerate() {
        events.push(place as u16 + 1, 1, &payload(number, *bytes));
    }
    Append {
        stream,
        expected,
        batch_id: batch_id(number),
        recorded_at_ms: 1_700_000_000_000 + number as i64,
        metadata: payload(number + 1, (number % 40) as usize),
        events,
        urgency: Urgency::Normal,
    }
}

pub(crate) fn payload(number: u64, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (number as usize * 31 + at * 7 + 1) as u8).collect()
}

/// A batch as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) number: u64,
    pub(crate) stream: StreamId,
    pub(crate) first_position: u64,
    pub(crate) first_revision: u64,
    pub(crate) payload_bytes: Vec<usize>,
}

impl Seen {
    /// Checks that everything in the batch follows from its number.
    pub(crate) fn of(batch: &Batch<'_>) -> Self {
        let number = u128::from_be_bytes(batch.batch_id()) as u64;
        assert_eq!(batch.recorded_at_ms(), 1_700_000_000_000 + number as i64);
        assert_eq!(batch.metadata(), payload(number + 1, (number % 40) as usize));
        assert!(batch.metadata().as_ptr().addr().is_multiple_of(16));
        for (place, event) in batch.events().enumerate() {
            assert_eq!((event.event_type, event.version), (place as u16 + 1, 1));
            assert_eq!(event.payload, payload(number, event.payload.len()));
            assert!(event.payload.as_ptr().addr().is_multiple_of(16));
        }
        assert_eq!(batch.events().len(), usize::from(batch.event_count()));
        Self {
            number,
            stream: batch.stream(),
            first_position: batch.first_position(),
            first_revision: batch.first_revision(),
            payload_bytes: batch.events().map(|event| event.payload.len()).collect(),
        }
    }
}

/// The whole log in order, read along the positions.
pub(crate) fn read_all(log: &EmbeddedLog) -> Vec<Seen> {
    let mut reader = log.read_from(1).expect("the log can be read");
    let mut seen = Vec::new();
    while let Some(batch) = reader.next_batch().expect("the log can be read") {
        seen.push(Seen::of(&batch));
    }
    seen
}

/// One stream in order, read along its own frames.
pub(crate) fn read_stream(log: &EmbeddedLog, stream: StreamId, from: u64) -> Vec<Seen> {
    let mut reader = log.read_stream(stream, from).expect("the stream can be read");
    let mut seen = Vec::new();
    while let Some(batch) = reader.next_batch().expect("the stream can be read") {
        seen.push(Seen::of(&batch));
    }
    seen
}

/// Every view of the log agrees with the sequence of its batches.
pub(crate) fn check_views(log: &EmbeddedLog) -> Vec<Seen> {
    let all = read_all(log);
    let mut streams: Vec<_> = all.iter().map(|batch| batch.stream).collect();
    streams.sort_unstable();
    streams.dedup();
    let mut listed = Vec::new();
    for stream in streams {
        let expected: Vec<_> = all.iter().filter(|batch| batch.stream == stream).cloned().collect();
        assert_eq!(read_stream(log, stream, 0), expected);
        let revision: u64 = expected.iter().map(|batch| batch.payload_bytes.len() as u64).sum();
        assert_eq!(log.stream_revision(&stream), revision);
        listed.push((stream, revision));
    }
    assert_eq!(Category::ALL.map(|category| log.streams(category)).concat(), listed);
    let events: u64 = all.iter().map(|batch| batch.payload_bytes.len() as u64).sum();
    assert_eq!(log.head().position, events);
    all
}

/// The folder verifies, also against the head that is given.
pub(crate) fn assert_whole(disk: &SimDisk, log: &EmbeddedLog) {
    let live = log.verify(|_| {}).expect("the disk works");
    assert_eq!(live.fault, None);
    let head = log.head();
    let closed = verify(disk, Some(head), |_| {}).expect("the disk works");
    assert_eq!((closed.fault, closed.head), (None, head));
}
