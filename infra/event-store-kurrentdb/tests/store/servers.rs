//! Opening logs, and batches to put into them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use ticketflow_domain::Timestamp;
use ticketflow_domain::show::{SalesOpened, ShowEvent};
use ticketflow_event_store::{
    Append, BatchMessage, Category, Cursor, Delivered, EncodedEvents, EventStore, Expected, FollowError,
    Followed, Head, LogOptions, LogServer, Offer, ReplicaError, ReplicaState, Revision, StreamId, Urgency,
    open_replica, push_show_event,
};
use ticketflow_event_store_kurrentdb::{ConnectError, KurrentServer};

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) async fn connect(url: &str) -> Result<KurrentServer, ConnectError> {
    KurrentServer::connect(&url.parse().expect("the address is well formed")).await
}

/// Opens a replica in a folder.
pub(crate) async fn open(url: &str, folder: &Path) -> Result<EventStore, ReplicaError> {
    let server = connect(url).await.expect("the server is fit for a log");
    open_replica(folder, Arc::new(server), LogOptions::default(), |_| {}).await
}

/// The batches behind a cursor.
pub(crate) fn followed(
    server: &KurrentServer,
    after: Cursor,
) -> BoxStream<'static, Result<Delivered, FollowError>> {
    let batches = server.follow(after).filter_map(async |followed| match followed {
        Ok(Followed::Listening) => None,
        Ok(Followed::Batch(delivered)) => Some(Ok(delivered)),
        Err(error) => Some(Err(error)),
    });
    batches.boxed()
}

pub(crate) fn stream() -> StreamId {
    StreamId::new(Category::Show, [1; 16])
}

/// A batch of some events, with an id that follows from the number.
pub(crate) fn batch(number: u64, expected: Expected, events: u64) -> Append {
    let mut encoded = EncodedEvents::new();
    for event in 0..events {
        let at = Timestamp::from_millis((number + event) as i64);
        push_show_event(&mut encoded, &ShowEvent::SalesOpened(SalesOpened { at }))
            .expect("it has an archived form");
    }
    Append {
        stream: stream(),
        expected,
        batch_id: u128::from(number).to_be_bytes(),
        recorded_at_ms: number as i64,
        metadata: Vec::new(),
        events: encoded,
        urgency: Urgency::Normal,
    }
}

/// The offer of a batch whose writer had seen nothing.
pub(crate) fn offer(number: u64, expected: Revision, events: u64) -> Offer {
    let append = batch(number, Expected::Revision(expected), events);
    let message = BatchMessage::of(&append, expected, Head::default()).expect("it has a JSON form");
    Offer { stream: append.stream, expected, batch_id: append.batch_id, message }
}

pub(crate) async fn append(store: &EventStore, numbers: std::ops::Range<u64>) {
    for number in numbers {
        store.append(batch(number, Expected::Any, 1 + number % 3)).await.expect("the server takes it");
    }
}

/// Waits until a replica has stopped for good; says why.
pub(crate) async fn stopped(store: &EventStore) -> String {
    let stopped = async {
        loop {
            if let Some(ReplicaState::Stopped { reason, .. }) = store.replica_state() {
                return reason;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, stopped).await.expect("it stops")
}
