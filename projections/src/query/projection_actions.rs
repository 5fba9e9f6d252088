//! `POST /v1/ops/projections/{name}/rebuild`, `/pause`, `/resume`, `/skip`: what an operator does with a projection.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use ticketflow_http::{ApiJson, ApiPath, Problem};
use utoipa::ToSchema;

use super::{QueryPorts, UNAVAILABLE};
use crate::projection::{ActionError, Projection};
use crate::status::ProjectionStatus;

/// Bytes of a reason at most: a sentence or two, kept for ever.
const MAX_REASON_BYTES: usize = 500;

pub(super) const PROJECTION_UNKNOWN: Problem =
    Problem::not_found("projection_unknown", "There is no such projection");
pub(super) const NOT_REBUILDABLE: Problem =
    Problem::conflict("not_rebuildable", "The projection cannot be rebuilt while it serves");
pub(super) const NOT_PAUSABLE: Problem = Problem::conflict("not_pausable", "The projection cannot be paused");
pub(super) const NOTHING_TO_SKIP: Problem =
    Problem::conflict("nothing_to_skip", "The projection has not stopped at an event");
pub(super) const WRONG_STATE: Problem =
    Problem::conflict("wrong_state", "The projection is doing something that this does not fit");
pub(super) const REASON_INVALID: Problem =
    Problem::rule("reason_invalid", "A reason of 1 to 500 bytes is needed");

/// Why a batch is passed over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "written by a later version; the show was cancelled"}))]
pub(crate) struct SkipBody {
    /// Kept with the event that records it.
    reason: String,
}

/// Rebuild a projection
///
/// Builds it anew from the first event beside what serves, compares the two, and puts the new one in its place without a gap for
/// readers. `rebuild_ratio` and `eta_seconds` of its status say how far that is.
#[utoipa::path(
    post, path = "/v1/ops/projections/{name}/rebuild", operation_id = "rebuild_projection", tag = "Operations",
    params(("name" = String, Path, description = "The projection")),
    responses((status = 202, description = "The rebuild has begun", body = ProjectionStatus)),
    security(("operator_key" = []))
)]
pub(crate) async fn rebuild(
    State(ports): State<Arc<QueryPorts>>,
    headers: HeaderMap,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, Problem> {
    let projection = named(&ports, &headers, &name)?;
    projection.rebuild().await.map_err(problem)?;
    Ok((StatusCode::ACCEPTED, Json(projection.status())).into_response())
}

/// Pause a projection
///
/// It stays where it is, also across restarts, until it is resumed.
#[utoipa::path(
    post, path = "/v1/ops/projections/{name}/pause", operation_id = "pause_projection", tag = "Operations",
    params(("name" = String, Path, description = "The projection")),
    responses((status = 200, description = "It is paused", body = ProjectionStatus)),
    security(("operator_key" = []))
)]
pub(crate) async fn pause(
    State(ports): State<Arc<QueryPorts>>,
    headers: HeaderMap,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, Problem> {
    let projection = named(&ports, &headers, &name)?;
    projection.pause().await.map_err(problem)?;
    Ok(Json(projection.status()).into_response())
}

/// Resume a projection
#[utoipa::path(
    post, path = "/v1/ops/projections/{name}/resume", operation_id = "resume_projection", tag = "Operations",
    params(("name" = String, Path, description = "The projection")),
    responses((status = 200, description = "It goes on", body = ProjectionStatus)),
    security(("operator_key" = []))
)]
pub(crate) async fn resume(
    State(ports): State<Arc<QueryPorts>>,
    headers: HeaderMap,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, Problem> {
    let projection = named(&ports, &headers, &name)?;
    projection.resume().await.map_err(problem)?;
    Ok(Json(projection.status()).into_response())
}

/// Pass over what a projection stopped at
///
/// Passes over exactly the batch of events that cannot be applied. The reason is kept in an event of its own.
#[utoipa::path(
    post, path = "/v1/ops/projections/{name}/skip", operation_id = "skip_projection", tag = "Operations",
    params(("name" = String, Path, description = "The projection")), request_body = SkipBody,
    responses((status = 200, description = "It goes on behind the batch", body = ProjectionStatus)),
    security(("operator_key" = []))
)]
pub(crate) async fn skip(
    State(ports): State<Arc<QueryPorts>>,
    headers: HeaderMap,
    ApiPath(name): ApiPath<String>,
    body: Result<ApiJson<SkipBody>, Problem>,
) -> Result<Response, Problem> {
    let projection = named(&ports, &headers, &name)?;
    let body = body?.value;
    let reason = body.reason.trim();
    if reason.is_empty() || reason.len() > MAX_REASON_BYTES {
        return Err(REASON_INVALID);
    }
    projection.skip(reason).await.map_err(problem)?;
    Ok(Json(projection.status()).into_response())
}

fn named(ports: &QueryPorts, headers: &HeaderMap, name: &str) -> Result<Projection, Problem> {
    ports.operator_key.check(headers)?;
    ports.projections.named(name).ok_or(PROJECTION_UNKNOWN)
}

fn problem(error: ActionError) -> Problem {
    let kind = match &error {
        ActionError::NotRebuildable(_) => NOT_REBUILDABLE,
        ActionError::NotPausable(_) => NOT_PAUSABLE,
        ActionError::NothingToSkip(_) => NOTHING_TO_SKIP,
        ActionError::WrongState { state } => WRONG_STATE.member("state", state),
        ActionError::Unavailable(_) => UNAVAILABLE,
    };
    kind.detail(error.to_string())
}
