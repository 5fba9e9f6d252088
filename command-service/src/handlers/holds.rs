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

use super::{HoldToken, json_answer};
use crate::answers::hold_answer;
use crate::environment::fresh_ulid;
use crate::idempotency::RequestKey;
use crate::problems;
use crate::service::CommandService;
use crate::show_task::Outcome;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldRequest {
    seats: Option<Vec<String>>,
    #[serde(default)]
    expected_revisions: BTreeMap<String, u32>,
    best_available: Option<BestAvailableRequest>,
    general: Option<GeneralRequest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BestAvailableRequest {
    zone: Option<String>,
    quantity: u32,
    #[serde(default)]
    together: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GeneralRequest {
    zone: String,
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

pub(crate) async fn hold(
    State(service): State<Arc<CommandService>>,
    ApiPath(show_id): ApiPath<ShowId>,
    key: IdempotencyKey,
    body: ApiJson<HoldRequest>,
) -> Result<Response, Problem> {
    let request = RequestKey::new("", &[b"hold", &show_id.to_bytes()], key.as_str(), &body.raw);
    let selection = body.value.selection()?;
    let hold_id = HoldId::from_bytes(fresh_ulid(service.clock.now()));
    let command = ShowCommand::HoldSeats(HoldSeats { hold_id, customer_id: None, selection });
    let done = service.execute(&service.show(show_id)?, command, Some(request)).await?;
    match done.events.first() {
        Some(ShowEvent::SeatsHeld(event)) => {
            let body = hold_answer(&done.info, event, done.position, &service.hold_tokens);
            Ok(json_answer(StatusCode::CREATED, body, done.replayed))
        }
        _ => Err(problems::outcome(Outcome::KeyReused)),
    }
}

pub(crate) async fn release(
    State(service): State<Arc<CommandService>>,
    ApiPath((show_id, hold_id)): ApiPath<(ShowId, HoldId)>,
    token: HoldToken,
) -> Result<Response, Problem> {
    token.check(&service, hold_id)?;
    let show = service.show(show_id)?;
    service.execute(&show, ShowCommand::ReleaseHold { hold_id }, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
