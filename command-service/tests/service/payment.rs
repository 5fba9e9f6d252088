//! Charged and seated, or neither: what the gateway does wrong never leaves a charge without seats or seats without a charge.

use std::time::{Duration, Instant};

use ticketflow_domain::ShowId;
use ticketflow_payment::{
    Authorization, AuthorizeRequest, Call, ChargeStatus, Control, PaymentGateway, SimulatedGateway,
};

use crate::harness::{House, Running};

/// Far above the payment timeout of these tests, far below the delay of the slow gateway.
const FAST: Duration = Duration::from_secs(5);

pub(crate) fn faulty(calls: &[Call]) -> Control {
    Control { faulty_calls: calls.to_vec(), ..Control::default() }
}

/// What is still to be done at the gateway for a show.
pub(crate) fn open_charges(service: &Running, show: &str) -> usize {
    let show: ShowId = show.parse().expect("an id");
    let Ok(handle) = service.block_on(service.service.show(show)) else { panic!("the show exists") };
    service.block_on(handle.inspect(|state| state.open_charges().count())).expect("an answer")
}

/// Waits until a buyer is with the gateway.
pub(crate) fn until_paying(service: &Running, show: &str) {
    let show: ShowId = show.parse().expect("an id");
    let Ok(handle) = service.block_on(service.service.show(show)) else { panic!("the show exists") };
    let paying = || service.block_on(handle.inspect(|state| state.payments().count())) == Some(1);
    service.until("the payment has started", paying);
}

/// All that was begun at the gateway has come to its end.
pub(crate) fn settle(service: &Running, show: &str) {
    service.until("everything open at the gateway is closed", || open_charges(service, show) == 0);
}

/// One charge, captured once, of that amount.
pub(crate) fn is_charged_once(house: &House, order: &str, amount: i64) {
    let charges = house.charges();
    assert_eq!(charges, [(order.to_owned(), ChargeStatus::Captured, amount)]);
}

/// A request of that order that reaches the gateway late.
fn late_authorisation(service: &Running, gateway: &SimulatedGateway, order: &str) -> Authorization {
    let request = AuthorizeRequest {
        key: order.to_owned(),
        amount_minor: 25_000,
        currency: *b"CLP",
        token: "tok_visa".to_owned(),
    };
    service.block_on(gateway.authorize(request)).expect("an answer")
}

#[test]
fn a_paid_order_is_captured() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-A-1", "Platea-A-2"]);
    settle(&service, &show);
    is_charged_once(&house, paid["order_id"].as_str().unwrap(), 50_000);
}

#[test]
fn a_declined_card_releases_the_seats_at_once() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    service.send(held.purchase("tok_decline")).problem(402, "payment_declined");
    assert_eq!(service.seat(&show, "Platea-A-1"), "available");
    assert_eq!(house.charges()[0].1, ChargeStatus::Declined);
    service.send(held.purchase("tok_visa")).problem(410, "hold_ended");
    service.sell(&show, &["Platea-A-1"]);
    settle(&service, &show);
}

#[test]
fn a_slow_gateway_is_given_up_on_time_and_whatever_it_does_later_is_voided() {
    let house = House::new().with_payment_timeout(Duration::from_millis(300));
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    let begun = Instant::now();
    service.send(held.purchase("tok_slow_20")).problem(504, "payment_timeout");
    assert!(begun.elapsed() < FAST, "{:?}", begun.elapsed());
    assert_eq!(service.seat(&show, "Platea-A-1"), "available");
    settle(&service, &show);
    let order = house.charges()[0].0.clone();
    assert_eq!(house.charge(&order), ChargeStatus::Voided);
    let late = late_authorisation(&service, &house.gateway, &order);
    assert!(matches!(late, Authorization::Declined { .. }), "{late:?}");
    let paid = service.sell(&show, &["Platea-A-1"]);
    settle(&service, &show);
    assert_eq!(house.charge(&order), ChargeStatus::Voided);
    assert_eq!(house.charge(paid["order_id"].as_str().unwrap()), ChargeStatus::Captured);
}

#[test]
fn an_authorisation_that_comes_through_just_after_the_timeout_is_voided() {
    let house = House::new().with_payment_timeout(Duration::from_millis(200));
    // Voids wait long enough for the authorisation to come through first.
    house.gateway.set_control(Control { latency_ms: 300, ..faulty(&[Call::Void]) }).unwrap();
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    service.send(held.purchase("tok_slow_0.25")).problem(504, "payment_timeout");
    assert_eq!(service.seat(&show, "Platea-A-1"), "available");
    settle(&service, &show);
    assert_eq!(house.charges().len(), 1);
    assert_eq!(house.charges()[0].1, ChargeStatus::Voided);
}

