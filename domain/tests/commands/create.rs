//! Creating a show: its one first event, the bounds of its texts and numbers, and that nothing else comes first.

use ticketflow_domain::show::*;
use ticketflow_domain::{Currency, SeatIndex};

use crate::harness::wishes::*;
use crate::harness::{Story, plan, second, small_theatre};

fn created(hold_seconds: u32) -> ShowEvent {
    ShowEvent::ShowCreated(Box::new(ShowCreated {
        show_id: show(1),
        name: "Pepita Jiménez".into(),
        venue: "Teatro Caleta Clara".into(),
        starts_at: second(1_000_000),
        currency: Currency::CLP,
        sales_open_at: None,
        max_seats_per_customer: None,
        hold_seconds,
        plan: small_theatre(),
        created_at: second(0),
    }))
}

/// The usual show with one thing changed.
fn with(change: impl FnOnce(&mut ShowCreated)) -> ShowCommand {
    let ShowEvent::ShowCreated(mut event) = created(HOLD_SECONDS) else { unreachable!() };
    change(&mut event);
    ShowCommand::CreateShow {
        show_id: event.show_id,
        name: event.name,
        venue: event.venue,
        starts_at: event.starts_at,
        currency: event.currency,
        sales_open_at: event.sales_open_at,
        max_seats_per_customer: event.max_seats_per_customer,
        hold_seconds: Some(event.hold_seconds),
        plan: event.plan,
    }
}

#[test]
fn a_show_begins_scheduled_with_all_its_seats_untouched() {
    let story = Story::blank().when(create_show()).then(&[created(HOLD_SECONDS)]);
    assert_eq!(story.state.sales(), Some(SalesStatus::Scheduled));
    assert_eq!(story.state.seats().collect::<Vec<_>>(), [(SeatStatus::Available, 0); 42]);
    assert_eq!(story.state.seat(SeatIndex(42)), None);
    assert_eq!(story.state.info().unwrap().name, "Pepita Jiménez");
}

#[test]
fn a_hold_lasts_ten_minutes_unless_the_show_says_otherwise() {
    let mut command = create_show();
    if let ShowCommand::CreateShow { hold_seconds, .. } = &mut command {
        *hold_seconds = None;
    }
    Story::blank().when(command).then(&[created(DEFAULT_HOLD_SECONDS)]);
}

#[test]
fn a_second_creation_is_refused_whatever_it_says() {
    Story::created().when(create_show()).then_rejected(Rejection::ShowAlreadyExists);
    let other = with(|event| event.show_id = show(2));
    Story::on_sale().when(other).then_rejected(Rejection::ShowAlreadyExists);
}

#[test]
fn nothing_comes_before_the_creation() {
    for command in [
        ShowCommand::OpenSales,
        ShowCommand::CloseSales,
        cancel(),
        block(&["Platea-A-1"]),
        unblock(&["Platea-A-1"]),
        hold(1, &["Platea-A-1"]),
        release(1),
        ShowCommand::ExpireHolds,
        start_payment(1, 1, 1),
        confirm(1, &[1]),
        fail(1, PaymentFailure::Declined, false),
        capture(1),
        void(1),
        refund(1, 1, &[]),
        refund_cancelled(&[1]),
        settle(1),
        check_in(1, 0, 2, "N"),
    ] {
        Story::blank().when(command).then_rejected(Rejection::ShowUnknown);
    }
}

#[test]
fn texts_and_numbers_at_their_bounds_are_taken() {
    for command in [
        with(|event| event.name = "x".into()),
        with(|event| event.name = "ñ".repeat(200)),
        with(|event| event.venue = "京".repeat(200)),
        with(|event| event.max_seats_per_customer = Some(1)),
        with(|event| event.max_seats_per_customer = Some(u32::MAX)),
        with(|event| event.hold_seconds = 1),
        with(|event| event.hold_seconds = MAX_HOLD_SECONDS),
        with(|event| {
            event.plan = plan(serde_json::json!({"zones": [{"name": "Z", "price": 0, "capacity": 1}]}))
        }),
    ] {
        Story::blank().given(command);
    }
}

#[test]
fn texts_and_numbers_past_their_bounds_are_refused_by_name() {
    for (command, part) in [
        (with(|event| event.name = String::new()), "the name has"),
        (with(|event| event.name = "  \u{3000}".into()), "the name has"),
        (with(|event| event.name = "ñ".repeat(201)), "the name has"),
        (with(|event| event.name = "two\nlines".into()), "the name has"),
        (with(|event| event.venue = String::new()), "the venue has"),
        (with(|event| event.venue = "x".repeat(201)), "the venue has"),
        (with(|event| event.venue = "bell\u{7}".into()), "the venue has"),
        (with(|event| event.max_seats_per_customer = Some(0)), "max_seats_per_customer"),
        (with(|event| event.hold_seconds = 0), "hold_seconds"),
        (with(|event| event.hold_seconds = MAX_HOLD_SECONDS + 1), "hold_seconds"),
        (with(|event| event.hold_seconds = u32::MAX), "hold_seconds"),
    ] {
        Story::blank().when(command).then_invalid(part);
    }
}
