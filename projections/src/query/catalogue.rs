//! `GET /v1/shows` and `GET /v1/shows/{show}`: what is on, and what is left.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use ticketflow_domain::show::{SalesStatus, SeatStatus, ShowInfo};
use ticketflow_domain::{Currency, Money, ShowId, Timestamp};
use ticketflow_event_store::Position;
use ticketflow_http::{ApiPath, ApiQuery, IfNoneMatch, Problem, is_known, not_modified};
use utoipa::{IntoParams, ToSchema};

use super::source::MapSource;
use super::{MinPosition, QueryPorts, SHOW_UNKNOWN, money, plan};
use crate::postgres::PostgresReads;
use crate::read_models::ReadModels;
use crate::seat_map::SeatMapSummary;

/// Shows of one page unless asked otherwise, and at most.
const PAGE: (usize, usize) = (50, 200);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Shows of the page: 50 unless asked otherwise, at most 200.
    limit: Option<usize>,
    /// The last show of the page before.
    #[param(value_type = Option<String>)]
    starting_after: Option<ShowId>,
    /// Waits until the answer has this position.
    #[param(value_type = Option<u64>)]
    min_position: Option<Position>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowQuery {
    /// Waits until the answer has this position.
    #[param(value_type = Option<u64>)]
    min_position: Option<Position>,
}

/// A page of shows.
#[derive(Serialize, ToSchema)]
#[schema(as = ShowPage, example = json!({"data": [{
    "show_id": "01KBN5Z3V0Q8W4R6T9Y2M7C1XD", "name": "Noche de Tangos", "venue": "Sala de Ensayo, Concepción",
    "starts_at": "2027-05-21T23:30:00.000Z", "currency": "CLP", "sales": "open", "sales_open_at": null,
    "seats_total": 117, "seats_available": 115,
    "price_from": {"amount": 12000, "currency": "CLP"}, "price_to": {"amount": 25000, "currency": "CLP"}
}], "has_more": false}))]
pub(crate) struct Page {
    /// In the order in which they were created.
    data: Vec<ShowAnswer>,
    has_more: bool,
}

/// A show as listed.
#[derive(Serialize, ToSchema)]
#[schema(as = Show)]
struct ShowAnswer {
    show_id: ShowId,
    name: String,
    venue: String,
    starts_at: Timestamp,
    currency: Currency,
    sales: SalesStatus,
    /// When sales open by themselves.
    #[schema(required = true)]
    sales_open_at: Option<Timestamp>,
    seats_total: usize,
    seats_available: u32,
    /// The lowest price.
    price_from: Money,
    /// The highest price.
    price_to: Money,
}

/// A show in full.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "show_id": "01KBN5Z3V0Q8W4R6T9Y2M7C1XD", "name": "Noche de Tangos", "venue": "Sala de Ensayo, Concepción",
    "starts_at": "2027-05-21T23:30:00.000Z", "currency": "CLP", "sales": "open", "sales_open_at": null,
    "seats_total": 17, "seats_available": 15,
    "price_from": {"amount": 25000, "currency": "CLP"}, "price_to": {"amount": 25000, "currency": "CLP"},
    "hold_seconds": 600, "max_seats_per_customer": 6,
    "zones": [{
        "name": "Platea", "price": {"amount": 25000, "currency": "CLP"}, "color": null, "general": false,
        "seats_total": 17, "available": 15, "held": 2, "sold": 0, "blocked": 0
    }],
    "plan_url": "/v1/plans/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.json", "position": 3
}))]
pub(crate) struct ShowDetails {
    #[serde(flatten)]
    show: ShowAnswer,
    /// How long a hold lasts.
    hold_seconds: u32,
    #[schema(required = true)]
    max_seats_per_customer: Option<u32>,
    /// In plan order.
    zones: Vec<ZoneAnswer>,
    /// Where every seat is drawn; kept for ever, since a plan never changes.
    plan_url: String,
    #[schema(value_type = u64)]
    position: Position,
}

/// What is left of a zone.
#[derive(Serialize, ToSchema)]
#[schema(as = ZoneCounts)]
struct ZoneAnswer {
    name: String,
    /// Of one place.
    price: Money,
    /// `#rrggbb`.
    #[schema(required = true)]
    color: Option<String>,
    /// Whether its places have no numbers.
    general: bool,
    seats_total: u32,
    available: u32,
    held: u32,
    sold: u32,
    blocked: u32,
}

