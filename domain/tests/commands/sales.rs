//! Opening, closing and cancelling: each a fact once, each followed by what it allows, and the clock's own opening.

use ticketflow_domain::show::*;

use crate::harness::facts::*;
use crate::harness::wishes::*;
use crate::harness::{Story, milli, second};

fn opened(at: i64) -> ShowEvent {
    ShowEvent::SalesOpened(SalesOpened { at: second(at) })
}

fn closed(at: i64) -> ShowEvent {
    ShowEvent::SalesClosed(SalesClosed { at: second(at) })
}

fn cancelled(at: i64) -> ShowEvent {
    ShowEvent::ShowCancelled(ShowCancelled { reason: "storm".into(), at: second(at) })
}

fn opens_by_itself_at(seconds: i64) -> Story {
    let mut command = create_show();
    if let ShowCommand::CreateShow { sales_open_at, .. } = &mut command {
        *sales_open_at = Some(second(seconds));
    }
    Story::blank().given(command)
}

#[test]
fn sales_open_and_close_and_open_again_each_once() {
    Story::created()
        .at(second(1))
        .when(ShowCommand::OpenSales)
        .then(&[opened(1)])
        .at(second(2))
        .when(ShowCommand::OpenSales)
        .then_nothing()
        .at(second(3))
        .when(ShowCommand::CloseSales)
        .then(&[closed(3)])
        .when(ShowCommand::CloseSales)
        .then_nothing()
        .when(ShowCommand::OpenSales)
        .then(&[opened(3)]);
}

#[test]
fn a_show_that_was_never_opened_may_be_closed() {
    Story::created().when(ShowCommand::CloseSales).then(&[closed(0)]);
}

#[test]
fn nothing_is_held_before_sales_open() {
    let why = Rejection::SalesNotOpen { opens_at: None };
    for command in [hold(1, &["Platea-A-1"]), best(1, None, 1, true), general(1, "Cancha", 1)] {
        Story::created().when(command).then_rejected(why.clone());
    }
}

#[test]
fn sales_open_by_themselves_at_the_set_millisecond() {
    let before = Rejection::SalesNotOpen { opens_at: Some(second(60)) };
    let story = opens_by_itself_at(60).at(milli(59_999));
    assert!(!story.state.sales_open(milli(59_999)));
    let story = story.when(hold(1, &["Platea-A-1"])).then_rejected(before).at(second(60));
    assert!(story.state.sales_open(second(60)));
    story.when(hold(1, &["Platea-A-1"])).then(&[held(1, &[(0, 1)], 20_000, second(660))]);
}

#[test]
fn the_organiser_opens_before_the_set_time_and_closes_past_it() {
    opens_by_itself_at(60).given(ShowCommand::OpenSales).given(hold(1, &["Platea-A-1"]));
    opens_by_itself_at(60)
        .at(second(61))
        .given(ShowCommand::CloseSales)
        .when(hold(1, &["Platea-A-1"]))
        .then_rejected(Rejection::SalesClosed);
    opens_by_itself_at(60)
        .given(ShowCommand::CloseSales)
        .at(second(61))
        .when(hold(1, &["Platea-A-1"]))
        .then_rejected(Rejection::SalesClosed);
}

#[test]
fn a_hold_that_stands_when_sales_close_may_still_be_paid() {
    Story::on_sale()
        .given(hold(1, &["Platea-A-1"]))
        .given(ShowCommand::CloseSales)
        .when(hold(2, &["Platea-A-2"]))
        .then_rejected(Rejection::SalesClosed)
        .given(start_payment(1, 1, 1))
        .given(confirm(1, &[1]));
}

#[test]
fn a_show_is_cancelled_once_and_for_ever() {
    Story::on_sale()
        .at(second(5))
        .when(cancel())
        .then(&[cancelled(5)])
        .at(second(6))
        .when(cancel())
        .then_nothing()
        .when(ShowCommand::OpenSales)
        .then_rejected(Rejection::ShowCancelled)
        .when(ShowCommand::CloseSales)
        .then_rejected(Rejection::ShowCancelled)
        .when(hold(1, &["Platea-A-1"]))
        .then_rejected(Rejection::ShowCancelled);
}

#[test]
fn a_cancelled_show_does_not_open_by_itself() {
    opens_by_itself_at(60)
        .given(cancel())
        .at(second(61))
        .when(general(1, "Cancha", 1))
        .then_rejected(Rejection::ShowCancelled);
}

#[test]
fn a_reason_has_at_most_500_characters() {
    let reason = |count| ShowCommand::CancelShow { reason: "ñ".repeat(count) };
    Story::created().when(reason(501)).then_invalid("at most 500 characters");
    Story::created().given(reason(500));
    Story::created().given(reason(0));
}
