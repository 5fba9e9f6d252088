//! Paid orders by id, for the order page: compact rows, the text is made when asked for.
//!
//! 64 bytes an order, 32 a ticket, 4 a seat, 9 to 20 for the index.

use std::collections::HashMap;

use smallvec::SmallVec;
use ticketflow_domain::plan::SeatIndex;
use ticketflow_domain::show::{OrderPaid, ShowEvent, TicketStatus};
use ticketflow_domain::{OrderId, ShowId, TicketId, Timestamp};
use ticketflow_event_store::Position;
use ticketflow_row_table::{RowIndex, Rows, hash_of_random_id};

/// No ticket.
const NONE: u32 = u32::MAX;

/// All paid orders.
#[derive(Default)]
pub(crate) struct Orders {
    rows: Rows<Row>,
    tickets: Rows<TicketRow>,
    by_id: RowIndex,
    shows: Vec<ShowOrders>,
    show_index: HashMap<ShowId, u32>,
}

struct ShowOrders {
    show_id: ShowId,
    /// The live ticket of each seat, grown as seats are sold.
    ticket_of_seat: Vec<u32>,
}

struct Row {
    id: OrderId,
    total: i64,
    refunded: i64,
    paid_at: Timestamp,
    position: Position,
    show: u32,
    first_ticket: u32,
    tickets: u32,
}

#[derive(Clone, Copy)]
struct TicketRow {
    id: TicketId,
    seat: SeatIndex,
    generation: u32,
    order: u32,
    status: TicketStatus,
}

/// An order as read.
#[derive(Debug, Clone)]
pub struct OrderView {
    /// Its show.
    pub show_id: ShowId,
    /// Paid, in minor units.
    pub total: i64,
    /// Of that given back.
    pub refunded: i64,
    /// When.
    pub paid_at: Timestamp,
    /// Of the last event that touched it.
    pub position: Position,
    /// In the order of purchase.
    pub tickets: Vec<TicketView>,
}

/// A ticket as read.
#[derive(Debug, Clone, Copy)]
pub struct TicketView {
    /// Its id.
    pub id: TicketId,
    /// Its seat.
    pub seat: SeatIndex,
    /// The seat's revision when it was sold.
    pub generation: u32,
    /// What it is to its owner.
    pub status: TicketStatus,
}

/// An order in a stored snapshot, version 1.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub(crate) struct StoredOrder {
    show_id: ShowId,
    id: OrderId,
    total: i64,
    refunded: i64,
    paid_at: Timestamp,
    position: Position,
    /// Id, seat, generation, status.
    tickets: SmallVec<[(TicketId, SeatIndex, u32, TicketStatus); 4]>,
}

fn hash(id: OrderId) -> u64 {
    hash_of_random_id(&id.to_bytes())
}

impl Orders {
    /// The show of an order.
    pub(crate) fn show_of(&self, id: OrderId) -> Option<ShowId> {
        self.row(id).map(|row| self.shows[self.rows[row].show as usize].show_id)
    }

    /// An order.
    pub(crate) fn get(&self, id: OrderId) -> Option<OrderView> {
        let row = &self.rows[self.row(id)?];
        let tickets = self.tickets.run(row.first_ticket, row.tickets as usize);
        let ticket = |ticket: &TicketRow| TicketView {
            id: ticket.id,
            seat: ticket.seat,
            generation: ticket.generation,
            status: ticket.status,
        };
        Some(OrderView {
            show_id: self.shows[row.show as usize].show_id,
            total: row.total,
            refunded: row.refunded,
            paid_at: row.paid_at,
            position: row.position,
            tickets: tickets.iter().map(ticket).collect(),
        })
    }

    fn row(&self, id: OrderId) -> Option<u32> {
        self.by_id.find(hash(id), |row| self.rows[row].id == id)
    }

