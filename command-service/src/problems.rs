//! From what the domain says to what the client reads: every rejection and every failure as a problem document.

use ticketflow_domain::SeatIndex;
use ticketflow_domain::show::{Rejection, ShowInfo};
use ticketflow_http::Problem;

use crate::show_task::Outcome;

/// When a refused client should come back: a queue of 4,096 drains in about a tenth of a second.
const BUSY_RETRY_MS: u64 = 500;
/// A payment under way ends within seconds.
const PAYMENT_RETRY_MS: u64 = 1_000;
/// A rejection may name what the client sent; of that no more than this is repeated.
const MAX_DETAIL_BYTES: usize = 300;
/// Space is made by people.
const STORAGE_RETRY_MS: u64 = 30_000;

pub(crate) const UNAVAILABLE: Problem = Problem::unavailable("unavailable", "Temporarily unavailable", 1_000);
pub(crate) const BUSY: Problem =
    Problem::too_many("too_many_requests", "The show has too many requests waiting", BUSY_RETRY_MS);
pub(crate) const TOO_LARGE: Problem =
    Problem::too_large("too_large", "The request is larger than can be recorded");
pub(crate) const STORAGE_LOW: Problem =
    Problem::unavailable("storage_low", "Disk space is low", STORAGE_RETRY_MS);
pub(crate) const KEY_REUSED: Problem =
    Problem::rule("idempotency_key_reused", "The idempotency key was used before");
const INTERNAL: Problem = Problem::internal("internal", "The server failed to answer");

pub(crate) const SHOW_UNKNOWN: Problem = Problem::not_found("show_unknown", "There is no such show");
pub(crate) const SHOW_EXISTS: Problem = Problem::conflict("show_exists", "The show exists");
pub(crate) const ID_TAKEN: Problem = Problem::conflict("id_taken", "The id is taken");
pub(crate) const INVALID_SHOW: Problem = Problem::rule("invalid_show", "A value is out of bounds");
pub(crate) const SALES_NOT_OPEN: Problem = Problem::rule("sales_not_open", "Sales have not opened");
pub(crate) const SALES_CLOSED: Problem = Problem::rule("sales_closed", "Sales are closed");
pub(crate) const SHOW_CANCELLED: Problem = Problem::rule("show_cancelled", "The show is cancelled");
pub(crate) const SEAT_UNKNOWN: Problem = Problem::rule("seat_unknown", "There is no such seat");
pub(crate) const ZONE_UNKNOWN: Problem = Problem::rule("zone_unknown", "There is no such zone");
pub(crate) const SEAT_NAMED_TWICE: Problem = Problem::rule("seat_named_twice", "A seat is named twice");
pub(crate) const NO_SEATS: Problem = Problem::rule("no_seats", "No seat is asked for");
pub(crate) const TOO_MANY_SEATS: Problem = Problem::rule("too_many_seats", "Too many seats are asked for");
pub(crate) const SEATS_UNAVAILABLE: Problem =
    Problem::conflict("seats_unavailable", "Seats are not available");
pub(crate) const SEATS_CHANGED: Problem =
    Problem::conflict("seats_changed", "Seats changed since they were looked at");
pub(crate) const NOT_ENOUGH_SEATS: Problem =
    Problem::conflict("not_enough_seats", "Not enough seats are left");
pub(crate) const NOT_TOGETHER: Problem =
    Problem::conflict("not_together", "No such seats side by side are left");
pub(crate) const ZONE_IS_GENERAL: Problem =
    Problem::rule("zone_is_general", "The zone has no numbered seats");
pub(crate) const ZONE_IS_NUMBERED: Problem = Problem::rule("zone_is_numbered", "The zone has numbered seats");
pub(crate) const CUSTOMER_LIMIT: Problem = Problem::rule("customer_limit", "The customer's limit is reached");
pub(crate) const HOLD_ENDED: Problem = Problem::gone("hold_ended", "The hold has ended");
pub(crate) const PAYMENT_UNDER_WAY: Problem =
    Problem::conflict("payment_under_way", "A payment is under way").retry_after_ms(PAYMENT_RETRY_MS);
pub(crate) const PAYMENT_NOT_UNDER_WAY: Problem =
    Problem::conflict("payment_not_under_way", "No payment is under way");
pub(crate) const ORDER_UNKNOWN: Problem = Problem::not_found("order_unknown", "There is no such order");
pub(crate) const TICKET_UNKNOWN: Problem = Problem::rule("ticket_unknown", "There is no such ticket");
pub(crate) const TICKET_REFUNDED: Problem = Problem::rule("ticket_refunded", "The ticket was refunded");
pub(crate) const TICKET_USED: Problem = Problem::rule("ticket_used", "The ticket was used");
pub(crate) const ALREADY_USED: Problem = Problem::conflict("already_used", "The ticket was used before");
pub(crate) const TOO_MANY_GATES: Problem = Problem::rule("too_many_gates", "Too many different gates");

