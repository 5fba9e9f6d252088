//! Every reason why seats are not held, and what a hold that has ended can no longer do.

use serde_json::{Value, json};

use crate::harness::{Ask, Held, House, buyer, hold};

#[test]
fn what_is_not_there_or_too_much_is_refused_by_name() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let named = |seats: Value| json!({ "seats": seats });
    let eleven: Vec<String> = (1..=11).map(|number| format!("Platea-A-{number}")).collect();
    let refusals = [
        (named(json!([])), 422, "no_seats"),
        (named(json!(["Platea-A-13"])), 422, "seat_unknown"),
        (named(json!(["Platea-A-01"])), 422, "seat_unknown"),
        (named(json!(["platea-A-1"])), 422, "seat_unknown"),
        (named(json!([""])), 422, "seat_unknown"),
        (named(json!(["Platea-A-1", "Platea-A-1"])), 422, "seat_named_twice"),
        (named(json!(eleven)), 422, "too_many_seats"),
        (named(json!(["Cancha-GA-1"])), 422, "zone_is_general"),
        (json!({"best_available": {"zone": "Balcón", "quantity": 1}}), 422, "zone_unknown"),
        (json!({"best_available": {"zone": "Cancha", "quantity": 1}}), 422, "zone_is_general"),
        (json!({"best_available": {"zone": "Platea", "quantity": 0}}), 422, "no_seats"),
        (json!({"best_available": {"zone": "Platea", "quantity": 11}}), 422, "too_many_seats"),
        (json!({"best_available": {"quantity": u32::MAX}}), 422, "too_many_seats"),
        (json!({"general": {"zone": "Platea", "quantity": 1}}), 422, "zone_is_numbered"),
        (json!({"general": {"zone": "Nada", "quantity": 1}}), 422, "zone_unknown"),
        (json!({"general": {"zone": "Cancha", "quantity": 0}}), 422, "no_seats"),
        (json!({"general": {"zone": "Cancha", "quantity": 11}}), 422, "too_many_seats"),
        (json!({"seats": ["Platea-A-1"], "expected_revisions": {"Platea-A-2": 0}}), 422, "seat_unknown"),
    ];
    for (body, status, code) in refusals {
        service.send(hold(&show, &body)).problem(status, code);
    }
    assert_eq!(service.count(&show, "available"), 44);
    service.still_sells();
}

#[test]
fn a_taken_seat_is_named_and_an_overlapping_hold_takes_nothing() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    service.hold(&show, &["Platea-A-3", "Platea-A-4"]);
    let refused = service.send(hold(&show, &json!({"seats": ["Platea-A-2", "Platea-A-3", "Platea-A-4"]})));
    let problem = refused.problem(409, "seats_unavailable");
    assert_eq!(problem["conflicting_seats"], json!(["Platea-A-3", "Platea-A-4"]));
    assert_eq!(service.seat(&show, "Platea-A-2"), "available");
}

#[test]
fn seats_that_moved_since_they_were_looked_at_are_named() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    service.send(held.release()).expect(204);
    let body = |revision: u32| json!({"seats": ["Platea-A-1", "Platea-A-2"], "expected_revisions": {"Platea-A-1": revision, "Platea-A-2": 0}});
    let problem = service.send(hold(&show, &body(0))).problem(409, "seats_changed");
    assert_eq!(problem["conflicting_seats"], json!(["Platea-A-1"]));
    service.send(hold(&show, &body(2))).expect(201);
}

