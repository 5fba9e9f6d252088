//! `GET /v1/ops/events` and `GET /v1/ops/projections`: the log browser, and how the projections are doing. For operators.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use ticketflow_event_store::{Position, StreamId};
use ticketflow_http::{ApiQuery, Problem};
use utoipa::{IntoParams, ToSchema};

use super::event_page::{EventsPage, Wanted};
use super::{QueryPorts, unreadable};
use crate::status::ProjectionStatus;

/// Events of one page unless asked otherwise, and at most.
const PAGE: (usize, usize) = (100, 1_000);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// Only the events of this stream, such as `show-01KBN5Z3V0Q8W4R6T9Y2M7C1XD`.
    stream: Option<String>,
    /// The first position; 1 unless asked otherwise.
    #[param(value_type = Option<u64>)]
    from: Option<Position>,
    /// The position past the last; the end of the log unless asked otherwise.
    #[param(value_type = Option<u64>)]
    before: Option<Position>,
    /// The first revision in the stream; goes with `stream` only.
    from_revision: Option<u64>,
    /// `oldest_first` unless asked otherwise.
    #[param(inline)]
    order: Option<Order>,
    /// Events of the page: 100 unless asked otherwise, at most 1,000.
    limit: Option<usize>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Order {
    OldestFirst,
    NewestFirst,
}

/// All projections.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectionPage, example = json!({"data": [{
    "name": "memory", "state": "live", "position": 1204, "head": 1204, "lag_events": 0, "lag_seconds": 0.0,
    "rate": 310.5, "rebuild_ratio": null, "rebuild_rate": null, "eta_seconds": null, "last_error": null, "actions": []
}], "has_more": false}))]
pub(crate) struct Projections {
    data: Vec<ProjectionStatus>,
    has_more: bool,
}

/// How the projections are doing
#[utoipa::path(
    get, path = "/v1/ops/projections", operation_id = "list_projections", tag = "Operations",
    responses((status = 200, description = "State and lag of each", body = Projections)),
    security(("operator_key" = []))
)]
pub(crate) async fn projections(
    State(ports): State<Arc<QueryPorts>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    ports.operator_key.check(&headers)?;
    Ok(Json(Projections { data: ports.projections.statuses(), has_more: false }).into_response())
}

/// The log, event by event
///
/// Personal data is sealed here as it is on the disk.
#[utoipa::path(
    get, path = "/v1/ops/events", operation_id = "list_events", tag = "Operations", params(EventsQuery),
    responses((status = 200, description = "A page of events", body = EventsPage)),
    security(("operator_key" = []))
)]
pub(crate) async fn events(
    State(ports): State<Arc<QueryPorts>>,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<EventsQuery>,
) -> Result<Response, Problem> {
    ports.operator_key.check(&headers)?;
    let malformed = |detail: String| {
        Problem::malformed("malformed_query", "The query of the address cannot be read").detail(detail)
    };
    let stream = query.stream.map(|name| name.parse::<StreamId>()).transpose();
    let stream = stream.map_err(|error| malformed(error.to_string()))?;
    if query.from_revision.is_some() && stream.is_none() {
        return Err(malformed("a revision counts in a stream: name it".to_owned()));
    }
    let wanted = Wanted {
        stream,
        from: query.from.unwrap_or(1).max(1),
        before: query.before.unwrap_or(Position::MAX),
        from_revision: query.from_revision.unwrap_or(1).max(1),
        newest_first: query.order == Some(Order::NewestFirst),
        limit: query.limit.unwrap_or(PAGE.0).clamp(1, PAGE.1),
    };
    let log = ports.log.clone();
    let reading = tokio::task::spawn_blocking(move || EventsPage::read(&log, &wanted));
    match reading.await {
        Ok(Ok(page)) => Ok(Json(page).into_response()),
        Ok(Err(error)) => {
            tracing::error!(%error, "the log browser cannot read the log");
            Err(unreadable())
        }
        Err(_) => Err(unreadable()),
    }
}
