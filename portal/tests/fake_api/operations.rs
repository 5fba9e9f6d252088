//! What the fake shows operators: three projections, one of which can be paused, stopped and rebuilt, the log of what was done
//! to its seats, and the seats as they were.

use super::{FakeApi, World, problem};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use futures_util::stream;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::Duration;

pub const OPERATOR_KEY: &str = "fake/operator+key=";

/// Faster than the server's second, so that tests wait less.
const TICK: Duration = Duration::from_millis(150);
const SAMPLES: i64 = 180;

/// A change of seats, with all statuses of its show after it.
pub struct FakeEvent {
    pub stream: String,
    pub revision: u64,
    pub kind: &'static str,
    pub data: Value,
    pub statuses: Vec<u8>,
    pub recorded_at: Timestamp,
}

impl FakeApi {
    /// How `postgres` is doing from now on: members of its status.
    pub fn set_projection(&self, members: &Value) {
        let mut world = self.world();
        let changed = members.as_object().unwrap().clone();
        world.postgres.as_object_mut().unwrap().extend(changed);
    }

    /// How billing is doing from now on: members of its status; null where it is not among the projections.
    pub fn set_billing(&self, members: &Value) {
        let mut world = self.world();
        match (members.as_object(), world.billing.as_object_mut()) {
            (Some(changed), Some(billing)) => billing.extend(changed.clone()),
            _ => world.billing = Value::Null,
        }
    }

    /// Holds and sells so many free seats one by one.
    pub fn sell_for_the_log(&self, show: &str, seats: usize) {
        let mut world = self.world();
        let show = world.show(show).unwrap();
        let free: Vec<usize> = (0..show.statuses.len()).filter(|seat| show.statuses[*seat] == 0).collect();
        for seat in free.into_iter().take(seats) {
            show.set(&[seat], 1);
            show.set(&[seat], 2);
        }
    }

    /// What the last action was asked with.
    pub fn last_action(&self) -> Option<(String, Value)> {
        self.world().last_action.clone()
    }
}

/// As long as nobody changes it.
pub(super) fn postgres() -> Value {
    json!({ "name": "postgres", "state": "live", "verdict": "keeping_up", "trend": "steady", "lag_events": 0,
        "lag_seconds": 0.08, "rate": 1204.0, "rebuild_ratio": null, "eta_seconds": null, "last_error": null,
        "caught_up_in_seconds": null })
}

/// Follows the log like a projection, and has no buttons.
pub(super) fn billing() -> Value {
    json!({ "name": "billing", "state": "live", "lag_events": 0, "lag_seconds": 0.0, "rate": 1204.0,
        "rebuild_ratio": null, "last_error": null, "verdict": "keeping_up", "since": "2026-11-25T20:58:00Z",
        "trend": "steady", "caught_up_in_seconds": null, "actions": [] })
}

impl World {
    fn projections(&self) -> Vec<Value> {
        let head = self.log.lock().unwrap().len() as u64;
        let memory = json!({ "name": "memory", "state": "live", "position": head, "head": head, "lag_events": 0,
            "lag_seconds": 0.0, "rate": 1204.0, "rebuild_ratio": null, "last_error": null, "verdict": "keeping_up",
            "since": "2026-11-25T20:58:00Z", "trend": "steady", "caught_up_in_seconds": null, "actions": [] });
        let mut postgres = self.postgres.clone();
        let lag = postgres["lag_events"].as_u64().unwrap();
        postgres["head"] = json!(head + lag);
        postgres["position"] = json!(head);
        postgres["since"] = json!("2026-11-25T21:03:10Z");
        postgres["actions"] = match postgres["state"].as_str() {
            Some("live") => json!(["pause", "rebuild"]),
            Some("paused") => json!(["resume"]),
            Some("stopped") => json!(["resume", "skip", "rebuild"]),
            _ => json!([]),
        };
        let mut billing = self.billing.clone();
        if billing.is_null() {
            return vec![memory, postgres];
        }
        billing["head"] = json!(head);
        billing["position"] = json!(head);
        vec![memory, postgres, billing]
    }
}

pub(super) fn refuse(headers: &HeaderMap) -> Option<Response> {
    let wanted = format!("Bearer {OPERATOR_KEY}");
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    (given != Some(wanted.as_str())).then(|| problem(StatusCode::UNAUTHORIZED, "unauthorized", vec![]))
}

pub(super) async fn history(
    State(api): State<FakeApi>,
    query: Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refuse(&headers) {
        return refusal;
    }
    let projections = api.world().projections();
    let now = Timestamp::now();
    let count = if query.get("limit").is_some_and(|limit| limit == "0") { 0 } else { SAMPLES };
    let history: Vec<Value> = projections
        .iter()
        .map(|one| {
            let position = one["position"].as_u64().unwrap();
            let samples: Vec<Value> = (1..=count)
                .rev()
                .map(|ago| {
                    let back = ago.unsigned_abs() * 40;
                    json!({ "at": (now - ago.seconds()).to_string(), "position": position.saturating_sub(back),
                        "head": position.saturating_sub(back), "lag_events": 0,
                        "lag_seconds": one["lag_seconds"].as_f64().unwrap() / ago as f64, "rate": 40.0 })
                })
                .collect();
            json!({ "name": one["name"], "samples": samples })
        })
        .collect();
    Json(json!({ "at": now.to_string(), "data": projections, "history": history })).into_response()
}