#[test]
fn a_zone_that_runs_out_says_so() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let general = |quantity: u32| hold(&show, &json!({"general": {"zone": "Cancha", "quantity": quantity}}));
    service.send(general(10)).expect(201);
    service.send(general(8)).expect(201);
    service.send(general(3)).problem(409, "not_enough_seats");
    service.send(general(2)).expect(201);
    service.send(general(1)).problem(409, "not_enough_seats");
    let even: Vec<String> = (1..=6).map(|number| format!("Platea-A-{}", number * 2)).collect();
    service.send(hold(&show, &json!({ "seats": even }))).expect(201);
    let even: Vec<String> = (1..=6).map(|number| format!("Platea-B-{}", number * 2)).collect();
    service.send(hold(&show, &json!({ "seats": even }))).expect(201);
    let best = |together: bool| {
        hold(&show, &json!({"best_available": {"zone": "Platea", "quantity": 2, "together": together}}))
    };
    service.send(best(true)).problem(409, "not_together");
    service.send(best(false)).expect(201);
}

#[test]
fn one_body_asks_for_seats_in_one_way() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    for body in [
        json!({}),
        json!({"seats": ["Platea-A-1"], "general": {"zone": "Cancha", "quantity": 1}}),
        json!({"best_available": {"quantity": 1}, "general": {"zone": "Cancha", "quantity": 1}}),
        json!({"best_available": {"quantity": 1}, "expected_revisions": {"Platea-A-1": 0}}),
        json!({"general": {"zone": "Cancha", "quantity": 1}, "expected_revisions": {"Platea-A-1": 0}}),
        json!({"seats": null}),
    ] {
        service.send(hold(&show, &body)).problem(400, "invalid_body");
    }
    assert_eq!(service.count(&show, "available"), 44);
}

#[test]
fn sales_open_and_close_by_the_organiser_and_by_the_clock() {
    let house = House::new();
    let service = house.open();
    let opens_at = house.now_ms() / 1_000 + 3_600;
    let text = ticketflow_domain::Timestamp::from_millis(opens_at * 1_000).to_string();
    let show = service.create(&crate::harness::plan(json!({ "sales_open_at": text })));
    let ask = || hold(&show, &json!({"seats": ["Platea-A-1"]}));
    let early = service.send(ask()).problem(422, "sales_not_open");
    assert_eq!(early["opens_at"], text);
    house.pass_seconds(3_601);
    service.send(ask()).expect(201);
    let never = service.create(&crate::harness::plan(json!({})));
    service.send(hold(&never, &json!({"seats": ["Platea-A-1"]}))).problem(422, "sales_not_open");
    service.send(Ask::post(format!("/v1/shows/{show}/close")).organiser().fresh_key()).expect(200);
    service.send(ask()).problem(422, "sales_closed");
}

#[test]
fn a_hold_expires_on_time_and_its_seats_are_sold_to_others() {
    let house = House::new();
    let service = house.open();
    let show = service.show_with(json!({"hold_seconds": 60}));
    let held = service.hold(&show, &["Platea-A-1", "Platea-A-2"]);
    house.pass_seconds(59);
    service.send(hold(&show, &json!({"seats": ["Platea-A-1"]}))).problem(409, "seats_unavailable");
    house.pass_seconds(1);
    service.send(held.purchase("tok_visa")).problem(410, "hold_ended");
    assert_eq!(service.seat(&show, "Platea-A-1"), "available");
    assert_eq!(service.seat(&show, "Platea-A-2"), "available");
    assert_eq!(house.charges(), []);
    service.sell(&show, &["Platea-A-1"]);
    service.send(held.purchase("tok_visa")).problem(410, "hold_ended");
    assert_eq!(service.send(held.release()).status, 204, "releasing what has ended changes nothing");
    assert_eq!(service.seat(&show, "Platea-A-1"), "sold");
}

#[test]
fn a_hold_expires_by_itself_without_any_request() {
    let house = House::new();
    let service = house.open();
    let show = service.show_with(json!({"hold_seconds": 1}));
    service.hold(&show, &["Platea-A-1"]);
    let head = service.log.head().position;
    // The task wakes by the machine's timer and then asks this clock.
    house.pass_seconds(2);
    service.until("the hold expires", || service.log.head().position > head);
    assert_eq!(service.seat(&show, "Platea-A-1"), "available");
}

