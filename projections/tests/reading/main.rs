//! The read side over a real log in memory: what every endpoint shows, live, past and rebuilt.

mod catalogue;
mod live;
mod log_pages;
mod orders;
mod past;
mod projections;
mod rebuilt;
mod seats;
mod stage;
