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
use super::{MinPosition, QueryPorts, whole_map};
use crate::seat_map::{CompactMap, SeatMap};

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
                ("X-Seats-Total" = u64, description = "The seats of a compact map")
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
    ports.reach(MinPosition { min_position: query.min_position }).await?;
    let map = ports.show(show_id)?;
    match query.format.unwrap_or(Format::Full) {
        Format::Compact => Ok(compact(&map, &headers)),
        Format::Full => {
            let at_least = query.min_position.unwrap_or(0);
            let pace = (method != Method::HEAD).then_some(&ports.whole_map_pace);
            whole_map::answer(map, pace, &headers, at_least).await
        }
    }
}

/// The answer with a map at 2 bits a seat.
pub(super) fn compact(map: &SeatMap, headers: &HeaderMap) -> Response {
    let (statuses, position) = map.compact();
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
