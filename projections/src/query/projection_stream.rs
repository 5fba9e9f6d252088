//! `GET /v1/ops/projections/stream` and `GET /v1/ops/projections/history`: how the projections are doing, second by second,
//! and how they were during the last minutes. For operators.
//!
//! One task takes a sample a second and renders it once for all who follow; a follower that is slow misses samples and gets
//! the newest. The same samples are the gauges of the metrics page.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};
use ticketflow_domain::Timestamp;
use ticketflow_http::{ApiQuery, ApiRoutes, Problem, Shutdown};
use tokio::sync::watch;
use utoipa::openapi::OpenApi;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::QueryPorts;
use crate::projection_watch::{History, KEPT_SAMPLES, ProjectionWatch, Watched};
use crate::status::{ProjectionState, ProjectionStatus};

/// How often a sample is taken: an operator sees a second, and a day of scrapes costs nothing.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Every state that a projection can be in, so that a gauge falls to 0 when its state is left.
const STATES: [ProjectionState; 7] = [
    ProjectionState::Live,
    ProjectionState::CatchingUp,
    ProjectionState::Rebuilding,
    ProjectionState::Paused,
    ProjectionState::Stopped,
    ProjectionState::Unreachable,
    ProjectionState::Standby,
];

/// What these endpoints need.
struct Watcher {
    ports: Arc<QueryPorts>,
    watch: ProjectionWatch,
    /// The newest sample as a message, rendered once.
    newest: watch::Sender<Bytes>,
}

/// The routes, and the task that takes samples as long as they are there. To be called within a Tokio runtime.
pub(super) fn router(ports: Arc<QueryPorts>) -> Router {
    let watcher = Arc::new(Watcher {
        ports,
        watch: ProjectionWatch::default(),
        newest: watch::Sender::new(Bytes::new()),
    });
    watcher.sample();
    let sampled = Arc::downgrade(&watcher);
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(SAMPLE_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        // The first tick comes at once, and the first sample is taken.
        tick.tick().await;
        loop {
            tick.tick().await;
            let Some(watcher) = sampled.upgrade() else { return };
            watcher.sample();
        }
    });
    table().into_router().with_state(watcher)
}

/// What the API's document says of them.
pub(super) fn openapi() -> OpenApi {
    table().into_document()
}

fn table() -> ApiRoutes<Arc<Watcher>> {
    ApiRoutes::default().at("GET /v1/ops/projections/stream", routes!(stream_samples), &[]).at(
        "GET /v1/ops/projections/history",
        routes!(history),
        &[],
    )
}

fn statuses(ports: &QueryPorts) -> Vec<ProjectionStatus> {
    ports.projections.statuses()
}

/// How the projections are doing at a moment.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectionMoment)]
struct Moment {
    /// When.
    at: Timestamp,
    data: Vec<Watched>,
}

/// How the projections are doing, and were.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectionHistoryPage, example = json!({"at": "2027-05-01T15:00:02.118Z", "data": [{
    "name": "memory", "state": "live", "position": 1204, "head": 1204, "lag_events": 0, "lag_seconds": 0.0,
    "rate": 310.5, "rebuild_ratio": null, "rebuild_rate": null, "eta_seconds": null, "last_error": null, "actions": [],
    "verdict": "keeping_up", "since": "2027-05-01T14:40:11.004Z", "trend": "steady", "caught_up_in_seconds": null
}], "history": [{"name": "memory", "samples": [{
    "at": "2027-05-01T15:00:02.118Z", "position": 1204, "head": 1204, "lag_events": 0, "lag_seconds": 0.0, "rate": 310.5
}]}]}))]
struct HistoryPage {
    /// When the answer was made.
    at: Timestamp,
    /// How each is doing.
    data: Vec<Watched>,
    /// How each was doing: a sample a second of the last ten minutes at most, the oldest first.
    history: Vec<History>,
}

impl Watcher {
    fn sample(&self) {
        let at = (self.ports.now)();
        let statuses = statuses(&self.ports);
        statuses.iter().for_each(publish_gauges);
        self.watch.observe(at, statuses);
        self.newest.send_replace(message(at, self.watch.watched()));
    }
}

