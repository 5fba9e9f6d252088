//! From a hold to sold seats: starting, confirming and failing a payment, each once, in any order they may come.

use ticketflow_domain::SeatIndex;
use ticketflow_domain::show::*;

use crate::harness::facts::*;
use crate::harness::wishes::*;
use crate::harness::{Story, milli, second};

/// Platea-A-1 and -2 held by hold 1; order 1 of customer 1 is being paid.
fn paying() -> Story {
    Story::on_sale().given(hold(1, &["Platea-A-1", "Platea-A-2"])).given(start_payment(1, 1, 1))
}

#[test]
fn a_payment_fixes_buyer_and_amount_and_sells_the_seats_when_confirmed() {
    let story = Story::on_sale()
        .given(hold(1, &["Platea-A-2", "Palco-1-1"]))
        .at(second(5))
        .when(start_payment(1, 1, 7))
        .then(&[payment_started(1, 1, 7, 70_000, second(5))]);
    assert_eq!(story.state.payment(order(1)).unwrap().amount, 70_000);
    let story = story.at(second(6)).when(confirm(1, &[1, 2])).then(&[paid(
        (1, 1, 7),
        &[(1, 2), (24, 2)],
        &[1, 2],
        70_000,
        second(6),
    )]);
    let (sold, tickets) = story.state.order(order(1)).unwrap();
    assert_eq!((sold.customer_id, sold.total, sold.refunded, sold.captured), (customer(7), 70_000, 0, false));
    assert_eq!(
        tickets.iter().map(|ticket| (ticket.seat.0, ticket.generation)).collect::<Vec<_>>(),
        [(1, 2), (24, 2)]
    );
    assert_eq!(story.state.ticket_of_seat(SeatIndex(24)).unwrap().id, ticket(2));
    assert_eq!((story.state.holds().count(), story.state.payments().count()), (0, 0));
    assert_eq!(story.state.open_charges().collect::<Vec<_>>(), [OpenCharge::Capture { order_id: order(1) }]);
}

#[test]
fn a_payment_starts_until_the_millisecond_before_the_deadline() {
    let held = || Story::on_sale().given(hold(1, &["Platea-A-1"]));
    held().at(milli(599_999)).given(start_payment(1, 1, 1));
    for late in [600, 601, 100_000] {
        held().at(second(late)).when(start_payment(1, 1, 1)).then_rejected(Rejection::HoldEnded);
    }
}

#[test]
fn a_hold_that_ended_or_never_was_is_not_paid() {
    let story = Story::on_sale().given(hold(1, &["Platea-A-1"])).given(release(1));
    story.when(start_payment(1, 1, 1)).then_rejected(Rejection::HoldEnded);
    paying().given(confirm(1, &[1, 2])).when(start_payment(2, 1, 1)).then_rejected(Rejection::HoldEnded);
    Story::on_sale().when(start_payment(1, 9, 1)).then_rejected(Rejection::HoldEnded);
}

#[test]
fn a_hold_is_paid_by_one_payment_at_a_time() {
    paying()
        .when(start_payment(1, 1, 1))
        .then_rejected(Rejection::PaymentUnderWay)
        .when(start_payment(2, 1, 2))
        .then_rejected(Rejection::PaymentUnderWay);
}

#[test]
fn the_id_of_a_known_order_is_not_taken_for_another_hold() {
    let second_hold = |story: Story| story.given(hold(2, &["Platea-B-1"]));
    let under_way = second_hold(paying());
    under_way.when(start_payment(1, 2, 1)).then_rejected(Rejection::IdTaken);
    let sold = second_hold(paying().given(confirm(1, &[1, 2])));
    sold.when(start_payment(1, 2, 1)).then_rejected(Rejection::IdTaken);
    let to_void = second_hold(paying().given(fail(1, PaymentFailure::TimedOut, true)));
    to_void.when(start_payment(1, 2, 1)).then_rejected(Rejection::IdTaken).given(start_payment(2, 2, 1));
}

#[test]
fn confirming_twice_sells_once_whatever_happens_in_between() {
    paying()
        .given(confirm(1, &[1, 2]))
        .when(confirm(1, &[1, 2]))
        .then_nothing()
        .when(confirm(1, &[3]))
        .then_nothing()
        .given(refund(1, 1, &[]))
        .when(confirm(1, &[1, 2]))
        .then_nothing()
        .given(cancel())
        .when(confirm(1, &[1, 2]))
        .then_nothing();
}

