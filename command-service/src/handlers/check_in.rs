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

use super::Organiser;
use crate::problems;
use crate::service::CommandService;
use crate::show_task::Outcome;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckInRequest {
    ticket: String,
    gate: String,
}

#[derive(Serialize)]
struct CheckInAnswer {
    admitted: bool,
    ticket_id: TicketId,
    seat: String,
    position: Position,
}

pub(crate) async fn check_in(
    State(service): State<Arc<CommandService>>,
    _door: Organiser,
    ApiPath(show_id): ApiPath<ShowId>,
    body: ApiJson<CheckInRequest>,
) -> Result<Response, Problem> {
    let code = service.signer.read(&body.value.ticket);
    let code =
        code.map_err(|error| Problem::rule("forged", "The ticket is not genuine").detail(error.to_string()))?;
    if code.show_id != show_id {
        return Err(
            Problem::rule("wrong_show", "The ticket is for another show").member("show_id", code.show_id)
        );
    }
    let command = ShowCommand::CheckIn {
        ticket_id: code.ticket_id,
        seat: code.seat,
        generation: code.generation,
        gate: body.value.gate,
    };
    let show = service.show(show_id)?;
    match show.decide(command, None).await {
        Outcome::Done(done) => {
            let seat = done.info.seating.place(code.seat).to_string();
            let (ticket_id, position) = (code.ticket_id, done.position);
            Ok(Json(CheckInAnswer { admitted: true, ticket_id, seat, position }).into_response())
        }
        Outcome::Rejected(Rejection::TicketRefunded, _) => {
            Err(Problem::rule("refunded", "The ticket was given back").detail("the ticket no longer admits"))
        }
        other => Err(problems::outcome(other)),
    }
}
