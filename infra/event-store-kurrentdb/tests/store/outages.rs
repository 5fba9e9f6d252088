//! Servers that go away, come back, or come back with less.

use std::time::Duration;

use ticketflow_event_store::{AppendError, EventStore, Expected, ReplicaError, ReplicaState};

use crate::double::Double;
use crate::servers::{LONG, append, batch, open, stopped};

/// How often a batch is in the log.
fn copies(store: &EventStore, number: u64) -> usize {
    let mut reader = store.log().read_from(1).expect("the log can be read");
    let mut copies = 0;
    while let Some(batch) = reader.next_batch().expect("the log can be read") {
        copies += usize::from(batch.batch_id() == u128::from(number).to_be_bytes());
    }
    copies
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_end_soon_while_the_server_is_down_and_are_taken_when_it_is_back() {
    let mut double = Double::start().await;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&double.url("LOG"), folder.path()).await.unwrap();
    append(&store, 0..3).await;
    double.stop().await;
    // Sent before the loss of the connection is noticed, it is open until the server is back; else nothing of it is sent.
    let open_end = tokio::spawn(store.append(batch(3, Expected::Any, 1)));
    let lost = async {
        while store.replica_state() == Some(ReplicaState::Following) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, lost).await.unwrap();
    let refused = store.append(batch(4, Expected::Any, 1)).await;
    assert_eq!(refused, Err(AppendError::Unavailable), "by then nothing is sent");
    double.launch().await;
    let settled = tokio::time::timeout(LONG, open_end).await.unwrap().unwrap();
    append(&store, 5..8).await;
    assert_eq!(store.replica_state(), Some(ReplicaState::Following));
    store.catch_up(LONG).await.unwrap();
    let copies = [3, 4].map(|number| copies(&store, number));
    match settled {
        Ok(_) => assert_eq!(copies, [1, 0]),
        Err(AppendError::Unavailable) => assert_eq!(copies, [0, 0]),
        Err(error) => panic!("the server is back, so it is not open: {error}"),
    }
    assert_eq!(store.log().verify(|_| {}).unwrap().fault, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lost_acknowledged_events_is_found_out() {
    let mut double = Double::start().await;
    let (closed, running) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let url = double.url("LOG");
    let store = open(&url, closed.path()).await.unwrap();
    append(&store, 0..5).await;
    let backup = double.backup();
    append(&store, 5..10).await;
    store.close().await.unwrap();
    let following = open(&url, running.path()).await.unwrap();
    double.stop().await;
    double.restore(&backup);
    double.launch().await;
    let reason = stopped(&following).await;
    assert!(reason.contains("it ends at"), "{reason}");
    let lost = open(&url, closed.path()).await.err().expect("it is refused");
    assert!(matches!(lost, ReplicaError::ServerLostEvents { .. }), "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_made_anew_is_another_log() {
    let mut double = Double::start().await;
    let folder = tempfile::tempdir().unwrap();
    let empty = double.backup();
    let url = double.url("LOG");
    open(&url, folder.path()).await.unwrap().close().await.unwrap();
    open(&url, folder.path()).await.unwrap().close().await.unwrap();
    double.stop().await;
    double.restore(&empty);
    double.launch().await;
    let other = open(&url, folder.path()).await.err().expect("it is refused");
    assert!(matches!(other, ReplicaError::OtherLog { .. }), "{other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_in_which_nothing_is_written_is_over_when_the_server_is_back() {
    let mut double = Double::start().await;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&double.url("LOG"), folder.path()).await.unwrap();
    append(&store, 0..3).await;
    let until = async |wanted: fn(&ReplicaState) -> bool| {
        let reached = async {
            while !store.replica_state().is_some_and(|state| wanted(&state)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, reached).await
    };
    double.stop().await;
    until(|state| matches!(state, ReplicaState::Lost { .. })).await.expect("the loss is noticed");
    double.launch().await;
    until(|state| *state == ReplicaState::Following).await.expect("so is the return");
}
