//! Bodies that no client of good will sends: always a clear refusal or success, never a 500, and the house sells on.

use serde_json::{Value, json};

use crate::harness::{Answer, Ask, House, buyer, hold, plan};

const MIB: usize = 1 << 20;

/// A refusal that a client can act on, or a success.
#[track_caller]
fn is_clear(answer: &Answer, what: &str) {
    assert!(
        (200..300).contains(&answer.status) || (400..500).contains(&answer.status),
        "{what}: {} {}",
        answer.status,
        answer.text()
    );
    if answer.status >= 400 {
        answer.is_problem();
    }
}

#[test]
fn text_that_is_no_json_object_is_malformed() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let deep_arrays = "[".repeat(100_000);
    let deep_seats = format!("{{\"seats\":{}", "[".repeat(100_000));
    let deep_unknown = format!("{{\"a\":{}", "{\"a\":".repeat(100_000));
    let bodies: Vec<(&[u8], &str)> = vec![
        (b"", "malformed_json"),
        (b"   ", "malformed_json"),
        (b"{", "malformed_json"),
        (b"{\"seats\":[\"Platea-A-1\"]", "malformed_json"),
        (b"{\"seats\":[\"Platea-A-1", "malformed_json"),
        (b"{\"seats\":[\"Platea-A-1\"]}}", "malformed_json"),
        (b"{\"seats\":[\"Platea-A-1\"],}", "malformed_json"),
        (b"{'seats':['Platea-A-1']}", "malformed_json"),
        (b"{\"seats\":[\"\\ud800\"]}", "malformed_json"),
        (b"{\"seats\":[\"a\x00b\"]}", "malformed_json"),
        (b"{\"seats\":[\"\xff\xfe\"]}", "malformed_json"),
        (b"\xef\xbb\xbf{\"seats\":[\"Platea-A-1\"]}", "malformed_json"),
        (b"{\"seats\":[\"Platea-A-1\"], \"best_available\": {\"quantity\": 1e400}}", "malformed_json"),
        (b"[]", "invalid_body"),
        (b"[[\"Platea-A-1\"]]", "invalid_body"),
        (b"null", "invalid_body"),
        (b"\"text\"", "invalid_body"),
        (b"7", "invalid_body"),
        (b"{\"seats\":[\"Platea-A-1\"],\"seats\":[\"Platea-A-2\"]}", "invalid_body"),
        (b"{\"seats\":[\"Platea-A-1\"],\"Seats\":1}", "invalid_body"),
        (b"{\"seats\":[\"Platea-A-1\"],\"price\":0}", "invalid_body"),
        (b"{\"seats\":\"Platea-A-1\"}", "invalid_body"),
        (b"{\"seats\":[1]}", "invalid_body"),
        (b"{\"seats\":[null]}", "invalid_body"),
        (b"{\"seats\":{\"0\":\"Platea-A-1\"}}", "invalid_body"),
        (deep_arrays.as_bytes(), "invalid_body"),
        (deep_seats.as_bytes(), "invalid_body"),
        (deep_unknown.as_bytes(), "invalid_body"),
    ];
    for (body, code) in bodies {
        let answer =
            service.send(Ask::post(format!("/v1/shows/{show}/holds")).fresh_key().raw(body.to_vec()));
        answer.problem(400, code);
    }
    assert_eq!(service.count(&show, "available"), 44);
    service.still_sells();
}

#[test]
fn absurd_quantities_hold_nothing() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let quantities = [
        "0",
        "-1",
        "-0.0",
        "1.5",
        "1e0",
        "4294967295",
        "4294967296",
        "18446744073709551616",
        "1e400",
        "-1e400",
        "\"2\"",
        "null",
        "true",
        "[1]",
        "{}",
        "NaN",
        "Infinity",
        "0x10",
        "01",
        "99999999999999999999999999999999999999999999",
    ];
    for quantity in quantities {
        for body in [
            format!("{{\"general\":{{\"zone\":\"Cancha\",\"quantity\":{quantity}}}}}"),
            format!("{{\"best_available\":{{\"zone\":\"Platea\",\"quantity\":{quantity}}}}}"),
        ] {
            let answer =
                service.send(Ask::post(format!("/v1/shows/{show}/holds")).fresh_key().raw(body.clone()));
            assert!(matches!(answer.status, 400 | 422), "{body}: {} {}", answer.status, answer.text());
            answer.is_problem();
        }
    }
    for revision in ["-1", "0.5", "4294967296", "\"0\"", "null"] {
        let body =
            format!("{{\"seats\":[\"Platea-A-1\"],\"expected_revisions\":{{\"Platea-A-1\":{revision}}}}}");
        service
            .send(Ask::post(format!("/v1/shows/{show}/holds")).fresh_key().raw(body))
            .problem(400, "invalid_body");
    }
    assert_eq!(service.count(&show, "available"), 44);
    service.still_sells();
}

