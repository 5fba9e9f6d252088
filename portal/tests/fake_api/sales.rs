//! Holds and purchases of the fake, with the test cards' behaviour.

use super::{FakeApi, FakeHold, FakeShow, money, problem};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

pub(super) fn key_of(headers: &HeaderMap) -> String {
    headers.get("idempotency-key").expect("every POST carries a key").to_str().unwrap().to_owned()
}

pub(super) async fn hold(
    State(api): State<FakeApi>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let key = key_of(&headers);
    let mut world = api.world();
    world.expire();
    if let Some(answer) = world.answers.get(&key) {
        return (StatusCode::CREATED, Json(answer.clone())).into_response();
    }
    let (hold_id, token, seconds) = (world.mint("HOLD"), world.mint("TOKEN"), world.hold_seconds);
    let Some(show) = world.show(&id) else { return problem(StatusCode::NOT_FOUND, "show_unknown", vec![]) };
    if show.card["sales"] != "open" {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "sales_closed", vec![]);
    }
    let seats = match choose(show, &body) {
        Ok(seats) => seats,
        Err(response) => return *response,
    };
    show.set(&seats, 1);
    let expires_at = Timestamp::now() + seconds.seconds();
    let total: i64 = seats.iter().map(|seat| show.plan.price(*seat)).sum();
    let answer = json!({
        "hold_id": hold_id, "hold_token": token, "total": money(total), "expires_at": expires_at.to_string(), "position": show.position,
        "seats": seats.iter().map(|seat| json!({ "seat": show.plan.name(*seat), "price": money(show.plan.price(*seat)), "revision": 1 })).collect::<Vec<_>>(),
    });
    world.holds.insert(hold_id, FakeHold { show: id, token, seats, expires_at });
    world.answers.insert(key, answer.clone());
    (StatusCode::CREATED, Json(answer)).into_response()
}

fn choose(show: &FakeShow, body: &Value) -> Result<Vec<usize>, Box<Response>> {
    let refuse = |status, code, seats| Err(Box::new(problem(status, code, seats)));
    if let Some(names) = body["seats"].as_array() {
        assert!(
            !names.iter().any(|name| name.as_str().is_some_and(|name| name.contains("-GA-"))),
            "places of general admission are not for choosing: {names:?}"
        );
        let mut seats = Vec::new();
        for name in names.iter().filter_map(Value::as_str) {
            match show.plan.index(name) {
                Some(index) => seats.push(index),
                None => return refuse(StatusCode::UNPROCESSABLE_ENTITY, "seat_unknown", vec![]),
            }
        }
        if seats.len() > 10 {
            return refuse(StatusCode::UNPROCESSABLE_ENTITY, "too_many_seats", vec![]);
        }
        let taken: Vec<String> = seats
            .iter()
            .filter(|seat| show.statuses[**seat] != 0)
            .map(|seat| show.plan.name(*seat))
            .collect();
        return if taken.is_empty() {
            Ok(seats)
        } else {
            refuse(StatusCode::CONFLICT, "seats_unavailable", taken)
        };
    }
    let wanted = if body["general"].is_null() { &body["best_available"] } else { &body["general"] };
    let Some(zone) = show.plan.zones.iter().find(|zone| Some(zone.name.as_str()) == wanted["zone"].as_str())
    else {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "zone_unknown", vec![]);
    };
    let quantity = wanted["quantity"].as_u64().unwrap_or(0) as usize;
    if quantity == 0 || quantity > 10 {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "too_many_seats", vec![]);
    }
    let free: Vec<usize> = zone.range.clone().filter(|seat| show.statuses[*seat] == 0).collect();
    let block = free.windows(quantity).find(|block| block[quantity - 1] - block[0] == quantity - 1);
    match block {
        Some(block) => Ok(block.to_vec()),
        None => refuse(StatusCode::CONFLICT, "not_enough_seats", vec![]),
    }
}

