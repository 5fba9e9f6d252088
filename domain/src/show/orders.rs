//! Paid orders and their tickets, kept compact: a show may sell hundreds of thousands.
//!
//! 64 bytes an order, 40 a ticket, 5 to 9 for the index by order id. Tickets of an order are neighbours.

use hashbrown::HashTable;

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
    /// Index of its order.
    pub(super) order: u32,
    /// Its seat.
    pub seat: SeatIndex,
    /// The seat's revision when it was sold.
    pub generation: u32,
    /// Index of the gate of the first scan.
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
    orders: Vec<Order>,
    tickets: Vec<Ticket>,
    by_id: HashTable<u32>,
    gates: Vec<String>,
}

/// Ids end in random bits, so those serve as their hash.
fn id_hash(id: OrderId) -> u64 {
    let bytes = id.to_bytes();
    let random = u64::from_le_bytes(bytes[8..].try_into().expect("eight of sixteen bytes"));
    random.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Orders {
    pub(super) fn insert(
        &mut self,
        mut order: Order,
        tickets: impl Iterator<Item = (TicketId, SeatIndex, u32)>,
    ) -> u32 {
        let (index, first) = (self.orders.len() as u32, self.tickets.len() as u32);
        self.tickets.extend(tickets.map(|(id, seat, generation)| Ticket {
            id,
            used_at: 0,
            order: index,
            seat,
            generation,
            gate: 0,
            status: TicketStatus::Paid,
        }));
        order.first_ticket = first;
        order.ticket_count = (self.tickets.len() as u32 - first) as u16;
        self.orders.push(order);
        let orders = &self.orders;
        self.by_id.insert_unique(id_hash(order.id), index, |&other| id_hash(orders[other as usize].id));
        first
    }

    fn index_of(&self, id: OrderId) -> Option<usize> {
        let found = self.by_id.find(id_hash(id), |&index| self.orders[index as usize].id == id);
        found.map(|&index| index as usize)
    }

    pub(super) fn get(&self, id: OrderId) -> Option<&Order> {
        self.index_of(id).map(|index| &self.orders[index])
    }

    pub(super) fn get_mut(&mut self, id: OrderId) -> Option<&mut Order> {
        self.index_of(id).map(|index| &mut self.orders[index])
    }

    pub(super) fn tickets_of(&self, order: &Order) -> OrderTickets<'_> {
        &self.tickets[order.first_ticket as usize..][..usize::from(order.ticket_count)]
    }

    pub(super) fn ticket(&self, index: u32) -> Option<&Ticket> {
        self.tickets.get(index as usize)
    }

    pub(super) fn ticket_of_order_mut(&mut self, order: OrderId, ticket: TicketId) -> Option<&mut Ticket> {
        let order = &self.orders[self.index_of(order)?];
        let tickets = &mut self.tickets[order.first_ticket as usize..][..usize::from(order.ticket_count)];
        tickets.iter_mut().find(|candidate| candidate.id == ticket)
    }

    /// Marks a ticket used. Total: an index out of range is passed over.
    pub(super) fn check_in(&mut self, index: u32, gate: &str, at: Timestamp) {
        let gate = self.intern_gate(gate);
        if let Some(ticket) = self.tickets.get_mut(index as usize) {
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

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Order> {
        self.orders.iter()
    }

    pub(super) fn parts(&self) -> (&[Order], &[Ticket], &[String]) {
        (&self.orders, &self.tickets, &self.gates)
    }

    pub(super) fn from_parts(orders: Vec<Order>, tickets: Vec<Ticket>, gates: Vec<String>) -> Self {
        let mut by_id = HashTable::with_capacity(orders.len());
        for (index, order) in orders.iter().enumerate() {
            by_id.insert_unique(id_hash(order.id), index as u32, |&other: &u32| {
                id_hash(orders[other as usize].id)
            });
        }
        Self { orders, tickets, by_id, gates }
    }
}
