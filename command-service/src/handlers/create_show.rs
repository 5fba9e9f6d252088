//! `POST /v1/shows`: an organiser creates a show from a plan.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use ticketflow_domain::plan::spec::ZoneSpec;
use ticketflow_domain::plan::{Decor, PlanSpec, Point};
use ticketflow_domain::show::{Context, ShowCommand, ShowState, decide};
use ticketflow_domain::{Currency, ShowId, Timestamp};
use ticketflow_event_store::Position;
use ticketflow_http::{ApiJson, IdempotencyKey, PLAN_BODY_LIMIT_BYTES, Problem};
use utoipa::ToSchema;

use super::{Organiser, answer};
use crate::idempotency::RequestKey;
use crate::problems;
use crate::service::CommandService;

const INVALID_PLAN: Problem = Problem::rule("invalid_plan", "The plan breaks a rule");

/// Why a show is not made.
pub(crate) const REFUSALS: &[Problem] = &[
    problems::SHOW_EXISTS,
    INVALID_PLAN,
    problems::INVALID_SHOW,
    problems::KEY_REUSED,
    problems::BUSY,
    problems::TOO_LARGE,
    problems::STORAGE_LOW,
    problems::UNAVAILABLE,
];

/// A show with its plan. `docs/plan-format.md` describes plans in full.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewShow, example = json!({
    "name": "Noche de Tangos", "venue": "Sala de Ensayo, Concepción", "starts_at": "2027-05-21T23:30:00Z",
    "currency": "CLP", "max_seats_per_customer": 6, "hold_seconds": 600,
    "zones": [
        {"name": "Platea", "price": 25000, "rows": [
            {"label": "A", "seats": 12}, {"label": "B", "seats": ["1", "2", "3", "3b", "4"]}
        ]},
        {"name": "Cancha", "price": {"amount": 12000, "currency": "CLP"}, "capacity": 100}
    ]
}))]
pub(crate) struct CreateShowRequest {
    /// 1 to 200 characters.
    name: String,
    /// 1 to 200 characters.
    venue: String,
    starts_at: Timestamp,
    /// Of all prices.
    currency: Currency,
    /// When sales open by themselves; without it the organiser opens them.
    sales_open_at: Option<Timestamp>,
    #[schema(minimum = 1)]
    max_seats_per_customer: Option<u32>,
    /// How long a hold lasts; 600 unless said otherwise.
    #[schema(minimum = 1, maximum = 7200)]
    hold_seconds: Option<u32>,
    /// In plan order.
    zones: Vec<ZoneSpec>,
    /// What the audience looks at; the middle of the stage edge when left out.
    focal_point: Option<Point>,
    /// Shapes behind the seats.
    #[serde(default)]
    decor: Vec<Decor>,
}

/// A show that was made.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedShow, example = json!({
    "show_id": "01KBN5Z3V0Q8W4R6T9Y2M7C1XD", "seats_total": 117, "position": 1
}))]
pub(crate) struct CreateShowAnswer {
    show_id: ShowId,
    seats_total: usize,
    #[schema(value_type = u64)]
    position: Position,
}

/// Create a show
///
/// Sales are not open: see `open`, or `sales_open_at`. The body has at most 16 MiB.
#[utoipa::path(
    post, path = "/v1/shows", operation_id = "create_show", tag = "Shows",
    params(IdempotencyKey),
    request_body = CreateShowRequest,
    responses((status = 201, description = "Created", body = CreateShowAnswer)),
    security(("operator_key" = []))
)]
pub(crate) async fn create(
    State(service): State<Arc<CommandService>>,
    _organiser: Organiser,
    key: IdempotencyKey,
    body: ApiJson<CreateShowRequest, PLAN_BODY_LIMIT_BYTES>,
) -> Result<Response, Problem> {
    let request = RequestKey::new("organiser", &[b"create_show"], key.as_str(), &body.raw);
    // The id follows from the key, so that a retry, on whichever replica, meets the show that the first try made.
    let show_id = ShowId::from_bytes(request.key);
    let command = command(show_id, body.value)?;
    if service.shows.get(show_id).is_none() && !service.exists(show_id) {
        // Refused before a task is started for it.
        let now = service.ports.clock.now();
        decide(&ShowState::default(), &command, &Context { now })
            .map_err(|rejection| problems::rejection(rejection, None))?;
    }
    let show = service.start_show(show_id);
    let done = service.execute(&show, command, Some(request)).await?;
    let body =
        CreateShowAnswer { show_id, seats_total: done.info.seating.seat_count(), position: done.position };
    Ok(answer(StatusCode::CREATED, body, done.replayed))
}

fn command(show_id: ShowId, request: CreateShowRequest) -> Result<ShowCommand, Problem> {
    let plan = PlanSpec { focal_point: request.focal_point, zones: request.zones, decor: request.decor };
    let plan = plan.check(request.currency);
    let plan = plan.map_err(|error| INVALID_PLAN.detail(error.to_string()))?;
    Ok(ShowCommand::CreateShow {
        show_id,
        name: request.name,
        venue: request.venue,
        starts_at: request.starts_at,
        currency: request.currency,
        sales_open_at: request.sales_open_at,
        max_seats_per_customer: request.max_seats_per_customer,
        hold_seconds: request.hold_seconds,
        plan,
    })
}
