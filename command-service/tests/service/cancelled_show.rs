//! A cancelled show sells nothing more and gives everybody their money back.

use serde_json::json;
use ticketflow_payment::{Call, ChargeStatus, Control};

use crate::harness::{Ask, House, hold};
use crate::payment::{faulty, settle, until_paying};

fn cancel(show: &str) -> Ask {
    Ask::post(format!("/v1/shows/{show}/cancel")).organiser().fresh_key().json(&json!({"reason": "temporal"}))
}

#[test]
fn every_order_is_given_back_at_the_gateway() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let orders: Vec<String> = ["A", "B"]
        .into_iter()
        .flat_map(|row| {
            (1..=6).map(move |pair| {
                [format!("Platea-{row}-{}", pair * 2 - 1), format!("Platea-{row}-{}", pair * 2)]
            })
        })
        .map(|seats| {
            let seats: Vec<&str> = seats.iter().map(String::as_str).collect();
            service.sell(&show, &seats)["order_id"].as_str().unwrap().to_owned()
        })
        .collect();
    let first = service.order(&orders[0]);
    let part = json!({"tickets": [first["tickets"][0]["ticket_id"]], "reason": ""});
    service.send(Ask::post(format!("/v1/orders/{}/refunds", orders[0])).fresh_key().json(&part)).expect(201);
    service.send(cancel(&show)).expect(200);
    service.until("every ticket is given back", || {
        orders.iter().all(|order| service.order(order)["status"] == "REFUNDED")
    });
    settle(&service, &show);
    for order in &orders {
        assert_eq!(house.charge(order), ChargeStatus::Refunded { amount_minor: 50_000 });
    }
    assert_eq!(house.charges().len(), 12);
    service.send(hold(&show, &json!({"seats": ["Platea-A-1"]}))).problem(422, "show_cancelled");
    for path in ["open", "close"] {
        let ask = Ask::post(format!("/v1/shows/{show}/{path}")).organiser().fresh_key();
        service.send(ask).problem(422, "show_cancelled");
    }
    assert_eq!(service.send(cancel(&show)).expect(200)["sales"], "cancelled");
}

#[test]
fn a_restart_in_the_middle_gives_back_the_rest_once() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let order = service.sell(&show, &["Platea-A-1"])["order_id"].as_str().unwrap().to_owned();
    settle(&service, &show);
    house.gateway.set_control(Control { outage: true, ..faulty(&[Call::Refund]) }).unwrap();
    service.send(cancel(&show)).expect(200);
    drop(service);
    house.gateway.set_control(Control::default()).unwrap();
    let service = house.open();
    service.until("it is given back", || {
        house.charge(&order) == ChargeStatus::Refunded { amount_minor: 25_000 }
    });
    settle(&service, &show);
    assert_eq!(service.order(&order)["status"], "REFUNDED");
}

#[test]
fn whoever_is_paying_while_the_show_is_cancelled_is_not_charged() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let (paying, waiting) = (service.hold(&show, &["Platea-A-1"]), service.hold(&show, &["Platea-A-2"]));
    let answer = service.leave(paying.purchase("tok_slow_0.3"));
    until_paying(&service, &show);
    service.send(cancel(&show)).expect(200);
    let refused = service.block_on(answer).expect("answered");
    refused.problem(410, "hold_ended");
    service.send(waiting.purchase("tok_visa")).is_problem();
    settle(&service, &show);
    assert!(
        house.charges().iter().all(|(_, status, _)| *status == ChargeStatus::Voided),
        "{:?}",
        house.charges()
    );
    assert_eq!(service.count(&show, "sold"), 0);
}
