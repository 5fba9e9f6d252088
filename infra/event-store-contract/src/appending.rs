//! One writer: what is taken, what is refused, and how it reads back.

use std::time::Duration;

use ticketflow_domain::show::ShowEvent;
use ticketflow_event_store::{Append, AppendError, EventStore, Expected, show_event};

use crate::batches::{batch, held, opened, read_all, small, stream};
use crate::world::Log;

pub(crate) async fn at_a_revision(log: &mut dyn Log) {
    let store = log.open().await;
    let first = store.append(small(stream(1), 0, 3)).await.expect("an empty stream takes a batch");
    assert_eq!((first.first_position, first.last_position, first.revision), (1, 3, 3));
    let second = store.append(small(stream(2), 0, 1)).await.expect("another stream as well");
    assert_eq!((second.first_position, second.last_position, second.revision), (4, 4, 1));
    let third = store.append_here(small(stream(1), 3, 2)).await.expect("the revision is right");
    assert_eq!((third.first_position, third.last_position, third.revision), (5, 6, 5));
    let any = Append { expected: Expected::Any, ..small(stream(1), 5, 1) };
    assert_eq!(store.append(any).await.expect("any revision will do").revision, 6);
    let seen = read_all(store.log());
    assert_eq!(seen.len(), 4);
    assert_eq!(store.log().stream_revision(&stream(1)), 6);
}

pub(crate) async fn conflicts(log: &mut dyn Log) {
    let store = log.open().await;
    assert_eq!(store.append(small(stream(1), 1, 1)).await, Err(AppendError::Conflict { actual: 0 }));
    store.append(small(stream(1), 0, 4)).await.expect("the revision is right");
    for expected in [0, 3, 5, 1_000] {
        let refused = store.append(small(stream(1), expected, 1)).await;
        assert_eq!(refused, Err(AppendError::Conflict { actual: 4 }), "expected {expected}");
    }
    store.append(small(stream(1), 4, 1)).await.expect("a refusal changes nothing");
    assert_eq!(read_all(store.log()).len(), 2);
}

pub(crate) async fn reads_back(log: &mut dyn Log) {
    let (store, other) = (log.open().await, log.open().await);
    let events = [opened(1), held(0), held(1), held(40)];
    for revision in [0, 4, 8, 12] {
        let append = batch(stream(3), revision, &events);
        let appended = store.append(append.clone()).await.expect("the revision is right");
        other.catch_up(Duration::from_secs(20)).await.expect("the store answers");
        for store in [&store, &other] {
            let read = store.log().read_at(appended.first_position).expect("the log can be read");
            let read = read.expect("it was acknowledged");
            let read = read.view();
            assert_eq!(read.stream(), append.stream);
            assert_eq!(read.batch_id(), append.batch_id);
            assert_eq!(read.recorded_at_ms(), append.recorded_at_ms);
            assert_eq!(read.metadata(), append.metadata);
            let read: Vec<ShowEvent> =
                read.events().map(|event| show_event(event).expect("it reads")).collect();
            assert_eq!(read, events);
        }
    }
}

pub(crate) async fn offered_again(log: &mut dyn Log) {
    let (store, other) = (log.open().await, log.open().await);
    let append = small(stream(1), 0, 2);
    let first = store.append(append.clone()).await.expect("the revision is right");
    for store in [&store, &other, &store] {
        // A store may recognise the batch by its id, and say again where it is.
        let again = store.append(append.clone()).await;
        assert!(again == Ok(first) || again == Err(AppendError::Conflict { actual: 2 }), "{again:?}");
    }
    store.append(small(stream(1), 2, 1)).await.expect("the stream goes on");
    assert_eq!(store.append(append).await, Err(AppendError::Conflict { actual: 3 }));
    assert_eq!(read_all(store.log()).len(), 2);
}

/// Seats of the largest event: more than a stadium has.
const MANY_SEATS: u32 = 100_000;
/// Events of the largest batch: more than a show's task puts into one.
const MANY_EVENTS: u64 = 4_096;

pub(crate) async fn large(log: &mut dyn Log) {
    let (store, other) = (log.open().await, log.open().await);
    let one = store.append(batch(stream(1), 0, &[held(MANY_SEATS)])).await.expect("a large event");
    let many = store.append(small(stream(1), 1, MANY_EVENTS)).await.expect("many events");
    assert_eq!((one.revision, many.revision), (1, 1 + MANY_EVENTS));
    let empty = store.append(batch(stream(1), many.revision, &[])).await;
    assert_eq!(empty, Err(AppendError::TooLarge));
    let events: Vec<ShowEvent> = (0..30).map(|_| held(2 * MANY_SEATS)).collect();
    let refused = store.append(batch(stream(1), many.revision, &events)).await;
    assert_eq!(refused, Err(AppendError::TooLarge));
    store.append(small(stream(1), many.revision, 1)).await.expect("a refusal changes nothing");
    other.catch_up(Duration::from_secs(20)).await.expect("the store answers");
    assert_eq!(read_all(other.log()), read_all(store.log()));
    assert_eq!(read_all(store.log()).len(), 3);
}

pub(crate) async fn closed(log: &mut dyn Log) {
    let store: EventStore = log.open().await;
    store.append(small(stream(1), 0, 1)).await.expect("it is open");
    store.close().await.expect("it closes");
    assert_eq!(store.append(small(stream(1), 1, 1)).await, Err(AppendError::Unavailable));
}
