//! `GET /v1/ops/events` and `GET /v1/ops/projections`: the log browser, and how the projections are doing. For operators.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use ticketflow_domain::Timestamp;
use ticketflow_event_store::{
    BatchJson, BatchJsonError, EmbeddedLog, EventJson, Position, ReadError, StreamId,
};
use ticketflow_http::{ApiQuery, Problem};
use utoipa::{IntoParams, ToSchema};

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
    /// Events of the page: 100 unless asked otherwise, at most 1,000.
    limit: Option<usize>,
}

/// A page of the log.
#[derive(Serialize, ToSchema)]
#[schema(as = EventPage, example = json!({"data": [{
    "position": 2, "stream": "show-01KBN5Z3V0Q8W4R6T9Y2M7C1XD", "revision": 2,
    "recorded_at": "2027-05-01T14:59:02.118Z", "batch_id": "0c2f6d1e9a8b47533f1e5d7c9b0a2846",
    "chain_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "type": "sales_opened", "data": {"at": "2027-05-01T14:59:02.118Z"}
}], "has_more": true}))]
pub(crate) struct EventsPage {
    /// In the order of the log.
    data: Vec<EventAnswer>,
    has_more: bool,
}

/// A stored event.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredEvent)]
struct EventAnswer {
    #[schema(value_type = u64)]
    position: Position,
    /// `show-...` or `customer-...`.
    stream: String,
    /// In its stream.
    revision: u64,
    /// When it was decided.
    recorded_at: Timestamp,
    /// Events decided together bear the same.
    batch_id: String,
    /// The link of the hash chain after its batch, hexadecimal.
    chain_hash: String,
    #[serde(flatten)]
    #[schema(value_type = EventContent)]
    event: EventJson,
}

/// What an event says. The shapes of `data` are the events of the domain, one a `type`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape that every event has in common")]
struct EventContent {
    r#type: String,
    #[schema(value_type = Object)]
    data: (),
}

/// All projections.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectionPage, example = json!({"data": [{
    "name": "memory", "state": "live", "position": 1204, "head": 1204, "lag_events": 0, "lag_seconds": 0.0,
    "rate": 310.5, "rebuild_ratio": null, "rebuild_rate": null, "eta_seconds": null, "last_error": null
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
    let stream = query.stream.map(|name| name.parse::<StreamId>()).transpose().map_err(|error| {
        Problem::malformed("malformed_query", "The query of the address cannot be read")
            .detail(error.to_string())
    })?;
    let (from, limit) = (query.from.unwrap_or(1), query.limit.unwrap_or(PAGE.0).clamp(1, PAGE.1));
    let log = ports.log.clone();
    let reading = tokio::task::spawn_blocking(move || read(&log, stream, from, limit));
    match reading.await {
        Ok(Ok(page)) => Ok(Json(page).into_response()),
        Ok(Err(PageError::Read(ReadError::AheadOfLog { .. }))) => {
            Ok(Json(EventsPage { data: Vec::new(), has_more: false }).into_response())
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "the log browser cannot read the log");
            Err(unreadable())
        }
        Err(_) => Err(unreadable()),
    }
}

#[derive(Debug, thiserror::Error)]
enum PageError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Json(#[from] BatchJsonError),
}

/// One more than the limit is read, to know whether there is more.
fn read(
    log: &EmbeddedLog,
    stream: Option<StreamId>,
    from: Position,
    limit: usize,
) -> Result<EventsPage, PageError> {
    let mut data = Vec::new();
    match stream {
        Some(stream) => {
            let mut reader = log.read_stream(stream, 1)?;
            while data.len() <= limit {
                let Some(batch) = reader.next_batch()? else { break };
                if batch.last_position() >= from {
                    add(&mut data, BatchJson::of(&batch)?, from);
                }
            }
        }
        None => {
            let mut reader = log.read_from(from)?;
            while data.len() <= limit {
                let Some(batch) = reader.next_batch()? else { break };
                add(&mut data, BatchJson::of(&batch)?, from);
            }
        }
    }
    let has_more = data.len() > limit;
    data.truncate(limit);
    Ok(EventsPage { data, has_more })
}

fn add(data: &mut Vec<EventAnswer>, batch: BatchJson, from: Position) {
    for (index, event) in batch.events.into_iter().enumerate() {
        let position = batch.position + index as u64;
        if position >= from {
            data.push(EventAnswer {
                position,
                stream: batch.stream.clone(),
                revision: batch.revision + index as u64,
                recorded_at: batch.recorded_at,
                batch_id: batch.batch_id.clone(),
                chain_hash: batch.chain_hash.clone(),
                event,
            });
        }
    }
}
