//! Answers to commands as JSON, made from the events that carry them out: a replayed answer is made the same way.

use std::io::Write;

use serde::Serialize;
use ticketflow_domain::show::{OrderPaid, SeatRevision, SeatsHeld, ShowInfo, TicketStatus, TicketsRefunded};
use ticketflow_domain::{Money, OrderId, RefundId, TicketId};
use ticketflow_event_store::Position;
use ticketflow_http::write_json_text;

use crate::hold_tokens::HoldTokens;
use ticketflow_ticket_code::{TicketCode, TicketSigner};

/// Room for the answer to a hold without its seats, and for each seat, without growing the buffer.
const HOLD_BYTES: usize = 256;
const SEAT_BYTES: usize = 128;

/// Seats set aside, as JSON. Written by hand: it is given tens of thousands of times a second.
pub(crate) fn hold_answer(
    info: &ShowInfo,
    event: &SeatsHeld,
    position: Position,
    tokens: &HoldTokens,
) -> Vec<u8> {
    let mut json = Vec::with_capacity(HOLD_BYTES + SEAT_BYTES * event.seats.len());
    json.extend_from_slice(b"{\"hold_id\":\"");
    json.extend_from_slice(event.hold_id.write_text(&mut [0; 26]).as_bytes());
    json.extend_from_slice(b"\",\"hold_token\":\"");
    json.extend_from_slice(tokens.token(event.hold_id).as_bytes());
    json.extend_from_slice(b"\",\"seats\":[");
    for (index, held) in event.seats.iter().enumerate() {
        json.extend_from_slice(if index == 0 { b"{\"seat\":" } else { b",{\"seat\":" });
        write_json_text(&mut json, &info.seating.place(held.seat).to_string());
        json.extend_from_slice(b",\"price\":");
        write_money(&mut json, info, info.seating.price(held.seat));
        json.extend_from_slice(b",\"revision\":");
        write_number(&mut json, i64::from(held.revision));
        json.push(b'}');
    }
    json.extend_from_slice(b"],\"total\":");
    write_money(&mut json, info, event.total);
    write!(json, ",\"expires_at\":\"{}\",\"position\":{position}}}", event.expires_at)
        .expect("a vector takes all bytes");
    json
}

fn write_money(json: &mut Vec<u8>, info: &ShowInfo, amount: i64) {
    json.extend_from_slice(b"{\"amount\":");
    write_number(json, amount);
    json.extend_from_slice(b",\"currency\":\"");
    json.extend_from_slice(info.currency.as_str().as_bytes());
    json.extend_from_slice(b"\"}");
}

fn write_number(json: &mut Vec<u8>, number: i64) {
    json.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// An order just paid.
#[derive(Debug, Serialize)]
pub(crate) struct OrderAnswer {
    order_id: OrderId,
    status: TicketStatus,
    total: Money,
    tickets: Vec<TicketAnswer>,
    documents: &'static str,
    position: Position,
}

#[derive(Debug, Serialize)]
struct TicketAnswer {
    ticket_id: TicketId,
    seat: String,
    status: TicketStatus,
    qr: String,
}

impl OrderAnswer {
    /// From the event.
    #[must_use]
    pub(crate) fn new(info: &ShowInfo, event: &OrderPaid, position: Position, signer: &TicketSigner) -> Self {
        let ticket = |(&ticket_id, seat): (&TicketId, &SeatRevision)| TicketAnswer {
            ticket_id,
            seat: info.seating.place(seat.seat).to_string(),
            status: TicketStatus::Paid,
            qr: signer.sign(&TicketCode {
                ticket_id,
                show_id: info.show_id,
                seat: seat.seat,
                generation: seat.revision,
            }),
        };
        Self {
            order_id: event.order_id,
            status: TicketStatus::Paid,
            total: money(info, event.total),
            tickets: event.tickets.iter().zip(&event.seats).map(ticket).collect(),
            documents: "pending",
            position,
        }
    }
}

/// Tickets given back.
#[derive(Debug, Serialize)]
pub(crate) struct RefundAnswer {
    refund_id: RefundId,
    order_id: OrderId,
    tickets: Vec<TicketId>,
    amount: Money,
    position: Position,
}

impl RefundAnswer {
    /// From the event.
    #[must_use]
    pub(crate) fn new(info: &ShowInfo, event: &TicketsRefunded, position: Position) -> Self {
        Self {
            refund_id: event.refund_id,
            order_id: event.order_id,
            tickets: event.tickets.to_vec(),
            amount: money(info, event.amount),
            position,
        }
    }
}

/// An amount in the show's currency.
#[must_use]
pub(crate) fn money(info: &ShowInfo, amount: i64) -> Money {
    Money { amount, currency: info.currency }
}
