//! Plans of all sizes and shapes: sold from, or refused with the reason.

use serde_json::{Value, json};

use crate::harness::{Ask, Held, House, Running, hold, plan};

fn create(service: &Running, values: Value) -> crate::harness::Answer {
    service.send(Ask::post("/v1/shows").organiser().fresh_key().json(&plan(values)))
}

#[test]
fn a_plan_of_100_000_seats_is_created_and_sold_from() {
    let house = House::new();
    let service = house.open();
    let rows: Vec<Value> = (0..1_000).map(|row| json!({"label": format!("F{row}"), "seats": 100})).collect();
    let made =
        create(&service, json!({"zones": [{"name": "Galería", "price": 5_000, "rows": rows}]})).expect(201);
    assert_eq!(made["seats_total"], 100_000);
    let show = made["show_id"].as_str().unwrap();
    service.open_sales(show);
    let held = service.hold(show, &["Galería-F0-1", "Galería-F999-100"]);
    service.send(held.purchase("tok_visa")).expect(201);
    let best = json!({"best_available": {"zone": "Galería", "quantity": 10, "together": true}});
    service
        .send(Held::new(show, service.send(hold(show, &best)).expect(201)).purchase("tok_visa"))
        .expect(201);
    let labels: Vec<String> = (0..1_000).map(|number| format!("n{number}")).collect();
    let rows: Vec<Value> = (0..100).map(|row| json!({"label": format!("F{row}"), "seats": labels})).collect();
    let named = create(&service, json!({"zones": [{"name": "Z", "price": 1, "rows": rows}]})).expect(201);
    assert_eq!(named["seats_total"], 100_000);
    drop(service);
    let service = house.open();
    let path = format!("/v1/shows/{show}");
    assert_eq!(service.send(Ask::get(path)).expect(200)["seats_available"], 100_000 - 12);
}

#[test]
fn the_largest_plan_is_taken_and_one_seat_more_is_not() {
    let house = House::new();
    let service = house.open();
    let general = |capacity: u32| json!({"zones": [{"name": "Parque", "price": 1, "capacity": capacity}]});
    assert_eq!(create(&service, general(200_000)).expect(201)["seats_total"], 200_000);
    for capacity in [200_001, u32::MAX] {
        create(&service, general(capacity)).problem(422, "invalid_plan");
    }
    let rows: Vec<Value> = (0..2_001).map(|row| json!({"label": format!("F{row}"), "seats": 100})).collect();
    create(&service, json!({"zones": [{"name": "Z", "price": 1, "rows": rows}]}))
        .problem(422, "invalid_plan");
    let two = json!([{"name": "A", "price": 1, "capacity": u32::MAX}, {"name": "B", "price": 1, "capacity": u32::MAX}]);
    create(&service, json!({ "zones": two })).problem(422, "invalid_plan");
    let row = |seats: Value| json!({"zones": [{"name": "Z", "price": 1, "rows": [{"label": "A", "seats": seats}]}]});
    create(&service, row(json!(u32::MAX))).problem(422, "invalid_plan");
    service.still_sells();
}

#[test]
fn plans_that_break_a_rule_are_refused_with_the_reason() {
    let house = House::new();
    let service = house.open();
    let zone = |values: Value| {
        let mut zone = json!({"name": "Z", "price": 1, "rows": [{"label": "A", "seats": 2}]});
        for (name, value) in values.as_object().unwrap() {
            match value {
                Value::Null => drop(zone.as_object_mut().unwrap().remove(name)),
                value => zone[name] = value.clone(),
            }
        }
        json!({ "zones": [zone] })
    };
    let many: Vec<Value> =
        (0..501).map(|number| json!({"name": format!("Z{number}"), "price": 1, "capacity": 1})).collect();
    for values in [
        json!({"zones": []}),
        json!({ "zones": many }),
        zone(json!({"name": ""})),
        zone(json!({"name": "n".repeat(65)})),
        zone(json!({"name": "a\u{0}b"})),
        zone(json!({"price": -1})),
        zone(json!({"price": i64::MAX})),
        zone(json!({"price": {"amount": 1, "currency": "USD"}})),
        zone(json!({"rows": null})),
        zone(json!({"rows": []})),
        zone(json!({"capacity": 5})),
        zone(json!({"rows": null, "capacity": 0})),
        zone(json!({"color": "red"})),
        zone(json!({"rows": [{"label": "A", "seats": 0}]})),
        zone(json!({"rows": [{"label": "A", "seats": []}]})),
        zone(json!({"rows": [{"label": "A", "seats": ["1", "1"]}]})),
        zone(json!({"rows": [{"label": "A", "seats": [""]}]})),
        zone(json!({"rows": [{"label": "A", "seats": 1}, {"label": "A", "seats": 1}]})),
        zone(json!({"rows": [{"label": "", "seats": 1}]})),
        json!({"zones": [{"name": "Z", "price": 1, "capacity": 1}, {"name": "Z", "price": 1, "capacity": 1}]}),
        json!({"focal_point": [10_000_000, 0]}),
    ] {
        create(&service, values.clone()).problem(422, "invalid_plan");
    }
    for values in [
        json!({"name": ""}),
        json!({"name": " "}),
        json!({"name": "n".repeat(201)}),
        json!({"name": "a\nb"}),
        json!({"venue": "\u{0}"}),
        json!({"hold_seconds": 0}),
        json!({"hold_seconds": 7_201}),
        json!({"max_seats_per_customer": 0}),
    ] {
        create(&service, values.clone()).problem(422, "invalid_show");
    }
    for values in [
        json!({"name": null}),
        json!({"starts_at": null}),
        json!({"starts_at": "mañana"}),
        json!({"starts_at": 1_900_000_000}),
        json!({"starts_at": "2031-02-30T20:00:00Z"}),
        json!({"currency": "clp"}),
        json!({"currency": "CLPX"}),
        json!({"currency": ""}),
        json!({"hold_seconds": -1}),
        json!({"max_seats_per_customer": 1.5}),
        json!({"zones": {}}),
        zone(json!({"price": 1.5})),
        zone(json!({"price": "1"})),
        zone(json!({"rows": [{"label": "A", "seats": -1}]})),
        zone(json!({"rows": [{"label": "A", "seats": 1.5}]})),
        zone(json!({"rows": [{"label": "A", "seats": [1, 2]}]})),
        zone(json!({"seats": 5})),
        json!({"owner": "me"}),
    ] {
        create(&service, values.clone()).problem(400, "invalid_body");
    }
    let listed = service.send(Ask::get("/v1/shows")).expect(200);
    assert_eq!(listed["data"], json!([]), "nothing was made");
    service.still_sells();
}
