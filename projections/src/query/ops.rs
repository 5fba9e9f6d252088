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

use super::QueryPorts;
use crate::feed_runner::ProjectionStatus;

/// Events of one page unless asked otherwise, and at most.
const PAGE: (usize, usize) = (100, 1_000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    stream: Option<String>,
    from: Option<Position>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct EventsPage {
    data: Vec<EventAnswer>,
    has_more: bool,
}

#[derive(Serialize)]
struct EventAnswer {
    position: Position,
    stream: String,
    revision: u64,
    recorded_at: Timestamp,
    batch_id: String,
    chain_hash: String,
    #[serde(flatten)]
    event: EventJson,
}

#[derive(Serialize)]
struct Projections {
    data: Vec<ProjectionStatus>,
    has_more: bool,
}

pub(crate) async fn projections(
    State(ports): State<Arc<QueryPorts>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    ports.operator_key.check(&headers)?;
    Ok(Json(Projections { data: vec![ports.runner.status()], has_more: false }).into_response())
}

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
    let unavailable = || Problem::unavailable("unavailable", "The event store cannot be read now", 1_000);
    match reading.await {
        Ok(Ok(page)) => Ok(Json(page).into_response()),
        Ok(Err(PageError::Read(ReadError::AheadOfLog { .. }))) => {
            Ok(Json(EventsPage { data: Vec::new(), has_more: false }).into_response())
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "the log browser cannot read the log");
            Err(unavailable())
        }
        Err(_) => Err(unavailable()),
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
