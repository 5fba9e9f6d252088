//! The stored shape of a folded show: a disposable cache with a version of its own, rebuilt from events when in doubt.
//!
//! What can be derived (counts, indexes, deadlines) is derived again on load.

use super::events::{SeatRevision, ShowCreated};
use super::holds::{Hold, Holds, PendingPayment};
use super::orders::{Order, Orders, Ticket};
use super::seats::{SeatStatus, Seats};
use super::state::{SalesStatus, Show, ShowInfo, ShowState};
use crate::ids::{CustomerId, OrderId, RefundId};
use crate::plan::SeatIndex;
use std::sync::Arc;

/// Version 1 of a show's snapshot.
#[derive(Debug, Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct ShowSnapshot {
    created: ShowCreated,
    sales: SalesStatus,
    /// Per seat in plan order: revision, ticket index, status.
    seats: Vec<(u32, u32, SeatStatus)>,
    holds: Vec<Hold>,
    payments: Vec<PendingPayment>,
    orders: Vec<Order>,
    tickets: Vec<Ticket>,
    gates: Vec<String>,
    to_void: Vec<OrderId>,
    to_refund: Vec<(RefundId, OrderId, i64)>,
    seats_of_customer: Vec<(CustomerId, u32)>,
}

/// Sorted, so that equal states have equal snapshots.
fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items
}

impl ShowState {
    /// The state as its stored shape; none before the show exists. Takes the state, so that large lists move.
    pub fn into_snapshot(self) -> Option<ShowSnapshot> {
        let show = self.show?;
        let (orders, tickets, gates) = show.orders.into_parts();
        let (holds, payments) = show.holds.into_parts();
        Some(ShowSnapshot {
            created: show.info.created(),
            sales: show.sales,
            seats: show.seats.iter().map(|seat| (seat.revision, seat.ticket, seat.status)).collect(),
            holds,
            payments,
            orders,
            tickets,
            gates,
            to_void: sorted(show.to_void.into_iter()),
            to_refund: sorted(show.to_refund.into_iter().map(|(id, (order, amount))| (id, order, amount))),
            seats_of_customer: sorted(show.seats_of_customer.into_iter()),
        })
    }

    /// The state from its stored shape.
    pub fn from_snapshot(snapshot: ShowSnapshot) -> Self {
        let info = Arc::new(ShowInfo::new(&snapshot.created));
        let mut seats = Seats::new(info.seating.clone());
        for (index, (revision, ticket, status)) in snapshot.seats.into_iter().enumerate() {
            seats.change(SeatRevision { seat: SeatIndex(index as u32), revision }, status, ticket);
        }
        let mut show = Show::with_seats(seats, info);
        show.sales = snapshot.sales;
        show.holds = Holds::from_parts(snapshot.holds, snapshot.payments);
        show.orders = Orders::from_parts(snapshot.orders, snapshot.tickets, snapshot.gates);
        show.to_void = snapshot.to_void.into_iter().collect();
        show.to_refund =
            snapshot.to_refund.into_iter().map(|(id, order, amount)| (id, (order, amount))).collect();
        show.seats_of_customer = snapshot.seats_of_customer.into_iter().collect();
        Self { show: Some(show) }
    }
}
