//! A repeated request gets the first answer again: after a lost answer, after a restart, and at the same instant.

use serde_json::json;

use crate::harness::{Answer, Ask, Held, House, buyer, hold, plan};

#[track_caller]
fn is_again(first: &Answer, again: &Answer) {
    assert!(!first.replayed());
    assert_eq!((again.status, again.text()), (first.status, first.text()));
    assert!(again.replayed());
}

#[test]
fn every_command_answers_its_repeat_with_the_first_answer_also_after_a_restart() {
    let house = House::new();
    let mut service = house.open();
    let create = Ask::post("/v1/shows").organiser().key("create").json(&plan(json!({})));
    let created = service.send(create.clone());
    let show = created.expect(201)["show_id"].as_str().unwrap().to_owned();
    let organiser = |path: &str, key: &str| Ask::post(format!("/v1/shows/{show}{path}")).organiser().key(key);
    let open = organiser("/open", "open");
    let block = organiser("/seats/block", "block")
        .json(&json!({"seats": ["Platea-B-1", "Platea-B-2"], "reason": "x"}));
    let unblock = organiser("/seats/unblock", "unblock").json(&json!({"seats": ["Platea-B-1"]}));
    let hold_ask = Ask::post(format!("/v1/shows/{show}/holds"))
        .key("hold")
        .json(&json!({"seats": ["Platea-A-1", "Platea-A-2"]}));
    let mut asked = vec![(create, created)];
    for ask in [open, block, unblock, hold_ask] {
        let answer = service.send(ask.clone());
        asked.push((ask, answer));
    }
    let held = Held::new(&show, asked[4].1.expect(201));
    let purchase = held.purchase("tok_visa").key("purchase");
    let paid = service.send(purchase.clone());
    let order = paid.expect(201)["order_id"].as_str().unwrap().to_owned();
    asked.push((purchase, paid));
    let refund = Ask::post(format!("/v1/orders/{order}/refunds")).key("refund").json(&json!({"reason": "x"}));
    let cancel = organiser("/cancel", "cancel").json(&json!({"reason": "x"}));
    let close = organiser("/close", "close");
    for ask in [refund, close, cancel] {
        let answer = service.send(ask.clone());
        asked.push((ask, answer));
    }
    for restarts in 0..3 {
        for (ask, first) in &asked {
            assert!(first.status < 300, "{}", first.text());
            is_again(first, &service.send(ask.clone()));
        }
        if restarts == 1 {
            service.store_snapshots();
        }
        drop(service);
        service = house.open();
    }
    assert_eq!(house.charges().len(), 1);
}

#[test]
fn a_key_with_another_body_is_refused_also_after_a_restart() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let ask =
        |seat: &str| Ask::post(format!("/v1/shows/{show}/holds")).key("k").json(&json!({"seats": [seat]}));
    let held = Held::new(&show, service.send(ask("Platea-A-1")).expect(201));
    service.send(ask("Platea-A-2")).problem(422, "idempotency_key_reused");
    let purchase = |person: u64| held.purchase_as(&buyer(person), "tok_visa").key("p");
    service.send(purchase(1)).expect(201);
    service.send(purchase(2)).problem(422, "idempotency_key_reused");
    let create =
        |name: &str| Ask::post("/v1/shows").organiser().key("c").json(&plan(json!({ "name": name })));
    service.send(create("Uno")).expect(201);
    service.send(create("Dos")).problem(422, "idempotency_key_reused");
    drop(service);
    let service = house.open();
    service.send(ask("Platea-A-2")).problem(422, "idempotency_key_reused");
    service.send(purchase(2)).problem(422, "idempotency_key_reused");
    service.send(create("Dos")).problem(422, "idempotency_key_reused");
    assert_eq!(service.seat(&show, "Platea-A-2"), "available");
    // White space makes another body: what was sent counts, not what it means.
    let spaced = Ask::post(format!("/v1/shows/{show}/holds")).key("k").raw("{\"seats\": [\"Platea-A-1\"]}");
    service.send(spaced).problem(422, "idempotency_key_reused");
}

