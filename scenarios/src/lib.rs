//! Load generator, kill test and history checker: TicketFlow seen from outside.
//!
//! Everything here speaks the public HTTP contract and shares no code with the services, so that a mistake in the
//! domain cannot hide itself in its own test. What is measured and what is proved is described in each module; the
//! command line around it belongs to the `ticketflow` binary, which calls [`command::run`].

pub mod buyer;
pub mod checker;
pub mod command;
pub mod contract;
pub mod http;
pub mod journal;
pub mod kill;
pub mod load;
pub mod outages;
pub mod paper_trail;
pub mod plan;
pub mod race;
pub mod seeded;
pub mod system;
