//! `GET /v1/orders/{order}/receipt.pdf` and `/credit-notes/{folio}.pdf`; and as their authority has them, `receipt.xml` and
//! `/credit-notes/{folio}.xml`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use ticketflow_domain::OrderId;
use ticketflow_domain::billing::{DocumentView, OrderDocuments, Scheme};
use ticketflow_http::{ApiPath, ApiQuery, Problem};

use crate::words;

use super::{
    DOCUMENT_UNKNOWN, DocumentPorts, DocumentQuery, Found, NO_FISCAL_DOCUMENT, PendingAnswer, file, pdf,
    pending, press_problem,
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

/// The receipt of an order, as the tax authority has it
///
/// Signed, in ISO-8859-1. The same bytes each time.
#[utoipa::path(
    get, path = "/v1/orders/{order}/receipt.xml", operation_id = "receiptXml", tag = "Orders",
    params(("order" = OrderId, Path, description = "The order")),
    responses(
        (status = 200, description = "The signed document", content_type = "application/xml"),
        (status = 202, description = "Not issued yet", body = PendingAnswer,
            headers(("Retry-After" = u64, description = "Seconds"))),
    )
)]
pub(crate) async fn receipt_xml(
    State(ports): State<Arc<DocumentPorts>>,
    ApiPath(order_id): ApiPath<OrderId>,
) -> Result<Response, Problem> {
    let Found::Issued(documents, _) = ports.order(order_id)? else { return Ok(pending()) };
    let view = documents.receipt;
    sign(&ports, order_id, &documents, view).await
}

/// A credit note of an order
///
/// As PDF, or as the tax authority has it: signed, in ISO-8859-1, the same bytes each time.
#[utoipa::path(
    get, path = "/v1/orders/{order}/credit-notes/{file}", operation_id = "creditNote", tag = "Orders",
    params(
        ("order" = OrderId, Path, description = "The order"),
        ("file" = String, Path, description = "The credit note's folio and `.pdf` or `.xml`"), DocumentQuery
    ),
    responses(
        (status = 200, description = "The credit note", content(("application/pdf"), ("application/xml"))),
        (status = 202, description = "The receipt is not issued yet", body = PendingAnswer,
            headers(("Retry-After" = u64, description = "Seconds"))),
    )
)]
pub(crate) async fn credit_note(
    State(ports): State<Arc<DocumentPorts>>,
    ApiPath((order_id, name)): ApiPath<(OrderId, String)>,
    ApiQuery(query): ApiQuery<DocumentQuery>,
) -> Result<Response, Problem> {
    let found = ports.order(order_id)?;
    let (folio, ending) = name.rsplit_once('.').ok_or(DOCUMENT_UNKNOWN)?;
    let folio: u64 = folio.parse().map_err(|_| DOCUMENT_UNKNOWN)?;
    if !["pdf", "xml"].contains(&ending) {
        return Err(DOCUMENT_UNKNOWN);
    }
    let Found::Issued(documents, _) = found else { return Ok(pending()) };
    let view = documents.credit_notes.iter().find(|note| note.document.folio == folio);
    let view = *view.ok_or(DOCUMENT_UNKNOWN)?;
    if ending == "xml" {
        return sign(&ports, order_id, &documents, view).await;
    }
    draw(&ports, order_id, &documents, view, &query).await
}

async fn sign(
    ports: &DocumentPorts,
    order_id: OrderId,
    documents: &OrderDocuments,
    view: DocumentView,
) -> Result<Response, Problem> {
    if documents.scheme == Scheme::Plain {
        return Err(NO_FISCAL_DOCUMENT);
    }
    let signing = async {
        let copy = ports.press.copy(documents, order_id, view.source_position).await?;
        let language = ports.style.for_buyer(copy.buyer.as_ref()).language;
        Ok((language, ports.press.signed(documents, view, Arc::new(copy)).await?))
    };
    let (language, signed) = signing.await.map_err(|error| press_problem(order_id, &error))?;
    let signed = signed.ok_or(NO_FISCAL_DOCUMENT)?;
    let name = words::document_file(language, view.document.document_type);
    Ok(file(&format!("{name}-{}.xml", view.document.folio), "application/xml", signed.to_xml()))
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
        let style = ports.style(query, &copy);
        let name = words::document_file(style.language, view.document.document_type);
        Ok((name, ports.press.receipt(documents, view, Arc::new(copy), style).await?))
    };
    let (name, bytes) = drawing.await.map_err(|error| press_problem(order_id, &error))?;
    Ok(pdf(&format!("{name}-{}.pdf", view.document.folio), bytes))
}
