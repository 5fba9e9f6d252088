//! `POST /v1/shows/{show}/holds` and `DELETE .../holds/{hold}`: a buyer sets seats aside and gives them back.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use ticketflow_domain::show::{HoldSeats, Selection, ShowCommand, ShowEvent};
use ticketflow_domain::{HoldId, ShowId};
use ticketflow_http::{ApiJson, ApiPath, IdempotencyKey, Problem};
use utoipa::ToSchema;

use super::{HOLD_TOKEN_MISSING, HOLD_UNKNOWN, HoldToken, json_answer};
use crate::answers::{HoldAnswer, hold_answer};
use crate::environment::fresh_ulid;
use crate::idempotency::RequestKey;
use crate::problems;
use crate::service::CommandService;
use crate::show_task::Outcome;

/// Why seats are not set aside.
pub(crate) const HOLD_REFUSALS: &[Problem] = &[
    problems::SEATS_UNAVAILABLE,
    problems::SEATS_CHANGED,
    problems::NOT_ENOUGH_SEATS,
    problems::NOT_TOGETHER,
    problems::ID_TAKEN,
    problems::SALES_NOT_OPEN,
    problems::SALES_CLOSED,
    problems::SHOW_CANCELLED,
    problems::SEAT_UNKNOWN,
    problems::ZONE_UNKNOWN,
    problems::SEAT_NAMED_TWICE,
    problems::NO_SEATS,
    problems::TOO_MANY_SEATS,
    problems::ZONE_IS_GENERAL,
    problems::ZONE_IS_NUMBERED,
    problems::CUSTOMER_LIMIT,
    problems::KEY_REUSED,
];

/// Why a hold is not given back.
pub(crate) const RELEASE_REFUSALS: &[Problem] =
    &[HOLD_TOKEN_MISSING, HOLD_UNKNOWN, problems::PAYMENT_UNDER_WAY];

/// What to set aside: exactly one of `seats`, `best_available` and `general`; at most 10 places.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewHold, example = json!({
    "seats": ["Platea-A-6", "Platea-A-7"], "expected_revisions": {"Platea-A-6": 0, "Platea-A-7": 0}
}))]
pub(crate) struct HoldRequest {
    /// Numbered seats by name, all or none.
    #[schema(example = json!(["Platea-A-6", "Platea-A-7"]))]
    seats: Option<Vec<String>>,
    /// The seats as they were seen: 409 `seats_changed` if one has moved since. Goes with `seats`.
    #[serde(default)]
    expected_revisions: BTreeMap<String, u32>,
    /// The best free numbered seats.
    best_available: Option<BestAvailableRequest>,
    /// Places of general admission.
    general: Option<GeneralRequest>,
}

/// The best free numbered seats, chosen by the server.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BestAvailable, example = json!({"zone": "Platea", "quantity": 2, "together": true}))]
struct BestAvailableRequest {
    /// Any zone, if left out.
    zone: Option<String>,
    #[schema(minimum = 1, maximum = 10)]
    quantity: u32,
    /// Only side by side.
    #[serde(default)]
    together: bool,
}

/// Places of a zone without numbered seats.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GeneralPlaces, example = json!({"zone": "Cancha", "quantity": 2}))]
struct GeneralRequest {
    zone: String,
    #[schema(minimum = 1, maximum = 10)]
    quantity: u32,
}

impl HoldRequest {
    fn selection(self) -> Result<Selection, Problem> {
        match (self.seats, self.best_available, self.general) {
            (Some(seats), None, None) => Ok(Selection::Named {
                seats,
                expected_revisions: self.expected_revisions.into_iter().collect(),
            }),
            (None, Some(best), None) if self.expected_revisions.is_empty() => Ok(Selection::BestAvailable {
                zone: best.zone,
                quantity: best.quantity,
                together: best.together,
            }),
            (None, None, Some(general)) if self.expected_revisions.is_empty() => {
                Ok(Selection::General { zone: general.zone, quantity: general.quantity })
            }
            _ => Err(Problem::malformed("invalid_body", "The body does not have the expected shape").detail(
                "give exactly one of seats, best_available and general; expected_revisions goes with seats",
            )),
        }
    }
}

/// Set seats aside
///
/// All or none, for the show's `hold_seconds`. `seats_unavailable` and `seats_changed` name the seats at fault in
/// `conflicting_seats`; `sales_not_open` has the member `opens_at` if the time is known.
#[utoipa::path(
    post, path = "/v1/shows/{show}/holds", operation_id = "hold_seats", tag = "Holds",
    params(("show" = ShowId, Path, description = "The show"), IdempotencyKey),
    request_body = HoldRequest,
    responses((status = 201, description = "Set aside", body = HoldAnswer))
)]
pub(crate) async fn hold(
    State(service): State<Arc<CommandService>>,
    ApiPath(show_id): ApiPath<ShowId>,
    key: IdempotencyKey,
    body: ApiJson<HoldRequest>,
) -> Result<Response, Problem> {
    let request = RequestKey::new("", &[b"hold", &show_id.to_bytes()], key.as_str(), &body.raw);
    let selection = body.value.selection()?;
    let hold_id = HoldId::from_bytes(fresh_ulid(service.ports.clock.now()));
    let command = ShowCommand::HoldSeats(HoldSeats { hold_id, customer_id: None, selection });
    let done = service.execute(&service.show(show_id).await?, command, Some(request)).await?;
    match done.events.first() {
        Some(ShowEvent::SeatsHeld(event)) => {
            let body = hold_answer(&done.info, event, done.position, &service.ports.hold_tokens);
            Ok(json_answer(StatusCode::CREATED, body, done.replayed))
        }
        _ => Err(problems::outcome(Outcome::KeyReused)),
    }
}

/// Give seats back
///
/// A hold that has ended is 204 as well: there is nothing left to give back.
#[utoipa::path(
    delete, path = "/v1/shows/{show}/holds/{hold}", operation_id = "release_hold", tag = "Holds",
    params(
        ("show" = ShowId, Path, description = "The show"),
        ("hold" = HoldId, Path, description = "The hold"),
        HoldToken
    ),
    responses((status = 204, description = "Given back"))
)]
pub(crate) async fn release(
    State(service): State<Arc<CommandService>>,
    ApiPath((show_id, hold_id)): ApiPath<(ShowId, HoldId)>,
    token: HoldToken,
) -> Result<Response, Problem> {
    token.check(&service, hold_id)?;
    let show = service.show(show_id).await?;
    service.execute(&show, ShowCommand::ReleaseHold { hold_id }, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
