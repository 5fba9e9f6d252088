//! What a show is after its events so far. Private inside: read through methods, changed only by folding events.
//!
//! `evolve` is total: an event that was once accepted folds for ever, so nothing here can fail or panic.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::events::*;
use super::holds::{Hold, Holds, PendingPayment};
use super::orders::{Order, OrderTickets, Orders, Ticket, TicketStatus};
pub use super::seats::ZoneCounts;
use super::seats::{SeatStatus, Seats};
use crate::ids::{CustomerId, HashIds, HoldId, OrderId, RefundId, ShowId};
use crate::money::Currency;
use crate::plan::{SeatIndex, Seating};
use crate::time::Timestamp;

/// What does not change during a show's life.
#[derive(Debug, Clone)]
pub struct ShowInfo {
    /// Its id.
    pub show_id: ShowId,
    /// As shown to buyers.
    pub name: String,
    /// As shown to buyers.
    pub venue: String,
    /// Curtain.
    pub starts_at: Timestamp,
    /// Of all prices.
    pub currency: Currency,
    /// When sales open by themselves.
    pub sales_open_at: Option<Timestamp>,
    /// Limit of one customer.
    pub max_seats_per_customer: Option<u32>,
    /// How long a hold lasts.
    pub hold_seconds: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// The plan and what is derived from it.
    pub seating: Arc<Seating>,
}

impl ShowInfo {
    /// From the first event of the stream.
    pub fn new(event: &ShowCreated) -> Self {
        Self {
            show_id: event.show_id,
            name: event.name.clone(),
            venue: event.venue.clone(),
            starts_at: event.starts_at,
            currency: event.currency,
            sales_open_at: event.sales_open_at,
            max_seats_per_customer: event.max_seats_per_customer,
            hold_seconds: event.hold_seconds,
            created_at: event.created_at,
            seating: Seating::shared(&event.plan),
        }
    }

    /// The first event of the stream again.
    pub fn created(&self) -> ShowCreated {
        ShowCreated {
            show_id: self.show_id,
            name: self.name.clone(),
            venue: self.venue.clone(),
            starts_at: self.starts_at,
            currency: self.currency,
            sales_open_at: self.sales_open_at,
            max_seats_per_customer: self.max_seats_per_customer,
            hold_seconds: self.hold_seconds,
            plan: self.seating.plan().clone(),
            created_at: self.created_at,
        }
    }
}

/// Whether seats may be held.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SalesStatus {
    /// Not opened by the organiser; they open by themselves at the set time, if there is one.
    Scheduled,
    /// Open.
    Open,
    /// Closed by the organiser.
    Closed,
    /// The show was called off.
    Cancelled,
}

/// Something still to be done at the payment gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenCharge {
    /// A paid order whose charge is authorised only.
    Capture {
        /// The charge's key.
        order_id: OrderId,
    },
    /// A charge that may have been made and belongs to no order.
    Void {
        /// The charge's key.
        order_id: OrderId,
    },
    /// Money owed to the buyer.
    Refund {
        /// The refund's key.
        refund_id: RefundId,
        /// The charge's key.
        order_id: OrderId,
        /// Minor units.
        amount: i64,
    },
}

/// The folded state of one show.
#[derive(Debug, Clone, Default)]
pub struct ShowState {
    pub(super) show: Option<Show>,
}

/// The state once the show exists.
#[derive(Debug, Clone)]
pub(super) struct Show {
    pub(super) info: Arc<ShowInfo>,
    pub(super) sales: SalesStatus,
    pub(super) seats: Seats,
    pub(super) holds: Holds,
    pub(super) orders: Orders,
    pub(super) to_void: HashSet<OrderId, HashIds>,
    pub(super) to_refund: HashMap<RefundId, (OrderId, i64), HashIds>,
    /// Seats held or owned per customer; kept only where the show has a limit.
    pub(super) seats_of_customer: HashMap<CustomerId, u32, HashIds>,
}

impl ShowState {
    /// What does not change, once the show exists.
    pub fn info(&self) -> Option<&Arc<ShowInfo>> {
        self.show.as_ref().map(|show| &show.info)
    }

    /// Whether seats may be held, as last set; see [`ShowState::sales_open`] for the effect of the clock.
    pub fn sales(&self) -> Option<SalesStatus> {
        self.show.as_ref().map(|show| show.sales)
    }

    /// Whether seats may be held at that time.
    pub fn sales_open(&self, now: Timestamp) -> bool {
        self.show.as_ref().is_some_and(|show| match show.sales {
            SalesStatus::Open => true,
            SalesStatus::Scheduled => show.info.sales_open_at.is_some_and(|opens_at| opens_at <= now),
            SalesStatus::Closed | SalesStatus::Cancelled => false,
        })
    }

