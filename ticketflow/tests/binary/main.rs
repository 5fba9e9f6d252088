//! The binary as its users run it: real processes, private data folders, real sockets and signals.

mod buffer;
mod demo;
mod fiscal;
mod invoices;
mod machine;
mod monitoring;
mod moving;
mod openapi;
mod operations;
mod papers;
mod seat_map;
mod serving;
mod tools;
mod trials;
