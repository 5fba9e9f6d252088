//! `GET /v1/ops/refused-documents` and `POST /v1/ops/refused-documents`: what the authority did not take, and having it submitted again.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use ticketflow_domain::billing::{BillingCommand, DocumentType};
use ticketflow_domain::{OrderId, Timestamp};
use ticketflow_event_store::StreamId;
use ticketflow_http::Problem;
use utoipa::ToSchema;

use super::folios::FiscalHttpPorts;
use super::{carry_out_all, catch_up};

/// So many are listed: who has more has one cause to find, not each.
const MOST_LISTED: usize = 1_000;

/// What the authority did not take.
#[derive(Serialize, ToSchema)]
#[schema(as = RefusedList, example = json!({"data": [{
    "document_type": "taxed_receipt", "folio": 12, "order_id": "01KBN68H3J5K7M9P1R3T5V7X9Z",
    "issued_at": "2027-05-01T15:03:22.000Z", "reason": "the folio was used for another document"
}], "has_more": false}))]
pub(crate) struct ListAnswer {
    data: Vec<RefusedAnswer>,
    /// Whether there are more than are listed.
    has_more: bool,
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
    catch_up(&ports.store, &ports.books).await?;
    let books = ports.books.read();
    let mut refused = books.iter().flat_map(|(_, books)| books.refused());
    let data = refused.by_ref().take(MOST_LISTED).map(|(document, progress, reason)| RefusedAnswer {
        document_type: document.document_type,
        folio: document.folio,
        order_id: progress.order_id,
        issued_at: progress.issued_at,
        reason: reason.to_owned(),
    });
    let data = data.collect();
    Ok(Json(ListAnswer { data, has_more: refused.next().is_some() }).into_response())
}

/// Submit refused documents again
///
/// All of them, as they are, once each, within seconds. That an operator asked for it is an event.
#[utoipa::path(
    post, path = "/v1/ops/refused-documents", operation_id = "resubmit_refused_documents", tag = "Operations",
    responses((status = 202, description = "They are submitted")), security(("operator_key" = []))
)]
pub(crate) async fn submit_again(
    State(ports): State<Arc<FiscalHttpPorts>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    ports.operator_key.check(&headers)?;
    catch_up(&ports.store, &ports.books).await?;
    let mut wanted: BTreeMap<StreamId, Vec<BillingCommand>> = BTreeMap::new();
    for (stream, books) in ports.books.read().iter() {
        let refused = books.refused().map(|(document, ..)| document);
        wanted.insert(stream, refused.map(|document| BillingCommand::Reopen { document }).collect());
    }
    carry_out_all(&ports.store, &ports.books, wanted, (ports.now)()).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