    /// Status and revision of a seat.
    pub fn seat(&self, seat: SeatIndex) -> Option<(SeatStatus, u32)> {
        let seat = self.show.as_ref()?.seats.get(seat)?;
        Some((seat.status, seat.revision))
    }

    /// Status and revision of every seat in plan order.
    pub fn seats(&self) -> impl Iterator<Item = (SeatStatus, u32)> + '_ {
        self.show.iter().flat_map(|show| show.seats.iter().map(|seat| (seat.status, seat.revision)))
    }

    /// The live ticket of a sold seat.
    pub fn ticket_of_seat(&self, seat: SeatIndex) -> Option<&Ticket> {
        let show = self.show.as_ref()?;
        let seat = show.seats.get(seat).filter(|seat| seat.status == SeatStatus::Sold)?;
        show.orders.ticket(seat.ticket)
    }

    /// Counts per zone in plan order.
    pub fn zone_counts(&self) -> &[ZoneCounts] {
        self.show.as_ref().map_or(&[], |show| show.seats.zone_counts())
    }

    /// A live hold.
    pub fn hold(&self, hold_id: HoldId) -> Option<&Hold> {
        self.show.as_ref()?.holds.get(hold_id)
    }

    /// All live holds.
    pub fn holds(&self) -> impl Iterator<Item = (&HoldId, &Hold)> {
        self.show.iter().flat_map(|show| show.holds.iter().map(|hold| (&hold.id, hold)))
    }

    /// When the next hold or payment runs out.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.show.as_ref()?.holds.next_deadline()
    }

    /// A payment under way.
    pub fn payment(&self, order_id: OrderId) -> Option<&PendingPayment> {
        self.show.as_ref()?.holds.payment(order_id)
    }

    /// All payments under way.
    pub fn payments(&self) -> impl Iterator<Item = (&OrderId, &PendingPayment)> {
        let payments = self.show.iter().flat_map(|show| show.holds.payments());
        payments.map(|payment| (&payment.order_id, payment))
    }

    /// A paid order with its tickets.
    pub fn order(&self, order_id: OrderId) -> Option<(&Order, OrderTickets<'_>)> {
        let orders = &self.show.as_ref()?.orders;
        let order = orders.get(order_id)?;
        Some((order, orders.tickets_of(order)))
    }

    /// All paid orders in the order of payment.
    pub fn orders(&self) -> impl Iterator<Item = (&Order, OrderTickets<'_>)> {
        self.show
            .iter()
            .flat_map(|show| show.orders.iter().map(|order| (order, show.orders.tickets_of(order))))
    }

    /// Whether any order has a ticket that was neither used nor given back.
    pub fn has_refundable_orders(&self) -> bool {
        self.orders().any(|(_, tickets)| tickets.iter().any(|ticket| ticket.status == TicketStatus::Paid))
    }

    /// What is still to be done at the payment gateway.
    pub fn open_charges(&self) -> impl Iterator<Item = OpenCharge> + '_ {
        self.show.iter().flat_map(|show| {
            let captures = show.orders.to_capture().map(|order| OpenCharge::Capture { order_id: order.id });
            let voids = show.to_void.iter().map(|&order_id| OpenCharge::Void { order_id });
            let refunds = show.to_refund.iter().map(|(&refund_id, &(order_id, amount))| OpenCharge::Refund {
                refund_id,
                order_id,
                amount,
            });
            captures.chain(voids).chain(refunds)
        })
    }

    /// Folds one event.
    pub fn evolve(&mut self, event: &ShowEvent) {
        match (event, &mut self.show) {
            (ShowEvent::ShowCreated(event), None) => self.show = Some(Show::new(event)),
            (event, Some(show)) => show.evolve(event),
            (_, None) => {}
        }
    }
}

impl Show {
    fn new(event: &ShowCreated) -> Self {
        let info = Arc::new(ShowInfo::new(event));
        Self::with_seats(Seats::new(info.seating.clone()), info)
    }

    pub(super) fn with_seats(seats: Seats, info: Arc<ShowInfo>) -> Self {
        Self {
            info,
            sales: SalesStatus::Scheduled,
            seats,
            holds: Holds::default(),
            orders: Orders::default(),
            to_void: HashSet::default(),
            to_refund: HashMap::default(),
            seats_of_customer: HashMap::default(),
        }
    }

