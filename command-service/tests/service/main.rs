//! The command service as an attacker and as an unlucky buyer meet it: the real router over a real log.
//!
//! One file per promise. Every test has its own data folder, runtime, clock and payment simulator.

mod answers;
mod cancelled_show;
mod door;
mod harness;
mod hold_rules;
mod hostile_bodies;
mod idempotency;
mod interrupted;
mod organiser;
mod overload;
mod payment;
mod personal_data;
mod plans;
mod refunds;
mod replicas;
mod storage;
mod troubled_disk;
