//! Commands as tests say them: short, with one-byte ids.

use ticketflow_domain::plan::SeatIndex;
use ticketflow_domain::show::{HoldSeats, PaymentFailure, Selection, ShowCommand, StartPayment};
use ticketflow_domain::{Currency, CustomerId, HoldId, OrderId, RefundId, ShowId, TicketId};

use super::{second, small_theatre};

/// How long holds of the small theatre last.
pub(crate) const HOLD_SECONDS: u32 = 600;

pub(crate) fn show(n: u8) -> ShowId {
    ShowId::from_bytes([n; 16])
}

pub(crate) fn hold_id(n: u8) -> HoldId {
    HoldId::from_bytes([n; 16])
}

pub(crate) fn order(n: u8) -> OrderId {
    OrderId::from_bytes([n; 16])
}

pub(crate) fn ticket(n: u8) -> TicketId {
    TicketId::from_bytes([n; 16])
}

pub(crate) fn customer(n: u8) -> CustomerId {
    CustomerId::from_bytes([n; 16])
}

pub(crate) fn refund_id(n: u8) -> RefundId {
    RefundId::from_bytes([n; 16])
}

pub(crate) fn create_show() -> ShowCommand {
    ShowCommand::CreateShow {
        show_id: show(1),
        name: "Pepita Jiménez".into(),
        venue: "Teatro Caleta Clara".into(),
        starts_at: second(1_000_000),
        currency: Currency::CLP,
        sales_open_at: None,
        max_seats_per_customer: None,
        hold_seconds: Some(HOLD_SECONDS),
        plan: small_theatre(),
    }
}

pub(crate) fn create_show_with_limit(limit: u32) -> ShowCommand {
    let mut command = create_show();
    if let ShowCommand::CreateShow { max_seats_per_customer, .. } = &mut command {
        *max_seats_per_customer = Some(limit);
    }
    command
}

pub(crate) fn names(seats: &[&str]) -> Vec<String> {
    seats.iter().map(|&seat| seat.to_owned()).collect()
}

pub(crate) fn block(seats: &[&str]) -> ShowCommand {
    ShowCommand::BlockSeats { seats: names(seats), reason: "camera".into() }
}

pub(crate) fn unblock(seats: &[&str]) -> ShowCommand {
    ShowCommand::UnblockSeats { seats: names(seats) }
}

pub(crate) fn hold_of(hold: u8, customer_id: Option<CustomerId>, selection: Selection) -> ShowCommand {
    ShowCommand::HoldSeats(HoldSeats { hold_id: hold_id(hold), customer_id, selection })
}

/// A hold of named seats by somebody unknown.
pub(crate) fn hold(hold: u8, seats: &[&str]) -> ShowCommand {
    hold_expecting(hold, seats, &[])
}

/// A hold of named seats by somebody who saw seats at these revisions.
pub(crate) fn hold_expecting(hold: u8, seats: &[&str], revisions: &[(&str, u32)]) -> ShowCommand {
    let expected_revisions = revisions.iter().map(|&(seat, at)| (seat.to_owned(), at)).collect();
    hold_of(hold, None, Selection::Named { seats: names(seats), expected_revisions })
}

/// A hold of named seats by a customer who is signed in.
pub(crate) fn hold_by(hold: u8, who: u8, seats: &[&str]) -> ShowCommand {
    let selection = Selection::Named { seats: names(seats), expected_revisions: vec![] };
    hold_of(hold, Some(customer(who)), selection)
}

pub(crate) fn best(hold: u8, zone: Option<&str>, quantity: u32, together: bool) -> ShowCommand {
    hold_of(hold, None, Selection::BestAvailable { zone: zone.map(str::to_owned), quantity, together })
}

pub(crate) fn general(hold: u8, zone: &str, quantity: u32) -> ShowCommand {
    hold_of(hold, None, Selection::General { zone: zone.to_owned(), quantity })
}

pub(crate) fn release(hold: u8) -> ShowCommand {
    ShowCommand::ReleaseHold { hold_id: hold_id(hold) }
}

pub(crate) fn start_payment(order_n: u8, hold: u8, who: u8) -> ShowCommand {
    let (order_id, hold_id, customer_id) = (order(order_n), hold_id(hold), customer(who));
    ShowCommand::StartPayment(StartPayment { order_id, hold_id, customer_id })
}

pub(crate) fn confirm(order_n: u8, tickets: &[u8]) -> ShowCommand {
    ShowCommand::ConfirmPayment {
        order_id: order(order_n),
        payment_reference: format!("auth-{order_n}"),
        tickets: tickets.iter().map(|&n| ticket(n)).collect(),
    }
}

pub(crate) fn fail(order_n: u8, reason: PaymentFailure, charge_unknown: bool) -> ShowCommand {
    ShowCommand::FailPayment { order_id: order(order_n), reason, charge_unknown }
}

pub(crate) fn capture(order_n: u8) -> ShowCommand {
    ShowCommand::RecordCapture { order_id: order(order_n) }
}

pub(crate) fn void(order_n: u8) -> ShowCommand {
    ShowCommand::RecordVoid { order_id: order(order_n) }
}

pub(crate) fn settle(refund: u8) -> ShowCommand {
    ShowCommand::RecordRefundSettled { refund_id: refund_id(refund) }
}

pub(crate) fn refund(refund: u8, order_n: u8, tickets: &[u8]) -> ShowCommand {
    ShowCommand::RefundTickets {
        refund_id: refund_id(refund),
        order_id: order(order_n),
        tickets: tickets.iter().map(|&n| ticket(n)).collect(),
        reason: "ill".into(),
    }
}

pub(crate) fn refund_cancelled(refunds: &[u8]) -> ShowCommand {
    ShowCommand::RefundCancelledShow { refund_ids: refunds.iter().map(|&n| refund_id(n)).collect() }
}

pub(crate) fn cancel() -> ShowCommand {
    ShowCommand::CancelShow { reason: "storm".into() }
}

pub(crate) fn check_in(ticket_n: u8, seat: u32, generation: u32, gate: &str) -> ShowCommand {
    ShowCommand::CheckIn {
        ticket_id: ticket(ticket_n),
        seat: SeatIndex(seat),
        generation,
        gate: gate.to_owned(),
    }
}
