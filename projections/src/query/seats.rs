//! `GET /v1/shows/{show}/seats`: the seat map, whole or at 2 bits a seat.
//!
//! The whole map of a stadium is megabytes of text. It is rendered by one reader at a time and shared by all who ask within
//! a moment, away from the threads that answer buyers.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use ticketflow_domain::plan::Seating;
use ticketflow_domain::show::{SeatStatus, ShowInfo};
use ticketflow_domain::{Money, ShowId};
use ticketflow_event_store::Position;
use ticketflow_http::{ApiPath, ApiQuery, IfNoneMatch, Problem, is_known, not_modified};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::catalogue::etag;
use super::{MinPosition, QueryPorts, UNAVAILABLE};
use crate::seat_map::{CompactMap, RenderedMap, SeatMap, SeatMapView};

const X_POSITION: HeaderName = HeaderName::from_static("x-position");
const X_SEATS_TOTAL: HeaderName = HeaderName::from_static("x-seats-total");
/// How old a rendered map may be when it is handed to the next reader; its position says how old it is.
const SHARED_FOR: Duration = Duration::from_millis(100);
/// A seat as text, about.
const SEAT_BYTES: usize = 140;

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
enum Format {
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
    headers: HeaderMap,
) -> Result<Response, Problem> {
    ports.reach(MinPosition { min_position: query.min_position }).await?;
    let map = ports.show(show_id)?;
    match query.format.unwrap_or(Format::Full) {
        Format::Compact => Ok(compact(&map, &headers)),
        Format::Full => full(map, &headers, query.min_position.unwrap_or(0)).await,
    }
}

fn compact(map: &SeatMap, headers: &HeaderMap) -> Response {
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

async fn full(map: Arc<SeatMap>, headers: &HeaderMap, at_least: Position) -> Result<Response, Problem> {
    let rendered = rendered(map, at_least).await?;
    let etag = etag(rendered.position, "full");
    if is_known(headers, &etag) {
        return Ok(not_modified(etag));
    }
    let mut response = ([(CONTENT_TYPE, "application/json")], rendered.json).into_response();
    response.headers_mut().insert(ETAG, etag);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// A shared rendering that is young enough and has what the reader asks for, or a new one.
async fn rendered(map: Arc<SeatMap>, at_least: Position) -> Result<RenderedMap, Problem> {
    let mut shared = map.rendered.lock().await;
    if let Some(rendered) = &*shared
        && rendered.at.elapsed() < SHARED_FOR
        && rendered.position >= at_least.min(map.summary().position)
    {
        return Ok(rendered.clone());
    }
    let rendering = map.clone();
    let rendering = tokio::task::spawn_blocking(move || {
        let view = rendering.view();
        let json = render(&rendering.info, &view);
        RenderedMap { at: std::time::Instant::now(), position: view.position, json: Bytes::from(json) }
    });
    let rendered = rendering.await.map_err(|_| UNAVAILABLE.detail("the server is stopping"))?;
    *shared = Some(rendered.clone());
    Ok(rendered)
}

/// The whole map as JSON, written by hand: names and prices of a zone are quoted once.
pub(super) fn render(info: &ShowInfo, view: &SeatMapView) -> Vec<u8> {
    let seating = &info.seating;
    let mut json = Vec::with_capacity(100 + seating.seat_count() * SEAT_BYTES);
    write!(json, "{{\"show_id\":\"{}\",\"position\":{},\"seats\":[", info.show_id, view.position)
        .expect("a vector takes all bytes");
    let mut quoted = QuotedRow::default();
    for seat in seating.seats() {
        let row = seating.row_of(seat);
        if quoted.row != Some(row) {
            quoted = QuotedRow::new(seating, seat, info);
        }
        if seat.0 > 0 {
            json.push(b',');
        }
        let number = quote(&seating.place(seat).number.to_string());
        let number = &number[1..number.len() - 1];
        let status = status_name(view.compact.get(seat.as_usize()));
        let revision = view.revisions[seat.as_usize()];
        let QuotedRow { start, middle, end, .. } = &quoted;
        write!(
            json,
            "{start}{number}{middle}{number}\",\"status\":\"{status}\",\"revision\":{revision}{end}"
        )
        .expect("a vector takes all bytes");
    }
    json.extend_from_slice(b"]}");
    json
}

/// The parts of a seat's JSON that are the same along a row.
#[derive(Default)]
struct QuotedRow {
    row: Option<u32>,
    start: String,
    middle: String,
    end: String,
}

impl QuotedRow {
    fn new(seating: &Seating, seat: ticketflow_domain::SeatIndex, info: &ShowInfo) -> Self {
        let place = seating.place(seat);
        let (zone, row) = (quote(place.zone), quote(place.row));
        let (bare_zone, bare_row) = (&zone[1..zone.len() - 1], &row[1..row.len() - 1]);
        Self {
            row: Some(seating.row_of(seat)),
            start: format!("{{\"seat\":\"{bare_zone}-{bare_row}-"),
            middle: format!("\",\"zone\":{zone},\"row\":{row},\"number\":\""),
            end: format!(
                ",\"price\":{{\"amount\":{},\"currency\":\"{}\"}}}}",
                seating.price(seat),
                info.currency
            ),
        }
    }
}

fn quote(text: &str) -> String {
    serde_json::to_string(text).expect("a text has a JSON form")
}

/// As in the HTTP contract.
pub(super) fn status_name(status: SeatStatus) -> &'static str {
    match status {
        SeatStatus::Available => "available",
        SeatStatus::Held => "held",
        SeatStatus::Sold => "sold",
        SeatStatus::Blocked => "blocked",
    }
}

/// For readers that keep no map: statuses of all seats in text.
pub(super) fn base64(map: &CompactMap) -> String {
    data_encoding::BASE64.encode(map.as_bytes())
}
