//! Holds of the best available seats: which ones, in which zone, and why not. The ladder itself is tested where it lives.

use ticketflow_domain::show::*;

use crate::harness::facts::*;
use crate::harness::wishes::*;
use crate::harness::{Story, plan, second};

fn first(count: u32) -> Vec<At> {
    (0..count).map(|seat| (seat, 1)).collect()
}

#[test]
fn the_seats_nearest_the_stage_are_held_side_by_side() {
    Story::on_sale()
        .when(best(1, None, 2, true))
        .then(&[held(1, &[(5, 1), (6, 1)], 40_000, second(600))])
        .when(best(2, Some("Platea"), 3, true))
        .then(&[held(2, &[(2, 1), (3, 1), (4, 1)], 60_000, second(600))]);
}

#[test]
fn a_zone_is_kept_to_and_no_seat_is_left_alone() {
    Story::on_sale().when(best(1, Some("Palco"), 1, true)).then(&[held(1, &[(24, 1)], 50_000, second(600))]);
}

#[test]
fn one_to_ten_seats_may_be_asked_for() {
    let too_many = Rejection::TooManySeats { most: MAX_SEATS_PER_HOLD };
    Story::on_sale()
        .when(best(1, None, 0, true))
        .then_rejected(Rejection::NoSeat)
        .when(best(1, None, 11, false))
        .then_rejected(too_many.clone())
        .when(best(1, None, u32::MAX, false))
        .then_rejected(too_many)
        .when(best(1, None, 10, true))
        .then(&[held(1, &first(10), 200_000, second(600))]);
}

#[test]
fn zones_that_are_not_there_or_not_numbered_are_named_back() {
    Story::on_sale()
        .when(best(1, Some("Galería"), 1, true))
        .then_rejected(Rejection::ZoneUnknown("Galería".into()))
        .when(best(1, Some(""), 1, true))
        .then_rejected(Rejection::ZoneUnknown("".into()))
        .when(best(1, Some("Cancha"), 1, true))
        .then_rejected(Rejection::ZoneIsGeneral("Cancha".into()));
}

#[test]
fn too_few_seats_and_too_scattered_seats_are_told_apart() {
    Story::on_sale()
        .when(best(1, Some("Palco"), 4, false))
        .then_rejected(Rejection::NotEnoughSeats { available: 3 })
        .given(hold(1, &["Palco-1-2"]))
        .when(best(2, Some("Palco"), 2, true))
        .then_rejected(Rejection::NotTogether { quantity: 2 })
        .when(best(2, Some("Palco"), 3, false))
        .then_rejected(Rejection::NotEnoughSeats { available: 2 })
        .when(best(2, Some("Palco"), 2, false))
        .then(&[held(2, &[(24, 1), (26, 1)], 100_000, second(600))])
        .when(best(3, Some("Palco"), 1, false))
        .then_rejected(Rejection::NotEnoughSeats { available: 0 });
}

#[test]
fn standing_places_are_never_the_best_seats() {
    let mut command = create_show();
    if let ShowCommand::CreateShow { plan: standing, .. } = &mut command {
        *standing = plan(serde_json::json!({"zones": [{"name": "Cancha", "price": 1, "capacity": 5}]}));
    }
    Story::blank()
        .given(command)
        .given(ShowCommand::OpenSales)
        .when(best(1, None, 1, false))
        .then_rejected(Rejection::NotEnoughSeats { available: 0 });
}

#[test]
fn every_numbered_seat_is_sold_before_it_ends() {
    let mut story = Story::on_sale();
    for hold in 0..27 {
        story = story.given(best(hold, None, 1, false));
    }
    story.when(best(27, None, 1, false)).then_rejected(Rejection::NotEnoughSeats { available: 0 });
}

#[test]
fn the_customer_limit_holds_here_too() {
    Story::on_sale_with_limit(2)
        .when(best(1, None, 3, true))
        .then_rejected(Rejection::CustomerLimit { limit: 2 })
        .given(best(1, None, 2, true));
}
