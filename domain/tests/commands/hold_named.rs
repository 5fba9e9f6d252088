//! Holds of named seats: all or none, at the revisions that the buyer saw, within the limits of hold and customer.

use ticketflow_domain::SeatIndex;
use ticketflow_domain::show::*;

use crate::harness::facts::*;
use crate::harness::wishes::*;
use crate::harness::{Story, second};

const FIRST_TEN: [&str; 10] = [
    "Platea-A-1",
    "Platea-A-2",
    "Platea-A-3",
    "Platea-A-4",
    "Platea-A-5",
    "Platea-A-6",
    "Platea-A-7",
    "Platea-A-8",
    "Platea-A-9",
    "Platea-A-10",
];

#[test]
fn seats_are_held_in_the_order_asked_for_at_their_prices_until_the_deadline() {
    Story::on_sale().at(second(7)).when(hold(1, &["Palco-1-2b", "Platea-A-10", "Platea-A-2"])).then(&[held(
        1,
        &[(26, 1), (9, 1), (1, 1)],
        90_000,
        second(607),
    )]);
}

#[test]
fn ten_seats_are_the_most_and_one_the_least() {
    let story = Story::on_sale();
    story.clone().given(hold(1, &FIRST_TEN));
    let eleven: Vec<&str> = FIRST_TEN.iter().copied().chain(["Platea-B-1"]).collect();
    story
        .when(hold(1, &eleven))
        .then_rejected(Rejection::TooManySeats { most: MAX_SEATS_PER_HOLD })
        .when(hold(1, &[]))
        .then_rejected(Rejection::NoSeat)
        .given(hold(1, &["Platea-A-1"]));
}

#[test]
fn names_that_are_no_seat_of_the_plan_are_named_back() {
    for name in
        ["", "Platea", "Platea-A-13", "Platea-A-0", "Platea-A-01", "platea-a-1", "Palco-1-3", "🦀-🦀-🦀"]
    {
        Story::on_sale()
            .when(hold(1, &["Platea-A-1", name]))
            .then_rejected(Rejection::SeatUnknown(name.into()));
    }
}

#[test]
fn a_seat_named_twice_is_refused_not_counted_once() {
    Story::on_sale()
        .when(hold(1, &["Platea-A-1", "Platea-A-2", "Platea-A-1"]))
        .then_rejected(Rejection::SeatNamedTwice("Platea-A-1".into()));
}

#[test]
fn places_of_general_admission_have_no_names_to_hold() {
    Story::on_sale()
        .when(hold(1, &["Platea-A-1", "Cancha-GA-1"]))
        .then_rejected(Rejection::ZoneIsGeneral("Cancha".into()));
}

#[test]
fn one_taken_seat_refuses_all_and_every_taken_seat_is_listed() {
    Story::on_sale()
        .given(hold(1, &["Platea-A-2"]))
        .given(block(&["Platea-A-4"]))
        .given(hold(2, &["Platea-A-5"]))
        .given(start_payment(2, 2, 1))
        .given(confirm(2, &[1]))
        .when(hold(3, &["Platea-A-5", "Platea-A-1", "Platea-A-2", "Platea-A-4"]))
        .then_rejected(Rejection::SeatsUnavailable(vec![SeatIndex(4), SeatIndex(1), SeatIndex(3)]))
        .given(hold(3, &["Platea-A-1", "Platea-A-3"]));
}

#[test]
fn of_two_overlapping_holds_the_first_wins_whole() {
    Story::on_sale()
        .given(hold(1, &["Platea-A-1", "Platea-A-2", "Platea-A-3", "Platea-A-4"]))
        .when(hold(2, &["Platea-A-4", "Platea-A-5", "Platea-A-6", "Platea-A-7"]))
        .then_rejected(Rejection::SeatsUnavailable(vec![SeatIndex(3)]))
        .given(hold(2, &["Platea-A-5", "Platea-A-6", "Platea-A-7"]));
}

