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
use utoipa::ToSchema;

use super::{Organiser, answer};
use crate::idempotency::RequestKey;
use crate::problems;
use crate::service::CommandService;

/// Why sales are neither opened nor closed.
pub(crate) const SALES_REFUSALS: &[Problem] = &[problems::SHOW_CANCELLED, problems::KEY_REUSED];
/// Why a show is not called off.
pub(crate) const CANCEL_REFUSALS: &[Problem] = &[problems::INVALID_SHOW, problems::KEY_REUSED];

/// Whether a show is on sale.
#[derive(Serialize, ToSchema)]
#[schema(as = Sales, example = json!({"show_id": "01KBN5Z3V0Q8W4R6T9Y2M7C1XD", "sales": "open", "position": 2}))]
pub(crate) struct SalesAnswer {
    show_id: ShowId,
    sales: SalesStatus,
    #[schema(value_type = u64)]
    position: Position,
}

/// Why a show is called off.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Cancellation, example = json!({"reason": "the singer is ill"}))]
pub(crate) struct CancelRequest {
    /// At most 500 characters.
    reason: String,
}

/// Open sales
///
/// Does nothing if they are open.
#[utoipa::path(
    post, path = "/v1/shows/{show}/open", operation_id = "open_sales", tag = "Shows",
    params(("show" = ShowId, Path, description = "The show"), IdempotencyKey),
    responses((status = 200, description = "Open", body = SalesAnswer)),
    security(("operator_key" = []))
)]
pub(crate) async fn open(
    State(service): State<Arc<CommandService>>,
    _organiser: Organiser,
    ApiPath(show_id): ApiPath<ShowId>,
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    let request = request_key(b"open", show_id, &key, b"");
    change(&service, show_id, ShowCommand::OpenSales, SalesStatus::Open, request).await
}

/// Close sales
///
/// Holds that stand may still be paid; doors go on. Sales can be opened again.
#[utoipa::path(
    post, path = "/v1/shows/{show}/close", operation_id = "close_sales", tag = "Shows",
    params(("show" = ShowId, Path, description = "The show"), IdempotencyKey),
    responses((status = 200, description = "Closed", body = SalesAnswer)),
    security(("operator_key" = []))
)]
pub(crate) async fn close(
    State(service): State<Arc<CommandService>>,
    _organiser: Organiser,
    ApiPath(show_id): ApiPath<ShowId>,
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    let request = request_key(b"close", show_id, &key, b"");
    change(&service, show_id, ShowCommand::CloseSales, SalesStatus::Closed, request).await
}

/// Call a show off
///
/// For good: every ticket that was not used is refunded.
#[utoipa::path(
    post, path = "/v1/shows/{show}/cancel", operation_id = "cancel_show", tag = "Shows",
    params(("show" = ShowId, Path, description = "The show"), IdempotencyKey),
    request_body = CancelRequest,
    responses((status = 200, description = "Called off", body = SalesAnswer)),
    security(("operator_key" = []))
)]
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
    service: &Arc<CommandService>,
    show_id: ShowId,
    command: ShowCommand,
    sales: SalesStatus,
    request: RequestKey,
) -> Result<Response, Problem> {
    let show = service.show(show_id).await?;
    let done = service.execute(&show, command, Some(request)).await?;
    Ok(answer(StatusCode::OK, SalesAnswer { show_id, sales, position: done.position }, done.replayed))
}
