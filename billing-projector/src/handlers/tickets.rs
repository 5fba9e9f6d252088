//! `GET /v1/orders/{order}/tickets.pdf` and `/tickets/{ticket}.pdf`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use ticketflow_domain::billing::OrderDocuments;
use ticketflow_domain::{OrderId, TicketId};
use ticketflow_http::{ApiPath, ApiQuery, Problem};

use super::{
    DOCUMENT_UNKNOWN, DocumentPorts, DocumentQuery, Found, PendingAnswer, TICKET_REFUNDED, pdf, pending,
    press_problem,
};

/// The tickets of an order
///
/// A page for each ticket that was not given back.
#[utoipa::path(
    get, path = "/v1/orders/{order}/tickets.pdf", operation_id = "ticketsPdf", tag = "Orders",
    params(("order" = OrderId, Path, description = "The order"), DocumentQuery),
    responses(
        (status = 200, description = "The tickets", content_type = "application/pdf"),
        (status = 202, description = "Not issued yet", body = PendingAnswer,
            headers(("Retry-After" = u64, description = "Seconds"))),
    )
)]
pub(crate) async fn all(
    State(ports): State<Arc<DocumentPorts>>,
    ApiPath(order_id): ApiPath<OrderId>,
    ApiQuery(query): ApiQuery<DocumentQuery>,
) -> Result<Response, Problem> {
    let Found::Issued(documents, refunded) = ports.order(order_id)? else { return Ok(pending()) };
    let live = move |ticket| !refunded.contains(&ticket);
    let drawn = draw(&ports, order_id, &documents, live, &query).await?;
    Ok(pdf(&format!("entradas-{order_id}.pdf"), drawn.ok_or(TICKET_REFUNDED)?))
}

/// A ticket
#[utoipa::path(
    get, path = "/v1/orders/{order}/tickets/{file}", operation_id = "ticketPdf", tag = "Orders",
    params(
        ("order" = OrderId, Path, description = "The order"),
        ("file" = String, Path, description = "The ticket's id and `.pdf`"), DocumentQuery
    ),
    responses(
        (status = 200, description = "The ticket", content_type = "application/pdf"),
        (status = 202, description = "Not issued yet", body = PendingAnswer,
            headers(("Retry-After" = u64, description = "Seconds"))),
    )
)]
pub(crate) async fn one(
    State(ports): State<Arc<DocumentPorts>>,
    ApiPath((order_id, file)): ApiPath<(OrderId, String)>,
    ApiQuery(query): ApiQuery<DocumentQuery>,
) -> Result<Response, Problem> {
    let found = ports.order(order_id)?;
    let wanted: TicketId =
        file.strip_suffix(".pdf").and_then(|id| id.parse().ok()).ok_or(DOCUMENT_UNKNOWN)?;
    let Found::Issued(documents, refunded) = found else { return Ok(pending()) };
    if refunded.contains(&wanted) {
        return Err(TICKET_REFUNDED);
    }
    let drawn = draw(&ports, order_id, &documents, move |ticket| ticket == wanted, &query).await?;
    Ok(pdf(&format!("entrada-{wanted}.pdf"), drawn.ok_or(DOCUMENT_UNKNOWN)?))
}

async fn draw(
    ports: &DocumentPorts,
    order_id: OrderId,
    documents: &OrderDocuments,
    only: impl Fn(TicketId) -> bool + Send + 'static,
    query: &DocumentQuery,
) -> Result<Option<Vec<u8>>, Problem> {
    let drawing = async {
        let copy = ports.press.copy(documents, order_id, documents.receipt.source_position).await?;
        let style = ports.style(query, &copy);
        ports.press.tickets(documents, Arc::new(copy), only, style).await
    };
    drawing.await.map_err(|error| press_problem(order_id, &error))
}
