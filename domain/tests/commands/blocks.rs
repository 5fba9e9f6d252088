//! Seats taken out of sale and put back: all or none, each once, never over a buyer's head.

use ticketflow_domain::SeatIndex;
use ticketflow_domain::show::*;

use crate::harness::facts::*;
use crate::harness::wishes::*;
use crate::harness::{Story, plan};

#[test]
fn blocked_seats_are_not_for_sale_until_they_are_unblocked() {
    Story::on_sale()
        .when(block(&["Platea-A-1", "Cancha-GA-15"]))
        .then(&[blocked(&[(0, 1), (41, 1)])])
        .when(hold(1, &["Platea-A-1", "Platea-A-2"]))
        .then_rejected(Rejection::SeatsUnavailable(vec![SeatIndex(0)]))
        .when(general(1, "Cancha", 10))
        .then(&[held(
            1,
            &(27..37).map(|seat| (seat, 1)).collect::<Vec<_>>(),
            90_000,
            crate::harness::second(600),
        )])
        .when(general(2, "Cancha", 5))
        .then_rejected(Rejection::NotEnoughSeats { available: 4 })
        .when(unblock(&["Platea-A-1", "Cancha-GA-15"]))
        .then(&[unblocked(&[(0, 2), (41, 2)])])
        .given(hold(3, &["Platea-A-1", "Platea-A-2"]))
        .given(general(2, "Cancha", 5));
}

#[test]
fn only_what_is_not_blocked_yet_becomes_a_fact() {
    Story::on_sale()
        .given(block(&["Platea-A-1"]))
        .when(block(&["Platea-A-1"]))
        .then_nothing()
        .when(block(&["Platea-A-2", "Platea-A-1", "Platea-A-3"]))
        .then(&[blocked(&[(1, 1), (2, 1)])])
        .when(unblock(&["Platea-A-3", "Platea-A-4"]))
        .then(&[unblocked(&[(2, 2)])])
        .when(unblock(&["Platea-A-3", "Platea-A-4"]))
        .then_nothing();
}

#[test]
fn held_and_sold_seats_are_neither_blocked_nor_unblocked() {
    let story = Story::on_sale()
        .given(hold(1, &["Platea-A-1"]))
        .given(hold(2, &["Platea-A-2"]))
        .given(start_payment(2, 2, 1))
        .given(confirm(2, &[1]));
    story
        .when(block(&["Platea-A-3", "Platea-A-2", "Platea-A-1"]))
        .then_rejected(Rejection::SeatsUnavailable(vec![SeatIndex(1), SeatIndex(0)]))
        .when(unblock(&["Platea-A-1", "Platea-A-2"]))
        .then_nothing()
        .given(block(&["Platea-A-3"]));
}

#[test]
fn names_are_checked_for_both() {
    for make in [block, unblock] {
        let story = Story::created();
        story
            .when(make(&[]))
            .then_rejected(Rejection::NoSeat)
            .when(make(&["Platea-A-1", "Platea-A-13"]))
            .then_rejected(Rejection::SeatUnknown("Platea-A-13".into()))
            .when(make(&["Platea-A-1", "Platea-A-2", "Platea-A-1"]))
            .then_rejected(Rejection::SeatNamedTwice("Platea-A-1".into()));
    }
}

#[test]
fn a_block_names_20_000_seats_at_most() {
    let mut command = create_show();
    if let ShowCommand::CreateShow { plan: large, .. } = &mut command {
        *large = plan(serde_json::json!({"zones": [{"name": "Z", "price": 1, "capacity": 30_000}]}));
    }
    let of = |count: u32| -> Vec<String> { (1..=count).map(|place| format!("Z-GA-{place}")).collect() };
    let most = MAX_SEATS_PER_BLOCK as u32;
    let story = Story::blank().given(command);
    for seats in [of(most + 1), of(30_000)] {
        let too_many = Rejection::TooManySeats { most: MAX_SEATS_PER_BLOCK };
        story
            .clone()
            .when(ShowCommand::BlockSeats { seats: seats.clone(), reason: "".into() })
            .then_rejected(too_many.clone());
        story.clone().when(ShowCommand::UnblockSeats { seats }).then_rejected(too_many);
    }
    let story = story.given(ShowCommand::BlockSeats { seats: of(most), reason: "".into() });
    assert_eq!(story.state.zone_counts()[0].of(SeatStatus::Blocked), most);
    story.given(ShowCommand::UnblockSeats { seats: of(most) });
}

#[test]
fn a_reason_has_at_most_500_characters() {
    let reason =
        |count| ShowCommand::BlockSeats { seats: names(&["Platea-A-1"]), reason: "ñ".repeat(count) };
    Story::created().when(reason(501)).then_invalid("at most 500 characters").given(reason(500));
}
