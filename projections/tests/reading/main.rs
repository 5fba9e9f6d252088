//! The read side over a real log in memory: what every endpoint shows, live, past and rebuilt.

mod catalogue;
mod live;
mod orders;
mod past;
mod rebuilt;
mod seats;
mod stage;
