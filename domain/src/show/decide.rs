//! From a command and the present state to events or a rejection. Pure: the same arguments give the same answer.

use hashbrown::HashSet;

use super::commands::{HoldSeats, ShowCommand, StartPayment};
use super::events::*;
use super::holds::Hold;
use super::orders::{Ticket, TicketStatus};
use super::rejection::Rejection;
use super::seats::{SeatStatus, Seats};
use super::selection::{choose, find_named};
use super::state::{SalesStatus, Show, ShowState};
use super::{DEFAULT_HOLD_SECONDS, MAX_HOLD_SECONDS, MAX_SEATS_PER_BLOCK, PAYMENT_CAP_SECONDS};
use crate::ids::{HoldId, OrderId, RefundId, TicketId};
use crate::plan::SeatIndex;
use crate::time::Timestamp;

/// Holds that one [`ShowCommand::ExpireHolds`] ends at most, so that a wave of deadlines does not stall the show.
const MAX_EXPIRIES_PER_COMMAND: usize = 500;

/// Characters of a show's name or venue.
const MAX_TEXT: usize = 200;

/// Characters of a gate's name.
const MAX_GATE: usize = 64;

/// Characters of a reason.
const MAX_REASON: usize = 500;

/// What the outside world contributes to a decision.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The time of the decision.
    pub now: Timestamp,
}

/// Decides a command: the events that carry it out, none if that is done already, or why not.
pub fn decide(
    state: &ShowState,
    command: &ShowCommand,
    context: &Context,
) -> Result<Vec<ShowEvent>, Rejection> {
    let now = context.now;
    let Some(show) = &state.show else {
        return match command {
            ShowCommand::CreateShow { .. } => create_show(command, now),
            _ => Err(Rejection::ShowUnknown),
        };
    };
    match command {
        ShowCommand::CreateShow { .. } => Err(Rejection::ShowAlreadyExists),
        ShowCommand::OpenSales => {
            set_sales(show, SalesStatus::Open, ShowEvent::SalesOpened(SalesOpened { at: now }))
        }
        ShowCommand::CloseSales => {
            set_sales(show, SalesStatus::Closed, ShowEvent::SalesClosed(SalesClosed { at: now }))
        }
        ShowCommand::CancelShow { reason } => cancel_show(show, reason, now),
        ShowCommand::BlockSeats { seats, reason } => block_seats(show, seats, reason),
        ShowCommand::UnblockSeats { seats } => unblock_seats(show, seats),
        ShowCommand::HoldSeats(command) => hold_seats(state, show, command, now),
        ShowCommand::ReleaseHold { hold_id } => release_hold(show, *hold_id),
        ShowCommand::ExpireHolds => Ok(expire_holds(show, now)),
        ShowCommand::StartPayment(command) => start_payment(show, command, now),
        ShowCommand::ConfirmPayment { order_id, payment_reference, tickets } => {
            confirm_payment(show, *order_id, payment_reference, tickets, now)
        }
        ShowCommand::FailPayment { order_id, reason, charge_unknown } => {
            Ok(fail_payment(show, *order_id, *reason, *charge_unknown))
        }
        ShowCommand::RecordCapture { order_id } => {
            let event = ShowEvent::PaymentCaptured(PaymentCaptured { order_id: *order_id, at: now });
            let open = show.orders.get(*order_id).is_some_and(|order| !order.captured);
            Ok(open.then_some(event).into_iter().collect())
        }
        ShowCommand::RecordVoid { order_id } => {
            let event = ShowEvent::ChargeVoided(ChargeVoided { order_id: *order_id, at: now });
            Ok(show.to_void.contains(order_id).then_some(event).into_iter().collect())
        }
        ShowCommand::RefundTickets { refund_id, order_id, tickets, reason } => {
            refund_tickets(show, *refund_id, *order_id, tickets, reason, now)
        }
        ShowCommand::RefundCancelledShow { refund_ids } => refund_cancelled(show, refund_ids, now),
        ShowCommand::RecordRefundSettled { refund_id } => {
            let order_id = show.to_refund.get(refund_id).map(|&(order_id, _)| order_id);
            let settled = |order_id| {
                ShowEvent::RefundSettled(RefundSettled { refund_id: *refund_id, order_id, at: now })
            };
            Ok(order_id.map(settled).into_iter().collect())
        }
        ShowCommand::CheckIn { ticket_id, seat, generation, gate } => {
            check_in(show, *ticket_id, *seat, *generation, gate, now)
        }
    }
}

