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
use utoipa::ToSchema;

use super::{Organiser, answer};
use crate::idempotency::RequestKey;
use crate::problems;
use crate::service::{CommandService, Executed};

/// Why seats are not taken out of sale.
pub(crate) const BLOCK_REFUSALS: &[Problem] = &[
    problems::SEATS_UNAVAILABLE,
    problems::SEAT_UNKNOWN,
    problems::SEAT_NAMED_TWICE,
    problems::NO_SEATS,
    problems::TOO_MANY_SEATS,
    problems::INVALID_SHOW,
    problems::KEY_REUSED,
];
/// Why seats are not put back on sale.
pub(crate) const UNBLOCK_REFUSALS: &[Problem] = &[
    problems::SEAT_UNKNOWN,
    problems::SEAT_NAMED_TWICE,
    problems::NO_SEATS,
    problems::TOO_MANY_SEATS,
    problems::KEY_REUSED,
];

/// Seats to take out of sale.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SeatsToBlock, example = json!({"seats": ["Platea-B-3", "Platea-B-3b"], "reason": "sound desk"}))]
pub(crate) struct BlockRequest {
    /// At most 20,000.
    seats: Vec<String>,
    /// At most 500 characters.
    #[serde(default)]
    reason: String,
}

/// Seats to put back on sale.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SeatsToUnblock, example = json!({"seats": ["Platea-B-3"]}))]
pub(crate) struct UnblockRequest {
    /// At most 20,000.
    seats: Vec<String>,
}

/// The seats that changed; those that were so before are not among them.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangedSeats, example = json!({"seats": [{"seat": "Platea-B-3", "revision": 1}], "position": 3}))]
pub(crate) struct BlocksAnswer {
    seats: Vec<ChangedSeat>,
    #[schema(value_type = u64)]
    position: Position,
}

/// A seat that changed.
#[derive(Serialize, ToSchema)]
struct ChangedSeat {
    /// `{zone}-{row}-{number}`.
    seat: String,
    /// How often the seat has changed.
    revision: u32,
}

/// Take seats out of sale
///
/// Free seats, all or none.
#[utoipa::path(
    post, path = "/v1/shows/{show}/seats/block", operation_id = "block_seats", tag = "Seats",
    params(("show" = ShowId, Path, description = "The show"), IdempotencyKey),
    request_body = BlockRequest,
    responses((status = 200, description = "Out of sale", body = BlocksAnswer)),
    security(("operator_key" = []))
)]
pub(crate) async fn block(
    State(service): State<Arc<CommandService>>,
    _organiser: Organiser,
    ApiPath(show_id): ApiPath<ShowId>,
    key: IdempotencyKey,
    body: ApiJson<BlockRequest>,
) -> Result<Response, Problem> {
    let request = RequestKey::new("organiser", &[b"block", &show_id.to_bytes()], key.as_str(), &body.raw);
    let command = ShowCommand::BlockSeats { seats: body.value.seats, reason: body.value.reason };
    let done = service.execute(&service.show(show_id).await?, command, Some(request)).await?;
    Ok(changed(&done))
}

/// Put seats back on sale
///
/// Seats that are not blocked stay as they are.
#[utoipa::path(
    post, path = "/v1/shows/{show}/seats/unblock", operation_id = "unblock_seats", tag = "Seats",
    params(("show" = ShowId, Path, description = "The show"), IdempotencyKey),
    request_body = UnblockRequest,
    responses((status = 200, description = "On sale", body = BlocksAnswer)),
    security(("operator_key" = []))
)]
pub(crate) async fn unblock(
    State(service): State<Arc<CommandService>>,
    _organiser: Organiser,
    ApiPath(show_id): ApiPath<ShowId>,
    key: IdempotencyKey,
    body: ApiJson<UnblockRequest>,
) -> Result<Response, Problem> {
    let request = RequestKey::new("organiser", &[b"unblock", &show_id.to_bytes()], key.as_str(), &body.raw);
    let command = ShowCommand::UnblockSeats { seats: body.value.seats };
    let done = service.execute(&service.show(show_id).await?, command, Some(request)).await?;
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
