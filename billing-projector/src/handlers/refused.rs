//! `GET /v1/ops/refused-documents` and `POST /v1/ops/refused-documents`: what the authority did not take, and having it submitted again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use ticketflow_domain::billing::DocumentType;
use ticketflow_domain::{OrderId, Timestamp};
use ticketflow_http::Problem;
use utoipa::ToSchema;

use super::folios::FiscalHttpPorts;
use crate::billing::RefusedDocument;

/// What the authority did not take, the first thousand.
pub type ListRefused = Arc<dyn Fn() -> Vec<RefusedDocument> + Send + Sync>;

/// What the authority did not take.
#[derive(Serialize, ToSchema)]
#[schema(as = RefusedList, example = json!({"data": [{
    "document_type": "taxed_receipt", "folio": 12, "order_id": "01KBN68H3J5K7M9P1R3T5V7X9Z",
    "issued_at": "2027-05-01T15:03:22.000Z", "reason": "the folio was used for another document"
}]}))]
pub(crate) struct ListAnswer {
    data: Vec<RefusedAnswer>,
}

/// A document that the authority did not take, or that could not be brought before it.
#[derive(Serialize, ToSchema)]
#[schema(as = RefusedDocument, example = json!({
    "document_type": "taxed_receipt", "folio": 12, "order_id": "01KBN68H3J5K7M9P1R3T5V7X9Z",
    "issued_at": "2027-05-01T15:03:22.000Z", "reason": "the folio was used for another document"
}))]
struct RefusedAnswer {
    document_type: DocumentType,
    folio: u64,
    order_id: OrderId,
    issued_at: Timestamp,
    /// In the authority's words.
    reason: String,
}

impl From<RefusedDocument> for RefusedAnswer {
    fn from(refused: RefusedDocument) -> Self {
        let RefusedDocument { document, order_id, issued_at, reason } = refused;
        Self { document_type: document.document_type, folio: document.folio, order_id, issued_at, reason }
    }
}

/// Refused documents
///
/// Receipts and credit notes that the tax authority did not take, the first thousand.
#[utoipa::path(
    get, path = "/v1/ops/refused-documents", operation_id = "refused_documents", tag = "Operations",
    responses((status = 200, description = "By kind and folio", body = ListAnswer)),
    security(("operator_key" = []))
)]
pub(crate) async fn list(
    State(ports): State<Arc<FiscalHttpPorts>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    ports.operator_key.check(&headers)?;
    let data = (ports.refused)().into_iter().map(RefusedAnswer::from).collect();
    Ok(Json(ListAnswer { data }).into_response())
}

/// Submit refused documents again
///
/// All that are listed, as they are, once each.
#[utoipa::path(
    post, path = "/v1/ops/refused-documents", operation_id = "resubmit_refused_documents", tag = "Operations",
    responses((status = 202, description = "They are submitted")), security(("operator_key" = []))
)]
pub(crate) async fn submit_again(
    State(ports): State<Arc<FiscalHttpPorts>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    ports.operator_key.check(&headers)?;
    ports.resubmission.ask();
    Ok(StatusCode::ACCEPTED.into_response())
}
