//! The good path of every command: status and every field of the answer.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Ask, Held, House, buyer, hold, plan};

/// The names of an object's members, sorted.
fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn is_id(value: &Value) -> bool {
    value.as_str().is_some_and(|id| id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn money(amount: i64) -> Value {
    json!({"amount": amount, "currency": "CLP"})
}

#[test]
fn creating_a_show_answers_its_id_and_size() {
    let house = House::new();
    let service = house.open();
    let body = plan(
        json!({"sales_open_at": "2031-01-01T00:00:00Z", "max_seats_per_customer": 4, "hold_seconds": 60}),
    );
    let made = service.send(Ask::post("/v1/shows").organiser().fresh_key().json(&body)).expect(201);
    assert_eq!(members(&made), ["position", "seats_total", "show_id"]);
    assert!(is_id(&made["show_id"]));
    assert_eq!(made["seats_total"], 44);
    assert_eq!(made["position"], 1);
    let show = made["show_id"].as_str().unwrap();
    let shown = service.send(Ask::get(format!("/v1/shows/{show}?min_position=1"))).expect(200);
    assert_eq!(shown["name"], body["name"]);
    assert_eq!(shown["hold_seconds"], 60);
    assert_eq!(shown["max_seats_per_customer"], 4);
    assert_eq!(shown["sales"], "scheduled");
}

#[test]
fn a_named_hold_answers_seats_prices_and_deadline() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let answer = service.send(hold(&show, &json!({"seats": ["Platea-A-2", "Platea-A-10"]})));
    let held = answer.expect(201);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(!answer.replayed());
    assert_eq!(members(&held), ["expires_at", "hold_id", "hold_token", "position", "seats", "total"]);
    assert!(is_id(&held["hold_id"]));
    assert!(held["hold_token"].as_str().unwrap().len() >= 32);
    assert_eq!(
        held["seats"],
        json!([
            {"seat": "Platea-A-2", "price": money(25_000), "revision": 1},
            {"seat": "Platea-A-10", "price": money(25_000), "revision": 1},
        ])
    );
    assert_eq!(held["total"], money(50_000));
    assert_eq!(held["position"], 3);
    assert!(held["expires_at"].as_str().unwrap().ends_with('Z'), "{held}");
    assert_eq!(service.seat(&show, "Platea-A-10"), "held");
    assert_eq!(service.count(&show, "held"), 2);
}

#[test]
fn best_available_and_general_holds_answer_the_seats_chosen() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let body = json!({"best_available": {"zone": "Platea", "quantity": 3, "together": true}});
    let best = service.send(hold(&show, &body)).expect(201);
    let names: Vec<&str> =
        best["seats"].as_array().unwrap().iter().map(|seat| seat["seat"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 3);
    let row = &names[0][..9];
    let mut numbers: Vec<u32> =
        names.iter().map(|name| name.strip_prefix(row).unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers[2] - numbers[0], 2, "side by side: {names:?}");
    let anywhere = service.send(hold(&show, &json!({"best_available": {"quantity": 1}}))).expect(201);
    assert!(anywhere["seats"][0]["seat"].as_str().unwrap().starts_with("Platea-"));
    let general =
        service.send(hold(&show, &json!({"general": {"zone": "Cancha", "quantity": 10}}))).expect(201);
    assert_eq!(general["total"], money(100_000));
    assert_eq!(general["seats"].as_array().unwrap().len(), 10);
    assert_eq!(service.count(&show, "held"), 14);
}

#[test]
fn a_purchase_answers_the_order_with_its_tickets() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1", "Platea-A-2"]);
    let paid = service.send(held.purchase("tok_visa")).expect(201);
    assert_eq!(members(&paid), ["documents", "order_id", "position", "status", "tickets", "total"]);
    assert_eq!(paid["status"], "PAID");
    assert_eq!(paid["documents"], "pending");
    assert_eq!(paid["total"], money(50_000));
    let tickets = paid["tickets"].as_array().unwrap();
    assert_eq!(tickets.len(), 2);
    for (ticket, seat) in tickets.iter().zip(["Platea-A-1", "Platea-A-2"]) {
        assert_eq!(members(ticket), ["qr", "seat", "status", "ticket_id"]);
        assert_eq!(ticket["seat"], seat);
        assert_eq!(ticket["status"], "PAID");
        assert!(is_id(&ticket["ticket_id"]));
        assert!(ticket["qr"].as_str().unwrap().starts_with("TF:"));
        assert_eq!(service.seat(&show, seat), "sold");
    }
    assert_ne!(tickets[0]["qr"], tickets[1]["qr"]);
    let shown = service.order(paid["order_id"].as_str().unwrap());
    assert_eq!(shown["total"], paid["total"]);
    assert_eq!(shown["status"], "PAID");
    let codes = |order: &Value| -> Vec<Value> {
        order["tickets"].as_array().unwrap().iter().map(|ticket| ticket["qr"].clone()).collect()
    };
    assert_eq!(codes(&shown), codes(&paid));
}

#[test]
fn a_free_show_is_bought_without_the_gateway() {
    let house = House::new();
    let service = house.open();
    let show = service.show_with(json!({"zones": [{"name": "Plaza", "price": 0, "capacity": 5}]}));
    let held = Held::new(
        &show,
        service.send(hold(&show, &json!({"general": {"zone": "Plaza", "quantity": 2}}))).expect(201),
    );
    let paid = service.send(held.purchase("tok_decline")).expect(201);
    assert_eq!(paid["total"], money(0));
    assert_eq!(house.charges(), []);
    let refunds = format!("/v1/orders/{}/refunds", paid["order_id"].as_str().unwrap());
    let refund = service.send(Ask::post(refunds).fresh_key().json(&json!({"reason": ""}))).expect(201);
    assert_eq!(refund["amount"], money(0));
    assert_eq!(house.charges(), []);
}