#[test]
fn there_is_exactly_one_ticket_for_each_seat() {
    for tickets in [&[][..], &[1], &[1, 2, 3]] {
        paying().when(confirm(1, tickets)).then_rejected(Rejection::TicketCountMismatch);
    }
    paying().when(confirm(1, &[1, 1])).then_rejected(Rejection::IdTaken);
}

#[test]
fn only_a_payment_under_way_is_confirmed() {
    let none = || Rejection::PaymentNotUnderWay;
    Story::on_sale().given(hold(1, &["Platea-A-1"])).when(confirm(1, &[1])).then_rejected(none());
    paying().when(confirm(2, &[1, 2])).then_rejected(none());
    paying()
        .given(fail(1, PaymentFailure::TimedOut, true))
        .when(confirm(1, &[1, 2]))
        .then_rejected(none())
        .given(hold(2, &["Platea-A-1"]))
        .when(confirm(1, &[1, 2]))
        .then_rejected(none());
}

#[test]
fn a_payment_past_its_cap_is_confirmed_unless_the_seats_were_released() {
    let late = second(i64::from(PAYMENT_CAP_SECONDS) + 1_000);
    paying().at(late).given(confirm(1, &[1, 2]));
    paying()
        .at(late)
        .given(ShowCommand::ExpireHolds)
        .when(confirm(1, &[1, 2]))
        .then_rejected(Rejection::PaymentNotUnderWay);
}

#[test]
fn every_failure_frees_the_seats_once_and_remembers_an_unknown_charge() {
    for reason in [
        PaymentFailure::Declined,
        PaymentFailure::TimedOut,
        PaymentFailure::Unavailable,
        PaymentFailure::Abandoned,
    ] {
        for unknown in [false, true] {
            let story = paying()
                .when(fail(1, reason, unknown))
                .then(&[payment_failed((1, 1), &[(0, 2), (1, 2)], reason, unknown)])
                .when(fail(1, reason, unknown))
                .then_nothing();
            let charges: Vec<OpenCharge> = story.state.open_charges().collect();
            let expected = unknown.then_some(OpenCharge::Void { order_id: order(1) });
            assert_eq!(charges, expected.into_iter().collect::<Vec<_>>());
            assert_eq!((story.state.holds().count(), story.state.payments().count()), (0, 0));
            story.given(hold(2, &["Platea-A-1", "Platea-A-2"]));
        }
    }
}

#[test]
fn a_failure_after_the_sale_or_of_a_stranger_changes_nothing() {
    paying().given(confirm(1, &[1, 2])).when(fail(1, PaymentFailure::TimedOut, true)).then_nothing();
    paying().when(fail(2, PaymentFailure::TimedOut, true)).then_nothing();
}

#[test]
fn a_cancelled_show_sells_nothing_and_lets_the_payment_fail() {
    Story::on_sale()
        .given(hold(1, &["Platea-A-1"]))
        .given(cancel())
        .when(start_payment(1, 1, 1))
        .then_rejected(Rejection::ShowCancelled);
    paying()
        .given(cancel())
        .when(confirm(1, &[1, 2]))
        .then_rejected(Rejection::ShowCancelled)
        .when(fail(1, PaymentFailure::Abandoned, true))
        .then(&[payment_failed((1, 1), &[(0, 2), (1, 2)], PaymentFailure::Abandoned, true)])
        .when(confirm(1, &[1, 2]))
        .then_rejected(Rejection::ShowCancelled);
}

#[test]
fn the_limit_reaches_who_pays_for_a_hold_made_unknown() {
    let story = Story::on_sale_with_limit(3)
        .given(hold_by(1, 7, &["Platea-A-1", "Platea-A-2"]))
        .given(hold(2, &["Platea-A-3"]))
        .given(hold(3, &["Platea-A-4"]));
    story
        .given(start_payment(2, 2, 7))
        .when(start_payment(3, 3, 7))
        .then_rejected(Rejection::CustomerLimit { limit: 3 })
        .given(start_payment(1, 1, 7))
        .given(fail(2, PaymentFailure::Declined, false))
        .given(start_payment(3, 3, 7));
}

#[test]
fn seats_count_for_who_pays_and_no_longer_for_who_held() {
    Story::on_sale_with_limit(2)
        .given(hold_by(1, 7, &["Platea-A-1", "Platea-A-2"]))
        .given(start_payment(1, 1, 8))
        .when(hold_by(2, 8, &["Platea-A-3"]))
        .then_rejected(Rejection::CustomerLimit { limit: 2 })
        .given(hold_by(3, 7, &["Platea-A-4", "Platea-A-5"]))
        .given(fail(1, PaymentFailure::Declined, false))
        .given(hold_by(2, 8, &["Platea-A-1", "Platea-A-2"]));
}
