//! Several writers of one log.

use std::time::Duration;

use ticketflow_event_store::{AppendError, EventStore, StreamId};

use crate::batches::{read_all, small, stream};
use crate::world::Log;

/// Batches of one writer.
const BATCHES: u64 = 60;
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(30);

/// Appends to a stream until so many batches were acknowledged, going on where others left it.
async fn write(store: EventStore, stream: StreamId, batches: u64) -> Vec<[u8; 16]> {
    let mut mine = Vec::new();
    let mut revision = store.log().stream_revision(&stream);
    while mine.len() < batches as usize {
        let append = small(stream, revision, 1 + mine.len() as u64 % 3);
        let batch_id = append.batch_id;
        match store.append(append).await {
            Ok(appended) => {
                mine.push(batch_id);
                revision = appended.revision;
            }
            Err(AppendError::Conflict { actual }) => revision = actual,
            Err(error) => panic!("nothing is broken: {error}"),
        }
    }
    mine
}

pub(crate) async fn interleaved(log: &mut dyn Log) {
    let stores = [log.open().await, log.open().await];
    let writers = [(0, 1), (0, 2), (1, 2), (1, 3)]
        .map(|(store, number)| tokio::spawn(write(stores[store].clone(), stream(number), BATCHES)));
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.expect("the writer ends well"));
    }
    for store in &stores {
        store.catch_up(CATCHES_UP_WITHIN).await.expect("the store answers");
    }
    let seen = read_all(stores[0].log());
    assert_eq!(seen, read_all(stores[1].log()));
    let mut stored: Vec<_> = seen.iter().map(|batch| batch.batch_id).collect();
    stored.sort_unstable();
    acknowledged.sort_unstable();
    assert_eq!(stored, acknowledged);
}

pub(crate) async fn race(log: &mut dyn Log) {
    let stores = [log.open().await, log.open().await];
    for round in 0..20 {
        let appends = (0..8).map(|number| stores[number % 2].append(small(stream(1), round, 1)));
        let mut winners = 0;
        // All are under way before the first is looked at.
        for pending in appends.collect::<Vec<_>>() {
            match pending.await {
                Ok(appended) => {
                    assert_eq!(appended.revision, round + 1);
                    winners += 1;
                }
                Err(AppendError::Conflict { actual }) => assert_eq!(actual, round + 1),
                Err(error) => panic!("nothing is broken: {error}"),
            }
        }
        assert_eq!(winners, 1, "round {round}");
        for store in &stores {
            store.catch_up(CATCHES_UP_WITHIN).await.expect("the store answers");
        }
    }
}

pub(crate) async fn catch_up(log: &mut dyn Log) {
    let (writer, reader) = (log.open().await, log.open().await);
    for revision in 0..50 {
        let appended = writer.append(small(stream(1), revision, 1)).await.expect("nobody else writes");
        reader.catch_up(CATCHES_UP_WITHIN).await.expect("the store answers");
        assert!(reader.log().head().position >= appended.last_position);
        assert_eq!(reader.log().stream_revision(&stream(1)), revision + 1);
    }
}

pub(crate) async fn same_chain(log: &mut dyn Log) {
    let stores = [log.open().await, log.open().await, log.open().await];
    for round in 0..10 {
        for (number, store) in stores.iter().enumerate() {
            store.append(small(stream(number as u8), round * 2, 2)).await.expect("a stream of its own");
        }
    }
    let late = log.open().await;
    let mut heads = Vec::new();
    for store in stores.iter().chain([&late]) {
        store.catch_up(CATCHES_UP_WITHIN).await.expect("the store answers");
        read_all(store.log());
        heads.push(store.log().head());
        let report = store.log().verify(|_| {}).expect("the disk works");
        assert_eq!(report.fault, None);
    }
    assert_eq!(heads[0].position, 60);
    assert!(heads.iter().all(|head| *head == heads[0]));
}
