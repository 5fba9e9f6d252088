//! What is owed at the gateway: captures, voids and refunds are recorded once, and only where something was owed.

use ticketflow_domain::show::*;

use crate::harness::facts::*;
use crate::harness::wishes::*;
use crate::harness::{Story, second};

fn paying() -> Story {
    Story::on_sale().given(hold(1, &["Platea-A-1", "Platea-A-2"])).given(start_payment(1, 1, 1))
}

fn open(story: &Story) -> Vec<OpenCharge> {
    story.state.open_charges().collect()
}

#[test]
fn a_paid_order_is_captured_once() {
    let story = paying()
        .when(capture(1))
        .then_nothing()
        .given(confirm(1, &[1, 2]))
        .at(second(9))
        .when(capture(1))
        .then(&[captured(1, second(9))])
        .when(capture(1))
        .then_nothing();
    assert!(story.state.order(order(1)).unwrap().0.captured);
    assert_eq!(open(&story), []);
}

#[test]
fn a_paid_order_is_never_voided() {
    paying().when(void(1)).then_nothing().given(confirm(1, &[1, 2])).when(void(1)).then_nothing();
}

#[test]
fn an_unknown_charge_is_voided_once_and_never_captured() {
    let story = paying()
        .given(fail(1, PaymentFailure::TimedOut, true))
        .when(capture(1))
        .then_nothing()
        .at(second(9))
        .when(void(1))
        .then(&[voided(1, second(9))])
        .when(void(1))
        .then_nothing();
    assert_eq!(open(&story), []);
}

#[test]
fn a_charge_known_not_to_be_is_not_voided() {
    paying().given(fail(1, PaymentFailure::Declined, false)).when(void(1)).then_nothing();
}

#[test]
fn a_refund_is_owed_until_it_is_settled_once() {
    let story = paying().given(confirm(1, &[1, 2])).given(capture(1)).when(settle(5)).then_nothing();
    let story = story.given(refund(5, 1, &[2]));
    let owed = OpenCharge::Refund { refund_id: refund_id(5), order_id: order(1), amount: 20_000 };
    assert_eq!(open(&story), [owed]);
    let story =
        story.at(second(9)).when(settle(5)).then(&[settled(5, 1, second(9))]).when(settle(5)).then_nothing();
    assert_eq!(open(&story), []);
}

#[test]
fn an_order_refunded_before_its_capture_owes_both() {
    let story = paying().given(confirm(1, &[1, 2])).given(refund(5, 1, &[]));
    let owed = OpenCharge::Refund { refund_id: refund_id(5), order_id: order(1), amount: 40_000 };
    assert_eq!(open(&story), [OpenCharge::Capture { order_id: order(1) }, owed]);
    story.given(capture(1)).given(settle(5));
}
