//! Batches of real events that can be told apart, and reading them back.

use std::sync::atomic::{AtomicU64, Ordering};

use ticketflow_domain::plan::SeatIndex;
use ticketflow_domain::show::{HoldReleased, SalesOpened, SeatRevision, ShowEvent};
use ticketflow_domain::{HoldId, Timestamp};
use ticketflow_event_store::{
    Append, Category, CommandRecord, EmbeddedLog, EncodedEvents, Expected, Head, Position, Revision,
    StreamId, Urgency, encode_commands, push_show_event,
};

static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// A stream of a show.
#[must_use]
pub fn stream(number: u8) -> StreamId {
    StreamId::new(Category::Show, [number; 16])
}

/// An event that says its time.
#[must_use]
pub fn opened(number: u64) -> ShowEvent {
    ShowEvent::SalesOpened(SalesOpened { at: Timestamp::from_millis(number as i64) })
}

/// An event with so many seats.
#[must_use]
pub fn held(seats: u32) -> ShowEvent {
    let seats = (0..seats).map(|seat| SeatRevision { seat: SeatIndex(seat), revision: seat / 3 + 1 });
    ShowEvent::HoldReleased(HoldReleased { hold_id: HoldId::from_bytes([7; 16]), seats: seats.collect() })
}

/// A batch of these events with an id of its own.
pub(crate) fn batch(stream: StreamId, expected: Revision, events: &[ShowEvent]) -> Append {
    let number = NUMBERS.fetch_add(1, Ordering::SeqCst);
    let mut encoded = EncodedEvents::new();
    for event in events {
        push_show_event(&mut encoded, event).expect("small events have an archived form");
    }
    let command = CommandRecord {
        key: u128::from(number).to_le_bytes(),
        fingerprint: number.to_be_bytes(),
        first_event: 0,
        event_count: events.len() as u16,
    };
    Append {
        stream,
        expected: Expected::Revision(expected),
        batch_id: u128::from(number).to_be_bytes(),
        recorded_at_ms: 1_700_000_000_000 + number as i64,
        metadata: if number.is_multiple_of(2) { encode_commands(&[command]) } else { Vec::new() },
        events: encoded,
        urgency: Urgency::Normal,
    }
}

/// A batch of `count` small events.
pub(crate) fn small(stream: StreamId, expected: Revision, count: u64) -> Append {
    let events: Vec<ShowEvent> = (0..count).map(|number| opened(expected + number + 1)).collect();
    batch(stream, expected, &events)
}

/// A batch as read, without its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) stream: StreamId,
    pub(crate) batch_id: [u8; 16],
    pub(crate) first_position: Position,
    pub(crate) last_position: Position,
    pub(crate) first_revision: Revision,
    pub(crate) last_revision: Revision,
    pub(crate) chain_hash: [u8; 32],
}

/// The whole log in order; positions and revisions are checked for gaps.
pub(crate) fn read_all(log: &EmbeddedLog) -> Vec<Seen> {
    let mut reader = log.read_from(1).expect("the log can be read");
    let mut seen: Vec<Seen> = Vec::new();
    while let Some(batch) = reader.next_batch().expect("the log can be read") {
        let before = seen.iter().rev().find(|earlier| earlier.stream == batch.stream());
        assert_eq!(batch.first_position(), seen.last().map_or(0, |last| last.last_position) + 1);
        assert_eq!(batch.first_revision(), before.map_or(0, |before| before.last_revision) + 1);
        seen.push(Seen {
            stream: batch.stream(),
            batch_id: batch.batch_id(),
            first_position: batch.first_position(),
            last_position: batch.last_position(),
            first_revision: batch.first_revision(),
            last_revision: batch.last_revision(),
            chain_hash: batch.chain_hash(),
        });
    }
    let end = seen.last().map_or_else(Head::default, |last| Head {
        position: last.last_position,
        chain_hash: last.chain_hash,
    });
    assert_eq!(log.head(), end);
    seen
}
