//! `POST /v1/orders/{order}/refunds`: tickets are given back, some or all that were not used.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use ticketflow_domain::show::{ShowCommand, ShowEvent};
use ticketflow_domain::{OrderId, RefundId, TicketId};
use ticketflow_http::{ApiJson, ApiPath, IdempotencyKey, Problem};
use utoipa::ToSchema;

use super::answer;
use crate::answers::RefundAnswer;
use crate::environment::fresh_ulid;
use crate::idempotency::RequestKey;
use crate::problems;
use crate::service::CommandService;
use crate::show_task::Outcome;

/// Why tickets are not given back.
pub(crate) const REFUSALS: &[Problem] = &[
    problems::ORDER_UNKNOWN,
    problems::ID_TAKEN,
    problems::TICKET_UNKNOWN,
    problems::TICKET_REFUNDED,
    problems::TICKET_USED,
    problems::INVALID_SHOW,
    problems::KEY_REUSED,
];

/// What to give back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRefund, example = json!({"tickets": ["01KBN6A1B2C3D4E5F6G7H8J9KM"], "reason": "cannot come"}))]
pub(crate) struct RefundRequest {
    /// All that are not given back yet, if left out.
    #[serde(default)]
    tickets: Vec<TicketId>,
    /// At most 500 characters.
    #[serde(default)]
    reason: String,
}

/// Give tickets back
///
/// Paid and unused tickets, each once. Their seats are free at once; the amount is paid out when the charge is settled.
#[utoipa::path(
    post, path = "/v1/orders/{order}/refunds", operation_id = "refund_tickets", tag = "Orders",
    params(("order" = OrderId, Path, description = "The order"), IdempotencyKey),
    request_body = RefundRequest,
    responses((status = 201, description = "Given back", body = RefundAnswer))
)]
pub(crate) async fn refund(
    State(service): State<Arc<CommandService>>,
    ApiPath(order_id): ApiPath<OrderId>,
    key: IdempotencyKey,
    body: ApiJson<RefundRequest>,
) -> Result<Response, Problem> {
    let request = RequestKey::new("", &[b"refund", &order_id.to_bytes()], key.as_str(), &body.raw);
    let located = (service.ports.locate_order)(order_id).await;
    let located = located.map_err(|_| problems::outcome(Outcome::Unavailable))?;
    let show_id = located.ok_or(problems::ORDER_UNKNOWN)?;
    let command = ShowCommand::RefundTickets {
        refund_id: RefundId::from_bytes(fresh_ulid(service.ports.clock.now())),
        order_id,
        tickets: body.value.tickets,
        reason: body.value.reason,
    };
    let done = service.execute(&service.show(show_id).await?, command, Some(request)).await?;
    match done.events.first() {
        Some(ShowEvent::TicketsRefunded(event)) => {
            let body = RefundAnswer::new(&done.info, event, done.position);
            Ok(answer(StatusCode::CREATED, body, done.replayed))
        }
        _ => Err(problems::outcome(Outcome::KeyReused)),
    }
}
