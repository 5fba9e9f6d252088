//! How holds end: given back, or at their deadline by the show's clock; a payment under way ends at its cap instead.

use ticketflow_domain::show::*;

use crate::harness::facts::*;
use crate::harness::wishes::*;
use crate::harness::{Story, milli, plan, second};

const CAP: i64 = PAYMENT_CAP_SECONDS as i64;

#[test]
fn a_hold_is_given_back_once() {
    Story::on_sale()
        .given(hold(1, &["Platea-A-2", "Platea-A-1"]))
        .when(release(1))
        .then(&[released(1, &[(1, 2), (0, 2)])])
        .when(release(1))
        .then_nothing()
        .given(hold(2, &["Platea-A-1"]));
}

#[test]
fn a_hold_that_never_was_is_not_given_back() {
    Story::on_sale().when(release(9)).then_nothing();
}

#[test]
fn a_hold_past_its_deadline_may_be_given_back_until_it_is_ended() {
    Story::on_sale()
        .given(hold(1, &["Platea-A-1"]))
        .at(second(10_000))
        .when(release(1))
        .then(&[released(1, &[(0, 2)])])
        .when(ShowCommand::ExpireHolds)
        .then_nothing();
}

#[test]
fn nothing_is_given_back_while_it_is_being_paid_or_after() {
    Story::on_sale()
        .given(hold(1, &["Platea-A-1"]))
        .given(start_payment(1, 1, 1))
        .when(release(1))
        .then_rejected(Rejection::PaymentUnderWay)
        .given(confirm(1, &[1]))
        .when(release(1))
        .then_nothing();
}

#[test]
fn holds_end_exactly_at_their_deadline() {
    let story = Story::on_sale().given(hold(1, &["Platea-A-1"])).given(general(2, "Cancha", 2));
    assert_eq!(story.state.next_deadline(), Some(second(600)));
    let story = story
        .at(milli(599_999))
        .when(ShowCommand::ExpireHolds)
        .then_nothing()
        .at(second(600))
        .when(ShowCommand::ExpireHolds)
        .then(&[expired(1, &[(0, 2)]), expired(2, &[(27, 2), (28, 2)])])
        .when(ShowCommand::ExpireHolds)
        .then_nothing();
    assert_eq!(story.state.next_deadline(), None);
    story.given(hold(3, &["Platea-A-1"]));
}

#[test]
fn each_hold_has_its_own_deadline_and_the_earliest_ends_first() {
    Story::on_sale()
        .at(second(2))
        .given(hold(1, &["Platea-A-1"]))
        .at(second(1))
        .given(hold(2, &["Platea-A-2"]))
        .at(second(601))
        .when(ShowCommand::ExpireHolds)
        .then(&[expired(2, &[(1, 2)])])
        .at(second(602))
        .when(ShowCommand::ExpireHolds)
        .then(&[expired(1, &[(0, 2)])]);
}

#[test]
fn a_payment_under_way_outlives_the_deadline_of_its_hold_up_to_the_cap() {
    let story = Story::on_sale()
        .given(hold(1, &["Platea-A-1"]))
        .at(second(599))
        .given(start_payment(1, 1, 1))
        .at(second(600))
        .when(ShowCommand::ExpireHolds)
        .then_nothing();
    assert_eq!(story.state.next_deadline(), Some(second(599 + CAP)));
    let story = story
        .at(milli((599 + CAP) * 1_000 - 1))
        .when(ShowCommand::ExpireHolds)
        .then_nothing()
        .at(second(599 + CAP))
        .when(ShowCommand::ExpireHolds)
        .then(&[payment_failed((1, 1), &[(0, 2)], PaymentFailure::Abandoned, true)])
        .when(ShowCommand::ExpireHolds)
        .then_nothing();
    assert_eq!(story.state.open_charges().collect::<Vec<_>>(), [OpenCharge::Void { order_id: order(1) }]);
}

#[test]
fn a_clock_that_jumps_back_ends_nothing_early() {
    Story::on_sale()
        .at(second(100))
        .given(hold(1, &["Platea-A-1"]))
        .at(second(-5_000))
        .when(ShowCommand::ExpireHolds)
        .then_nothing()
        .given(start_payment(1, 1, 1))
        .when(ShowCommand::ExpireHolds)
        .then_nothing();
}

#[test]
fn holds_of_a_closed_or_cancelled_show_end_as_ever() {
    for end in [ShowCommand::CloseSales, cancel()] {
        Story::on_sale()
            .given(hold(1, &["Platea-A-1"]))
            .given(hold(2, &["Platea-A-2"]))
            .given(end)
            .when(release(2))
            .then(&[released(2, &[(1, 2)])])
            .at(second(600))
            .when(ShowCommand::ExpireHolds)
            .then(&[expired(1, &[(0, 2)])]);
    }
}

#[test]
fn a_wave_of_deadlines_is_worked_off_500_at_a_time() {
    let mut command = create_show();
    if let ShowCommand::CreateShow { plan: large, .. } = &mut command {
        *large = plan(serde_json::json!({"zones": [{"name": "Z", "price": 1, "capacity": 501}]}));
    }
    let mut story = Story::blank().given(command).given(ShowCommand::OpenSales);
    for index in 0..501_u16 {
        let mut bytes = [0; 16];
        bytes[14..].copy_from_slice(&index.to_be_bytes());
        let hold_id = ticketflow_domain::HoldId::from_bytes(bytes);
        let selection = Selection::General { zone: "Z".into(), quantity: 1 };
        story = story.given(ShowCommand::HoldSeats(HoldSeats { hold_id, customer_id: None, selection }));
    }
    let story = story.at(second(600)).given(ShowCommand::ExpireHolds);
    assert_eq!(story.state.holds().count(), 1);
    let story = story.given(ShowCommand::ExpireHolds).when(ShowCommand::ExpireHolds).then_nothing();
    assert_eq!(story.state.zone_counts()[0].of(SeatStatus::Available), 501);
}
