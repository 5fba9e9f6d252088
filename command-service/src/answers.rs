//! Answers to commands as JSON, made from the events that carry them out: a replayed answer is made the same way.

use std::io::Write;

use serde::Serialize;
use ticketflow_domain::show::{OrderPaid, SeatRevision, SeatsHeld, ShowInfo, TicketStatus, TicketsRefunded};
use ticketflow_domain::{HoldId, Money, OrderId, RefundId, TicketId, Timestamp};
use ticketflow_event_store::Position;
use ticketflow_http::write_json_text;
use utoipa::ToSchema;

use crate::hold_tokens::HoldTokens;
use ticketflow_ticket_code::{TicketCode, TicketSigner};

/// Room for the answer to a hold without its seats, and for each seat, without growing the buffer.
const HOLD_BYTES: usize = 256;
const SEAT_BYTES: usize = 128;

/// Seats set aside.
#[derive(ToSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
#[cfg_attr(not(test), expect(dead_code, reason = "the shape of what is written by hand"))]
#[schema(as = Hold, example = json!({
    "hold_id": "01KBN60F5X2V7N9P3S4T6W8Z1A", "hold_token": "5f0c2e91b7d84a36c1e09f7a2b3d4e58",
    "seats": [{"seat": "Platea-A-6", "price": {"amount": 25000, "currency": "CLP"}, "revision": 1}],
    "total": {"amount": 25000, "currency": "CLP"}, "expires_at": "2027-05-01T15:10:00.000Z", "position": 3
}))]
pub(crate) struct HoldAnswer {
    hold_id: HoldId,
    /// Proves whose the hold is: send it as `Hold-Token`.
    hold_token: String,
    seats: Vec<HeldSeat>,
    total: Money,
    /// When the seats are free again unless paid.
    expires_at: Timestamp,
    #[schema(value_type = u64)]
    position: Position,
}

/// A seat set aside.
#[derive(ToSchema)]
#[cfg_attr(test, derive(serde::Deserialize), serde(deny_unknown_fields))]
#[cfg_attr(not(test), expect(dead_code, reason = "the shape of what is written by hand"))]
struct HeldSeat {
    /// `{zone}-{row}-{number}`.
    seat: String,
    price: Money,
    /// How often the seat has changed.
    revision: u32,
}

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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaidOrder, example = json!({
    "order_id": "01KBN68H3J5K7M9P1R3T5V7X9Z", "status": "PAID", "total": {"amount": 25000, "currency": "CLP"},
    "tickets": [{
        "ticket_id": "01KBN6A1B2C3D4E5F6G7H8J9KM", "seat": "Platea-A-6", "status": "PAID",
        "qr": "TF:AEBAGBAFAYDQQCIKBMGA2DQPCAIREEYUCULBOGAZDINRYHI6D4"
    }],
    "documents": "pending", "position": 5
}))]
pub(crate) struct OrderAnswer {
    /// Whoever knows it may see the order and give tickets back.
    order_id: OrderId,
    status: TicketStatus,
    total: Money,
    /// One a seat.
    tickets: Vec<TicketAnswer>,
    /// How far receipt and PDF tickets are.
    documents: &'static str,
    #[schema(value_type = u64)]
    position: Position,
}

/// A ticket just sold.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaidTicket)]
struct TicketAnswer {
    ticket_id: TicketId,
    /// `{zone}-{row}-{number}`.
    seat: String,
    status: TicketStatus,
    /// The text of its QR code.
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refund, example = json!({
    "refund_id": "01KBN6F0G2H4J6K8M0N2P4Q6R8", "order_id": "01KBN68H3J5K7M9P1R3T5V7X9Z",
    "tickets": ["01KBN6A1B2C3D4E5F6G7H8J9KM"], "amount": {"amount": 25000, "currency": "CLP"}, "position": 9
}))]
pub(crate) struct RefundAnswer {
    refund_id: RefundId,
    order_id: OrderId,
    /// What was given back.
    tickets: Vec<TicketId>,
    /// What is paid back.
    amount: Money,
    #[schema(value_type = u64)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use ticketflow_domain::plan::PlanSpec;
    use ticketflow_domain::show::{ShowCreated, ShowInfo};
    use ticketflow_domain::{Currency, HoldId, SeatIndex, ShowId};

    #[test]
    fn a_hold_is_written_as_described() {
        let plan: PlanSpec = serde_json::from_value(serde_json::json!({"zones": [
            {"name": "Platea \"alta\"", "price": 25_000, "rows": [{"label": "A", "seats": 3}]}
        ]}))
        .unwrap();
        let info = ShowInfo::new(&ShowCreated {
            show_id: ShowId::from_bytes([1; 16]),
            name: "n".into(),
            venue: "v".into(),
            starts_at: Timestamp::from_millis(0),
            currency: Currency::CLP,
            sales_open_at: None,
            max_seats_per_customer: None,
            hold_seconds: 600,
            plan: plan.check(Currency::CLP).unwrap(),
            created_at: Timestamp::from_millis(0),
        });
        let seats = [
            SeatRevision { seat: SeatIndex(0), revision: 4 },
            SeatRevision { seat: SeatIndex(2), revision: 1 },
        ];
        let event = SeatsHeld {
            hold_id: HoldId::from_bytes([2; 16]),
            customer_id: None,
            seats: seats.into_iter().collect(),
            total: 50_000,
            expires_at: Timestamp::from_millis(1_000),
        };
        let json = hold_answer(&info, &event, 7, &HoldTokens::new(&[9; 32]));
        let answer: HoldAnswer = serde_json::from_slice(&json).unwrap();
        assert_eq!((answer.hold_id, answer.hold_token.len(), answer.position), (event.hold_id, 32, 7));
        assert_eq!((answer.total, answer.expires_at), (money(&info, 50_000), event.expires_at));
        let held: Vec<_> =
            answer.seats.iter().map(|held| (held.seat.as_str(), held.price.amount, held.revision)).collect();
        assert_eq!(held, [("Platea \"alta\"-A-1", 25_000, 4), ("Platea \"alta\"-A-3", 25_000, 1)]);
    }
}