#[test]
fn releasing_a_hold_frees_its_seats_and_may_be_repeated() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    for _ in 0..2 {
        let released = service.send(held.release());
        assert_eq!((released.status, released.body.len()), (204, 0));
        assert_eq!(service.seat(&show, "Platea-A-1"), "available");
    }
    service.send(held.purchase("tok_visa")).problem(410, "hold_ended");
}

#[test]
fn a_refund_answers_what_is_given_back() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-B-1", "Platea-B-2"]);
    let order = paid["order_id"].as_str().unwrap();
    let body = json!({"tickets": [paid["tickets"][0]["ticket_id"]], "reason": "enfermedad"});
    let refund =
        service.send(Ask::post(format!("/v1/orders/{order}/refunds")).fresh_key().json(&body)).expect(201);
    assert_eq!(members(&refund), ["amount", "order_id", "position", "refund_id", "tickets"]);
    assert!(is_id(&refund["refund_id"]));
    assert_eq!(refund["order_id"], order);
    assert_eq!(refund["tickets"], body["tickets"]);
    assert_eq!(refund["amount"], money(25_000));
    assert_eq!(service.seat(&show, "Platea-B-1"), "available");
    assert_eq!(service.seat(&show, "Platea-B-2"), "sold");
}

#[test]
fn the_door_and_the_organiser_are_answered() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-A-1"]);
    let scan = json!({"ticket": paid["tickets"][0]["qr"], "gate": "Norte"});
    let admitted =
        service.send(Ask::post(format!("/v1/shows/{show}/checkins")).organiser().json(&scan)).expect(200);
    assert_eq!(members(&admitted), ["admitted", "position", "seat", "ticket_id"]);
    assert_eq!(admitted["admitted"], true);
    assert_eq!(admitted["seat"], "Platea-A-1");
    assert_eq!(admitted["ticket_id"], paid["tickets"][0]["ticket_id"]);

    let organiser = |path: &str, body: &Value| {
        let ask = Ask::post(format!("/v1/shows/{show}{path}")).organiser().fresh_key().json(body);
        service.send(ask).expect(200)
    };
    let blocked =
        organiser("/seats/block", &json!({"seats": ["Platea-B-1", "Platea-B-2"], "reason": "prensa"}));
    assert_eq!(members(&blocked), ["position", "seats"]);
    assert_eq!(
        blocked["seats"],
        json!([{"seat": "Platea-B-1", "revision": 1}, {"seat": "Platea-B-2", "revision": 1}])
    );
    let again = organiser("/seats/block", &json!({"seats": ["Platea-B-1"]}));
    assert_eq!(again["seats"], json!([]));
    let unblocked = organiser("/seats/unblock", &json!({"seats": ["Platea-B-1"]}));
    assert_eq!(unblocked["seats"], json!([{"seat": "Platea-B-1", "revision": 2}]));
    assert_eq!(service.seat(&show, "Platea-B-1"), "available");
    assert_eq!(service.seat(&show, "Platea-B-2"), "blocked");
    for (path, body, sales) in [
        ("/close", json!({}), "closed"),
        ("/open", json!({}), "open"),
        ("/cancel", json!({"reason": "lluvia"}), "cancelled"),
    ] {
        let changed = organiser(path, &body);
        assert_eq!(members(&changed), ["position", "sales", "show_id"]);
        assert_eq!(changed["sales"], sales);
        assert_eq!(changed["show_id"], show);
    }
}

#[test]
fn unknown_paths_and_methods_are_problems() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    service.send(Ask::get("/v1/nothing")).problem(404, "route_not_found");
    service.send(Ask::new(Method::PUT, format!("/v1/shows/{show}/holds"))).problem(405, "method_not_allowed");
    for bad in [
        "x",
        "%FF",
        "01ARZ3NDEKTSV4RRFFQ69G5FA",
        "81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01ARZ3NDEKTSV4RRFFQ69G5FAVX",
        "%00",
    ] {
        let refused = service
            .send(Ask::post(format!("/v1/shows/{bad}/holds")).fresh_key().json(&json!({"seats": ["A"]})));
        refused.problem(404, "not_found");
    }
    service.send(hold(unknown, &json!({"seats": ["Platea-A-1"]}))).problem(404, "show_unknown");
    let missing = Held { show: unknown.to_owned(), ..service.hold(&show, &["Platea-A-1"]) };
    service.send(missing.purchase_as(&buyer(1), "tok_visa")).problem(404, "show_unknown");
    service.send(missing.release()).problem(404, "show_unknown");
    for path in ["open", "close", "seats/block", "seats/unblock", "cancel"] {
        let body = match path {
            "cancel" => json!({"reason": ""}),
            _ => json!({"seats": ["Platea-A-1"]}),
        };
        let ask = Ask::post(format!("/v1/shows/{unknown}/{path}")).organiser().fresh_key().json(&body);
        service.send(ask).problem(404, "show_unknown");
    }
    let refund = Ask::post(format!("/v1/orders/{unknown}/refunds")).fresh_key().json(&json!({}));
    service.send(refund).problem(404, "order_unknown");
}

#[test]
fn opening_and_closing_need_no_body_and_read_none() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    for path in ["close", "open"] {
        let ask =
            Ask::post(format!("/v1/shows/{show}/{path}")).organiser().fresh_key().raw(vec![b'{'; 3 << 20]);
        service.send(ask).expect(200);
    }
    service.still_sells();
}
