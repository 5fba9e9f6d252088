//! Tests of the show through its public grammar alone: state, command, events.
//!
//! `commands` holds a table per command family, `properties` what has to hold after any sequence of commands or
//! events, `harness` the given/when/then sentences and the venue that they are played in.

mod commands;
mod harness;
mod properties;