    /// Folds an event of a show.
    pub(crate) fn apply(&mut self, show_id: ShowId, event: &ShowEvent, position: Position) {
        match event {
            ShowEvent::OrderPaid(event) => self.paid(show_id, event, position),
            ShowEvent::TicketsRefunded(event) => {
                let Some(row) = self.row(event.order_id) else { return };
                let row = &mut self.rows[row];
                row.refunded += event.amount;
                row.position = position;
                let tickets = self.tickets.run_mut(row.first_ticket, row.tickets as usize);
                let given_back = |ticket: &&mut TicketRow| event.tickets.contains(&ticket.id);
                for ticket in tickets.iter_mut().filter(given_back) {
                    ticket.status = TicketStatus::Refunded;
                }
            }
            ShowEvent::TicketCheckedIn(event) => {
                let show = self.show_index.get(&show_id).map(|&show| &self.shows[show as usize]);
                let ticket = show.and_then(|show| show.ticket_of_seat.get(event.seat.seat.as_usize()));
                let ticket = ticket.and_then(|&ticket| self.tickets.get_mut(ticket));
                if let Some(ticket) = ticket.filter(|ticket| ticket.id == event.ticket_id) {
                    ticket.status = TicketStatus::Used;
                    self.rows[ticket.order].position = position;
                }
            }
            _ => {}
        }
    }

    fn paid(&mut self, show_id: ShowId, event: &OrderPaid, position: Position) {
        let tickets = event.tickets.iter().zip(&event.seats);
        self.restore(StoredOrder {
            show_id,
            id: event.order_id,
            total: event.total,
            refunded: 0,
            paid_at: event.paid_at,
            position,
            tickets: tickets.map(|(&id, seat)| (id, seat.seat, seat.revision, TicketStatus::Paid)).collect(),
        });
    }

    /// Adds an order as it was stored.
    pub(crate) fn restore(&mut self, order: StoredOrder) {
        let show = self.show(order.show_id);
        let row = self.rows.next_number();
        let ticket =
            |&(id, seat, generation, status): &_| TicketRow { id, seat, generation, order: row, status };
        let (first_ticket, count) = self.tickets.push_run(order.tickets.iter().map(ticket));
        let of_seat = &mut self.shows[show as usize].ticket_of_seat;
        for ((_, seat, ..), number) in order.tickets.iter().zip(first_ticket..) {
            if of_seat.len() <= seat.as_usize() {
                of_seat.resize(seat.as_usize() + 1, NONE);
            }
            of_seat[seat.as_usize()] = number;
        }
        self.rows.push(Row {
            id: order.id,
            total: order.total,
            refunded: order.refunded,
            paid_at: order.paid_at,
            position: order.position,
            show,
            first_ticket,
            tickets: count as u32,
        });
        self.by_id.insert(hash(order.id), row);
    }

    fn show(&mut self, show_id: ShowId) -> u32 {
        let shows = &mut self.shows;
        *self.show_index.entry(show_id).or_insert_with(|| {
            shows.push(ShowOrders { show_id, ticket_of_seat: Vec::new() });
            shows.len() as u32 - 1
        })
    }

    /// All orders, in the order of payment.
    pub(crate) fn views(&self) -> impl Iterator<Item = (OrderId, OrderView)> {
        self.rows.iter().filter_map(|row| Some((row.id, self.get(row.id)?)))
    }

    /// All orders as they are stored, in the order of payment.
    pub(crate) fn stored(&self) -> impl Iterator<Item = StoredOrder> {
        self.rows.iter().map(|row| StoredOrder {
            show_id: self.shows[row.show as usize].show_id,
            id: row.id,
            total: row.total,
            refunded: row.refunded,
            paid_at: row.paid_at,
            position: row.position,
            tickets: self
                .tickets
                .run(row.first_ticket, row.tickets as usize)
                .iter()
                .map(|ticket| (ticket.id, ticket.seat, ticket.generation, ticket.status))
                .collect(),
        })
    }
}
