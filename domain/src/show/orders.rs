//! Paid orders and their tickets, kept compact: a show may sell hundreds of thousands.
//!
//! 64 bytes an order, 40 a ticket, 9 to 20 for the index by order id. Tickets of an order are neighbours.

use std::collections::VecDeque;

use ticketflow_row_table::{RowIndex, Rows, hash_of_random_id};

use crate::ids::{CustomerId, OrderId, TicketId};
use crate::plan::SeatIndex;
use crate::time::Timestamp;

/// Different gate names that a show's check-ins may bear; a stadium has some dozens.
pub(super) const MAX_GATES: usize = 1_000;

/// What a ticket is to its owner.
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
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(u8)]
pub enum TicketStatus {
    /// Admits once.
    Paid,
    /// Has admitted.
    Used,
    /// Was given back.
    Refunded,
}

/// A ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// First scan; zero until then.
    pub(super) used_at: i64,
    /// Number of its order.
    pub(super) order: u32,
    /// Its seat.
    pub seat: SeatIndex,
    /// The seat's revision when it was sold.
    pub generation: u32,
    /// Number of the gate of the first scan.
    pub(super) gate: u16,
    /// What it is to its owner.
    pub status: TicketStatus,
}

/// A paid order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Who bought.
    pub customer_id: CustomerId,
    /// Paid, in minor units.
    pub total: i64,
    /// Of that given back, in minor units.
    pub refunded: i64,
    /// When.
    pub paid_at: Timestamp,
    pub(super) first_ticket: u32,
    pub(super) ticket_count: u16,
    /// Whether the gateway has captured the charge.
    pub captured: bool,
}

/// The tickets of one order.
pub type OrderTickets<'a> = &'a [Ticket];

/// All orders of a show.
#[derive(Debug, Clone, Default)]
pub(super) struct Orders {
    orders: Rows<Order>,
    tickets: Rows<Ticket>,
    by_id: RowIndex,
    gates: Vec<String>,
    /// Numbers of the orders whose charge is not captured, in order, and of some others.
    to_capture: VecDeque<u32>,
    /// How many others. Charges are captured nearly in order, so that most of them leave at the front.
    captured: usize,
}

/// So few captured orders are never worth a sweep.
const SWEEP_FROM: usize = 64;

/// How many open captures are looked at before the index: they were written lately, a place in the index was not.
const CAPTURED_NEXT: usize = 8;

fn hash(id: OrderId) -> u64 {
    hash_of_random_id(&id.to_bytes())
}

impl Orders {
    /// Adds an order with its tickets and gives the number of the first ticket.
    pub(super) fn insert(
        &mut self,
        mut order: Order,
        tickets: impl ExactSizeIterator<Item = (TicketId, SeatIndex, u32)>,
    ) -> u32 {
        let row = self.orders.next_number();
        let (first_ticket, count) = self.tickets.push_run(tickets.map(|(id, seat, generation)| Ticket {
            id,
            used_at: 0,
            order: row,
            seat,
            generation,
            gate: 0,
            status: TicketStatus::Paid,
        }));
        (order.first_ticket, order.ticket_count) = (first_ticket, count as u16);
        self.add(order);
        order.first_ticket
    }

    /// Notes that an order's charge is captured.
    pub(super) fn set_captured(&mut self, id: OrderId) {
        let Some(number) = self.next_to_capture(id).or_else(|| self.row(id)) else { return };
        if std::mem::replace(&mut self.orders[number].captured, true) {
            return;
        }
        self.captured += 1;
        let orders = &self.orders;
        let is_captured = |number: u32| orders.get(number).is_none_or(|order| order.captured);
        while self.to_capture.pop_front_if(|first| is_captured(*first)).is_some() {
            self.captured -= 1;
        }
        if self.captured >= SWEEP_FROM && self.captured * 4 > self.to_capture.len() {
            self.to_capture.retain(|number| !is_captured(*number));
            self.captured = 0;
        }
    }

    fn next_to_capture(&self, id: OrderId) -> Option<u32> {
        self.to_capture.iter().take(CAPTURED_NEXT).copied().find(|&number| self.orders[number].id == id)
    }

    /// The orders whose charge is not captured, in the order of payment.
    pub(super) fn to_capture(&self) -> impl Iterator<Item = &Order> {
        let orders = self.to_capture.iter().filter_map(|&number| self.orders.get(number));
        orders.filter(|order| !order.captured)
    }

    fn add(&mut self, order: Order) {
        let row = self.orders.push(order);
        self.by_id.insert(hash(order.id), row);
        if !order.captured {
            self.to_capture.push_back(row);
        }
    }

    fn row(&self, id: OrderId) -> Option<u32> {
        self.by_id.find(hash(id), |row| self.orders[row].id == id)
    }

