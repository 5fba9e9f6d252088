//! The relay between a real log and real NATS servers: order, exactly once, and what it refuses.

mod delivery;
mod faults;
mod racing;
mod refusals;
mod world;
