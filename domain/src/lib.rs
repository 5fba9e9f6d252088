//! The rules of ticketing as pure functions: no async, no I/O, no clock, no randomness.
//!
//! Each aggregate follows one grammar: commands are decided against the folded state into events
//! ([`show::decide`]), and events are folded into the state ([`show::ShowState::evolve`]), which never
//! fails. Time, ids and limits arrive from outside. Storing, sending and waiting belong to the services.

pub mod billing;
pub mod customer;
pub mod ids;
pub mod language;
pub mod money;
pub mod ops;
pub mod plan;
pub mod process;
pub mod rut;
pub mod show;
pub mod time;

pub use ids::{CustomerId, HashIds, HoldId, OrderId, RefundId, ShowId, TicketId};
pub use language::Language;
pub use money::{Currency, Money};
pub use plan::{Plan, SeatIndex};
pub use rut::Rut;
pub use time::Timestamp;