    pub(super) fn get(&self, id: OrderId) -> Option<&Order> {
        self.orders.get(self.row(id)?)
    }

    pub(super) fn get_mut(&mut self, id: OrderId) -> Option<&mut Order> {
        let row = self.row(id)?;
        self.orders.get_mut(row)
    }

    pub(super) fn tickets_of(&self, order: &Order) -> OrderTickets<'_> {
        self.tickets.run(order.first_ticket, order.ticket_count.into())
    }

    pub(super) fn ticket(&self, number: u32) -> Option<&Ticket> {
        self.tickets.get(number)
    }

    pub(super) fn ticket_of_order_mut(&mut self, order: OrderId, ticket: TicketId) -> Option<&mut Ticket> {
        let order = self.get(order)?;
        let (first, count) = (order.first_ticket, order.ticket_count.into());
        self.tickets.run_mut(first, count).iter_mut().find(|candidate| candidate.id == ticket)
    }

    /// Marks a ticket used. Total: a number out of range is passed over.
    pub(super) fn check_in(&mut self, number: u32, gate: &str, at: Timestamp) {
        let gate = self.intern_gate(gate);
        if let Some(ticket) = self.tickets.get_mut(number) {
            (ticket.status, ticket.used_at, ticket.gate) = (TicketStatus::Used, at.as_millis(), gate);
        }
    }

    /// First scan of a used ticket: when and where.
    pub(super) fn first_use(&self, ticket: &Ticket) -> (Timestamp, &str) {
        let gate = self.gates.get(usize::from(ticket.gate)).map_or("", String::as_str);
        (Timestamp::from_millis(ticket.used_at), gate)
    }

    pub(super) fn may_use_gate(&self, gate: &str) -> bool {
        self.gates.len() < MAX_GATES || self.gates.iter().any(|known| known == gate)
    }

    fn intern_gate(&mut self, gate: &str) -> u16 {
        let known = self.gates.iter().position(|known| known == gate);
        let index = known.unwrap_or_else(|| {
            self.gates.push(gate.to_owned());
            self.gates.len() - 1
        });
        u16::try_from(index).unwrap_or(u16::MAX)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter()
    }

    /// Orders, tickets and gates, in the order in which they came.
    pub(super) fn into_parts(self) -> (Vec<Order>, Vec<Ticket>, Vec<String>) {
        (self.orders.into_iter().collect(), self.tickets.into_iter().collect(), self.gates)
    }

    /// From what [`Orders::into_parts`] gave. Adding the same tickets in the same order gives them the same numbers.
    pub(super) fn from_parts(orders: Vec<Order>, tickets: Vec<Ticket>, gates: Vec<String>) -> Self {
        let mut restored = Self { gates, ..Self::default() };
        let mut tickets = tickets.as_slice();
        for order in orders {
            let (own, others) = tickets.split_at(usize::from(order.ticket_count).min(tickets.len()));
            restored.tickets.push_run(own.iter().copied());
            restored.add(order);
            tickets = others;
        }
        restored
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const ORDERS: u32 = 400;

    fn id(number: u32) -> OrderId {
        OrderId::from_bytes(u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060).to_be_bytes())
    }

    fn order(number: u32) -> Order {
        Order {
            id: id(number),
            customer_id: CustomerId::from_bytes([0; 16]),
            total: 1,
            refunded: 0,
            paid_at: Timestamp::from_millis(0),
            first_ticket: 0,
            ticket_count: 0,
            captured: false,
        }
    }

    #[test]
    fn open_captures_are_those_not_captured_in_the_order_of_payment() {
        let (mut orders, mut open) = (Orders::default(), BTreeSet::new());
        for number in 0..ORDERS {
            orders.insert(order(number), std::iter::empty());
            open.insert(number);
        }
        let mut random = 7_u64;
        // The first stays open until the end, as one that the gateway refuses.
        while open.len() > 1 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = 1 + (random >> 33) as u32 % (ORDERS - 1);
            open.remove(&number);
            orders.set_captured(id(number));
            orders.set_captured(id(number));
            orders.set_captured(id(ORDERS + number));
            let shown: Vec<OrderId> = orders.to_capture().map(|order| order.id).collect();
            assert_eq!(shown, open.iter().map(|&number| id(number)).collect::<Vec<_>>());
            assert!(orders.to_capture.len() <= open.len() * 4 / 3 + SWEEP_FROM);
            if open.len() == 200 {
                let (rows, tickets, gates) = orders.into_parts();
                orders = Orders::from_parts(rows, tickets, gates);
            }
        }
        orders.set_captured(id(0));
        assert_eq!((orders.to_capture().count(), orders.to_capture.len(), orders.captured), (0, 0, 0));
        assert_eq!(orders.iter().filter(|order| order.captured).count(), ORDERS as usize);
    }
}