/// What any command to a show can end in, beside the rules that it may break.
pub(crate) const OF_EVERY_COMMAND: [Problem; 5] = [SHOW_UNKNOWN, BUSY, TOO_LARGE, STORAGE_LOW, UNAVAILABLE];

/// The problem of an outcome that is not a success.
pub(crate) fn outcome(outcome: Outcome) -> Problem {
    match outcome {
        Outcome::Rejected(reason, info) => rejection(reason, info.as_deref()),
        Outcome::KeyReused => KEY_REUSED
            .detail("this Idempotency-Key was sent with another request; use a new key for a new request"),
        Outcome::StorageLow => {
            STORAGE_LOW.detail("no new holds are taken until space is made; paying and refunding go on")
        }
        Outcome::TooLarge => TOO_LARGE,
        Outcome::Busy => BUSY,
        Outcome::Unavailable => UNAVAILABLE.detail("the event store does not take writes now"),
        Outcome::Unknown => UNAVAILABLE.detail(
            "the request may or may not have been carried out; repeat it with the same Idempotency-Key",
        ),
        Outcome::Done(_) | Outcome::DoneBefore { .. } => INTERNAL,
    }
}

fn names(seats: &[SeatIndex], info: Option<&ShowInfo>) -> Vec<String> {
    let name = |seat: &SeatIndex| info.map(|info| info.seating.place(*seat).to_string());
    seats.iter().filter_map(name).collect()
}

/// The problem of a rejection; `info` names the seats.
pub(crate) fn rejection(rejection: Rejection, info: Option<&ShowInfo>) -> Problem {
    let mut text = rejection.to_string();
    text.truncate(text.floor_char_boundary(MAX_DETAIL_BYTES));
    let problem = match rejection {
        Rejection::ShowUnknown => SHOW_UNKNOWN,
        Rejection::ShowAlreadyExists => SHOW_EXISTS,
        Rejection::IdTaken => ID_TAKEN,
        Rejection::InvalidShow(_) => INVALID_SHOW,
        Rejection::SalesNotOpen { opens_at } => {
            let problem = SALES_NOT_OPEN;
            return match opens_at {
                Some(opens_at) => {
                    problem.detail(format!("sales open at {opens_at}")).member("opens_at", opens_at)
                }
                None => problem.detail("the organiser has not opened sales yet (POST /v1/shows/{show}/open)"),
            };
        }
        Rejection::SalesClosed => SALES_CLOSED,
        Rejection::ShowCancelled => SHOW_CANCELLED,
        Rejection::SeatUnknown(_) => SEAT_UNKNOWN,
        Rejection::ZoneUnknown(_) => ZONE_UNKNOWN,
        Rejection::SeatNamedTwice(_) => SEAT_NAMED_TWICE,
        Rejection::NoSeat => NO_SEATS,
        Rejection::TooManySeats { .. } => TOO_MANY_SEATS,
        Rejection::SeatsUnavailable(seats) => {
            let problem = SEATS_UNAVAILABLE;
            return problem.conflicting_seats(names(&seats, info));
        }
        Rejection::SeatsMoved(seats) => SEATS_CHANGED.conflicting_seats(names(&seats, info)),
        Rejection::NotEnoughSeats { .. } => NOT_ENOUGH_SEATS,
        Rejection::NotTogether { .. } => NOT_TOGETHER,
        Rejection::ZoneIsGeneral(_) => ZONE_IS_GENERAL,
        Rejection::ZoneIsNumbered(_) => ZONE_IS_NUMBERED,
        Rejection::CustomerLimit { .. } => CUSTOMER_LIMIT,
        Rejection::HoldEnded => HOLD_ENDED,
        Rejection::PaymentUnderWay => PAYMENT_UNDER_WAY,
        Rejection::PaymentNotUnderWay => PAYMENT_NOT_UNDER_WAY,
        Rejection::TicketCountMismatch => PAYMENT_NOT_UNDER_WAY,
        Rejection::OrderUnknown => ORDER_UNKNOWN,
        Rejection::TicketUnknown => TICKET_UNKNOWN,
        Rejection::TicketRefunded => TICKET_REFUNDED,
        Rejection::TicketUsed => TICKET_USED,
        Rejection::AlreadyCheckedIn { first_used_at, gate } => {
            ALREADY_USED.member("first_used_at", first_used_at).member("gate", gate)
        }
        Rejection::TooManyGates { .. } => TOO_MANY_GATES,
    };
    problem.detail(text)
}