fn create_show(command: &ShowCommand, now: Timestamp) -> Result<Vec<ShowEvent>, Rejection> {
    let ShowCommand::CreateShow {
        show_id,
        name,
        venue,
        starts_at,
        currency,
        sales_open_at,
        max_seats_per_customer,
        hold_seconds,
        plan,
    } = command
    else {
        return Err(Rejection::ShowUnknown);
    };
    if !is_line(name, MAX_TEXT) {
        return Err(Rejection::InvalidShow("the name has 1 to 200 characters and no control characters"));
    }
    if !is_line(venue, MAX_TEXT) {
        return Err(Rejection::InvalidShow("the venue has 1 to 200 characters and no control characters"));
    }
    if *max_seats_per_customer == Some(0) {
        return Err(Rejection::InvalidShow("max_seats_per_customer is at least 1"));
    }
    let hold_seconds = hold_seconds.unwrap_or(DEFAULT_HOLD_SECONDS);
    if !(1..=MAX_HOLD_SECONDS).contains(&hold_seconds) {
        return Err(Rejection::InvalidShow("hold_seconds is between 1 and 7200"));
    }
    Ok(vec![ShowEvent::ShowCreated(Box::new(ShowCreated {
        show_id: *show_id,
        name: name.clone(),
        venue: venue.clone(),
        starts_at: *starts_at,
        currency: *currency,
        sales_open_at: *sales_open_at,
        max_seats_per_customer: *max_seats_per_customer,
        hold_seconds,
        plan: plan.clone(),
        created_at: now,
    }))])
}

fn is_line(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
        && !text.trim().is_empty()
}

fn set_sales(show: &Show, to: SalesStatus, event: ShowEvent) -> Result<Vec<ShowEvent>, Rejection> {
    match show.sales {
        SalesStatus::Cancelled => Err(Rejection::ShowCancelled),
        current if current == to => Ok(Vec::new()),
        _ => Ok(vec![event]),
    }
}

fn cancel_show(show: &Show, reason: &str, now: Timestamp) -> Result<Vec<ShowEvent>, Rejection> {
    if show.sales == SalesStatus::Cancelled {
        return Ok(Vec::new());
    }
    check_reason(reason)?;
    Ok(vec![ShowEvent::ShowCancelled(ShowCancelled { reason: reason.to_owned(), at: now })])
}

fn check_reason(reason: &str) -> Result<(), Rejection> {
    if reason.chars().count() > MAX_REASON {
        return Err(Rejection::InvalidShow("a reason has at most 500 characters"));
    }
    Ok(())
}

fn block_seats(show: &Show, names: &[String], reason: &str) -> Result<Vec<ShowEvent>, Rejection> {
    check_reason(reason)?;
    let seats = find_named(&show.seats, names, MAX_SEATS_PER_BLOCK)?;
    let is = |seat: &SeatIndex, status| show.seats.get(*seat).is_some_and(|current| current.status == status);
    let taken: Vec<SeatIndex> = seats
        .iter()
        .filter(|seat| !is(seat, SeatStatus::Available) && !is(seat, SeatStatus::Blocked))
        .copied()
        .collect();
    if !taken.is_empty() {
        return Err(Rejection::SeatsUnavailable(taken));
    }
    let seats = after(&show.seats, seats.into_iter().filter(|seat| is(seat, SeatStatus::Available)));
    let event = |seats| ShowEvent::SeatsBlocked(SeatsBlocked { seats, reason: reason.to_owned() });
    Ok(Some(seats).filter(|seats| !seats.is_empty()).map(event).into_iter().collect())
}

