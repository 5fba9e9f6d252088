//! Events to the row changes of orders, tickets and sales; the sibling of `rows.rs`, and as pure.

use std::collections::BTreeMap;

use ticketflow_domain::plan::Seating;
use ticketflow_domain::show::{OrderPaid, ShowEvent, TicketStatus};
use ticketflow_domain::{CustomerId, OrderId, SeatIndex, ShowId, TicketId, Timestamp};
use ticketflow_event_store::Position;

use super::rows::ById;

/// Milliseconds of the hour by which sales are added up.
const HOUR_MS: i64 = 3_600_000;

/// An order whose rows are new.
#[derive(Debug, Clone)]
pub(crate) struct OrderRow {
    pub(crate) show_id: ShowId,
    pub(crate) customer_id: CustomerId,
    pub(crate) total: i64,
    pub(crate) refunded: i64,
    pub(crate) captured: bool,
    pub(crate) paid_at_ms: i64,
    pub(crate) position: Position,
    pub(crate) tickets: Vec<TicketRow>,
}

/// A ticket of a new order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TicketRow {
    pub(crate) ticket_id: TicketId,
    pub(crate) seat: SeatIndex,
    pub(crate) generation: u32,
    pub(crate) status: TicketStatus,
}

/// What changed of an order whose rows were there.
#[derive(Debug, Clone, Default)]
pub(crate) struct OrderUpdate {
    /// To be added.
    pub(crate) refunded: i64,
    pub(crate) captured: bool,
    /// Of the last event that is shown, if there was one.
    pub(crate) position: Option<Position>,
    pub(crate) refunded_tickets: Vec<TicketId>,
}

/// A ticket that was there was used at the door. Its order is that of its seat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admission {
    pub(crate) show_id: ShowId,
    pub(crate) seat: SeatIndex,
    pub(crate) ticket_id: TicketId,
    pub(crate) position: Position,
}

/// What is to be added to the sales of a zone in an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SalesChange {
    pub(crate) sold: i64,
    pub(crate) sold_amount: i64,
    pub(crate) refunded: i64,
    pub(crate) refunded_amount: i64,
}

/// Show, zone, hour in milliseconds since 1970.
pub(crate) type SalesKey = (ShowId, u32, i64);

/// What a run leaves of orders, tickets and sales.
#[derive(Debug, Default)]
pub(crate) struct OrderChanges {
    pub(crate) new: ById<OrderId, OrderRow>,
    pub(crate) updated: ById<OrderId, OrderUpdate>,
    pub(crate) admitted: Vec<Admission>,
    pub(crate) sales: BTreeMap<SalesKey, SalesChange>,
    /// The orders of new tickets.
    order_of_ticket: ById<TicketId, OrderId>,
}

impl OrderChanges {
    /// Rows that are written.
    pub(crate) fn rows(&self) -> usize {
        let new: usize = self.new.values().map(|order| 1 + order.tickets.len()).sum();
        let updated: usize = self.updated.values().map(|order| 1 + order.refunded_tickets.len()).sum();
        new + updated + 2 * self.admitted.len() + self.sales.len()
    }

    /// Adds an event of a show to the run.
    pub(crate) fn apply(
        &mut self,
        show_id: ShowId,
        seating: &Seating,
        event: &ShowEvent,
        position: Position,
    ) {
        match event {
            ShowEvent::OrderPaid(event) => {
                add_sales(&mut self.sales, show_id, seating, event.paid_at, seats(event), |change, price| {
                    change.sold += 1;
                    change.sold_amount += price;
                });
                self.paid(show_id, event, position);
            }
            ShowEvent::PaymentCaptured(event) => match self.new.get_mut(&event.order_id) {
                Some(order) => order.captured = true,
                None => self.updated.entry(event.order_id).or_default().captured = true,
            },
            ShowEvent::TicketsRefunded(event) => {
                let seats = event.seats.iter().map(|seat| seat.seat);
                add_sales(&mut self.sales, show_id, seating, event.at, seats, |change, price| {
                    change.refunded += 1;
                    change.refunded_amount += price;
                });
                match self.new.get_mut(&event.order_id) {
                    Some(order) => {
                        order.refunded += event.amount;
                        order.position = position;
                        let given_back = |ticket: &&mut TicketRow| event.tickets.contains(&ticket.ticket_id);
                        for ticket in order.tickets.iter_mut().filter(given_back) {
                            ticket.status = TicketStatus::Refunded;
                        }
                    }
                    None => {
                        let order = self.updated.entry(event.order_id).or_default();
                        order.refunded += event.amount;
                        order.position = Some(position);
                        order.refunded_tickets.extend_from_slice(&event.tickets);
                    }
                }
            }
            ShowEvent::TicketCheckedIn(event) => {
                let order_id = self.order_of_ticket.get(&event.ticket_id);
                match order_id.and_then(|order_id| self.new.get_mut(order_id)) {
                    Some(order) => {
                        order.position = position;
                        let used = |ticket: &&mut TicketRow| ticket.ticket_id == event.ticket_id;
                        for ticket in order.tickets.iter_mut().filter(used) {
                            ticket.status = TicketStatus::Used;
                        }
                    }
                    None => {
                        let (seat, ticket_id) = (event.seat.seat, event.ticket_id);
                        self.admitted.push(Admission { show_id, seat, ticket_id, position });
                    }
                }
            }
            ShowEvent::ShowCreated(_)
            | ShowEvent::SalesOpened(_)
            | ShowEvent::SalesClosed(_)
            | ShowEvent::ShowCancelled(_)
            | ShowEvent::SeatsBlocked(_)
            | ShowEvent::SeatsUnblocked(_)
            | ShowEvent::SeatsHeld(_)
            | ShowEvent::HoldReleased(_)
            | ShowEvent::HoldExpired(_)
            | ShowEvent::PaymentStarted(_)
            | ShowEvent::PaymentFailed(_)
            | ShowEvent::ChargeVoided(_)
            | ShowEvent::RefundSettled(_) => {}
        }
    }

    fn paid(&mut self, show_id: ShowId, event: &OrderPaid, position: Position) {
        let ticket = |(&ticket_id, seat): (&TicketId, &ticketflow_domain::show::SeatRevision)| TicketRow {
            ticket_id,
            seat: seat.seat,
            generation: seat.revision,
            status: TicketStatus::Paid,
        };
        self.order_of_ticket.extend(event.tickets.iter().map(|&ticket| (ticket, event.order_id)));
        let order = OrderRow {
            show_id,
            customer_id: event.customer_id,
            total: event.total,
            refunded: 0,
            captured: false,
            paid_at_ms: event.paid_at.as_millis(),
            position,
            tickets: event.tickets.iter().zip(&event.seats).map(ticket).collect(),
        };
        self.new.insert(event.order_id, order);
    }
}

fn seats(event: &OrderPaid) -> impl Iterator<Item = SeatIndex> + '_ {
    event.seats.iter().map(|seat| seat.seat)
}

fn add_sales(
    sales: &mut BTreeMap<SalesKey, SalesChange>,
    show_id: ShowId,
    seating: &Seating,
    at: Timestamp,
    seats: impl Iterator<Item = SeatIndex>,
    mut add: impl FnMut(&mut SalesChange, i64),
) {
    let hour_ms = at.as_millis().div_euclid(HOUR_MS) * HOUR_MS;
    for seat in seats.filter(|seat| seat.as_usize() < seating.seat_count()) {
        let change = sales.entry((show_id, seating.zone_of(seat), hour_ms)).or_default();
        add(change, seating.price(seat));
    }
}
