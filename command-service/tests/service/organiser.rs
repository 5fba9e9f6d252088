//! What takes the operator's key, and who does not get past it.

use serde_json::{Value, json};

use crate::harness::{Ask, House, OPERATOR, plan};

#[test]
fn organiser_and_door_routes_take_the_key_and_nothing_else() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-A-1"]);
    let scan = json!({"ticket": paid["tickets"][0]["qr"], "gate": "Norte"});
    let asks: [(String, Value); 7] = [
        ("/v1/shows".to_owned(), plan(json!({}))),
        (format!("/v1/shows/{show}/open"), json!({})),
        (format!("/v1/shows/{show}/close"), json!({})),
        (format!("/v1/shows/{show}/cancel"), json!({"reason": ""})),
        (format!("/v1/shows/{show}/seats/block"), json!({"seats": ["Platea-A-2"]})),
        (format!("/v1/shows/{show}/seats/unblock"), json!({"seats": ["Platea-A-2"]})),
        (format!("/v1/shows/{show}/checkins"), scan),
    ];
    let wrong = ["Bearer", "Bearer ", "Bearer x", "Basic b3BlcmF0b3I6", OPERATOR];
    let nearly = format!("Bearer {}", &OPERATOR[..OPERATOR.len() - 1]);
    let longer = format!("Bearer {OPERATOR}x");
    for (path, body) in &asks {
        let ask = Ask::post(path).fresh_key().json(body);
        service.send(ask.clone()).problem(401, "unauthorized");
        for value in wrong.into_iter().chain([nearly.as_str(), longer.as_str()]) {
            service.send(ask.clone().header("authorization", value)).problem(401, "unauthorized");
        }
        // Whether the key is right is said before anything of the body is.
        let blind = Ask::post(path).fresh_key().raw("{");
        service.send(blind).problem(401, "unauthorized");
    }
    assert_eq!(service.count(&show, "available"), 43);
    assert_eq!(service.order(paid["order_id"].as_str().unwrap())["tickets"][0]["status"], "PAID");
}

#[test]
fn blocking_takes_free_seats_only_and_unblocking_frees_blocked_ones_only() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    service.sell(&show, &["Platea-A-1"]);
    service.hold(&show, &["Platea-A-2"]);
    let ask = |path: &str, seats: Value| {
        let ask = Ask::post(format!("/v1/shows/{show}/seats/{path}")).organiser().fresh_key();
        service.send(ask.json(&json!({ "seats": seats })))
    };
    let taken =
        ask("block", json!(["Platea-A-1", "Platea-A-2", "Platea-A-3"])).problem(409, "seats_unavailable");
    assert_eq!(taken["conflicting_seats"], json!(["Platea-A-1", "Platea-A-2"]));
    assert_eq!(service.seat(&show, "Platea-A-3"), "available");
    ask("block", json!(["Platea-A-13"])).problem(422, "seat_unknown");
    ask("block", json!([])).problem(422, "no_seats");
    ask("block", json!(["Platea-A-3", "Platea-A-3"])).problem(422, "seat_named_twice");
    ask("block", json!(["Platea-A-3", "Cancha-GA-1"])).expect(200);
    let refused = service.send(crate::harness::hold(&show, &json!({"seats": ["Platea-A-3"]})));
    refused.problem(409, "seats_unavailable");
    assert_eq!(
        ask("unblock", json!(["Platea-A-1", "Platea-A-2", "Platea-A-4"])).expect(200)["seats"],
        json!([])
    );
    assert_eq!(service.seat(&show, "Platea-A-1"), "sold");
    assert_eq!(service.seat(&show, "Platea-A-2"), "held");
    ask("unblock", json!(["Platea-A-3", "Cancha-GA-1"])).expect(200);
    service.sell(&show, &["Platea-A-3"]);
}
