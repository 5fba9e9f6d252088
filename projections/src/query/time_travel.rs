//! `GET /v1/ops/shows/{show}/seats?at=POSITION`: the seat map as it was. For operators.
//!
//! Folds the show's stream up to the position, one fold at a time: an answer about the past must not cost the present.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use ticketflow_domain::ShowId;
use ticketflow_domain::show::{ShowEvent, ShowInfo};
use ticketflow_event_store::{Category, CodecError, EmbeddedLog, Position, ReadError, StreamId, show_event};
use ticketflow_http::{ApiPath, ApiQuery, Problem};
use tokio::sync::Semaphore;
use utoipa::IntoParams;

use super::seats::{CompactSeatMap, Format, SeatMapAnswer};
use super::{QueryPorts, seats, unreadable, whole_map};
use crate::seat_map::SeatMap;

/// Folds of the past under way.
static FOLDS: Semaphore = Semaphore::const_new(1);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AtQuery {
    /// The present, if left out.
    #[param(value_type = Option<u64>)]
    at: Option<Position>,
    /// `full` unless asked otherwise.
    #[param(inline)]
    format: Option<Format>,
}

/// The seat map as it was
///
/// Folds the events of the show up to a position. `compact` is as in the present map.
#[utoipa::path(
    get, path = "/v1/ops/shows/{show}/seats", operation_id = "seat_map_at", tag = "Operations",
    params(("show" = ShowId, Path, description = "The show"), AtQuery),
    responses((
        status = 200, description = "The seat map at that position",
        content((SeatMapAnswer = "application/json"), (CompactSeatMap = "application/octet-stream")),
        headers(
            ("X-Position" = u64, description = "The position of a compact map"),
            ("X-Seats-Total" = u64, description = "The seats of a compact map")
        )
    )),
    security(("operator_key" = []))
)]
pub(crate) async fn seats_at(
    State(ports): State<Arc<QueryPorts>>,
    headers: HeaderMap,
    ApiPath(show_id): ApiPath<ShowId>,
    ApiQuery(query): ApiQuery<AtQuery>,
) -> Result<Response, Problem> {
    ports.operator_key.check(&headers)?;
    ports.show(show_id)?;
    let log = ports.log.clone();
    let at = query.at.unwrap_or_else(|| log.head().position);
    let format = query.format.unwrap_or(Format::Full);
    let permit = FOLDS.acquire().await.map_err(|_| unreadable())?;
    let folding = tokio::task::spawn_blocking(move || {
        // As long as the work, which goes on when whoever asked has left.
        let _permit = permit;
        let map = fold(&log, show_id, at)?;
        Ok::<_, FoldError>(map.map(|map| match format {
            Format::Compact => {
                let (statuses, position) = map.compact();
                seats::compact(statuses, position, &headers)
            }
            Format::Full => {
                let json = whole_map::render(&map.info, &map.view());
                ([(CONTENT_TYPE, "application/json")], json).into_response()
            }
        }))
    });
    let folded = folding.await.map_err(|_| unreadable())?;
    match folded {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(Problem::not_found("show_unknown", "There was no such show at that position")),
        Err(error) => {
            tracing::error!(%error, show = %show_id, "the past of a show cannot be folded");
            Err(unreadable())
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum FoldError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// The map of a show up to a position; none before the show existed.
fn fold(log: &EmbeddedLog, show_id: ShowId, at: Position) -> Result<Option<SeatMap>, FoldError> {
    let mut reader = log.read_stream(StreamId::new(Category::Show, show_id.to_bytes()), 1)?;
    let mut map: Option<SeatMap> = None;
    while let Some(batch) = reader.next_batch()? {
        let first = batch.first_position();
        if first > at {
            break;
        }
        let known = usize::try_from(at - first + 1).unwrap_or(usize::MAX);
        let events = batch.events().take(known).map(show_event).collect::<Result<Vec<ShowEvent>, _>>()?;
        if let Some(ShowEvent::ShowCreated(created)) = events.first() {
            map = Some(SeatMap::new(Arc::new(ShowInfo::new(created)), first));
        }
        if let Some(map) = &map {
            map.apply(&events, first);
        }
    }
    Ok(map)
}
