//! `POST /v1/shows/{show}/checkins`: the door admits a ticket, once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use ticketflow_domain::show::{Rejection, ShowCommand};
use ticketflow_domain::{ShowId, TicketId};
use ticketflow_event_store::Position;
use ticketflow_http::{ApiJson, ApiPath, Problem};
use utoipa::ToSchema;

use super::Organiser;
use crate::problems;
use crate::service::CommandService;
use crate::show_task::Outcome;

const FORGED: Problem = Problem::rule("forged", "The ticket is not genuine");
const WRONG_SHOW: Problem = Problem::rule("wrong_show", "The ticket is for another show");
const REFUNDED: Problem = Problem::rule("refunded", "The ticket was given back");

/// Why a ticket is not admitted.
pub(crate) const REFUSALS: &[Problem] = &[
    FORGED,
    WRONG_SHOW,
    REFUNDED,
    problems::ALREADY_USED,
    problems::TICKET_UNKNOWN,
    problems::SHOW_CANCELLED,
    problems::INVALID_SHOW,
    problems::TOO_MANY_GATES,
];

/// A scan at the door.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CheckIn, example = json!({"ticket": "TF:AQEBA5VZ9R7Y", "gate": "North"}))]
pub(crate) struct CheckInRequest {
    /// The text of the QR code.
    ticket: String,
    /// 1 to 64 characters.
    gate: String,
}

/// An admitted ticket.
#[derive(Serialize, ToSchema)]
#[schema(as = Admission, example = json!({
    "admitted": true, "ticket_id": "01KBN6A1B2C3D4E5F6G7H8J9KM", "seat": "Platea-A-6", "position": 12
}))]
pub(crate) struct CheckInAnswer {
    /// Always true: everything else is a problem.
    admitted: bool,
    ticket_id: TicketId,
    /// `{zone}-{row}-{number}`.
    seat: String,
    #[schema(value_type = u64)]
    position: Position,
}

/// Admit a ticket, once
///
/// A second scan is 409 `already_used` with the members `first_used_at` and `gate` of the first. `wrong_show` has the
/// member `show_id`: the show that the ticket is for.
#[utoipa::path(
    post, path = "/v1/shows/{show}/checkins", operation_id = "check_in", tag = "Check-in",
    params(("show" = ShowId, Path, description = "The show")),
    request_body = CheckInRequest,
    responses((status = 200, description = "Admitted", body = CheckInAnswer)),
    security(("operator_key" = []))
)]
pub(crate) async fn check_in(
    State(service): State<Arc<CommandService>>,
    _door: Organiser,
    ApiPath(show_id): ApiPath<ShowId>,
    body: ApiJson<CheckInRequest>,
) -> Result<Response, Problem> {
    let code = service.ports.signer.read(&body.value.ticket);
    let code = code.map_err(|error| FORGED.detail(error.to_string()))?;
    if code.show_id != show_id {
        return Err(WRONG_SHOW.member("show_id", code.show_id));
    }
    let command = ShowCommand::CheckIn {
        ticket_id: code.ticket_id,
        seat: code.seat,
        generation: code.generation,
        gate: body.value.gate,
    };
    let show = service.show(show_id).await?;
    match show.decide(command, None).await {
        Outcome::Done(done) => {
            let seat = done.info.seating.place(code.seat).to_string();
            let (ticket_id, position) = (code.ticket_id, done.position);
            Ok(Json(CheckInAnswer { admitted: true, ticket_id, seat, position }).into_response())
        }
        Outcome::Rejected(Rejection::TicketRefunded, _) => {
            Err(REFUNDED.detail("the ticket no longer admits"))
        }
        other => Err(problems::outcome(other)),
    }
}
