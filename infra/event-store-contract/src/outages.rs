//! Restarts, and answers that get lost.

use std::time::Duration;

use ticketflow_event_store::AppendError;

use crate::batches::{read_all, small, stream};
use crate::world::Log;

pub(crate) async fn restart(log: &mut dyn Log) {
    let mut before = Vec::new();
    for round in 0..3 {
        let store = log.open().await;
        assert_eq!(read_all(store.log()), before);
        for step in 0..10 {
            let revision = round * 10 + step;
            let appended = store.append(small(stream(1), revision, 1)).await.expect("nobody else writes");
            assert_eq!(appended.last_position, revision + 1);
        }
        before = read_all(store.log());
        drop(store);
        log.restart().await;
    }
    let store = log.open().await;
    assert_eq!(read_all(store.log()), before);
    assert_eq!(store.append(small(stream(1), 29, 1)).await, Err(AppendError::Conflict { actual: 30 }));
}

pub(crate) async fn lost_acknowledgements(log: &mut dyn Log) {
    let store = log.open().await;
    store.append(small(stream(1), 0, 1)).await.expect("nothing is lost yet");
    for round in 0..3 {
        if !log.lose_acknowledgements(true) {
            println!("  no acknowledgement travels");
            return;
        }
        let append = small(stream(1), 1 + round, 1);
        let batch_id = append.batch_id;
        let pending = tokio::spawn(store.append(append));
        tokio::time::sleep(Duration::from_millis(300)).await;
        log.lose_acknowledgements(false);
        let appended = pending.await.expect("the append ends well");
        let appended = appended.expect("once answers come through again, the outcome is found");
        assert_eq!(appended.revision, 2 + round);
        let copies = read_all(store.log()).iter().filter(|batch| batch.batch_id == batch_id).count();
        assert_eq!(copies, 1);
    }
    let other = log.open().await;
    assert_eq!(read_all(other.log()), read_all(store.log()));
}