    fn evolve(&mut self, event: &ShowEvent) {
        match event {
            ShowEvent::ShowCreated(_) => {}
            ShowEvent::SalesOpened(_) => self.sales = SalesStatus::Open,
            ShowEvent::SalesClosed(_) => self.sales = SalesStatus::Closed,
            ShowEvent::ShowCancelled(_) => self.sales = SalesStatus::Cancelled,
            ShowEvent::SeatsBlocked(event) => self.change_all(&event.seats, SeatStatus::Blocked),
            ShowEvent::SeatsUnblocked(event) => self.change_all(&event.seats, SeatStatus::Available),
            ShowEvent::SeatsHeld(event) => self.held(event),
            ShowEvent::HoldReleased(event) => self.freed(event.hold_id, &event.seats),
            ShowEvent::HoldExpired(event) => self.freed(event.hold_id, &event.seats),
            ShowEvent::PaymentStarted(event) => self.payment_started(event),
            ShowEvent::OrderPaid(event) => self.paid(event),
            ShowEvent::PaymentFailed(event) => self.payment_failed(event),
            ShowEvent::PaymentCaptured(event) => self.orders.set_captured(event.order_id),
            ShowEvent::ChargeVoided(event) => {
                self.to_void.remove(&event.order_id);
            }
            ShowEvent::TicketsRefunded(event) => self.refunded(event),
            ShowEvent::RefundSettled(event) => {
                self.to_refund.remove(&event.refund_id);
            }
            ShowEvent::TicketCheckedIn(event) => self.checked_in(event),
        }
    }

    fn change_all(&mut self, seats: &[SeatRevision], status: SeatStatus) {
        for &seat in seats {
            self.seats.change(seat, status, 0);
        }
    }

    fn held(&mut self, event: &SeatsHeld) {
        self.change_all(&event.seats, SeatStatus::Held);
        let is_new = self.holds.insert(event.hold_id, event.expires_at, |hold| {
            hold.customer_id = event.customer_id;
            hold.seats.extend(event.seats.iter().map(|seat| seat.seat));
            hold.total = event.total;
        });
        if is_new && let Some(customer) = event.customer_id {
            self.count(customer, event.seats.len() as i64);
        }
    }

    fn freed(&mut self, hold_id: HoldId, seats: &[SeatRevision]) {
        self.change_all(seats, SeatStatus::Available);
        if let Some(hold) = self.holds.end(hold_id)
            && let Some(customer) = hold.customer_id
        {
            self.count(customer, -(seats.len() as i64));
        }
    }

    fn payment_started(&mut self, event: &PaymentStarted) {
        let started = self.holds.start_payment(PendingPayment {
            order_id: event.order_id,
            hold_id: event.hold_id,
            customer_id: event.customer_id,
            amount: event.amount,
            started_at: event.started_at,
            give_up_at: event.give_up_at,
        });
        let Some((hold, before)) = started else { return };
        let seats = hold.seats.len() as i64;
        if before != Some(event.customer_id) {
            if let Some(before) = before {
                self.count(before, -seats);
            }
            self.count(event.customer_id, seats);
        }
    }

    fn paid(&mut self, event: &OrderPaid) {
        self.holds.end(event.hold_id);
        let order = Order {
            id: event.order_id,
            customer_id: event.customer_id,
            total: event.total,
            refunded: 0,
            paid_at: event.paid_at,
            first_ticket: 0,
            ticket_count: 0,
            captured: false,
        };
        let tickets =
            event.tickets.iter().zip(&event.seats).map(|(&id, seat)| (id, seat.seat, seat.revision));
        let first = self.orders.insert(order, tickets);
        for (&seat, ticket) in event.seats.iter().zip(first..) {
            self.seats.change(seat, SeatStatus::Sold, ticket);
        }
    }

    fn payment_failed(&mut self, event: &PaymentFailed) {
        self.freed(event.hold_id, &event.seats);
        if event.charge_unknown {
            self.to_void.insert(event.order_id);
        }
    }

    fn refunded(&mut self, event: &TicketsRefunded) {
        self.change_all(&event.seats, SeatStatus::Available);
        for &ticket in &event.tickets {
            if let Some(ticket) = self.orders.ticket_of_order_mut(event.order_id, ticket) {
                ticket.status = TicketStatus::Refunded;
            }
        }
        self.to_refund.insert(event.refund_id, (event.order_id, event.amount));
        if let Some(order) = self.orders.get_mut(event.order_id) {
            order.refunded = order.refunded.saturating_add(event.amount);
            let customer = order.customer_id;
            self.count(customer, -(event.seats.len() as i64));
        }
    }

    fn checked_in(&mut self, event: &TicketCheckedIn) {
        if let Some(seat) = self.seats.get(event.seat.seat) {
            self.seats.change(event.seat, SeatStatus::Sold, seat.ticket);
            self.orders.check_in(seat.ticket, &event.gate, event.at);
        }
    }

    fn count(&mut self, customer: CustomerId, change: i64) {
        if self.info.max_seats_per_customer.is_none() {
            return;
        }
        let count = self.seats_of_customer.entry(customer).or_insert(0);
        *count = u32::try_from((i64::from(*count) + change).max(0)).unwrap_or(u32::MAX);
        if *count == 0 {
            self.seats_of_customer.remove(&customer);
        }
    }
}