fn message(at: Timestamp, data: Vec<Watched>) -> Bytes {
    let json =
        serde_json::to_string(&Moment { at, data }).expect("texts and finite numbers always become JSON");
    Bytes::from(format!("event: projections\nid: {}\ndata: {json}\n\n", at.as_millis()))
}

fn publish_gauges(status: &ProjectionStatus) {
    let name = status.name;
    metrics::gauge!("projection_position", "projection" => name).set(status.position as f64);
    metrics::gauge!("projection_head", "projection" => name).set(status.head as f64);
    metrics::gauge!("projection_lag_events", "projection" => name).set(status.lag_events as f64);
    metrics::gauge!("projection_lag_seconds", "projection" => name).set(status.lag_seconds);
    metrics::gauge!("projection_rate", "projection" => name).set(status.rate);
    metrics::gauge!("projection_rebuild_ratio", "projection" => name)
        .set(status.rebuild_ratio.unwrap_or(1.0));
    for state in STATES {
        let is = if state == status.state { 1.0 } else { 0.0 };
        metrics::gauge!("projection_state", "projection" => name, "state" => state.as_str()).set(is);
    }
}

/// How the projections are doing, live
///
/// Server-sent events, one a second: `projections`, whose data is a moment with the status of each projection, whether it
/// keeps up and since when, and which way its lag goes. The `id` is the moment in milliseconds.
#[utoipa::path(
    get, path = "/v1/ops/projections/stream", operation_id = "follow_projections", tag = "Operations",
    responses((
        status = 200, description = "Events without an end", body = String, content_type = "text/event-stream",
        example = json!(concat!(
            "event: projections\nid: 1809183602118\ndata: {\"at\":\"2027-05-01T15:00:02.118Z\",\"data\":[{",
            "\"name\":\"memory\",\"state\":\"live\",\"position\":1204,\"head\":1204,\"lag_events\":0,\"lag_seconds\":0.0,",
            "\"rate\":310.5,\"rebuild_ratio\":null,\"rebuild_rate\":null,\"eta_seconds\":null,\"last_error\":null,\"actions\":[],\"verdict\":\"keeping_up\",",
            "\"since\":\"2027-05-01T14:40:11.004Z\",\"trend\":\"steady\",\"caught_up_in_seconds\":null}]}\n\n"
        ))
    )),
    security(("operator_key" = []))
)]
async fn stream_samples(
    State(watcher): State<Arc<Watcher>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    watcher.ports.operator_key.check(&headers)?;
    let body = Body::from_stream(messages(watcher.newest.subscribe(), watcher.ports.shutdown.clone()));
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), (ACCEL_BUFFERING, "no")];
    Ok((headers, body).into_response())
}

/// The newest sample at once, then each new one; ends with the server, so that stopping need not wait for it.
fn messages(
    mut newest: watch::Receiver<Bytes>,
    shutdown: Shutdown,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    newest.mark_changed();
    stream::unfold((newest, shutdown), |(mut newest, shutdown)| async move {
        tokio::select! {
            () = shutdown.begun() => return None,
            changed = newest.changed() => changed.ok()?,
        }
        let message = newest.borrow_and_update().clone();
        Some((Ok(message), (newest, shutdown)))
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryQuery {
    /// Samples of each projection at most, the newest; 600, which is all there are, unless asked otherwise.
    limit: Option<usize>,
}

/// How the projections were doing
///
/// The present, and a sample a second of the last ten minutes, so that a chart is full at once. The stream goes on from here.
#[utoipa::path(
    get, path = "/v1/ops/projections/history", operation_id = "projection_history", tag = "Operations",
    params(HistoryQuery),
    responses((status = 200, description = "The present and the last minutes", body = HistoryPage)),
    security(("operator_key" = []))
)]
async fn history(
    State(watcher): State<Arc<Watcher>>,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<HistoryQuery>,
) -> Result<Response, Problem> {
    watcher.ports.operator_key.check(&headers)?;
    let history = watcher.watch.histories(query.limit.unwrap_or(KEPT_SAMPLES));
    let page = HistoryPage { at: (watcher.ports.now)(), data: watcher.watch.watched(), history };
    Ok(([(CACHE_CONTROL, "no-store")], Json(page)).into_response())
}
