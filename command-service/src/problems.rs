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

const UNAVAILABLE: Problem =
    Problem::unavailable("unavailable", "The event store does not take writes now", 1_000);

/// The problem of an outcome that is not a success.
pub(crate) fn outcome(outcome: Outcome) -> Problem {
    match outcome {
        Outcome::Rejected(reason, info) => rejection(reason, info.as_deref()),
        Outcome::KeyReused => Problem::rule("idempotency_key_reused", "The idempotency key was used before")
            .detail("this Idempotency-Key was sent with another request; use a new key for a new request"),
        Outcome::StorageLow => Problem::unavailable("storage_low", "Disk space is low", STORAGE_RETRY_MS)
            .detail("no new holds are taken until space is made; paying and refunding go on"),
        Outcome::TooLarge => Problem::too_large("too_large", "The request is larger than can be recorded"),
        Outcome::Busy => {
            Problem::too_many("too_many_requests", "The show has too many requests waiting", BUSY_RETRY_MS)
        }
        Outcome::Unavailable => UNAVAILABLE,
        Outcome::Unknown => UNAVAILABLE.detail(
            "the request may or may not have been carried out; repeat it with the same Idempotency-Key",
        ),
        Outcome::Done(_) | Outcome::DoneBefore { .. } => {
            Problem::internal("internal", "The server failed to answer")
        }
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
        Rejection::ShowUnknown => Problem::not_found("show_unknown", "There is no such show"),
        Rejection::ShowAlreadyExists => Problem::conflict("show_exists", "The show exists"),
        Rejection::IdTaken => Problem::conflict("id_taken", "The id is taken"),
        Rejection::InvalidShow(_) => Problem::rule("invalid_show", "A value is out of bounds"),
        Rejection::SalesNotOpen { opens_at } => {
            let problem = Problem::rule("sales_not_open", "Sales have not opened");
            return match opens_at {
                Some(opens_at) => {
                    problem.detail(format!("sales open at {opens_at}")).member("opens_at", opens_at)
                }
                None => problem.detail("the organiser has not opened sales yet (POST /v1/shows/{show}/open)"),
            };
        }
        Rejection::SalesClosed => Problem::rule("sales_closed", "Sales are closed"),
        Rejection::ShowCancelled => Problem::rule("show_cancelled", "The show is cancelled"),
        Rejection::SeatUnknown(_) => Problem::rule("seat_unknown", "There is no such seat"),
        Rejection::ZoneUnknown(_) => Problem::rule("zone_unknown", "There is no such zone"),
        Rejection::SeatNamedTwice(_) => Problem::rule("seat_named_twice", "A seat is named twice"),
        Rejection::NoSeat => Problem::rule("no_seats", "No seat is asked for"),
        Rejection::TooManySeats { .. } => Problem::rule("too_many_seats", "Too many seats are asked for"),
        Rejection::SeatsUnavailable(seats) => {
            let problem = Problem::conflict("seats_unavailable", "Seats are not available");
            return problem.conflicting_seats(names(&seats, info));
        }
        Rejection::SeatsMoved(seats) => {
            Problem::conflict("seats_changed", "Seats changed since they were looked at")
                .conflicting_seats(names(&seats, info))
        }
        Rejection::NotEnoughSeats { .. } => {
            Problem::conflict("not_enough_seats", "Not enough seats are left")
        }
        Rejection::NotTogether { .. } => {
            Problem::conflict("not_together", "No such seats side by side are left")
        }
        Rejection::ZoneIsGeneral(_) => Problem::rule("zone_is_general", "The zone has no numbered seats"),
        Rejection::ZoneIsNumbered(_) => Problem::rule("zone_is_numbered", "The zone has numbered seats"),
        Rejection::CustomerLimit { .. } => Problem::rule("customer_limit", "The customer's limit is reached"),
        Rejection::HoldEnded => Problem::gone("hold_ended", "The hold has ended"),
        Rejection::PaymentUnderWay => {
            Problem::conflict("payment_under_way", "A payment is under way").retry_after_ms(PAYMENT_RETRY_MS)
        }
        Rejection::PaymentNotUnderWay => {
            Problem::conflict("payment_not_under_way", "No payment is under way")
        }
        Rejection::TicketCountMismatch => {
            Problem::conflict("payment_not_under_way", "No payment is under way")
        }
        Rejection::OrderUnknown => Problem::not_found("order_unknown", "There is no such order"),
        Rejection::TicketUnknown => Problem::rule("ticket_unknown", "There is no such ticket"),
        Rejection::TicketRefunded => Problem::rule("ticket_refunded", "The ticket was refunded"),
        Rejection::TicketUsed => Problem::rule("ticket_used", "The ticket was used"),
        Rejection::AlreadyCheckedIn { first_used_at, gate } => {
            Problem::conflict("already_used", "The ticket was used before")
                .member("first_used_at", first_used_at)
                .member("gate", gate)
        }
        Rejection::TooManyGates { .. } => Problem::rule("too_many_gates", "Too many different gates"),
    };
    problem.detail(text)
}
