//! `GET /v1/orders/{order}`: an order with its tickets. Its id is the key to it: 80 random bits that nobody else is told.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};
use ticketflow_domain::show::{ShowInfo, TicketStatus};
use ticketflow_domain::{Money, OrderId, ShowId, TicketId, Timestamp};
use ticketflow_event_store::Position;
use ticketflow_http::{ApiPath, ApiQuery, Problem};
use ticketflow_ticket_code::{TicketCode, TicketSigner};

use super::{MinPosition, QueryPorts, money};
use crate::orders::{OrderView, TicketView};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderQuery {
    min_position: Option<Position>,
}

#[derive(Serialize)]
struct OrderAnswer {
    order_id: OrderId,
    show_id: ShowId,
    show_name: String,
    venue: String,
    starts_at: Timestamp,
    status: &'static str,
    total: Money,
    refunded: Money,
    tickets: Vec<TicketAnswer>,
    documents: &'static str,
    paid_at: Timestamp,
    position: Position,
}

#[derive(Serialize)]
struct TicketAnswer {
    ticket_id: TicketId,
    seat: String,
    zone: String,
    row: String,
    number: String,
    price: Money,
    status: TicketStatus,
    qr: String,
}

pub(crate) async fn order(
    State(ports): State<Arc<QueryPorts>>,
    ApiPath(order_id): ApiPath<OrderId>,
    ApiQuery(query): ApiQuery<OrderQuery>,
) -> Result<Response, Problem> {
    ports.reach(MinPosition { min_position: query.min_position }).await?;
    let unknown = || Problem::not_found("order_unknown", "There is no such order");
    let order = ports.models.order(order_id).ok_or_else(unknown)?;
    let map = ports.models.show(order.show_id).ok_or_else(unknown)?;
    let answer = answer(order_id, &order, &map.info, &ports.signer);
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

fn answer(order_id: OrderId, order: &OrderView, info: &ShowInfo, signer: &TicketSigner) -> OrderAnswer {
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
        documents: "pending",
        paid_at: order.paid_at,
        position: order.position,
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
