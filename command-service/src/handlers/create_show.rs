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

use super::{Organiser, answer};
use crate::idempotency::RequestKey;
use crate::problems;
use crate::service::CommandService;
use crate::settlement;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateShowRequest {
    name: String,
    venue: String,
    starts_at: Timestamp,
    currency: Currency,
    sales_open_at: Option<Timestamp>,
    max_seats_per_customer: Option<u32>,
    hold_seconds: Option<u32>,
    zones: Vec<ZoneSpec>,
    focal_point: Option<Point>,
    #[serde(default)]
    decor: Vec<Decor>,
}

#[derive(Serialize)]
struct CreateShowAnswer {
    show_id: ShowId,
    seats_total: usize,
    position: Position,
}

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
    if service.shows.get(show_id).is_none() {
        // Refused before a task is started for it.
        let now = service.clock.now();
        decide(&ShowState::default(), &command, &Context { now })
            .map_err(|rejection| problems::rejection(rejection, None))?;
    }
    let (show, is_new) = service.shows.get_or_start(show_id);
    if is_new {
        // With the task and not after the answer: a client that hangs up must not leave the show without it.
        settlement::start(&service, show_id);
    }
    let done = service.execute(&show, command, Some(request)).await?;
    let body =
        CreateShowAnswer { show_id, seats_total: done.info.seating.seat_count(), position: done.position };
    Ok(answer(StatusCode::CREATED, body, done.replayed))
}

fn command(show_id: ShowId, request: CreateShowRequest) -> Result<ShowCommand, Problem> {
    let plan = PlanSpec { focal_point: request.focal_point, zones: request.zones, decor: request.decor };
    let plan = plan.check(request.currency);
    let plan = plan
        .map_err(|error| Problem::rule("invalid_plan", "The plan breaks a rule").detail(error.to_string()))?;
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