#[test]
fn only_the_hold_token_opens_a_hold() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let (mine, other) = (service.hold(&show, &["Platea-A-1"]), service.hold(&show, &["Platea-A-2"]));
    let long = "a".repeat(4_096);
    for wrong in ["", "0", other.token.as_str(), &mine.token[1..], &format!("{}0", mine.token), long.as_str()]
    {
        let thief = Held { token: wrong.to_owned(), ..mine.clone() };
        service.send(thief.purchase("tok_visa")).problem(404, "hold_unknown");
        service.send(thief.release()).problem(404, "hold_unknown");
    }
    service.send(mine.purchase("tok_visa").without("hold-token")).problem(401, "hold_token_missing");
    service.send(mine.release().without("hold-token")).problem(401, "hold_token_missing");
    let garbled = mine.purchase("tok_visa").header_bytes("hold-token", b"\xff\xfe");
    let refused = service.send(garbled);
    refused.is_problem();
    assert!(matches!(refused.status, 401 | 404), "{}", refused.text());
    assert_eq!(house.charges(), []);
    assert_eq!(service.seat(&show, "Platea-A-1"), "held");
    service.send(mine.purchase("tok_visa")).expect(201);
}

#[test]
fn a_hold_of_one_show_cannot_be_paid_at_another() {
    let house = House::new();
    let service = house.open();
    let (show, other) = (service.show(), service.show());
    let held = service.hold(&show, &["Platea-A-1"]);
    let misplaced = Held { show: other.clone(), ..held.clone() };
    service.send(misplaced.purchase("tok_visa")).problem(410, "hold_ended");
    assert_eq!(service.count(&other, "available"), 44);
    service.send(held.purchase("tok_visa")).expect(201);
}

#[test]
fn a_customer_gets_no_more_than_the_limit_over_all_orders() {
    let house = House::new();
    let service = house.open();
    let show = service.show_with(json!({"max_seats_per_customer": 3}));
    service
        .send(hold(&show, &json!({"general": {"zone": "Cancha", "quantity": 4}})))
        .problem(422, "customer_limit");
    let first = service.hold(&show, &["Platea-A-1", "Platea-A-2"]);
    let second = service.hold(&show, &["Platea-A-3", "Platea-A-4"]);
    service.send(first.purchase_as(&buyer(1), "tok_visa")).expect(201);
    service.send(second.purchase_as(&buyer(1), "tok_visa")).problem(422, "customer_limit");
    // The same identity written in another way is the same customer.
    let mut dotted = buyer(1);
    let rut = dotted["rut"].as_str().unwrap();
    dotted["rut"] = json!(format!("{}.{}.{}", &rut[..1], &rut[1..4], &rut[4..]));
    service.send(second.purchase_as(&dotted, "tok_visa")).problem(422, "customer_limit");
    assert_eq!(house.charges().len(), 1, "the refused ones were never charged");
    service.send(second.purchase_as(&buyer(2), "tok_visa")).expect(201);
}

#[test]
fn of_many_at_the_same_instant_one_wins_and_all_others_hear_which_seat_is_gone() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    for seat in ["Platea-A-1", "Platea-A-2", "Platea-A-3"] {
        let answers = service.send_all((0..100).map(|_| hold(&show, &json!({"seats": [seat]}))).collect());
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        for lost in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!(lost.problem(409, "seats_unavailable")["conflicting_seats"], json!([seat]));
        }
    }
    let overlapping = service.send_all(
        [
            ["Platea-B-1", "Platea-B-2", "Platea-B-3", "Platea-B-4"],
            ["Platea-B-3", "Platea-B-4", "Platea-B-5", "Platea-B-6"],
        ]
        .into_iter()
        .cycle()
        .take(40)
        .map(|seats| hold(&show, &json!({ "seats": seats })))
        .collect(),
    );
    assert_eq!(overlapping.iter().filter(|answer| answer.status == 201).count(), 1);
    assert_eq!(service.count(&show, "held"), 3 + 4);
}
