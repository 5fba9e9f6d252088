//! Holds of general-admission places: by quantity, the first free ones, to the last place and not beyond.

use ticketflow_domain::show::*;

use crate::harness::facts::*;
use crate::harness::wishes::*;
use crate::harness::{Story, second};

fn places(from: u32, count: u32) -> Vec<At> {
    (from..from + count).map(|seat| (seat, 1)).collect()
}

#[test]
fn a_zone_sells_to_its_last_place_and_then_says_what_is_left() {
    Story::on_sale()
        .when(general(1, "Cancha", 10))
        .then(&[held(1, &places(27, 10), 90_000, second(600))])
        .when(general(2, "Cancha", 6))
        .then_rejected(Rejection::NotEnoughSeats { available: 5 })
        .when(general(2, "Cancha", 5))
        .then(&[held(2, &places(37, 5), 45_000, second(600))])
        .when(general(3, "Cancha", 1))
        .then_rejected(Rejection::NotEnoughSeats { available: 0 });
}

#[test]
fn places_that_came_back_are_sold_again_first() {
    Story::on_sale()
        .given(general(1, "Cancha", 2))
        .given(general(2, "Cancha", 2))
        .given(release(1))
        .when(general(3, "Cancha", 3))
        .then(&[held(3, &[(27, 3), (28, 3), (31, 1)], 27_000, second(600))]);
}

#[test]
fn one_to_ten_places_may_be_asked_for() {
    let too_many = Rejection::TooManySeats { most: MAX_SEATS_PER_HOLD };
    Story::on_sale()
        .when(general(1, "Cancha", 0))
        .then_rejected(Rejection::NoSeat)
        .when(general(1, "Cancha", 11))
        .then_rejected(too_many.clone())
        .when(general(1, "Cancha", u32::MAX))
        .then_rejected(too_many)
        .given(general(1, "Cancha", 1));
}

#[test]
fn zones_that_are_not_there_or_numbered_are_named_back() {
    Story::on_sale()
        .when(general(1, "Galería", 1))
        .then_rejected(Rejection::ZoneUnknown("Galería".into()))
        .when(general(1, "Platea", 1))
        .then_rejected(Rejection::ZoneIsNumbered("Platea".into()));
}

#[test]
fn the_customer_limit_holds_here_too() {
    Story::on_sale_with_limit(2)
        .when(general(1, "Cancha", 3))
        .then_rejected(Rejection::CustomerLimit { limit: 2 })
        .given(general(1, "Cancha", 2));
}
