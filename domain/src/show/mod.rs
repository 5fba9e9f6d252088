//! The show: one performance, the consistency boundary. Inside it every seat is an aggregate with its own revision.
//!
//! Stream: `show-{ulid}`. Grammar: [`ShowCommand`] + [`ShowState`] --[`decide`]--> [`ShowEvent`]s or a [`Rejection`];
//! [`ShowState::evolve`] folds events and never fails. A command that was already carried out yields no second fact.

pub mod audit;
mod best_available;
mod commands;
mod deadlines;
mod decide;
mod events;
mod holds;
mod orders;
mod rejection;
mod seats;
mod selection;
mod snapshot;
mod state;
mod stored_list;

pub use commands::{HoldSeats, Selection, ShowCommand, StartPayment};
pub use decide::{Context, decide};
pub use events::*;
pub use holds::{Hold, PendingPayment};
pub use orders::{Order, OrderTickets, Ticket, TicketStatus};
pub use rejection::Rejection;
pub use seats::SeatStatus;
pub use snapshot::ShowSnapshot;
pub use state::{OpenCharge, SalesStatus, ShowInfo, ShowState, ZoneCounts};

/// Seats of one hold at most.
pub const MAX_SEATS_PER_HOLD: usize = 10;

/// Seconds that a hold lasts unless the show says otherwise.
pub const DEFAULT_HOLD_SECONDS: u32 = 600;

/// Seconds that a hold may last at most: two hours.
pub const MAX_HOLD_SECONDS: u32 = 7_200;

/// Seconds after which a payment without an outcome is given up and its seats are released: while a charge is
/// unknown the hold does not expire, and this is the cap on that.
pub const PAYMENT_CAP_SECONDS: u32 = 300;

/// Seats that one block or unblock command may name; a venue blocks by rows, and one event stays small.
pub const MAX_SEATS_PER_BLOCK: usize = 20_000;
