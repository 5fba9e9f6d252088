//! `GET /v1/shows/{show}/seats`: the seat map, whole or at 2 bits a seat.
//!
//! The compact one is written here, the whole one in `whole_map.rs`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use ticketflow_domain::show::SeatStatus;
use ticketflow_domain::{Money, ShowId};
use ticketflow_event_store::Position;
use ticketflow_http::{ApiPath, ApiQuery, IfNoneMatch, Problem, is_known, not_modified};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::catalogue::etag;
use super::source::MapSource;
use super::whole_map::{self, WholeMapError, WholeMapRequest};
use super::{MinPosition, QueryPorts, SHOW_UNKNOWN};
use crate::postgres::PostgresReads;
use crate::read_models::ReadModels;
use crate::seat_map::CompactMap;

const X_POSITION: HeaderName = HeaderName::from_static("x-position");
const X_SEATS_TOTAL: HeaderName = HeaderName::from_static("x-seats-total");
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SeatsQuery {
    /// `full` unless asked otherwise.
    #[param(inline)]
    format: Option<Format>,
    /// Waits until the answer has this position.
    #[param(value_type = Option<u64>)]
    min_position: Option<Position>,
}

#[derive(Deserialize, Clone, Copy, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    Full,
    Compact,
}

/// The seats of a show.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of what is written by hand")]
#[schema(as = SeatMap, example = json!({
    "show_id": "01KBN5Z3V0Q8W4R6T9Y2M7C1XD", "position": 3, "seats": [{
        "seat": "Platea-A-6", "zone": "Platea", "row": "A", "number": "6", "status": "held", "revision": 1,
        "price": {"amount": 25000, "currency": "CLP"}
    }]
}))]
pub(crate) struct SeatMapAnswer {
    show_id: ShowId,
    #[schema(value_type = u64)]
    position: Position,
    /// In plan order.
    seats: Vec<SeatAnswer>,
}

/// The seats of a show at 2 bits each: bytes, which JSON Schema says no more of than their media type.
pub(crate) struct CompactSeatMap;

impl PartialSchema for CompactSeatMap {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .content_media_type("application/octet-stream")
            .description(Some("2 bits a seat in plan order"))
            .into()
    }
}

impl ToSchema for CompactSeatMap {}

/// A seat of the map.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of what is written by hand")]
#[schema(as = Seat)]
struct SeatAnswer {
    /// `{zone}-{row}-{number}`.
    seat: String,
    zone: String,
    row: String,
    number: String,
    status: SeatStatus,
    /// How often the seat has changed.
    revision: u32,
    price: Money,
}

/// The seat map
///
/// `compact` is 2 bits a seat in plan order, the first seat in the lowest bits: 0 available, 1 held, 2 sold, 3 blocked.
#[utoipa::path(
    get, path = "/v1/shows/{show}/seats", operation_id = "seat_map", tag = "Seats",
    params(
        ("show" = ShowId, Path, description = "The show"),
        SeatsQuery,
        IfNoneMatch
    ),
    responses(
        (
            status = 200, description = "State, revision and price of every seat",
            content((SeatMapAnswer = "application/json"), (CompactSeatMap = "application/octet-stream")),
            headers(
                ("ETag" = String, description = "Names this version"),
                ("Content-Encoding" = String, description = "`gzip` for a whole map, where `Accept-Encoding` takes it"),
                ("X-Position" = u64, description = "The position of a compact map"),
                ("X-Seats-Total" = u64, description = "The seats of a compact map"),
                ("X-Read-Model" = String, description = "`postgres` or `memory`: where the answer comes from"),
                ("Age" = u64, description = "Whole seconds by which it is behind the log")
            )
        ),
        (status = 304, description = "The version at hand is the present one")
    )
)]
pub(crate) async fn seats(
    State(ports): State<Arc<QueryPorts>>,
    ApiPath(show_id): ApiPath<ShowId>,
    ApiQuery(query): ApiQuery<SeatsQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wanted = MinPosition { min_position: query.min_position };
    if let Some(Format::Compact) = query.format {
        let from_tables = |reads: Arc<PostgresReads>| async move { reads.compact(show_id).await };
        let from_memory = |models: &ReadModels| Some(models.show(show_id)?.compact());
        let (found, origin) = ports.read(wanted, from_tables, from_memory).await?;
        return Ok(match found {
            Some((statuses, position)) => origin.mark(compact(statuses, position, &headers)),
            None => origin.mark(SHOW_UNKNOWN),
        });
    }
    let from_tables = |reads: Arc<PostgresReads>| async move {
        let found = reads.show(show_id).await?;
        Ok(found.map(|(show, summary)| (MapSource::Postgres(show, reads), summary.position)))
    };
    let from_memory = |models: &ReadModels| {
        let map = models.show(show_id)?;
        let position = map.summary().position;
        Some((MapSource::Memory(map), position))
    };
    let (found, origin) = ports.read(wanted, from_tables, from_memory).await?;
    let Some((map, position)) = found else { return Ok(origin.mark(SHOW_UNKNOWN)) };
    let request = WholeMapRequest {
        pace: (method != Method::HEAD).then_some(&ports.whole_map_pace),
        headers: &headers,
        at_least: wanted.min_position.unwrap_or(0),
    };
    match whole_map::answer(&map, position, request).await {
        Ok(response) => Ok(origin.mark(response)),
        Err(WholeMapError::Refused(problem)) => Err(problem),
        Err(WholeMapError::Database(error)) => {
            if let Some(tables) = ports.projections.postgres() {
                tables.read_failed(&error);
            }
            let map = ports.show(show_id)?;
            let position = map.summary().position;
            let answered = whole_map::answer(&MapSource::Memory(map), position, request).await;
            answered.map(|response| ports.memory_origin().mark(response)).map_err(WholeMapError::into_problem)
        }
    }
}

/// The answer with a map at 2 bits a seat.
pub(super) fn compact(statuses: CompactMap, position: Position, headers: &HeaderMap) -> Response {
    let etag = etag(position, "compact");
    if is_known(headers, &etag) {
        return not_modified(etag);
    }
    let seats = statuses.len() as u64;
    let mut response = statuses.into_bytes().into_response();
    let headers = response.headers_mut();
    headers.insert(ETAG, etag);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_POSITION, HeaderValue::from(position));
    headers.insert(X_SEATS_TOTAL, HeaderValue::from(seats));
    response
}

/// For readers that keep no map: statuses of all seats in text.
pub(super) fn base64(map: &CompactMap) -> String {
    data_encoding::BASE64.encode(map.as_bytes())
}