fn answer(info: &ShowInfo, summary: &SeatMapSummary, now: Timestamp) -> ShowAnswer {
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

/// What is on
///
/// In the order in which shows were created, a page at a time.
#[utoipa::path(
    get, path = "/v1/shows", operation_id = "list_shows", tag = "Shows", params(ListQuery),
    responses((
        status = 200, description = "A page of shows", body = Page,
        headers(
                ("X-Read-Model" = String, description = "`postgres` or `memory`: where the answer comes from"),
                ("Age" = u64, description = "Whole seconds by which it is behind the log")
        )
    ))
)]
pub(crate) async fn list(
    State(ports): State<Arc<QueryPorts>>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Response, Problem> {
    let limit = query.limit.unwrap_or(PAGE.0).clamp(1, PAGE.1);
    let (after, now) = (query.starting_after, (ports.now)());
    let from_tables = |reads: Arc<PostgresReads>| async move {
        let Some((shows, has_more)) = reads.shows(after, limit).await? else { return Ok(None) };
        let data = shows.iter().map(|(show, summary)| answer(&show.info, summary, now)).collect();
        Ok(Some(Page { data, has_more }))
    };
    let wanted = MinPosition { min_position: query.min_position };
    let (page, origin) =
        ports.read(wanted, from_tables, |models| page_in_memory(models, after, limit, now)).await?;
    let unknown = || Problem::malformed("malformed_query", "The query of the address cannot be read");
    Ok(match page {
        Some(page) => origin.mark(Json(page)),
        None => origin.mark(unknown().detail("starting_after names no show")),
    })
}

/// `None` when `after` is no show.
fn page_in_memory(models: &ReadModels, after: Option<ShowId>, limit: usize, now: Timestamp) -> Option<Page> {
    let shows = models.shows();
    let first = match after {
        None => 0,
        Some(after) => shows.iter().position(|map| map.info.show_id == after)? + 1,
    };
    let page = shows.iter().skip(first).take(limit);
    let data: Vec<ShowAnswer> = page.map(|map| answer(&map.info, &map.summary(), now)).collect();
    let has_more = shows.len() > first + data.len();
    Some(Page { data, has_more })
}

/// A show
///
/// Prices and how much is left, by zone.
#[utoipa::path(
    get, path = "/v1/shows/{show}", operation_id = "show", tag = "Shows",
    params(
        ("show" = ShowId, Path, description = "The show"),
        ShowQuery,
        IfNoneMatch
    ),
    responses(
        (
            status = 200, description = "The show", body = ShowDetails,
            headers(
                ("ETag" = String, description = "Names this version"),
                ("X-Read-Model" = String, description = "`postgres` or `memory`: where the answer comes from"),
                ("Age" = u64, description = "Whole seconds by which it is behind the log")
            )
        ),
        (status = 304, description = "The version at hand is the present one")
    )
)]
pub(crate) async fn show(
    State(ports): State<Arc<QueryPorts>>,
    ApiPath(show_id): ApiPath<ShowId>,
    ApiQuery(query): ApiQuery<ShowQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let from_tables = |reads: Arc<PostgresReads>| async move {
        let found = reads.show(show_id).await?;
        Ok(found.map(|(show, summary)| (MapSource::Postgres(show, reads), summary)))
    };
    let from_memory = |models: &ReadModels| {
        let map = models.show(show_id)?;
        let summary = map.summary();
        Some((MapSource::Memory(map), summary))
    };
    let wanted = MinPosition { min_position: query.min_position };
    let (found, origin) = ports.read(wanted, from_tables, from_memory).await?;
    let Some((map, summary)) = found else { return Ok(origin.mark(SHOW_UNKNOWN)) };
    let info = map.info();
    let show = answer(info, &summary, (ports.now)());
    // Sales can open by the clock alone, without an event.
    let etag = etag(summary.position, &format!("{:?}", show.sales));
    if is_known(&headers, &etag) {
        return Ok(origin.mark(not_modified(etag)));
    }
    let seating = &info.seating;
    let zones = seating.plan().zones.iter().zip(seating.zone_spans()).zip(&summary.zones);
    let zones = zones.map(|((zone, span), counts)| ZoneAnswer {
        name: zone.name.clone(),
        price: money(zone.price, info.currency),
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
        hold_seconds: info.hold_seconds,
        max_seats_per_customer: info.max_seats_per_customer,
        zones: zones.collect(),
        plan_url: plan::url(map.plan_hash()),
        position: summary.position,
    };
    let mut response = origin.mark(Json(details));
    response.headers_mut().insert(ETAG, etag);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// The entity tag of something as of a position.
pub(super) fn etag(position: Position, variant: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{position}-{variant}\""))
        .expect("digits and letters are a header value")
}
