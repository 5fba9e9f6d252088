//! The replica and its folder: what it goes on from, what it fetches again, and what it refuses.

use ticketflow_domain::Timestamp;
use ticketflow_domain::show::{SalesOpened, ShowEvent};
use ticketflow_event_store::{
    Append, AppendError, Category, EncodedEvents, EventStore, Expected, ReplicaError, ReplicaState, StreamId,
    Urgency, push_show_event,
};
use ticketflow_testbed::NatsServer;

use crate::servers::{open, start, with_stream};

fn batch(number: u64) -> Append {
    let mut events = EncodedEvents::new();
    let at = Timestamp::from_millis(number as i64);
    push_show_event(&mut events, &ShowEvent::SalesOpened(SalesOpened { at })).expect("it has a form");
    Append {
        stream: StreamId::new(Category::Show, [1; 16]),
        expected: Expected::Any,
        batch_id: u128::from(number).to_be_bytes(),
        recorded_at_ms: number as i64,
        metadata: Vec::new(),
        events,
        urgency: Urgency::Normal,
    }
}

async fn append(store: &EventStore, numbers: std::ops::Range<u64>) {
    for number in numbers {
        store.append(batch(number)).await.expect("the server takes it");
    }
}

/// Leaves a folder as a killed process would: nothing is stored at the end.
fn copy_of(folder: &std::path::Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    let mut command = std::process::Command::new("cp");
    let status = command.arg("-a").arg(folder.join(".")).arg(copy.path()).status().expect("cp runs");
    assert!(status.success());
    copy
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_goes_on_where_it_was_even_if_it_was_killed() {
    let Some(server) = start() else { return };
    let url = server.event_store_url();
    let folder = tempfile::tempdir().unwrap();
    let store = open(&url, folder.path()).await.unwrap();
    append(&store, 0..30).await;
    let killed = copy_of(folder.path());
    append(&store, 30..40).await;
    let head = store.log().head();
    store.close().await.unwrap();
    for folder in [killed.path(), folder.path()] {
        let store = open(&url, folder).await.unwrap();
        assert_eq!(store.log().head(), head);
        assert_eq!(store.log().verify(|_| {}).unwrap().fault, None);
        store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_replica_is_fetched_anew() {
    let Some(server) = start() else { return };
    let url = server.event_store_url();
    let folder = tempfile::tempdir().unwrap();
    let store = open(&url, folder.path()).await.unwrap();
    append(&store, 0..20).await;
    let head = store.log().head();
    store.close().await.unwrap();
    let segment = std::fs::read_dir(folder.path().join("log")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.min().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[300] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    for snapshot in std::fs::read_dir(folder.path().join("snapshots")).unwrap() {
        std::fs::remove_file(snapshot.unwrap().path()).unwrap();
    }
    let store = open(&url, folder.path()).await.unwrap();
    assert_eq!(store.log().head(), head);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_another_log_is_refused() {
    let Some(server) = start() else { return };
    let url = server.event_store_url();
    let folder = tempfile::tempdir().unwrap();
    open(&url, folder.path()).await.unwrap().close().await.unwrap();
    let other = open(&with_stream(&url, "OTHER"), folder.path()).await.err();
    let other = other.expect("it is refused");
    assert!(matches!(other, ReplicaError::OtherLog { .. }), "{other}");
    let own = tempfile::tempdir().unwrap();
    std::fs::create_dir(own.path().join("log")).unwrap();
    let own = open(&url, own.path()).await.err().expect("it is refused");
    assert!(own.to_string().contains("a log of its own"), "{own}");
}

/// Puts an older state of its folder under a server: what a restored backup or a lost disk looks like.
fn put_back(server: &mut NatsServer, backup: &std::path::Path) {
    server.process().stop().expect("the server ends");
    let store = server.folder().join("store");
    std::fs::remove_dir_all(&store).expect("the folder goes");
    let status =
        std::process::Command::new("cp").arg("-a").arg(backup).arg(&store).status().expect("cp runs");
    assert!(status.success());
    server.restart().expect("the server starts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lost_acknowledged_events_is_found_out() {
    let Some(mut server) = start() else { return };
    let url = server.event_store_url();
    let folder = tempfile::tempdir().unwrap();
    let store = open(&url, folder.path()).await.unwrap();
    append(&store, 0..5).await;
    server.process().stop().unwrap();
    let backup = copy_of(&server.folder().join("store"));
    server.restart().unwrap();
    append(&store, 5..10).await;
    store.close().await.unwrap();
    put_back(&mut server, backup.path());
    // Shorter than the replica.
    let lost = open(&url, folder.path()).await.err().expect("it is refused");
    assert!(matches!(lost, ReplicaError::ServerLostEvents { .. }), "{lost}");
    // As long, with other batches.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = open(&url, elsewhere.path()).await.unwrap();
    append(&other, 100..110).await;
    other.close().await.unwrap();
    let differs = open(&url, folder.path()).await.err().expect("it is refused");
    assert!(differs.to_string().contains("another history"), "{differs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_no_batch_stops_the_replica_and_is_named() {
    let Some(server) = start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = open(&server.event_store_url(), folder.path()).await.unwrap();
    append(&store, 0..3).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let stream = StreamId::new(Category::Show, [9; 16]);
    let context = async_nats::jetstream::new(client);
    let sent = context.publish(format!("TICKETFLOW.{stream}"), "{}".into()).await.unwrap();
    sent.await.unwrap();
    let stopped = async {
        loop {
            if let Some(ReplicaState::Stopped { reason, .. }) = store.replica_state() {
                return reason;
            }
            tokio::task::yield_now().await;
        }
    };
    let reason = tokio::time::timeout(std::time::Duration::from_secs(20), stopped).await.unwrap();
    assert!(reason.contains("message 4"), "{reason}");
    assert_eq!(store.append(batch(3)).await, Err(AppendError::Unavailable));
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_are_refused_while_the_server_is_down_and_taken_when_it_is_back() {
    let Some(mut server) = start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = open(&server.event_store_url(), folder.path()).await.unwrap();
    append(&store, 0..3).await;
    server.process().kill();
    let refused = store.append(batch(3)).await;
    assert!(matches!(refused, Err(AppendError::Unavailable | AppendError::Unknown)), "{refused:?}");
    server.restart().unwrap();
    let back = async {
        let mut number = 4;
        while store.append(batch(number)).await.is_err() {
            number += 1;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), back).await.unwrap();
    assert_eq!(store.replica_state(), Some(ReplicaState::Following));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_in_which_nothing_is_written_is_over_when_the_server_is_back() {
    let Some(mut server) = start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = open(&server.event_store_url(), folder.path()).await.unwrap();
    append(&store, 0..3).await;
    let until = async |wanted: fn(&ReplicaState) -> bool| {
        let reached = async {
            while !store.replica_state().is_some_and(|state| wanted(&state)) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), reached).await
    };
    server.process().kill();
    until(|state| matches!(state, ReplicaState::Lost { .. })).await.expect("the loss is noticed");
    server.restart().unwrap();
    until(|state| *state == ReplicaState::Following).await.expect("so is the return");
}