#[test]
fn a_seat_that_moved_since_it_was_seen_is_refused() {
    let moved = Story::on_sale().given(hold(1, &["Platea-A-1"])).given(release(1));
    moved
        .when(hold_expecting(2, &["Platea-A-1", "Platea-A-2"], &[("Platea-A-1", 0), ("Platea-A-2", 0)]))
        .then_rejected(Rejection::SeatsMoved(vec![SeatIndex(0)]))
        .when(hold_expecting(2, &["Platea-A-1"], &[("Platea-A-1", 3)]))
        .then_rejected(Rejection::SeatsMoved(vec![SeatIndex(0)]))
        .when(hold_expecting(2, &["Platea-A-1", "Platea-A-2"], &[("Platea-A-1", 2)]))
        .then(&[held(2, &[(0, 3), (1, 1)], 40_000, second(600))]);
}

#[test]
fn a_taken_seat_is_reported_as_taken_even_if_it_also_moved() {
    Story::on_sale()
        .given(hold(1, &["Platea-A-1"]))
        .when(hold_expecting(2, &["Platea-A-1", "Platea-A-2"], &[("Platea-A-1", 0), ("Platea-A-2", 9)]))
        .then_rejected(Rejection::SeatsUnavailable(vec![SeatIndex(0)]));
}

#[test]
fn a_revision_is_expected_only_of_a_seat_that_is_asked_for() {
    for stranger in ["Platea-A-2", "Platea-A-99", ""] {
        Story::on_sale()
            .when(hold_expecting(1, &["Platea-A-1"], &[("Platea-A-1", 0), (stranger, 0)]))
            .then_rejected(Rejection::SeatUnknown(stranger.into()));
    }
}

#[test]
fn a_customer_holds_up_to_the_limit_and_not_one_seat_more() {
    let too_many = || Rejection::CustomerLimit { limit: 3 };
    Story::on_sale_with_limit(3)
        .when(hold_by(1, 7, &["Platea-A-1", "Platea-A-2", "Platea-A-3", "Platea-A-4"]))
        .then_rejected(too_many())
        .given(hold_by(1, 7, &["Platea-A-1", "Platea-A-2"]))
        .when(hold_by(2, 7, &["Platea-A-3", "Platea-A-4"]))
        .then_rejected(too_many())
        .given(hold_by(2, 7, &["Platea-A-3"]))
        .when(hold_by(3, 7, &["Platea-A-4"]))
        .then_rejected(too_many())
        .given(hold_by(3, 8, &["Platea-A-4"]))
        .given(release(2))
        .given(hold_by(4, 7, &["Platea-A-3"]));
}

#[test]
fn what_was_bought_counts_until_it_is_given_back() {
    Story::on_sale_with_limit(2)
        .given(hold_by(1, 7, &["Platea-A-1", "Platea-A-2"]))
        .given(start_payment(1, 1, 7))
        .given(confirm(1, &[1, 2]))
        .when(hold_by(2, 7, &["Platea-A-3"]))
        .then_rejected(Rejection::CustomerLimit { limit: 2 })
        .given(refund(1, 1, &[1]))
        .given(hold_by(2, 7, &["Platea-A-3"]))
        .when(hold_by(3, 7, &["Platea-A-4"]))
        .then_rejected(Rejection::CustomerLimit { limit: 2 });
}

#[test]
fn somebody_unknown_holds_no_more_than_a_customer_may() {
    Story::on_sale_with_limit(2)
        .when(hold(1, &["Platea-A-1", "Platea-A-2", "Platea-A-3"]))
        .then_rejected(Rejection::CustomerLimit { limit: 2 })
        .given(hold(1, &["Platea-A-1", "Platea-A-2"]));
}

#[test]
fn the_id_of_a_live_hold_is_not_taken_twice() {
    Story::on_sale()
        .given(hold(1, &["Platea-A-1"]))
        .when(hold(1, &["Platea-A-2"]))
        .then_rejected(Rejection::IdTaken)
        .when(best(1, None, 1, true))
        .then_rejected(Rejection::IdTaken)
        .when(general(1, "Cancha", 1))
        .then_rejected(Rejection::IdTaken);
}
