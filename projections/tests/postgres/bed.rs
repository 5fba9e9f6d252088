//! A server of the test's own, a log with a history in it, and the projection between the two.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use serde_json::Value;
use ticketflow_domain::Timestamp;
use ticketflow_event_store::{
    Append, Category, EmbeddedLog, EncodedEvents, Expected, LogOptions, SimDisk, StreamId, Urgency,
    push_ops_event,
};
use ticketflow_http::{OperatorKey, Shutdown};
use ticketflow_projections::{
    Audit, FeedRunner, PostgresPorts, PostgresProjection, ProjectionState, Projections, QueryPorts,
    ReadModels, WholeMapPace, verify_seat_map,
};
use ticketflow_testbed::{Postgres, TestbedError};
use ticketflow_ticket_code::TicketSigner;
use tower::ServiceExt;

use crate::history::History;

/// Past this a wait has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);
const KEY: &str = "operator-key-of-the-tests";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(1_893_456_000_000)
}

/// A server of its own, or what is missing.
pub(crate) fn server() -> Option<Postgres> {
    match Postgres::start() {
        Ok(server) => Some(server),
        Err(TestbedError::Missing { program, remedy }) => {
            println!("SKIPPED: {program} is missing; {remedy}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn log() -> EmbeddedLog {
    EmbeddedLog::open(Arc::new(SimDisk::new(1)), LogOptions::default()).unwrap().0
}

/// Runs a test on threads of its own.
pub(crate) fn play<F: Future<Output = ()>>(play: impl FnOnce(Postgres) -> F) {
    let Some(server) = server() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(play(server));
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(LOOK).await;
    }
}

pub(crate) fn audit(log: &EmbeddedLog) -> Audit {
    let log = log.clone();
    Arc::new(move |event| {
        let mut events = EncodedEvents::new();
        push_ops_event(&mut events, &event).unwrap();
        let append = log.append(Append {
            stream: StreamId::new(Category::Ops, [0; 16]),
            expected: Expected::Any,
            batch_id: [7; 16],
            recorded_at_ms: now().as_millis(),
            metadata: Vec::new(),
            events,
            urgency: Urgency::Essential,
        });
        Box::pin(
            async move { append.await.map(|done| done.last_position).map_err(|error| error.to_string()) },
        )
    })
}

pub(crate) fn start(server: &Postgres, log: &EmbeddedLog) -> Arc<PostgresProjection> {
    start_at(server.url(), log)
}

pub(crate) fn start_at(url: String, log: &EmbeddedLog) -> Arc<PostgresProjection> {
    let ports = PostgresPorts { url, store: log.clone().into(), audit: audit(log), now };
    PostgresProjection::start(ports).unwrap()
}

/// Until the tables have what the log has.
pub(crate) async fn caught_up(projection: &PostgresProjection, log: &EmbeddedLog) {
    until("the tables catch up", async || {
        let status = projection.status();
        assert_ne!(status.state, ProjectionState::Stopped, "{status:?}");
        projection.position() == log.head().position && status.state == ProjectionState::Live
    })
    .await;
}

pub(crate) async fn until_state(projection: &PostgresProjection, state: ProjectionState) {
    let since = Instant::now();
    until(state.as_str(), async || {
        let status = projection.status();
        assert!(since.elapsed() < PATIENCE / 2, "not {state:?}: {status:?}");
        status.state == state
    })
    .await;
}

/// What differs between the tables and the fold of the log.
pub(crate) async fn faults(server: &Postgres, log: &EmbeddedLog) -> Vec<String> {
    verify_seat_map(&server.url(), log, |_| {}).await.unwrap().faults
}

/// The log and who plays it.
pub(crate) fn played(seed: u64, batches: usize) -> (EmbeddedLog, History) {
    let (log, mut history) = (log(), History::new(seed, 3, 4));
    history.append(&log, batches);
    (log, history)
}

/// The read endpoints over the log, from the tables where there are any.
pub(crate) struct Reader {
    router: Router,
    pub(crate) models: Arc<ReadModels>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Reader {
    pub(crate) fn new(log: &EmbeddedLog, tables: Option<Arc<PostgresProjection>>) -> Self {
        let models = Arc::new(ReadModels::default());
        let runner = FeedRunner::catch_up(log.clone(), models.clone()).unwrap();
        runner.follow().unwrap();
        let router = ticketflow_projections::router(QueryPorts {
            models: models.clone(),
            projections: Projections::new(runner, tables),
            log: log.clone(),
            invoices: None,
            signer: TicketSigner::new(&[7; 32]),
            operator_key: OperatorKey::new(KEY),
            shutdown: Shutdown::new(),
            now,
            whole_map_pace: WholeMapPace::default(),
        });
        Self { router, models }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// As an operator.
    pub(crate) async fn act(&self, action: &str, body: Option<Value>) -> Answer {
        let request = Request::post(format!("/v1/ops/projections/postgres/{action}"))
            .header("authorization", format!("Bearer {KEY}"));
        let request = match body {
            Some(body) => {
                request.header("content-type", "application/json").body(Body::from(body.to_string()))
            }
            None => request.body(Body::empty()),
        };
        self.ask(request.unwrap()).await
    }
}