pub(super) async fn follow(State(api): State<FakeApi>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refuse(&headers) {
        return refusal;
    }
    let messages = stream::unfold((api, tokio::time::interval(TICK)), |(api, mut tick)| async move {
        tick.tick().await;
        let moment = json!({ "at": Timestamp::now().to_string(), "data": api.world().projections() });
        let text = format!("event: projections\nid: 1\ndata: {moment}\n\n");
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), (api, tick)))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(messages)).into_response()
}

pub(super) async fn act(
    State(api): State<FakeApi>,
    Path((name, action)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refusal) = refuse(&headers) {
        return refusal;
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut world = api.world();
    world.last_action = Some((action.clone(), body.clone()));
    match (name.as_str(), action.as_str()) {
        ("memory", "pause" | "resume") => problem(StatusCode::CONFLICT, "not_pausable", vec![]),
        ("memory", "rebuild") => problem(StatusCode::CONFLICT, "not_rebuildable", vec![]),
        ("postgres", action) => {
            let (is, becomes) = match action {
                "pause" => ("live", json!({"state": "paused", "verdict": "halted"})),
                "resume" => ("paused", json!({"state": "live", "verdict": "keeping_up"})),
                "skip" if body["reason"].as_str().is_none_or(str::is_empty) => {
                    return problem(StatusCode::UNPROCESSABLE_ENTITY, "reason_invalid", vec![]);
                }
                "skip" => ("stopped", json!({"state": "live", "verdict": "keeping_up", "last_error": null})),
                _ => ("live", json!({"state": "rebuilding", "rebuild_ratio": 0.0, "eta_seconds": 90.0})),
            };
            if world.postgres["state"] != is {
                return problem(StatusCode::CONFLICT, "wrong_state", vec![]);
            }
            world.postgres.as_object_mut().unwrap().extend(becomes.as_object().unwrap().clone());
            Json(world.postgres.clone()).into_response()
        }
        _ => problem(StatusCode::NOT_FOUND, "projection_unknown", vec![]),
    }
}

/// The link after the first so many events.
fn link(events: usize) -> String {
    match events {
        0 => "0".repeat(64),
        _ => HEXLOWER.encode(&Sha256::digest(events.to_string())),
    }
}

pub(super) async fn events(
    State(api): State<FakeApi>,
    query: Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refuse(&headers) {
        return refusal;
    }
    let number = |name: &str| query.get(name).map(|text| text.parse::<u64>().unwrap());
    let stream = query.get("stream");
    if stream.is_some_and(|stream| !stream.contains('-')) {
        return problem(StatusCode::BAD_REQUEST, "malformed_query", vec![]);
    }
    let (from, before) = (number("from").unwrap_or(1), number("before").unwrap_or(u64::MAX));
    let from_revision = number("from_revision").unwrap_or(1);
    let world = api.world();
    let log = world.log.lock().unwrap();
    let mut found: Vec<Value> = log
        .iter()
        .zip(1_u64..)
        .filter(|(event, position)| {
            stream.is_none_or(|stream| *stream == event.stream)
                && (from..before).contains(position)
                && event.revision >= from_revision
        })
        .map(|(event, position)| {
            let index = usize::try_from(position).unwrap();
            json!({ "position": position, "stream": event.stream, "revision": event.revision,
                "recorded_at": event.recorded_at.to_string(), "batch_id": format!("{position:032x}"),
                "chain_hash": link(index), "previous_chain_hash": link(index - 1),
                "chain_holds": !world.broken_links.contains(&position), "type": event.kind, "data": event.data })
        })
        .collect();
    if query.get("order").is_some_and(|order| order == "newest_first") {
        found.reverse();
    }
    let limit = usize::try_from(number("limit").unwrap()).unwrap();
    let has_more = found.len() > limit;
    found.truncate(limit);
    Json(json!({ "data": found, "has_more": has_more })).into_response()
}

pub(super) async fn seats_at(
    State(api): State<FakeApi>,
    Path(show): Path<String>,
    query: Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refuse(&headers) {
        return refusal;
    }
    assert_eq!(query["format"], "compact", "the portal reads compact maps only");
    let at: usize = query["at"].parse().unwrap();
    let world = api.world();
    let log = world.log.lock().unwrap();
    let stream = format!("show-{show}");
    match log.iter().take(at).rev().find(|event| event.stream == stream) {
        Some(event) => {
            let headers =
                [("x-position", at.to_string()), ("content-type", "application/octet-stream".into())];
            (headers, Bytes::from(super::packed(&event.statuses))).into_response()
        }
        None => problem(StatusCode::NOT_FOUND, "show_unknown", vec![]),
    }
}
