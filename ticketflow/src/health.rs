//! `/health/live`, `/health/ready`, `/v1/instance`, `/metrics`: what load balancers and operators ask first.
//!
//! Ready means recovered and able to append. Databases, billing and mail are never asked: selling does not need them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::CONTENT_TYPE;
use serde_json::json;
use ticketflow_event_store::{EmbeddedLog, StorageState};
use ticketflow_http::{Problem, Shell};
use ticketflow_telemetry::MetricsPage;

/// What the probes look at.
#[derive(Clone)]
pub(crate) struct Probes {
    /// Off once the process is stopping.
    pub ready: Arc<AtomicBool>,
    /// The name of this replica.
    pub instance: String,
    /// Where events go.
    pub log: EmbeddedLog,
    /// Requests in flight.
    pub shell: Shell,
    /// What `/metrics` shows.
    pub metrics: MetricsPage,
}

/// The routes of the probes.
pub(crate) fn router(probes: Probes) -> Router {
    let (shell, log) = (probes.shell.clone(), probes.log.clone());
    probes.metrics.before_render(move || {
        shell.publish_gauges();
        metrics::gauge!("log_head_position").set(log.head().position as f64);
        let low = log.storage_state() == StorageState::Low;
        metrics::gauge!("log_storage_low").set(if low { 1.0 } else { 0.0 });
    });
    Router::new()
        .route("/health/live", get(|| async { Json(json!({"status": "live"})) }))
        .route("/health/ready", get(ready))
        .route("/v1/instance", get(instance))
        .route("/metrics", get(metrics_page))
        .with_state(probes)
}

async fn ready(State(probes): State<Probes>) -> Result<Response, Problem> {
    if !probes.ready.load(Ordering::SeqCst) {
        return Err(Problem::unavailable("stopping", "The server is stopping", 1_000));
    }
    let storage = match probes.log.storage_state() {
        StorageState::Low => "low",
        StorageState::Normal => "ok",
    };
    Ok(Json(json!({"status": "ready", "position": probes.log.head().position, "storage": storage}))
        .into_response())
}

async fn instance(State(probes): State<Probes>) -> Response {
    Json(json!({
        "instance": probes.instance,
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "position": probes.log.head().position,
    }))
    .into_response()
}

async fn metrics_page(State(probes): State<Probes>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], probes.metrics.render()).into_response()
}
