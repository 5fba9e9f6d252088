//! Events as tests say them: seats by place in plan order with the revision that they reach.

use ticketflow_domain::show::*;
use ticketflow_domain::{SeatIndex, Timestamp};

use super::wishes::{customer, hold_id, order, refund_id, ticket};

/// A seat with the revision that it reaches.
pub(crate) type At = (u32, u32);

pub(crate) fn seats(seats: &[At]) -> SeatRevisions {
    seats.iter().map(|&(seat, revision)| SeatRevision { seat: SeatIndex(seat), revision }).collect()
}

pub(crate) fn held(hold: u8, at: &[At], total: i64, expires_at: Timestamp) -> ShowEvent {
    held_by(hold, None, at, total, expires_at)
}

pub(crate) fn held_by(hold: u8, who: Option<u8>, at: &[At], total: i64, expires_at: Timestamp) -> ShowEvent {
    let (hold_id, customer_id) = (hold_id(hold), who.map(customer));
    ShowEvent::SeatsHeld(SeatsHeld { hold_id, customer_id, seats: seats(at), total, expires_at })
}

pub(crate) fn released(hold: u8, at: &[At]) -> ShowEvent {
    ShowEvent::HoldReleased(HoldReleased { hold_id: hold_id(hold), seats: seats(at) })
}

pub(crate) fn expired(hold: u8, at: &[At]) -> ShowEvent {
    ShowEvent::HoldExpired(HoldExpired { hold_id: hold_id(hold), seats: seats(at) })
}

pub(crate) fn blocked(at: &[At]) -> ShowEvent {
    ShowEvent::SeatsBlocked(SeatsBlocked { seats: seats(at), reason: "camera".into() })
}

pub(crate) fn unblocked(at: &[At]) -> ShowEvent {
    ShowEvent::SeatsUnblocked(SeatsUnblocked { seats: seats(at) })
}

pub(crate) fn payment_started(
    order_n: u8,
    hold: u8,
    who: u8,
    amount: i64,
    started_at: Timestamp,
) -> ShowEvent {
    ShowEvent::PaymentStarted(PaymentStarted {
        order_id: order(order_n),
        hold_id: hold_id(hold),
        customer_id: customer(who),
        amount,
        started_at,
        give_up_at: started_at.plus_seconds(PAYMENT_CAP_SECONDS),
    })
}

pub(crate) fn paid(
    (order_n, hold, who): (u8, u8, u8),
    at: &[At],
    tickets: &[u8],
    total: i64,
    paid_at: Timestamp,
) -> ShowEvent {
    ShowEvent::OrderPaid(OrderPaid {
        order_id: order(order_n),
        hold_id: hold_id(hold),
        customer_id: customer(who),
        seats: seats(at),
        tickets: tickets.iter().map(|&n| ticket(n)).collect(),
        total,
        payment_reference: format!("auth-{order_n}"),
        paid_at,
    })
}

pub(crate) fn payment_failed(
    (order_n, hold): (u8, u8),
    at: &[At],
    reason: PaymentFailure,
    charge_unknown: bool,
) -> ShowEvent {
    ShowEvent::PaymentFailed(PaymentFailed {
        order_id: order(order_n),
        hold_id: hold_id(hold),
        seats: seats(at),
        reason,
        charge_unknown,
    })
}

pub(crate) fn captured(order_n: u8, at: Timestamp) -> ShowEvent {
    ShowEvent::PaymentCaptured(PaymentCaptured { order_id: order(order_n), at })
}

pub(crate) fn voided(order_n: u8, at: Timestamp) -> ShowEvent {
    ShowEvent::ChargeVoided(ChargeVoided { order_id: order(order_n), at })
}

pub(crate) fn refunded(
    (refund, order_n): (u8, u8),
    tickets: &[u8],
    at: &[At],
    amount: i64,
    reason: &str,
    when: Timestamp,
) -> ShowEvent {
    ShowEvent::TicketsRefunded(TicketsRefunded {
        refund_id: refund_id(refund),
        order_id: order(order_n),
        tickets: tickets.iter().map(|&n| ticket(n)).collect(),
        seats: seats(at),
        amount,
        reason: reason.into(),
        at: when,
    })
}

pub(crate) fn settled(refund: u8, order_n: u8, at: Timestamp) -> ShowEvent {
    ShowEvent::RefundSettled(RefundSettled { refund_id: refund_id(refund), order_id: order(order_n), at })
}

pub(crate) fn checked_in(ticket_n: u8, (seat, revision): At, gate: &str, at: Timestamp) -> ShowEvent {
    ShowEvent::TicketCheckedIn(TicketCheckedIn {
        ticket_id: ticket(ticket_n),
        seat: SeatRevision { seat: SeatIndex(seat), revision },
        gate: gate.into(),
        at,
    })
}
