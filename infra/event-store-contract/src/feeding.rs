//! Following the log.

use ticketflow_event_store::{EmbeddedLog, Feed};

use crate::batches::{read_all, small, stream};
use crate::world::Log;

/// Reads a feed up to a position and checks that nothing is missing or out of order.
async fn follow(log: &EmbeddedLog, from: u64, to: u64) -> Vec<[u8; 16]> {
    let mut feed = Feed::new(log, from).expect("the position is not past the end");
    let mut ids = Vec::new();
    let mut next = feed.next_position();
    assert!(next <= from.max(1));
    while next <= to {
        let chunk = feed.next().await.expect("the log can be read").expect("the log is open");
        for batch in chunk.batches() {
            assert_eq!(batch.first_position(), next);
            next = batch.last_position() + 1;
            ids.push(batch.batch_id());
        }
    }
    ids
}

pub(crate) async fn from_any_position(log: &mut dyn Log) {
    let stores = [log.open().await, log.open().await];
    for round in 0..12 {
        let number = (round % 3) as u8;
        let revision = stores[0].log().stream_revision(&stream(number));
        stores[0].append(small(stream(number), revision, 1 + round % 4)).await.expect("nobody else writes");
    }
    for store in &stores {
        store.catch_up(std::time::Duration::from_secs(30)).await.expect("the store answers");
        let all = read_all(store.log());
        let head = store.log().head().position;
        for from in 0..=head {
            let ids = follow(store.log(), from, head).await;
            let expected: Vec<_> =
                all.iter().filter(|batch| batch.last_position >= from).map(|batch| batch.batch_id).collect();
            assert_eq!(ids, expected, "from {from}");
        }
        assert!(Feed::new(store.log(), head + 2).is_err(), "what the log never had cannot be followed");
    }
}

pub(crate) async fn live(log: &mut dyn Log) {
    let (writer, reader) = (log.open().await, log.open().await);
    let following = reader.log().clone();
    let follower = tokio::spawn(async move { follow(&following, 1, 200).await });
    let mut written = Vec::new();
    for revision in (0..200).step_by(2) {
        let append = small(stream(1), revision, 2);
        written.push(append.batch_id);
        writer.append(append).await.expect("nobody else writes");
    }
    assert_eq!(follower.await.expect("the follower ends well"), written);
}
