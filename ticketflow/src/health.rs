//! `/health/live`, `/health/ready`, `/v1/instance`, `/metrics`: what load balancers and operators ask first.
//!
//! Ready means recovered and able to do what its role does: to append, where it takes commands; to read, where it does not, which a
//! log server that is away does not hinder. Databases, billing and mail are never asked: selling does not need them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http::header::CONTENT_TYPE;
use serde::Serialize;
use ticketflow_event_store::{EventStore, Position, ReplicaState, StorageState};
use ticketflow_http::{ApiRoutes, Problem, Shell};
use ticketflow_telemetry::MetricsPage;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;
use utoipa_axum::routes;

use crate::hexadecimal::hexadecimal;

/// What the probes look at.
#[derive(Clone)]
pub(crate) struct Probes {
    /// Off once the process is stopping.
    pub ready: Arc<AtomicBool>,
    /// The name of this replica.
    pub instance: String,
    /// Where events go.
    pub store: EventStore,
    /// Whether this process takes commands, which need the log server; reads do not.
    pub takes_commands: bool,
    /// Requests in flight.
    pub shell: Shell,
    /// What `/metrics` shows.
    pub metrics: MetricsPage,
}

/// The routes of the probes.
pub(crate) fn router(probes: Probes) -> Router {
    let (shell, store) = (probes.shell.clone(), probes.store.clone());
    probes.metrics.before_render(move || {
        shell.publish_gauges();
        metrics::gauge!("log_head_position").set(store.log().head().position as f64);
        let following = store_state(&store) == "ok";
        metrics::gauge!("event_store_reachable").set(if following { 1.0 } else { 0.0 });
        let low = store.storage_state() == StorageState::Low;
        metrics::gauge!("log_storage_low").set(if low { 1.0 } else { 0.0 });
    });
    table().into_router().with_state(probes)
}

/// What the API's document says of them.
pub(crate) fn openapi() -> OpenApi {
    table().into_document()
}

fn table() -> ApiRoutes<Probes> {
    ApiRoutes::default()
        .at("GET /health/live", routes!(live), &[])
        .at("GET /health/ready", routes!(ready), &[STOPPING, EVENT_STORE_LOST])
        .at("GET /v1/instance", routes!(instance), &[])
        .at("GET /metrics", routes!(metrics_page), &[])
}

/// A replica that has not heard of its log server for so long takes no commands: others may.
const LOST_AFTER: Duration = Duration::from_secs(5);

const EVENT_STORE_LOST: Problem =
    Problem::unavailable("event_store_lost", "The event store cannot be reached", 1_000);
const STOPPING: Problem = Problem::unavailable("stopping", "The server is stopping", 1_000);

/// That the process answers.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "live"}))]
struct Liveness {
    status: &'static str,
}

/// That a replica is recovered and able to append.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "ready", "position": 1204, "storage": "ok"}))]
struct Readiness {
    status: &'static str,
    /// Of the last event.
    #[schema(value_type = u64)]
    position: Position,
    /// `ok`, or `low`: no new holds are taken until space is made.
    storage: &'static str,
}

/// Which replica this is.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"instance": "ticketflow-0", "version": "0.1.0", "pid": 4711, "position": 1204,
    "chain_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "event_store": "ok"
}))]
struct Instance {
    /// As in the header `X-Instance`.
    instance: String,
    version: &'static str,
    pid: u32,
    /// Of the last event.
    #[schema(value_type = u64)]
    position: Position,
    /// The link of the hash chain at that position, hexadecimal: equal on all replicas at the same position.
    chain_hash: String,
    /// `ok`; `lost` while the log server cannot be reached; `stopped` when it has another history.
    event_store: &'static str,
}

/// Does the process answer?
#[utoipa::path(
    get, path = "/health/live", operation_id = "live", tag = "Health",
    responses((status = 200, description = "It does", body = Liveness))
)]
async fn live() -> Json<Liveness> {
    Json(Liveness { status: "live" })
}

/// Is it ready for requests?
///
/// Ready means recovered and, where it takes commands, able to append. Databases, billing and mail are never asked.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "ready", tag = "Health",
    responses((status = 200, description = "It is", body = Readiness))
)]
async fn ready(State(probes): State<Probes>) -> Result<Json<Readiness>, Problem> {
    if !probes.ready.load(Ordering::SeqCst) {
        return Err(STOPPING);
    }
    match probes.store.replica_state() {
        Some(ReplicaState::Lost { since, reason })
            if probes.takes_commands && since.elapsed() >= LOST_AFTER =>
        {
            return Err(EVENT_STORE_LOST.detail(reason));
        }
        Some(ReplicaState::Stopped { reason, .. }) => return Err(EVENT_STORE_LOST.detail(reason)),
        _ => {}
    }
    let storage = match probes.store.storage_state() {
        StorageState::Low => "low",
        StorageState::Normal => "ok",
    };
    Ok(Json(Readiness { status: "ready", position: probes.store.log().head().position, storage }))
}

/// Which replica is this?
#[utoipa::path(
    get, path = "/v1/instance", operation_id = "instance", tag = "Health",
    responses((status = 200, description = "Its name, version, process and position", body = Instance))
)]
async fn instance(State(probes): State<Probes>) -> Json<Instance> {
    let head = probes.store.log().head();
    Json(Instance {
        instance: probes.instance,
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        position: head.position,
        chain_hash: hexadecimal(&head.chain_hash),
        event_store: store_state(&probes.store),
    })
}

/// How a process stands to the event store.
fn store_state(store: &EventStore) -> &'static str {
    match store.replica_state() {
        None | Some(ReplicaState::Following) => "ok",
        Some(ReplicaState::Lost { .. }) => "lost",
        Some(ReplicaState::Stopped { .. }) => "stopped",
    }
}

/// Metrics
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "Health",
    responses((
        status = 200, description = "In the Prometheus text format", body = String, content_type = "text/plain",
        example = json!("# TYPE log_head_position gauge\nlog_head_position 1204\n")
    ))
)]
async fn metrics_page(State(probes): State<Probes>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], probes.metrics.render()).into_response()
}
