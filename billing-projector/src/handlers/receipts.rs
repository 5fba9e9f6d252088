//! `GET /v1/orders/{order}/receipt.pdf` and `/credit-notes/{folio}.pdf`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use ticketflow_domain::OrderId;
use ticketflow_domain::billing::{DocumentView, OrderDocuments};
use ticketflow_http::{ApiPath, ApiQuery, Problem};

use crate::words;

use super::{
    DOCUMENT_UNKNOWN, DocumentPorts, DocumentQuery, Found, PendingAnswer, pdf, pending, press_problem,
};

/// The receipt of an order
#[utoipa::path(
    get, path = "/v1/orders/{order}/receipt.pdf", operation_id = "receiptPdf", tag = "Orders",
    params(("order" = OrderId, Path, description = "The order"), DocumentQuery),
    responses(
        (status = 200, description = "The receipt", content_type = "application/pdf"),
        (status = 202, description = "Not issued yet", body = PendingAnswer,
            headers(("Retry-After" = u64, description = "Seconds"))),
    )
)]
pub(crate) async fn receipt(
    State(ports): State<Arc<DocumentPorts>>,
    ApiPath(order_id): ApiPath<OrderId>,
    ApiQuery(query): ApiQuery<DocumentQuery>,
) -> Result<Response, Problem> {
    let Found::Issued(documents, _) = ports.order(order_id)? else { return Ok(pending()) };
    let view = documents.receipt;
    draw(&ports, order_id, &documents, view, &query).await
}

/// A credit note of an order
#[utoipa::path(
    get, path = "/v1/orders/{order}/credit-notes/{file}", operation_id = "creditNotePdf", tag = "Orders",
    params(
        ("order" = OrderId, Path, description = "The order"),
        ("file" = String, Path, description = "The credit note's folio and `.pdf`"), DocumentQuery
    ),
    responses(
        (status = 200, description = "The credit note", content_type = "application/pdf"),
        (status = 202, description = "The receipt is not issued yet", body = PendingAnswer,
            headers(("Retry-After" = u64, description = "Seconds"))),
    )
)]
pub(crate) async fn credit_note(
    State(ports): State<Arc<DocumentPorts>>,
    ApiPath((order_id, file)): ApiPath<(OrderId, String)>,
    ApiQuery(query): ApiQuery<DocumentQuery>,
) -> Result<Response, Problem> {
    let found = ports.order(order_id)?;
    let folio: u64 =
        file.strip_suffix(".pdf").and_then(|folio| folio.parse().ok()).ok_or(DOCUMENT_UNKNOWN)?;
    let Found::Issued(documents, _) = found else { return Ok(pending()) };
    let view = documents.credit_notes.iter().find(|note| note.document.folio == folio);
    let view = *view.ok_or(DOCUMENT_UNKNOWN)?;
    draw(&ports, order_id, &documents, view, &query).await
}

async fn draw(
    ports: &DocumentPorts,
    order_id: OrderId,
    documents: &OrderDocuments,
    view: DocumentView,
    query: &DocumentQuery,
) -> Result<Response, Problem> {
    let drawing = async {
        let copy = ports.press.copy(documents, order_id, view.source_position).await?;
        ports.press.receipt(documents, view, Arc::new(copy), ports.style(query)).await
    };
    let bytes = drawing.await.map_err(|error| press_problem(order_id, &error))?;
    let name = words::document_file(ports.style(query).language, view.document.document_type);
    Ok(pdf(&format!("{name}-{}.pdf", view.document.folio), bytes))
}
