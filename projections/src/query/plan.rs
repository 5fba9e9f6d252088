//! `GET /v1/plans/{hash}.json`: where every seat is drawn.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use ticketflow_http::{ApiPath, Problem};

use super::{QueryPorts, UNAVAILABLE};
use crate::plan_drawing::{DrawingHash, PlanAnswer, drawing};

/// Where the plan of a show is.
pub(super) fn url(plan_hash: &DrawingHash) -> String {
    format!("/v1/plans/{}.json", HEXLOWER.encode(plan_hash))
}

/// Where every seat is drawn
///
/// `plan_url` of a show names it. It never changes, and may be kept for ever.
#[utoipa::path(
    get, path = "/v1/plans/{file}", operation_id = "plan", tag = "Seats",
    params(("file" = String, Path, description = "The SHA-256 of the plan and `.json`")),
    responses((status = 200, description = "The drawing", body = PlanAnswer))
)]
pub(crate) async fn plan(
    State(ports): State<Arc<QueryPorts>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, Problem> {
    let unknown =
        || Problem::not_found("not_found", "There is no such thing").detail("there is no such plan");
    let hash = name.strip_suffix(".json").and_then(|hash| HEXLOWER.decode(hash.as_bytes()).ok());
    let hash = hash.and_then(|hash| DrawingHash::try_from(hash).ok()).ok_or_else(unknown)?;
    let map = ports.models.shows().into_iter().find(|map| map.plan_hash == hash).ok_or_else(unknown)?;
    let rendered = tokio::task::spawn_blocking(move || drawing(&map.info.seating)).await;
    let json = rendered.map_err(|_| UNAVAILABLE.detail("the server is stopping"))?;
    let headers =
        [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, json).into_response())
}