fn unblock_seats(show: &Show, names: &[String]) -> Result<Vec<ShowEvent>, Rejection> {
    let seats = find_named(&show.seats, names, MAX_SEATS_PER_BLOCK)?;
    let blocked =
        |seat: &SeatIndex| show.seats.get(*seat).is_some_and(|current| current.status == SeatStatus::Blocked);
    let seats = after(&show.seats, seats.into_iter().filter(blocked));
    let event = |seats| ShowEvent::SeatsUnblocked(SeatsUnblocked { seats });
    Ok(Some(seats).filter(|seats| !seats.is_empty()).map(event).into_iter().collect())
}

/// The seats with their revisions after one more event.
fn after(seats: &Seats, chosen: impl IntoIterator<Item = SeatIndex>) -> SeatRevisions {
    chosen.into_iter().map(|seat| seats.next_revision(seat)).collect()
}

fn hold_seats(
    state: &ShowState,
    show: &Show,
    command: &HoldSeats,
    now: Timestamp,
) -> Result<Vec<ShowEvent>, Rejection> {
    if !state.sales_open(now) {
        return Err(match show.sales {
            SalesStatus::Cancelled => Rejection::ShowCancelled,
            SalesStatus::Closed => Rejection::SalesClosed,
            SalesStatus::Open | SalesStatus::Scheduled => {
                Rejection::SalesNotOpen { opens_at: show.info.sales_open_at }
            }
        });
    }
    if show.holds.get(command.hold_id).is_some() {
        return Err(Rejection::IdTaken);
    }
    let seats = choose(&show.seats, &command.selection)?;
    check_customer_limit(show, command.customer_id, seats.len())?;
    let total = seats.iter().map(|&seat| show.info.seating.price(seat)).sum();
    Ok(vec![ShowEvent::SeatsHeld(SeatsHeld {
        hold_id: command.hold_id,
        customer_id: command.customer_id,
        seats: after(&show.seats, seats),
        total,
        expires_at: now.plus_seconds(show.info.hold_seconds),
    })])
}

/// An unknown buyer is held to the limit by one hold now and by name when paying.
fn check_customer_limit(
    show: &Show,
    customer: Option<crate::CustomerId>,
    more: usize,
) -> Result<(), Rejection> {
    let Some(limit) = show.info.max_seats_per_customer else { return Ok(()) };
    let has = customer.and_then(|customer| show.seats_of_customer.get(&customer)).copied().unwrap_or(0);
    if has as usize + more > limit as usize { Err(Rejection::CustomerLimit { limit }) } else { Ok(()) }
}

/// The seats of a hold, free again.
fn freed(show: &Show, hold: &Hold) -> SeatRevisions {
    after(&show.seats, hold.seats.iter().copied())
}

fn release_hold(show: &Show, hold_id: HoldId) -> Result<Vec<ShowEvent>, Rejection> {
    match show.holds.get(hold_id) {
        None => Ok(Vec::new()),
        Some(hold) if hold.paying.is_some() => Err(Rejection::PaymentUnderWay),
        Some(hold) => Ok(vec![ShowEvent::HoldReleased(HoldReleased { hold_id, seats: freed(show, hold) })]),
    }
}

fn expire_holds(show: &Show, now: Timestamp) -> Vec<ShowEvent> {
    let due = show.holds.due(now).take(MAX_EXPIRIES_PER_COMMAND);
    due.flat_map(|hold| match hold.paying {
        None => vec![ShowEvent::HoldExpired(HoldExpired { hold_id: hold.id, seats: freed(show, hold) })],
        Some(order_id) => fail_payment(show, order_id, PaymentFailure::Abandoned, true),
    })
    .collect()
}