#[test]
fn a_buyer_may_have_a_language_and_a_repeat_is_answered_whatever_it_is() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let purchases: Vec<Ask> = [None, Some(json!(null)), Some(json!("es")), Some(json!("en"))]
        .into_iter()
        .enumerate()
        .map(|(at, language)| {
            let mut person = buyer(at as u64);
            if let Some(language) = language {
                person["language"] = language;
            }
            let held = service.hold(&show, &[&format!("Platea-A-{}", at + 1)]);
            held.purchase_as(&person, "tok_visa").key(&format!("p-{at}"))
        })
        .collect();
    let paid: Vec<_> = purchases.iter().map(|ask| service.send(ask.clone()).expect(201)).collect();
    drop(service);
    let service = house.open();
    for (ask, paid) in purchases.iter().zip(&paid) {
        let again = service.send(ask.clone());
        assert_eq!((again.expect(201), again.replayed()), (paid.clone(), true));
    }
    assert_eq!(house.charges().len(), purchases.len());
}

#[test]
fn one_key_means_other_things_on_other_routes_and_shows() {
    let house = House::new();
    let service = house.open();
    let (show, other) = (service.show(), service.show());
    let body = json!({"seats": ["Platea-A-1"]});
    let on = |show: &str| service.send(Ask::post(format!("/v1/shows/{show}/holds")).key("same").json(&body));
    let (first, second) = (on(&show), on(&other));
    assert_ne!(first.expect(201)["hold_id"], second.expect(201)["hold_id"]);
    let held = Held::new(&show, first.json());
    let elsewhere = Held::new(&other, second.json());
    let paid = service.send(held.purchase("tok_visa").key("same")).expect(201);
    let paid_elsewhere = service.send(elsewhere.purchase("tok_visa").key("same")).expect(201);
    assert_ne!(paid["order_id"], paid_elsewhere["order_id"]);
    let refund = |paid: &serde_json::Value| {
        let path = format!("/v1/orders/{}/refunds", paid["order_id"].as_str().unwrap());
        service.send(Ask::post(path).key("same").json(&json!({"reason": "x"}))).expect(201)
    };
    assert_ne!(refund(&paid)["refund_id"], refund(&paid_elsewhere)["refund_id"]);
    let block = Ask::post(format!("/v1/shows/{show}/seats/block")).organiser().key("same").json(&body);
    let blocked = service.send(block);
    blocked.expect(200);
    assert!(!blocked.replayed());
}

#[test]
fn keys_that_cannot_be_are_refused_before_anything_is_done() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let body = json!({"seats": ["Platea-A-1"]});
    let ask = || Ask::post(format!("/v1/shows/{show}/holds")).json(&body);
    service.send(ask()).problem(400, "idempotency_key_missing");
    for wrong in ["", " ", "a b", "a\tb", "ñ", &"k".repeat(129)] {
        service.send(ask().key(wrong)).problem(400, "idempotency_key_invalid");
    }
    service.send(ask().header_bytes("idempotency-key", b"\xff")).problem(400, "idempotency_key_invalid");
    assert_eq!(service.seat(&show, "Platea-A-1"), "available");
    let paid = service.sell(&show, &["Platea-A-2"]);
    let order = paid["order_id"].as_str().unwrap();
    for path in ["open", "close", "cancel", "seats/block", "seats/unblock"] {
        let body = if path == "cancel" { json!({"reason": ""}) } else { body.clone() };
        let ask = Ask::post(format!("/v1/shows/{show}/{path}")).organiser().json(&body);
        service.send(ask).problem(400, "idempotency_key_missing");
    }
    service
        .send(Ask::post("/v1/shows").organiser().json(&plan(json!({}))))
        .problem(400, "idempotency_key_missing");
    service
        .send(Ask::post(format!("/v1/orders/{order}/refunds")).json(&json!({})))
        .problem(400, "idempotency_key_missing");
    let held = service.hold(&show, &["Platea-A-3"]);
    service
        .send(held.purchase("tok_visa").without("idempotency-key"))
        .problem(400, "idempotency_key_missing");
    service.send(ask().key(&"k".repeat(128))).expect(201);
}

