//! Giving tickets back: once each, to the cent, and settled at the gateway exactly once.

use serde_json::{Value, json};
use ticketflow_payment::{Call, ChargeStatus, Control};

use crate::harness::{Answer, Ask, House, Running};
use crate::payment::{faulty, settle};

fn refund(service: &Running, order: &Value, body: &Value) -> Answer {
    let path = format!("/v1/orders/{}/refunds", order["order_id"].as_str().expect("an id"));
    service.send(Ask::post(path).fresh_key().json(body))
}

fn ticket(order: &Value, index: usize) -> Value {
    order["tickets"][index]["ticket_id"].clone()
}

#[test]
fn part_of_an_order_then_the_rest_is_given_back_exactly() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-A-1", "Platea-A-2", "Platea-A-3"]);
    let order = paid["order_id"].as_str().unwrap();
    let part = refund(&service, &paid, &json!({"tickets": [ticket(&paid, 1)], "reason": "uno"})).expect(201);
    assert_eq!(part["amount"]["amount"], 25_000);
    settle(&service, &show);
    assert_eq!(house.charge(order), ChargeStatus::Refunded { amount_minor: 25_000 });
    assert_eq!(service.seat(&show, "Platea-A-2"), "available");
    assert_eq!(service.order(order)["status"], "PAID");
    refund(&service, &paid, &json!({"tickets": [ticket(&paid, 1)]})).problem(422, "ticket_refunded");
    refund(&service, &paid, &json!({"tickets": [ticket(&paid, 0), ticket(&paid, 1)]}))
        .problem(422, "ticket_refunded");
    assert_eq!(service.seat(&show, "Platea-A-1"), "sold", "all or nothing");
    let rest = refund(&service, &paid, &json!({})).expect(201);
    assert_eq!(rest["tickets"], json!([ticket(&paid, 0), ticket(&paid, 2)]));
    settle(&service, &show);
    assert_eq!(house.charge(order), ChargeStatus::Refunded { amount_minor: 75_000 });
    let shown = service.order(order);
    assert_eq!(
        (shown["status"].as_str(), shown["refunded"]["amount"].as_i64()),
        (Some("REFUNDED"), Some(75_000))
    );
    refund(&service, &paid, &json!({})).problem(422, "ticket_refunded");
    assert_eq!(service.count(&show, "available"), 44);
}

#[test]
fn tickets_of_others_used_ones_and_none_are_not_given_back() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let (paid, other) =
        (service.sell(&show, &["Platea-A-1", "Platea-A-2"]), service.sell(&show, &["Platea-A-3"]));
    refund(&service, &paid, &json!({"tickets": [ticket(&other, 0)]})).problem(422, "ticket_unknown");
    refund(&service, &paid, &json!({"tickets": ["nothing"]})).problem(400, "invalid_body");
    refund(&service, &paid, &json!({"tickets": "all"})).problem(400, "invalid_body");
    refund(&service, &paid, &json!({"amount": 1_000_000})).problem(400, "invalid_body");
    let scan = json!({"ticket": paid["tickets"][0]["qr"], "gate": "1"});
    service.send(Ask::post(format!("/v1/shows/{show}/checkins")).organiser().json(&scan)).expect(200);
    refund(&service, &paid, &json!({"tickets": [ticket(&paid, 0)]})).problem(422, "ticket_used");
    refund(&service, &paid, &json!({})).problem(422, "ticket_used");
    let twice = json!({"tickets": [ticket(&paid, 1), ticket(&paid, 1)]});
    assert_eq!(
        refund(&service, &paid, &twice).expect(201)["amount"]["amount"],
        25_000,
        "named twice, paid once"
    );
    settle(&service, &show);
    assert_eq!(
        house.charge(paid["order_id"].as_str().unwrap()),
        ChargeStatus::Refunded { amount_minor: 25_000 }
    );
    assert_eq!(house.charge(other["order_id"].as_str().unwrap()), ChargeStatus::Captured);
}

#[test]
fn a_gateway_that_fails_in_every_way_still_gives_back_once() {
    let house = House::new();
    let mut service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-A-1", "Platea-A-2"]);
    let order = paid["order_id"].as_str().unwrap();
    settle(&service, &show);
    house.gateway.set_control(Control { lost_answer: true, ..faulty(&[Call::Refund]) }).unwrap();
    refund(&service, &paid, &json!({"tickets": [ticket(&paid, 0)]})).expect(201);
    service.until("the gateway has given it back", || {
        house.charge(order) == ChargeStatus::Refunded { amount_minor: 25_000 }
    });
    house.gateway.set_control(Control { outage: true, ..faulty(&[Call::Refund]) }).unwrap();
    refund(&service, &paid, &json!({})).expect(201);
    drop(service);
    house.gateway.set_control(Control::default()).unwrap();
    service = house.open();
    settle(&service, &show);
    assert_eq!(house.charge(order), ChargeStatus::Refunded { amount_minor: 50_000 });
    assert_eq!(house.charges().len(), 1);
}

#[test]
fn a_refund_before_the_capture_waits_for_it() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    house.gateway.set_control(Control { outage: true, ..faulty(&[Call::Capture]) }).unwrap();
    let paid = service.sell(&show, &["Platea-A-1"]);
    refund(&service, &paid, &json!({})).expect(201);
    assert_eq!(house.charges()[0].1, ChargeStatus::Authorized);
    house.gateway.set_control(Control::default()).unwrap();
    settle(&service, &show);
    assert_eq!(
        house.charge(paid["order_id"].as_str().unwrap()),
        ChargeStatus::Refunded { amount_minor: 25_000 }
    );
}

#[test]
fn many_refunds_of_the_same_tickets_at_once_give_back_once() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-A-1", "Platea-A-2"]);
    let path = format!("/v1/orders/{}/refunds", paid["order_id"].as_str().unwrap());
    let asks = (0..30).map(|_| Ask::post(&path).fresh_key().json(&json!({"reason": "x"}))).collect();
    let answers = service.send_all(asks);
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.problem(422, "ticket_refunded");
    }
    settle(&service, &show);
    assert_eq!(house.charges()[0].1, ChargeStatus::Refunded { amount_minor: 50_000 });
}