#[test]
fn a_gateway_that_never_answers_costs_the_buyer_the_timeout_and_no_more() {
    let house = House::new().with_payment_timeout(Duration::from_millis(300));
    house.gateway.set_control(Control { timeout: true, ..Control::default() }).unwrap();
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    let begun = Instant::now();
    service.send(held.purchase("tok_visa")).problem(504, "payment_timeout");
    assert!(begun.elapsed() < FAST, "{:?}", begun.elapsed());
    assert_eq!(service.seat(&show, "Platea-A-1"), "available");
    assert_eq!(open_charges(&service, &show), 1, "the unknown charge is remembered");
    house.gateway.set_control(Control::default()).unwrap();
}

#[test]
fn a_lost_answer_ends_in_one_order_charged_once() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    let paid = service.send(held.purchase("tok_lost_answer")).expect(201);
    assert_eq!(service.seat(&show, "Platea-A-1"), "sold");
    settle(&service, &show);
    is_charged_once(&house, paid["order_id"].as_str().unwrap(), 25_000);
}

#[test]
fn a_lost_answer_and_a_gateway_that_cannot_be_asked_end_in_a_void() {
    let house = House::new().with_payment_timeout(Duration::from_millis(300));
    house.gateway.set_control(Control { outage: true, ..faulty(&[Call::Status, Call::Void]) }).unwrap();
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    service.send(held.purchase("tok_lost_answer")).problem(504, "payment_timeout");
    assert_eq!(service.seat(&show, "Platea-A-1"), "available");
    assert_eq!(house.charges()[0].1, ChargeStatus::Authorized);
    service.sell(&show, &["Platea-A-1"]);
    house.gateway.set_control(Control::default()).unwrap();
    settle(&service, &show);
    let mut statuses: Vec<ChargeStatus> = house.charges().into_iter().map(|(_, status, _)| status).collect();
    statuses.sort_by_key(|status| format!("{status:?}"));
    assert_eq!(statuses, [ChargeStatus::Captured, ChargeStatus::Voided]);
}

#[test]
fn a_gateway_out_of_service_charges_nobody() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    service.send(held.purchase("tok_outage")).problem(503, "payment_unavailable");
    assert_eq!(service.seat(&show, "Platea-A-1"), "available");
    assert_eq!(house.charges(), []);
    service.sell(&show, &["Platea-A-1"]);
}

#[test]
fn every_answer_of_the_gateway_lost_still_captures_once() {
    let house = House::new().with_payment_timeout(Duration::from_millis(500));
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    house
        .gateway
        .set_control(Control { lost_answer: true, ..faulty(&[Call::Authorize, Call::Capture]) })
        .unwrap();
    let paid = service.send(held.purchase("tok_visa")).expect(201);
    house.gateway.set_control(Control::default()).unwrap();
    settle(&service, &show);
    is_charged_once(&house, paid["order_id"].as_str().unwrap(), 25_000);
}

#[test]
fn while_a_payment_is_under_way_the_hold_can_neither_be_paid_again_nor_released_nor_expire() {
    let house = House::new();
    let service = house.open();
    let show = service.show_with(serde_json::json!({"hold_seconds": 60}));
    let held = service.hold(&show, &["Platea-A-1"]);
    house.gateway.set_control(Control { timeout: true, ..faulty(&[Call::Authorize]) }).unwrap();
    let buying = service.leave(held.purchase("tok_visa"));
    until_paying(&service, &show);
    let again = service.send(held.purchase("tok_visa"));
    again.problem(409, "payment_under_way");
    assert!(again.headers.contains_key("retry-after"));
    service.send(held.release()).problem(409, "payment_under_way");
    house.pass_seconds(120);
    service
        .send(crate::harness::hold(&show, &serde_json::json!({"seats": ["Platea-A-1"]})))
        .problem(409, "seats_unavailable");
    assert_eq!(service.seat(&show, "Platea-A-1"), "held");
    // Past the cap the seats go back on sale, whatever the gateway does.
    house.pass_seconds(300);
    service.hold(&show, &["Platea-A-1"]);
    drop(buying);
    house.gateway.set_control(Control::default()).unwrap();
    settle(&service, &show);
    assert!(
        house.charges().iter().all(|(_, status, _)| *status == ChargeStatus::Voided),
        "{:?}",
        house.charges()
    );
}