#[test]
fn a_refusal_is_decided_afresh() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let taken = service.hold(&show, &["Platea-A-1"]);
    let ask = Ask::post(format!("/v1/shows/{show}/holds")).key("k").json(&json!({"seats": ["Platea-A-1"]}));
    service.send(ask.clone()).problem(409, "seats_unavailable");
    service.send(taken.release()).expect(204);
    let first = service.send(ask.clone());
    first.expect(201);
    is_again(&first, &service.send(ask));
}

#[test]
fn a_declined_card_may_be_followed_by_a_new_hold_and_the_same_key() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    service.send(held.purchase("tok_decline").key("k")).problem(402, "payment_declined");
    service.send(held.purchase("tok_decline").key("k")).problem(410, "hold_ended");
    let again = service.hold(&show, &["Platea-A-1"]);
    service.send(again.purchase("tok_visa").key("k")).expect(201);
}

#[test]
fn of_equal_requests_at_the_same_instant_one_is_carried_out() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let ask = Ask::post(format!("/v1/shows/{show}/holds"))
        .key("k")
        .json(&json!({"general": {"zone": "Cancha", "quantity": 2}}));
    let answers = service.send_all(vec![ask; 50]);
    for answer in &answers {
        assert_eq!(answer.expect(201), answers[0].json());
    }
    assert_eq!(answers.iter().filter(|answer| !answer.replayed()).count(), 1);
    assert_eq!(service.count(&show, "held"), 2);

    let held = Held::new(&show, answers[0].json());
    let paid = service.send(held.purchase("tok_visa")).expect(201);
    let refunds = format!("/v1/orders/{}/refunds", paid["order_id"].as_str().unwrap());
    let answers = service.send_all(vec![Ask::post(refunds).key("r").json(&json!({"reason": "x"})); 20]);
    for answer in &answers {
        assert_eq!(answer.expect(201), answers[0].json());
    }
    let creates =
        service.send_all(vec![Ask::post("/v1/shows").organiser().key("c").json(&plan(json!({}))); 20]);
    for answer in &creates {
        assert_eq!(answer.expect(201), creates[0].json());
    }
}

#[test]
fn a_remembered_answer_outlives_what_it_made() {
    let house = House::new();
    let service = house.open();
    let show = service.show_with(json!({"hold_seconds": 60}));
    let ask = hold(&show, &json!({"seats": ["Platea-A-1"]}));
    let first = service.send(ask.clone());
    first.expect(201);
    house.pass_seconds(120);
    service.sell(&show, &["Platea-A-1"]);
    is_again(&first, &service.send(ask.clone()));
    assert_eq!(service.count(&show, "sold"), 1);
    // After a day the key is forgotten, and what it asks for is decided again.
    house.pass_seconds(24 * 60 * 60);
    service.hold(&show, &["Platea-A-2"]);
    service.send(ask).problem(409, "seats_unavailable");
}

#[test]
fn of_equal_purchases_at_the_same_instant_one_is_charged_and_none_hears_that_the_hold_ended() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    for round in 1..=10 {
        let held = service.hold(&show, &[&format!("Platea-A-{round}")]);
        let purchase = held.purchase_as(&buyer(round), "tok_visa").key("p");
        let answers = service.send_all(vec![purchase.clone(); 20]);
        let paid: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert!(!paid.is_empty());
        for answer in &answers {
            match answer.status {
                201 => assert_eq!(answer.json(), paid[0].json()),
                // The first is still with the gateway; the client is told to come back.
                409 => {
                    answer.problem(409, "payment_under_way");
                    assert!(answer.headers.contains_key("retry-after"));
                }
                _ => drop(answer.problem(429, "too_many_requests")),
            }
        }
        assert_eq!(house.charges().len(), round as usize);
        assert_eq!(service.send(purchase).expect(201), paid[0].json());
    }
}
