//! `GET /v1/orders/{order}`: an order with its tickets. Its id is the key to it: 80 random bits that nobody else is told.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};
use ticketflow_domain::billing::{
    AuthorityStatus, DocumentType, DocumentView, DocumentsState, OrderDocuments,
};
use ticketflow_domain::show::{ShowInfo, TicketStatus};
use ticketflow_domain::{Money, OrderId, RefundId, ShowId, TicketId, Timestamp};
use ticketflow_event_store::Position;
use ticketflow_http::{ApiPath, ApiQuery, Problem};
use ticketflow_ticket_code::{TicketCode, TicketSigner};
use utoipa::{IntoParams, ToSchema};

use super::invoices::Documents;
use super::{MinPosition, ORDER_UNKNOWN, QueryPorts, money};
use crate::orders::{OrderView, TicketView};
use crate::postgres::PostgresReads;
use crate::read_models::ReadModels;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrderQuery {
    /// Waits until the answer has this position.
    #[param(value_type = Option<u64>)]
    min_position: Option<Position>,
}

/// An order with its tickets.
#[derive(Serialize, ToSchema)]
#[schema(as = Order, example = json!({
    "order_id": "01KBN68H3J5K7M9P1R3T5V7X9Z", "show_id": "01KBN5Z3V0Q8W4R6T9Y2M7C1XD",
    "show_name": "Noche de Tangos", "venue": "Sala de Ensayo, Concepción", "starts_at": "2027-05-21T23:30:00.000Z",
    "status": "PAID", "total": {"amount": 25000, "currency": "CLP"}, "refunded": {"amount": 0, "currency": "CLP"},
    "tickets": [{
        "ticket_id": "01KBN6A1B2C3D4E5F6G7H8J9KM", "seat": "Platea-A-6", "zone": "Platea", "row": "A", "number": "6",
        "price": {"amount": 25000, "currency": "CLP"}, "status": "PAID",
        "qr": "TF:AEBAGBAFAYDQQCIKBMGA2DQPCAIREEYUCULBOGAZDINRYHI6D4"
    }],
    "documents": "delivered",
    "receipt": {
        "document_type": "receipt", "folio": 12, "issued_at": "2027-05-01T15:03:20.400Z",
        "total": {"amount": 25000, "currency": "CLP"}, "authority": "not_needed", "mailed": true
    },
    "credit_notes": [], "documents_stale": false,
    "paid_at": "2027-05-01T15:03:20.000Z", "position": 5
}))]
pub(crate) struct OrderAnswer {
    order_id: OrderId,
    show_id: ShowId,
    show_name: String,
    venue: String,
    starts_at: Timestamp,
    /// `PAID`, or `REFUNDED` once every ticket was given back.
    status: &'static str,
    /// Paid.
    total: Money,
    /// Of that given back.
    refunded: Money,
    /// In the order of purchase.
    tickets: Vec<TicketAnswer>,
    /// How far receipt and PDF tickets are.
    documents: DocumentsState,
    /// The receipt, once it is issued.
    receipt: Option<DocumentAnswer>,
    /// What took parts of it back, in the order of refunds.
    credit_notes: Vec<DocumentAnswer>,
    /// Whether what is said of documents may be out of date: the database that keeps them answers from its replica.
    documents_stale: bool,
    paid_at: Timestamp,
    #[schema(value_type = u64)]
    position: Position,
}

/// A receipt or a credit note.
#[derive(Serialize, ToSchema)]
#[schema(as = Document)]
struct DocumentAnswer {
    document_type: DocumentType,
    /// Its number among those of its type.
    folio: u64,
    issued_at: Timestamp,
    /// Paid, or given back.
    total: Money,
    /// What the tax authority knows of it.
    authority: AuthorityStatus,
    /// Whether the mail with it was taken by a mail server.
    mailed: bool,
    /// For a credit note: of which refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    refund_id: Option<RefundId>,
}

/// A ticket of an order.
#[derive(Serialize, ToSchema)]
#[schema(as = Ticket)]
struct TicketAnswer {
    ticket_id: TicketId,
    /// `{zone}-{row}-{number}`.
    seat: String,
    zone: String,
    row: String,
    number: String,
    price: Money,
    status: TicketStatus,
    /// The text of its QR code.
    qr: String,
}

