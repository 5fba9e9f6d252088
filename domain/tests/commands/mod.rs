//! A table of given/when/then per command family: every rejection and every bound, on both sides.

mod blocks;
mod charges;
mod check_in;
mod create;
mod hold_best_available;
mod hold_general;
mod hold_named;
mod payments;
mod refunds;
mod release_expire;
mod sales;