#[test]
fn bodies_beyond_the_limit_are_refused_and_those_at_it_are_read() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let body = |bytes: usize| {
        let mut body = b"{\"seats\":[\"Platea-A-1\"]".to_vec();
        body.resize(bytes - 1, b' ');
        body.push(b'}');
        body
    };
    let ask = |bytes: usize| Ask::post(format!("/v1/shows/{show}/holds")).fresh_key().raw(body(bytes));
    service.send(ask(MIB + 1)).problem(413, "body_too_large");
    service.send(ask(64 * MIB)).problem(413, "body_too_large");
    service.send(ask(MIB)).expect(201);
    let mut plan_body = serde_json::to_vec(&plan(json!({}))).unwrap();
    plan_body.resize(16 * MIB, b' ');
    let create = |body: Vec<u8>| Ask::post("/v1/shows").organiser().fresh_key().raw(body);
    service.send(create(plan_body.clone())).expect(201);
    plan_body.push(b' ');
    service.send(create(plan_body)).problem(413, "body_too_large");
    let held = service.hold(&show, &["Platea-A-2"]);
    let mut purchase = vec![b' '; MIB + 1];
    purchase[0] = b'{';
    service.send(held.purchase("tok_visa").raw(purchase)).problem(413, "body_too_large");
    service.still_sells();
}

#[test]
fn a_body_that_does_not_say_it_is_json_is_not_read() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let ask = || hold(&show, &json!({"seats": ["Platea-A-1"]}));
    for wrong in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
        "application/xml; q=json",
    ] {
        service.send(ask().header("content-type", wrong)).problem(415, "unsupported_media_type");
    }
    service.send(ask().header_bytes("content-type", b"\xff\xff")).problem(415, "unsupported_media_type");
    service.send(ask().without("content-type")).problem(415, "unsupported_media_type");
    service.send(ask().header("content-type", "Application/JSON;charset=UTF-8")).expect(201);
}

#[test]
fn a_missing_or_mistyped_field_leaks_no_seat() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    let payment = json!({"method": "card", "token": "tok_visa"});
    let speaking = |language: Value| {
        let mut person = buyer(1);
        person["language"] = language;
        person
    };
    let bodies = [
        json!({}),
        json!({"buyer": buyer(1)}),
        json!({"payment": payment}),
        json!({"buyer": null, "payment": payment}),
        json!({"buyer": {"rut": "12.345.678-5", "name": "Ana"}, "payment": payment}),
        json!({"buyer": {"rut": 123_456_785, "name": "Ana", "email": "ana@example.com"}, "payment": payment}),
        json!({"buyer": speaking(json!(7)), "payment": payment}),
        json!({"buyer": speaking(json!(["en"])), "payment": payment}),
        json!({"buyer": buyer(1), "payment": {"method": "card"}}),
        json!({"buyer": buyer(1), "payment": {"method": "card", "token": 7}}),
        json!({"buyer": buyer(1), "payment": payment, "total": 1}),
        json!({"buyer": buyer(1), "payment": payment, "seats": ["Platea-A-2"]}),
        json!({"buyer": [], "payment": payment}),
    ];
    for body in bodies {
        service.send(held.purchase("tok_visa").json(&body)).problem(400, "invalid_body");
    }
    for (field, value) in [
        ("rut", "12.345.678-9"),
        ("rut", ""),
        ("rut", "0-0"),
        ("rut", "99999999999999999999-1"),
        ("rut", "١٢٣٤٥٦٧٨-٥"),
        ("name", ""),
        ("name", " \t "),
        ("name", "Ana\u{0}"),
        ("name", "Ana\r\nBcc: x@example.com"),
        ("email", "ana"),
        ("email", "ana@"),
        ("email", "ana@example.com\nx"),
        ("email", "a@b@example.com"),
        ("language", ""),
        ("language", "EN"),
        ("language", "en-US"),
        ("language", "fr"),
    ] {
        let mut person = buyer(1);
        person[field] = json!(value);
        let answer = service.send(held.purchase_as(&person, "tok_visa"));
        assert_eq!(answer.status, 422, "{field} {value:?}: {}", answer.text());
        answer.is_problem();
        assert_eq!(answer.json()["field"], field);
    }
    for token in ["", " ", "tok visa", "tok\u{7f}", "ñ", &"t".repeat(257)] {
        service.send(held.purchase(token)).problem(422, "invalid_payment");
    }
    assert_eq!(house.charges(), []);
    assert_eq!(service.seat(&show, "Platea-A-1"), "held");
    service.send(held.purchase("tok_visa")).expect(201);
}

