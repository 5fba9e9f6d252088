//! The rows of tickets, and what events do to them. Pure.
//!
//! Invariant: a ticket is sold once, and used or given back at most once after that.

use ticketflow_domain::show::{OrderPaid, ShowInfo};
use ticketflow_domain::{OrderId, ShowId, TicketId, Timestamp};

use super::changes::Change;
use super::tables::{Cells, datetime, signed, text};

/// Of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TicketRow {
    pub(crate) ticket_id: TicketId,
    order_id: OrderId,
    show_id: ShowId,
    seat: String,
    zone: String,
    price: i64,
    change: Option<TicketChange>,
}

/// What becomes of a ticket, at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TicketChange {
    Refunded,
    Used { at: Timestamp, gate: String },
}

impl TicketChange {
    /// Status, used at, gate.
    pub(crate) fn cells(&self) -> Cells {
        match self {
            Self::Refunded => vec![text("refunded"), None, None],
            Self::Used { at, gate } => vec![text("used"), Some(datetime(*at)), text(gate)],
        }
    }
}

impl TicketRow {
    pub(crate) fn becomes(&mut self, change: TicketChange) {
        self.change = Some(change);
    }

    pub(crate) fn cells(&self) -> Cells {
        let mut cells = vec![
            Some(self.ticket_id.to_string()),
            Some(self.order_id.to_string()),
            Some(self.show_id.to_string()),
            text(&self.seat),
            text(&self.zone),
            signed(self.price),
        ];
        cells.extend(change_cells(self.change.as_ref()));
        cells
    }

    /// What became of it so far.
    pub(crate) fn change(&self) -> Option<&TicketChange> {
        self.change.as_ref()
    }
}

/// Status, used at, gate.
pub(crate) fn change_cells(change: Option<&TicketChange>) -> Cells {
    change.map_or_else(|| vec![text("paid"), None, None], TicketChange::cells)
}

/// The tickets of a paid order.
pub(crate) fn tickets_of(paid: &OrderPaid, show: &ShowInfo) -> impl Iterator<Item = Change> {
    paid.tickets.iter().zip(&paid.seats).map(move |(&ticket_id, seat)| {
        let place = show.seating.place(seat.seat);
        Change::Ticket(TicketRow {
            ticket_id,
            order_id: paid.order_id,
            show_id: show.show_id,
            seat: place.to_string(),
            zone: place.zone.to_owned(),
            price: show.seating.price(seat.seat),
            change: None,
        })
    })
}