/// An order
///
/// Its id is the key to it: nobody else is told.
#[utoipa::path(
    get, path = "/v1/orders/{order}", operation_id = "order", tag = "Orders",
    params(("order" = OrderId, Path, description = "The order"), OrderQuery),
    responses((
        status = 200, description = "The order", body = OrderAnswer,
        headers(
            ("X-Read-Model" = String, description = "`postgres` or `memory`: where the answer comes from"),
            ("Age" = u64, description = "Whole seconds by which it is behind the log"),
            ("X-Invoices" = String, description = "`mariadb`, `mariadb-replica` or `memory`: where its documents are read")
        )
    ))
)]
pub(crate) async fn order(
    State(ports): State<Arc<QueryPorts>>,
    ApiPath(order_id): ApiPath<OrderId>,
    ApiQuery(query): ApiQuery<OrderQuery>,
) -> Result<Response, Problem> {
    let from_memory = |models: &ReadModels| {
        let order = models.order(order_id)?;
        let map = models.show(order.show_id)?;
        Some((order, map.info.clone()))
    };
    let from_tables = |reads: Arc<PostgresReads>| async move { reads.order(order_id).await };
    let wanted = MinPosition { min_position: query.min_position };
    let (found, origin) = ports.read(wanted, from_tables, from_memory).await?;
    let Some((order, info)) = found else { return Ok(origin.mark(ORDER_UNKNOWN)) };
    let documents = ports.documents(order_id).await;
    let answer = answer(order_id, &order, &info, &documents, &ports.signer);
    Ok(documents.mark(origin.mark(([(CACHE_CONTROL, "no-store")], Json(answer)))))
}

fn answer(
    order_id: OrderId,
    order: &OrderView,
    info: &ShowInfo,
    documents: &Documents,
    signer: &TicketSigner,
) -> OrderAnswer {
    let Documents { of_order: documents, is_stale, .. } = documents;
    let documents = documents.as_ref();
    let live = order.tickets.iter().any(|ticket| ticket.status != TicketStatus::Refunded);
    OrderAnswer {
        order_id,
        show_id: order.show_id,
        show_name: info.name.clone(),
        venue: info.venue.clone(),
        starts_at: info.starts_at,
        status: if live { "PAID" } else { "REFUNDED" },
        total: money(order.total, info.currency),
        refunded: money(order.refunded, info.currency),
        tickets: order.tickets.iter().map(|ticket| ticket_answer(ticket, info, signer)).collect(),
        documents: documents.map_or(DocumentsState::Pending, OrderDocuments::state),
        receipt: documents.map(|documents| document_answer(documents, &documents.receipt)),
        credit_notes: documents
            .iter()
            .flat_map(|documents| documents.credit_notes.iter().map(|note| document_answer(documents, note)))
            .collect(),
        documents_stale: *is_stale,
        paid_at: order.paid_at,
        position: order.position,
    }
}

fn document_answer(documents: &OrderDocuments, view: &DocumentView) -> DocumentAnswer {
    DocumentAnswer {
        document_type: view.document.document_type,
        folio: view.document.folio,
        issued_at: view.issued_at,
        total: money(view.amounts.total, documents.currency),
        authority: view.authority,
        mailed: view.is_mailed,
        refund_id: view.refund_id,
    }
}

fn ticket_answer(ticket: &TicketView, info: &ShowInfo, signer: &TicketSigner) -> TicketAnswer {
    let place = info.seating.place(ticket.seat);
    TicketAnswer {
        ticket_id: ticket.id,
        seat: place.to_string(),
        zone: place.zone.to_owned(),
        row: place.row.to_owned(),
        number: place.number.to_string(),
        price: money(info.seating.price(ticket.seat), info.currency),
        status: ticket.status,
        qr: signer.sign(&TicketCode {
            ticket_id: ticket.id,
            show_id: info.show_id,
            seat: ticket.seat,
            generation: ticket.generation,
        }),
    }
}
