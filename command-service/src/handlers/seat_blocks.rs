//! `POST /v1/shows/{show}/seats/block` and `/unblock`: an organiser takes seats out of sale and puts them back.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use ticketflow_domain::ShowId;
use ticketflow_domain::show::ShowCommand;
use ticketflow_event_store::Position;
use ticketflow_http::{ApiJson, ApiPath, IdempotencyKey, Problem};

use super::{Organiser, answer};
use crate::idempotency::RequestKey;
use crate::service::{CommandService, Executed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockRequest {
    seats: Vec<String>,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnblockRequest {
    seats: Vec<String>,
}

#[derive(Serialize)]
struct BlocksAnswer {
    seats: Vec<ChangedSeat>,
    position: Position,
}

#[derive(Serialize)]
struct ChangedSeat {
    seat: String,
    revision: u32,
}

pub(crate) async fn block(
    State(service): State<Arc<CommandService>>,
    _organiser: Organiser,
    ApiPath(show_id): ApiPath<ShowId>,
    key: IdempotencyKey,
    body: ApiJson<BlockRequest>,
) -> Result<Response, Problem> {
    let request = RequestKey::new("organiser", &[b"block", &show_id.to_bytes()], key.as_str(), &body.raw);
    let command = ShowCommand::BlockSeats { seats: body.value.seats, reason: body.value.reason };
    let done = service.execute(&service.show(show_id)?, command, Some(request)).await?;
    Ok(changed(&done))
}

pub(crate) async fn unblock(
    State(service): State<Arc<CommandService>>,
    _organiser: Organiser,
    ApiPath(show_id): ApiPath<ShowId>,
    key: IdempotencyKey,
    body: ApiJson<UnblockRequest>,
) -> Result<Response, Problem> {
    let request = RequestKey::new("organiser", &[b"unblock", &show_id.to_bytes()], key.as_str(), &body.raw);
    let command = ShowCommand::UnblockSeats { seats: body.value.seats };
    let done = service.execute(&service.show(show_id)?, command, Some(request)).await?;
    Ok(changed(&done))
}

/// The seats that changed; those that were so before are not among them.
fn changed(done: &Executed) -> Response {
    let seats = done.events.iter().flat_map(|event| event.seats());
    let seats = seats.map(|seat| ChangedSeat {
        seat: done.info.seating.place(seat.seat).to_string(),
        revision: seat.revision,
    });
    answer(StatusCode::OK, BlocksAnswer { seats: seats.collect(), position: done.position }, done.replayed)
}