fn start_payment(show: &Show, command: &StartPayment, now: Timestamp) -> Result<Vec<ShowEvent>, Rejection> {
    if show.sales == SalesStatus::Cancelled {
        return Err(Rejection::ShowCancelled);
    }
    let hold = show.holds.get(command.hold_id).ok_or(Rejection::HoldEnded)?;
    if hold.paying.is_some() {
        return Err(Rejection::PaymentUnderWay);
    }
    if hold.expires_at <= now {
        return Err(Rejection::HoldEnded);
    }
    if is_order_known(show, command.order_id) {
        return Err(Rejection::IdTaken);
    }
    let more = if hold.customer_id == Some(command.customer_id) { 0 } else { hold.seats.len() };
    check_customer_limit(show, Some(command.customer_id), more)?;
    Ok(vec![ShowEvent::PaymentStarted(PaymentStarted {
        order_id: command.order_id,
        hold_id: command.hold_id,
        customer_id: command.customer_id,
        amount: hold.total,
        started_at: now,
        give_up_at: now.plus_seconds(PAYMENT_CAP_SECONDS),
    })])
}

/// Whether a charge of this key is being made, was made, or is to be voided: a second one would get its fate.
fn is_order_known(show: &Show, order_id: OrderId) -> bool {
    show.holds.payment(order_id).is_some()
        || show.orders.get(order_id).is_some()
        || show.to_void.contains(&order_id)
}

fn confirm_payment(
    show: &Show,
    order_id: OrderId,
    payment_reference: &str,
    tickets: &TicketIds,
    now: Timestamp,
) -> Result<Vec<ShowEvent>, Rejection> {
    if show.orders.get(order_id).is_some() {
        return Ok(Vec::new());
    }
    if show.sales == SalesStatus::Cancelled {
        return Err(Rejection::ShowCancelled);
    }
    let payment = show.holds.payment(order_id).ok_or(Rejection::PaymentNotUnderWay)?;
    let hold = show.holds.get(payment.hold_id).ok_or(Rejection::PaymentNotUnderWay)?;
    if tickets.len() != hold.seats.len() {
        return Err(Rejection::TicketCountMismatch);
    }
    if tickets.iter().enumerate().any(|(index, ticket)| tickets[..index].contains(ticket)) {
        return Err(Rejection::IdTaken);
    }
    Ok(vec![ShowEvent::OrderPaid(OrderPaid {
        order_id,
        hold_id: payment.hold_id,
        customer_id: payment.customer_id,
        seats: freed(show, hold),
        tickets: tickets.clone(),
        total: payment.amount,
        payment_reference: payment_reference.to_owned(),
        paid_at: now,
    })])
}

/// Nothing when there is no such payment: it has failed before, or it was confirmed.
fn fail_payment(
    show: &Show,
    order_id: OrderId,
    reason: PaymentFailure,
    charge_unknown: bool,
) -> Vec<ShowEvent> {
    let Some(payment) = show.holds.payment(order_id) else { return Vec::new() };
    let Some(hold) = show.holds.get(payment.hold_id) else { return Vec::new() };
    vec![ShowEvent::PaymentFailed(PaymentFailed {
        order_id,
        hold_id: payment.hold_id,
        seats: freed(show, hold),
        reason,
        charge_unknown,
    })]
}

fn refund_tickets(
    show: &Show,
    refund_id: RefundId,
    order_id: OrderId,
    wanted: &[TicketId],
    reason: &str,
    now: Timestamp,
) -> Result<Vec<ShowEvent>, Rejection> {
    check_reason(reason)?;
    let order = show.orders.get(order_id).ok_or(Rejection::OrderUnknown)?;
    let tickets = show.orders.tickets_of(order);
    let mut chosen: Vec<&Ticket> = Vec::new();
    for id in wanted {
        let ticket = tickets.iter().find(|ticket| ticket.id == *id).ok_or(Rejection::TicketUnknown)?;
        if !chosen.iter().any(|other| other.id == ticket.id) {
            chosen.push(ticket);
        }
    }
    if wanted.is_empty() {
        chosen = tickets.iter().filter(|ticket| ticket.status != TicketStatus::Refunded).collect();
    }
    if chosen.is_empty() || chosen.iter().any(|ticket| ticket.status == TicketStatus::Refunded) {
        return Err(Rejection::TicketRefunded);
    }
    if chosen.iter().any(|ticket| ticket.status == TicketStatus::Used) {
        return Err(Rejection::TicketUsed);
    }
    if show.to_refund.contains_key(&refund_id) {
        return Err(Rejection::IdTaken);
    }
    Ok(vec![refund(show, refund_id, order_id, &chosen, reason, now)])
}

