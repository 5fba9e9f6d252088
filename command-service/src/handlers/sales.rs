//! `POST /v1/shows/{show}/open`, `/close`, `/cancel`: an organiser opens and closes sales, or calls the show off.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use ticketflow_domain::ShowId;
use ticketflow_domain::show::{SalesStatus, ShowCommand};
use ticketflow_event_store::Position;
use ticketflow_http::{ApiJson, ApiPath, IdempotencyKey, Problem};

use super::{Organiser, answer};
use crate::idempotency::RequestKey;
use crate::service::CommandService;

#[derive(Serialize)]
struct SalesAnswer {
    show_id: ShowId,
    sales: SalesStatus,
    position: Position,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelRequest {
    reason: String,
}

pub(crate) async fn open(
    State(service): State<Arc<CommandService>>,
    _organiser: Organiser,
    ApiPath(show_id): ApiPath<ShowId>,
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    let request = request_key(b"open", show_id, &key, b"");
    change(&service, show_id, ShowCommand::OpenSales, SalesStatus::Open, request).await
}

pub(crate) async fn close(
    State(service): State<Arc<CommandService>>,
    _organiser: Organiser,
    ApiPath(show_id): ApiPath<ShowId>,
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    let request = request_key(b"close", show_id, &key, b"");
    change(&service, show_id, ShowCommand::CloseSales, SalesStatus::Closed, request).await
}

pub(crate) async fn cancel(
    State(service): State<Arc<CommandService>>,
    _organiser: Organiser,
    ApiPath(show_id): ApiPath<ShowId>,
    key: IdempotencyKey,
    body: ApiJson<CancelRequest>,
) -> Result<Response, Problem> {
    let request = request_key(b"cancel", show_id, &key, &body.raw);
    let command = ShowCommand::CancelShow { reason: body.value.reason };
    change(&service, show_id, command, SalesStatus::Cancelled, request).await
}

fn request_key(operation: &[u8], show_id: ShowId, key: &IdempotencyKey, body: &[u8]) -> RequestKey {
    RequestKey::new("organiser", &[operation, &show_id.to_bytes()], key.as_str(), body)
}

async fn change(
    service: &CommandService,
    show_id: ShowId,
    command: ShowCommand,
    sales: SalesStatus,
    request: RequestKey,
) -> Result<Response, Problem> {
    let show = service.show(show_id)?;
    let done = service.execute(&show, command, Some(request)).await?;
    Ok(answer(StatusCode::OK, SalesAnswer { show_id, sales, position: done.position }, done.replayed))
}