#[test]
fn names_of_all_scripts_are_kept_as_they_are() {
    let house = House::new();
    let service = house.open();
    for name in [
        "🎭🎟️ Fiesta",
        "حفلة موسيقية",
        "\u{202e}lasrever",
        "e\u{301}cole",
        "李小龍之夜",
        "<script>alert(1)</script>",
        "\"},{\"",
        "\\u0000",
    ] {
        let show = service.show_with(json!({
            "name": name,
            "venue": name,
            "zones": [{"name": name, "price": 1, "rows": [{"label": "Ñ", "seats": ["🪑", "2", "٣"]}]}],
        }));
        let map = service.seats(&show);
        assert_eq!(map["seats"][0]["zone"], name);
        let seat = map["seats"][0]["seat"].as_str().unwrap();
        assert_eq!(seat, format!("{name}-Ñ-🪑"));
        let mut person = buyer(1);
        person["name"] = json!(name);
        let held = service.hold(&show, &[seat]);
        assert_eq!(held.body["seats"][0]["seat"], seat);
        let paid = service.send(held.purchase_as(&person, "tok_visa")).expect(201);
        assert_eq!(paid["tickets"][0]["seat"], seat);
        let refused = service.send(hold(&show, &json!({"seats": [seat]}))).problem(409, "seats_unavailable");
        assert_eq!(refused["conflicting_seats"], json!([seat]));
        assert_eq!(service.order(paid["order_id"].as_str().unwrap())["show_name"], name);
    }
}

#[test]
fn seat_names_from_hell_name_no_seat() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let long = "A".repeat(500_000);
    for seat in [
        "🎭",
        "\u{0}",
        "Platea-A-1\u{0}",
        "Platea-A-１",
        "Platea-A-1\u{200d}",
        "-",
        "--",
        "---",
        "Platea--1",
        "Platea-A-",
        "Platea-A-99999999999999999999",
        "Platea-A--1",
        "../../etc/passwd",
        "%00",
        "'; DROP TABLE seats; --",
        long.as_str(),
    ] {
        service.send(hold(&show, &json!({"seats": [seat]}))).problem(422, "seat_unknown");
    }
    let many: Vec<String> = (0..60_000).map(|number| format!("Platea-A-{number}")).collect();
    service.send(hold(&show, &json!({ "seats": many }))).problem(422, "too_many_seats");
    service.still_sells();
}

#[test]
fn every_route_takes_the_same_garbage_calmly() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-A-1"]);
    let held = service.hold(&show, &["Platea-A-2"]);
    let order = paid["order_id"].as_str().unwrap();
    let paths = [
        "/v1/shows".to_owned(),
        format!("/v1/shows/{show}/open"),
        format!("/v1/shows/{show}/close"),
        format!("/v1/shows/{show}/cancel"),
        format!("/v1/shows/{show}/seats/block"),
        format!("/v1/shows/{show}/seats/unblock"),
        format!("/v1/shows/{show}/holds"),
        format!("{}/purchase", held.path()),
        format!("/v1/orders/{order}/refunds"),
        format!("/v1/shows/{show}/checkins"),
    ];
    let nested = format!("{{\"reason\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let garbage: [&[u8]; 9] = [
        b"",
        b"{",
        b"[]",
        b"nul",
        b"{\"reason\":7,\"gate\":7,\"ticket\":{},\"seats\":-1,\"zones\":\"x\"}",
        b"\x00\x01\x02",
        b"{\"\xff\":1}",
        b"<html>",
        nested.as_bytes(),
    ];
    for path in &paths {
        for body in garbage {
            let ask =
                Ask::post(path).organiser().fresh_key().header("hold-token", &held.token).raw(body.to_vec());
            let answer = service.send(ask);
            is_clear(&answer, path);
            let takes_no_body = path.ends_with("/open") || path.ends_with("/close");
            assert!(takes_no_body || answer.status == 400, "{path}: {}", answer.text());
        }
    }
    service.open_sales(&show);
    service.send(held.purchase("tok_visa")).expect(201);
    service.still_sells();
}

#[test]
fn long_reasons_and_gates_are_refused() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-A-1"]);
    let long = "ñ".repeat(501);
    let organiser = |path: &str, body: &Value| {
        service.send(Ask::post(format!("/v1/shows/{show}{path}")).organiser().fresh_key().json(body))
    };
    organiser("/cancel", &json!({ "reason": long })).problem(422, "invalid_show");
    organiser("/seats/block", &json!({"seats": ["Platea-A-2"], "reason": long})).problem(422, "invalid_show");
    for gate in ["", " ", "a\nb", &"g".repeat(65)] {
        let scan = json!({"ticket": paid["tickets"][0]["qr"], "gate": gate});
        organiser("/checkins", &scan).problem(422, "invalid_show");
    }
    let refunds = format!("/v1/orders/{}/refunds", paid["order_id"].as_str().unwrap());
    service
        .send(Ask::post(refunds).fresh_key().json(&json!({ "reason": long })))
        .problem(422, "invalid_show");
    assert_eq!(service.seat(&show, "Platea-A-1"), "sold");
}

#[test]
fn a_refusal_repeats_little_of_what_it_refuses() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let long = "Ñ".repeat(250_000);
    for body in [
        json!({"seats": [long]}),
        json!({"seats": ["Platea-A-1"], "expected_revisions": {long.as_str(): 0}}),
        json!({"general": {"zone": long, "quantity": 1}}),
        json!({"best_available": {"zone": long, "quantity": 1}}),
    ] {
        let answer = service.send(hold(&show, &body));
        answer.is_problem();
        assert!(answer.body.len() < 4_096, "a refusal of {} bytes", answer.body.len());
    }
}