fn refund(
    show: &Show,
    refund_id: RefundId,
    order_id: OrderId,
    tickets: &[&Ticket],
    reason: &str,
    now: Timestamp,
) -> ShowEvent {
    ShowEvent::TicketsRefunded(TicketsRefunded {
        refund_id,
        order_id,
        tickets: tickets.iter().map(|ticket| ticket.id).collect(),
        seats: after(&show.seats, tickets.iter().map(|ticket| ticket.seat)),
        amount: tickets.iter().map(|ticket| show.info.seating.price(ticket.seat)).sum(),
        reason: reason.to_owned(),
        at: now,
    })
}

fn refund_cancelled(
    show: &Show,
    refund_ids: &[RefundId],
    now: Timestamp,
) -> Result<Vec<ShowEvent>, Rejection> {
    if show.sales != SalesStatus::Cancelled {
        return Ok(Vec::new());
    }
    let owed = show.orders.iter().filter_map(|order| {
        let tickets = show.orders.tickets_of(order).iter();
        let live: Vec<&Ticket> = tickets.filter(|ticket| ticket.status == TicketStatus::Paid).collect();
        (!live.is_empty()).then_some((order.id, live))
    });
    let mut seen = HashSet::new();
    let fresh = refund_ids.iter().filter(|id| !show.to_refund.contains_key(*id) && seen.insert(**id));
    let refunds = owed.zip(fresh);
    Ok(refunds
        .map(|((order_id, live), &id)| refund(show, id, order_id, &live, "show cancelled", now))
        .collect())
}

fn check_in(
    show: &Show,
    ticket_id: TicketId,
    seat: SeatIndex,
    generation: u32,
    gate: &str,
    now: Timestamp,
) -> Result<Vec<ShowEvent>, Rejection> {
    if !is_line(gate, MAX_GATE) {
        return Err(Rejection::InvalidShow("a gate has 1 to 64 characters and no control characters"));
    }
    let current = show.seats.get(seat).ok_or(Rejection::TicketUnknown)?;
    let sold = Some(current).filter(|current| current.status == SeatStatus::Sold);
    let ticket = sold.and_then(|current| show.orders.ticket(current.ticket));
    let Some(ticket) = ticket.filter(|ticket| ticket.id == ticket_id && ticket.generation == generation)
    else {
        // The caller checked the signature, so the ticket was ours; its seat has moved on since.
        let superseded = generation < current.revision;
        return Err(if superseded { Rejection::TicketRefunded } else { Rejection::TicketUnknown });
    };
    if ticket.status == TicketStatus::Used {
        let (first_used_at, gate) = show.orders.first_use(ticket);
        return Err(Rejection::AlreadyCheckedIn { first_used_at, gate: gate.to_owned() });
    }
    if show.sales == SalesStatus::Cancelled {
        return Err(Rejection::ShowCancelled);
    }
    if !show.orders.may_use_gate(gate) {
        return Err(Rejection::TooManyGates { most: super::orders::MAX_GATES });
    }
    Ok(vec![ShowEvent::TicketCheckedIn(TicketCheckedIn {
        ticket_id,
        seat: show.seats.next_revision(seat),
        gate: gate.to_owned(),
        at: now,
    })])
}

const _: () = assert!(DEFAULT_HOLD_SECONDS <= MAX_HOLD_SECONDS);