pub(super) async fn release(
    State(api): State<FakeApi>,
    Path((_, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let mut world = api.world();
    let token = headers.get("hold-token").and_then(|token| token.to_str().ok()).unwrap_or_default();
    if world.holds.get(&id).is_none_or(|hold| hold.token != token) {
        return problem(StatusCode::GONE, "hold_ended", vec![]);
    }
    let Some(hold) = world.holds.remove(&id) else { return problem(StatusCode::GONE, "hold_ended", vec![]) };
    if let Some(show) = world.show(&hold.show) {
        show.set(&hold.seats, 0);
    }
    StatusCode::NO_CONTENT.into_response()
}

pub(super) async fn purchase(
    State(api): State<FakeApi>,
    Path((show_id, hold_id)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let key = key_of(&headers);
    let mut world = api.world();
    world.expire();
    let language = body["buyer"]["language"].as_str().expect("a page has a language").to_owned();
    assert!(["es", "en"].contains(&language.as_str()), "the API knows no other: {language}");
    if let Some(answer) = world.answers.get(&key) {
        if world.paid_with.get(&key) != Some(&body) {
            return problem(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", vec![]);
        }
        return (StatusCode::CREATED, Json(answer.clone())).into_response();
    }
    let token = headers.get("hold-token").and_then(|token| token.to_str().ok()).unwrap_or_default();
    if world.holds.get(&hold_id).is_none_or(|hold| hold.token != token) {
        return problem(StatusCode::GONE, "hold_ended", vec![]);
    }
    let failure = match body["payment"]["token"].as_str() {
        Some("tok_decline") => Some((StatusCode::PAYMENT_REQUIRED, "payment_declined")),
        Some("tok_outage") => Some((StatusCode::SERVICE_UNAVAILABLE, "payment_unavailable")),
        Some("tok_slow_20") => Some((StatusCode::GATEWAY_TIMEOUT, "payment_timeout")),
        _ => None,
    };
    if let Some((status, code)) = failure {
        // As the API: a payment that fails ends the hold.
        let freed = if world.rival_takes_freed_seats { 2 } else { 0 };
        if let Some(hold) = world.holds.remove(&hold_id)
            && let Some(show) = world.show(&hold.show)
        {
            show.set(&hold.seats, freed);
        }
        return problem(status, code, vec![]);
    }
    let Some(hold) = world.holds.remove(&hold_id) else {
        return problem(StatusCode::GONE, "hold_ended", vec![]);
    };
    let order_id = world.mint("ORDER");
    let ticket_ids: Vec<String> = hold.seats.iter().map(|_| world.mint("TICKET")).collect();
    world.purchases += 1;
    let Some(show) = world.show(&show_id) else {
        return problem(StatusCode::NOT_FOUND, "show_unknown", vec![]);
    };
    show.set(&hold.seats, 2);
    let tickets: Vec<Value> =
        hold.seats.iter().zip(&ticket_ids).map(|(seat, id)| show.plan.ticket(*seat, id, &show_id)).collect();
    let total: i64 = hold.seats.iter().map(|seat| show.plan.price(*seat)).sum();
    let order = json!({
        "order_id": order_id, "show_id": show_id, "show_name": show.card["name"], "venue": show.card["venue"],
        "starts_at": show.card["starts_at"], "status": "PAID", "total": money(total), "refunded": money(0),
        "tickets": tickets, "documents": "pending", "paid_at": Timestamp::now().to_string(), "position": show.position,
    });
    world.orders.insert(order_id.clone(), order.clone());
    let answer = json!({ "order_id": order_id, "status": "PAID", "total": money(total), "tickets": order["tickets"], "documents": "pending", "position": order["position"] });
    world.answers.insert(key.clone(), answer.clone());
    world.buyer_languages.push(language);
    world.paid_with.insert(key, body.clone());
    if body["payment"]["token"] == "tok_lost_answer" && world.answers.len() % 2 == 1 {
        return (StatusCode::BAD_GATEWAY, "the connection was lost").into_response();
    }
    (StatusCode::CREATED, Json(answer)).into_response()
}
