//! `GET /v1/shows` and `GET /v1/shows/{show}`: what is on, and what is left.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use ticketflow_domain::show::{SalesStatus, SeatStatus};
use ticketflow_domain::{Currency, Money, ShowId, Timestamp};
use ticketflow_event_store::Position;
use ticketflow_http::{ApiPath, ApiQuery, Problem};

use super::{MinPosition, QueryPorts, money, plan};
use crate::seat_map::{SeatMap, SeatMapSummary};

/// Shows of one page unless asked otherwise, and at most.
const PAGE: (usize, usize) = (50, 200);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<usize>,
    starting_after: Option<ShowId>,
    min_position: Option<Position>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowQuery {
    min_position: Option<Position>,
}

#[derive(Serialize)]
struct Page {
    data: Vec<ShowAnswer>,
    has_more: bool,
}

#[derive(Serialize)]
struct ShowAnswer {
    show_id: ShowId,
    name: String,
    venue: String,
    starts_at: Timestamp,
    currency: Currency,
    sales: SalesStatus,
    sales_open_at: Option<Timestamp>,
    seats_total: usize,
    seats_available: u32,
    price_from: Money,
    price_to: Money,
}

#[derive(Serialize)]
struct ShowDetails {
    #[serde(flatten)]
    show: ShowAnswer,
    hold_seconds: u32,
    max_seats_per_customer: Option<u32>,
    zones: Vec<ZoneAnswer>,
    plan_url: String,
    position: Position,
}

#[derive(Serialize)]
struct ZoneAnswer {
    name: String,
    price: Money,
    color: Option<String>,
    general: bool,
    seats_total: u32,
    available: u32,
    held: u32,
    sold: u32,
    blocked: u32,
}

fn answer(map: &SeatMap, summary: &SeatMapSummary, now: Timestamp) -> ShowAnswer {
    let info = &map.info;
    let prices = info.seating.plan().zones.iter().map(|zone| zone.price);
    let (low, high) = prices.fold((i64::MAX, 0), |(low, high), price| (low.min(price), high.max(price)));
    ShowAnswer {
        show_id: info.show_id,
        name: info.name.clone(),
        venue: info.venue.clone(),
        starts_at: info.starts_at,
        currency: info.currency,
        sales: summary.sales_at(info, now),
        sales_open_at: info.sales_open_at,
        seats_total: info.seating.seat_count(),
        seats_available: summary.total(SeatStatus::Available),
        price_from: money(low, info.currency),
        price_to: money(high, info.currency),
    }
}

pub(crate) async fn list(
    State(ports): State<Arc<QueryPorts>>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Response, Problem> {
    ports.reach(MinPosition { min_position: query.min_position }).await?;
    let limit = query.limit.unwrap_or(PAGE.0).clamp(1, PAGE.1);
    let shows = ports.models.shows();
    let first = match query.starting_after {
        None => 0,
        Some(after) => {
            let unknown = || Problem::malformed("malformed_query", "The query of the address cannot be read");
            let at = shows.iter().position(|map| map.info.show_id == after);
            at.ok_or_else(|| unknown().detail("starting_after names no show"))? + 1
        }
    };
    let now = (ports.now)();
    let page = shows.iter().skip(first).take(limit);
    let data: Vec<ShowAnswer> = page.map(|map| answer(map, &map.summary(), now)).collect();
    let has_more = shows.len() > first + data.len();
    Ok(Json(Page { data, has_more }).into_response())
}

pub(crate) async fn show(
    State(ports): State<Arc<QueryPorts>>,
    ApiPath(show_id): ApiPath<ShowId>,
    ApiQuery(query): ApiQuery<ShowQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    ports.reach(MinPosition { min_position: query.min_position }).await?;
    let map = ports.show(show_id)?;
    let summary = map.summary();
    let show = answer(&map, &summary, (ports.now)());
    // Sales can open by the clock alone, without an event.
    let etag = etag(summary.position, &format!("{:?}", show.sales));
    if is_known(&headers, &etag) {
        return Ok(not_modified(etag));
    }
    let seating = &map.info.seating;
    let zones = seating.plan().zones.iter().zip(seating.zone_spans()).zip(&summary.zones);
    let zones = zones.map(|((zone, span), counts)| ZoneAnswer {
        name: zone.name.clone(),
        price: money(zone.price, map.info.currency),
        color: zone.color.clone(),
        general: span.general,
        seats_total: span.end - span.first,
        available: counts[SeatStatus::Available as usize],
        held: counts[SeatStatus::Held as usize],
        sold: counts[SeatStatus::Sold as usize],
        blocked: counts[SeatStatus::Blocked as usize],
    });
    let details = ShowDetails {
        show,
        hold_seconds: map.info.hold_seconds,
        max_seats_per_customer: map.info.max_seats_per_customer,
        zones: zones.collect(),
        plan_url: plan::url(&map),
        position: summary.position,
    };
    let mut response = Json(details).into_response();
    response.headers_mut().insert(ETAG, etag);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// The entity tag of something as of a position.
pub(super) fn etag(position: Position, variant: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{position}-{variant}\""))
        .expect("digits and letters are a header value")
}

/// Whether the client has this very version.
pub(super) fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let etag = etag.to_str().expect("made of digits and letters");
    known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == etag))
}

/// 304 with the tag.
pub(super) fn not_modified(etag: HeaderValue) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    response.headers_mut().insert(ETAG, etag);
    response
}
