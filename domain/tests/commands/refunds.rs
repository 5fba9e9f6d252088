//! Refunds: only paid and unused tickets, whole or in part, each once; of a cancelled show order by order.

use ticketflow_domain::SeatIndex;
use ticketflow_domain::show::*;

use crate::harness::facts::*;
use crate::harness::wishes::*;
use crate::harness::{Story, second};

/// Order 1 of customer 1: Platea-A-1, Platea-A-2 and Palco-1-1 with tickets 1, 2 and 3.
fn sold() -> Story {
    Story::on_sale()
        .given(hold(1, &["Platea-A-1", "Platea-A-2", "Palco-1-1"]))
        .given(start_payment(1, 1, 1))
        .given(confirm(1, &[1, 2, 3]))
}

/// One more order of one seat.
fn also_sold(story: Story, n: u8, seat: &str, ticket: u8) -> Story {
    story.given(hold(n, &[seat])).given(start_payment(n, n, n)).given(confirm(n, &[ticket]))
}

#[test]
fn a_whole_order_is_given_back_and_its_seats_are_free() {
    let story = sold().at(second(9)).when(refund(1, 1, &[])).then(&[refunded(
        (1, 1),
        &[1, 2, 3],
        &[(0, 3), (1, 3), (24, 3)],
        90_000,
        "ill",
        second(9),
    )]);
    let (given_back, tickets) = story.state.order(order(1)).unwrap();
    assert_eq!((given_back.total, given_back.refunded), (90_000, 90_000));
    assert!(tickets.iter().all(|ticket| ticket.status == TicketStatus::Refunded));
    assert_eq!(story.state.ticket_of_seat(SeatIndex(0)), None);
    story.given(hold(2, &["Platea-A-1", "Platea-A-2", "Palco-1-1"]));
}

#[test]
fn a_part_is_given_back_then_the_rest() {
    sold()
        .when(refund(1, 1, &[3]))
        .then(&[refunded((1, 1), &[3], &[(24, 3)], 50_000, "ill", second(0))])
        .when(refund(2, 1, &[]))
        .then(&[refunded((2, 1), &[1, 2], &[(0, 3), (1, 3)], 40_000, "ill", second(0))])
        .when(refund(3, 1, &[]))
        .then_rejected(Rejection::TicketRefunded);
}

#[test]
fn a_ticket_named_twice_is_given_back_once() {
    sold().when(refund(1, 1, &[2, 2])).then(&[refunded((1, 1), &[2], &[(1, 3)], 20_000, "ill", second(0))]);
}

#[test]
fn a_ticket_is_not_given_back_twice_nor_any_together_with_it() {
    sold()
        .given(refund(1, 1, &[1]))
        .when(refund(2, 1, &[1]))
        .then_rejected(Rejection::TicketRefunded)
        .when(refund(2, 1, &[2, 1]))
        .then_rejected(Rejection::TicketRefunded);
}

#[test]
fn a_used_ticket_is_not_given_back_but_the_others_are_by_name() {
    sold()
        .given(check_in(1, 0, 2, "N"))
        .when(refund(1, 1, &[1]))
        .then_rejected(Rejection::TicketUsed)
        .when(refund(1, 1, &[1, 2]))
        .then_rejected(Rejection::TicketUsed)
        .when(refund(1, 1, &[]))
        .then_rejected(Rejection::TicketUsed)
        .given(refund(1, 1, &[2, 3]));
}

#[test]
fn orders_and_tickets_that_do_not_belong_together_are_unknown() {
    let story = also_sold(sold(), 2, "Platea-B-1", 9);
    story
        .when(refund(1, 7, &[]))
        .then_rejected(Rejection::OrderUnknown)
        .when(refund(1, 1, &[7]))
        .then_rejected(Rejection::TicketUnknown)
        .when(refund(1, 1, &[1, 9]))
        .then_rejected(Rejection::TicketUnknown);
    let paying = Story::on_sale().given(hold(1, &["Platea-A-1"])).given(start_payment(1, 1, 1));
    paying.when(refund(1, 1, &[])).then_rejected(Rejection::OrderUnknown);
}

#[test]
fn the_id_of_a_refund_that_is_owed_is_not_taken_twice() {
    sold()
        .given(refund(1, 1, &[1]))
        .when(refund(1, 1, &[2]))
        .then_rejected(Rejection::IdTaken)
        .given(refund(2, 1, &[2]));
}

#[test]
fn a_reason_has_at_most_500_characters() {
    let with = |count| ShowCommand::RefundTickets {
        refund_id: refund_id(1),
        order_id: order(1),
        tickets: [ticket(1)].into_iter().collect(),
        reason: "ñ".repeat(count),
    };
    sold().when(with(501)).then_invalid("at most 500 characters").given(with(500));
}

#[test]
fn a_closed_show_takes_tickets_back() {
    sold().given(ShowCommand::CloseSales).given(refund(1, 1, &[]));
}

#[test]
fn nothing_of_a_show_that_takes_place_is_given_back_at_large() {
    sold().when(refund_cancelled(&[1, 2])).then_nothing();
    Story::on_sale().given(cancel()).when(refund_cancelled(&[1, 2])).then_nothing();
}

#[test]
fn a_cancelled_show_gives_back_every_unused_ticket_as_far_as_the_ids_reach() {
    let story = also_sold(also_sold(sold(), 2, "Platea-B-1", 4), 3, "Platea-B-2", 5);
    let first = [(0, 3), (24, 3)];
    story
        .given(check_in(2, 1, 2, "N"))
        .given(check_in(4, 12, 2, "N"))
        .given(cancel())
        .when(refund_cancelled(&[]))
        .then_nothing()
        .when(refund_cancelled(&[11]))
        .then(&[refunded((11, 1), &[1, 3], &first, 70_000, "show cancelled", second(0))])
        .when(refund_cancelled(&[12, 13, 14]))
        .then(&[refunded((12, 3), &[5], &[(13, 3)], 20_000, "show cancelled", second(0))])
        .when(refund_cancelled(&[15]))
        .then_nothing();
}

#[test]
fn a_cancelled_show_owes_each_order_under_an_id_of_its_own() {
    let story = also_sold(also_sold(sold(), 2, "Platea-B-1", 4), 3, "Platea-B-2", 5);
    story.given(refund(9, 1, &[])).given(cancel()).when(refund_cancelled(&[9, 11, 11, 12])).then(&[
        refunded((11, 2), &[4], &[(12, 3)], 20_000, "show cancelled", second(0)),
        refunded((12, 3), &[5], &[(13, 3)], 20_000, "show cancelled", second(0)),
    ]);
}

#[test]
fn one_order_of_a_cancelled_show_may_be_given_back_by_hand() {
    sold().given(cancel()).given(refund(1, 1, &[])).when(refund_cancelled(&[2])).then_nothing();
}
