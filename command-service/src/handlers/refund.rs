//! `POST /v1/orders/{order}/refunds`: tickets are given back, some or all that were not used.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use ticketflow_domain::show::{ShowCommand, ShowEvent};
use ticketflow_domain::{OrderId, RefundId, TicketId};
use ticketflow_http::{ApiJson, ApiPath, IdempotencyKey, Problem};

use super::answer;
use crate::answers::RefundAnswer;
use crate::environment::fresh_ulid;
use crate::idempotency::RequestKey;
use crate::problems;
use crate::service::CommandService;
use crate::show_task::Outcome;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefundRequest {
    #[serde(default)]
    tickets: Vec<TicketId>,
    #[serde(default)]
    reason: String,
}

pub(crate) async fn refund(
    State(service): State<Arc<CommandService>>,
    ApiPath(order_id): ApiPath<OrderId>,
    key: IdempotencyKey,
    body: ApiJson<RefundRequest>,
) -> Result<Response, Problem> {
    let request = RequestKey::new("", &[b"refund", &order_id.to_bytes()], key.as_str(), &body.raw);
    let unknown = || Problem::not_found("order_unknown", "There is no such order");
    let show_id = (service.locate_order)(order_id).await.ok_or_else(unknown)?;
    let command = ShowCommand::RefundTickets {
        refund_id: RefundId::from_bytes(fresh_ulid(service.clock.now())),
        order_id,
        tickets: body.value.tickets,
        reason: body.value.reason,
    };
    let done = service.execute(&service.show(show_id)?, command, Some(request)).await?;
    match done.events.first() {
        Some(ShowEvent::TicketsRefunded(event)) => {
            let body = RefundAnswer::new(&done.info, event, done.position);
            Ok(answer(StatusCode::CREATED, body, done.replayed))
        }
        _ => Err(problems::outcome(Outcome::KeyReused)),
    }
}
