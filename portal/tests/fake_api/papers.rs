//! What the fake shows operators of papers: what is parked, folios, what the authority refused, and the buttons' endpoints.

use super::operations::refuse;
use super::{FakeApi, problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Two that wait, folios that run low, and a document that was refused.
pub struct FakePapers {
    pub parked: Vec<Value>,
    pub has_more: bool,
    /// None where no fiscal documents are issued: the addresses are not there.
    pub folios: Option<Value>,
    pub refused: Vec<Value>,
    /// What is asked for next is refused so, with these words.
    pub refusal: Option<(StatusCode, &'static str, String)>,
    /// Folios and refused documents cannot be read.
    pub is_unavailable: bool,
}

impl Default for FakePapers {
    fn default() -> Self {
        let mailbox =
            "the mail order.01KBN68H3J5K7M9P1R3T5V7X9Z.12@example.cl was refused: 550 no such mailbox";
        Self {
            parked: vec![
                parked(1_201, "01KBN68H3J5K7M9P1R3T5V7X9Z", mailbox, "OrderPaid"),
                parked(1_377, "01KBN6AWQ2C4E6G8J0M2P4R6T8", "the order has no receipt", "TicketsRefunded"),
            ],
            has_more: false,
            folios: Some(json!({ "series": "BOLETA",
                "issuer": { "name": "Teatro Caleta Clara SpA", "tax_id": "76.123.456-0", "is_demo": true },
                "data": [
                    { "document_type": "taxed_receipt", "code": 39, "issued": 1_200, "left": 8_800, "next": 1_201,
                        "loaded_to": 10_000, "expires_on": null, "is_low": true },
                    { "document_type": "fiscal_credit_note", "code": 61, "issued": 31, "left": 49_969, "next": 32,
                        "loaded_to": 50_000, "expires_on": "2027-05-01", "is_low": false },
                ] })),
            refused: vec![json!({ "document_type": "taxed_receipt", "folio": 12,
                "order_id": "01KBN68H3J5K7M9P1R3T5V7X9Z", "issued_at": "2026-11-25T15:03:22.000Z",
                "reason": "the folio was used for another document" })],
            refusal: None,
            is_unavailable: false,
        }
    }
}

/// One that is parked.
pub fn parked(id: u64, order: &str, error: &str, kind: &str) -> Value {
    json!({ "id": id, "series": "billing-BOLETA", "order_id": order, "error": error, "attempts": 3,
        "parked_at": "2026-11-25T15:03:22.000Z", "payload": { "type": kind, "data": { "order_id": order } } })
}

impl FakeApi {
    /// Changes what there is of papers.
    pub fn papers(&self, change: impl FnOnce(&mut FakePapers)) {
        change(&mut self.world().papers);
    }

    /// The answer that stands in the way: a wrong key, an address that is not there, a refusal that was asked for.
    fn stands_in_the_way(&self, headers: &HeaderMap, is_fiscal: bool, is_press: bool) -> Option<Response> {
        if let Some(refusal) = refuse(headers) {
            return Some(refusal);
        }
        let mut world = self.world();
        if is_fiscal && world.papers.folios.is_none() {
            return Some(problem(StatusCode::NOT_FOUND, "route_not_found", vec![]));
        }
        if is_fiscal && world.papers.is_unavailable {
            return Some(problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", vec![]));
        }
        let (status, code, detail) = world.papers.refusal.take_if(|_| is_press)?;
        let body = json!({ "type": "about:blank", "title": code, "status": status.as_u16(), "code": code,
            "detail": detail, "trace_id": "0af7651916cd43dd" });
        Some((status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response())
    }

    fn noted(&self, action: &str, body: Value) {
        self.world().last_action = Some((action.to_owned(), body));
    }
}

pub(super) async fn list_parked(State(api): State<FakeApi>, headers: HeaderMap) -> Response {
    if let Some(refusal) = api.stands_in_the_way(&headers, false, false) {
        return refusal;
    }
    let papers = &api.world().papers;
    Json(json!({ "data": papers.parked, "has_more": papers.has_more })).into_response()
}

pub(super) async fn retry_all(State(api): State<FakeApi>, headers: HeaderMap) -> Response {
    if let Some(refusal) = api.stands_in_the_way(&headers, false, true) {
        return refusal;
    }
    api.noted("retry all", Value::Null);
    let done = std::mem::take(&mut api.world().papers.parked).len();
    Json(json!({ "done": done, "position": 1_400 })).into_response()
}

pub(super) async fn act_on_parked(
    State(api): State<FakeApi>,
    Path((id, action)): Path<(u64, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refusal) = api.stands_in_the_way(&headers, false, true) {
        return refusal;
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(at) = api.world().papers.parked.iter().position(|parked| parked["id"] == id) else {
        return problem(StatusCode::NOT_FOUND, "poison_unknown", vec![]);
    };
    if action == "skip" && !(1..=500).contains(&body["reason"].as_str().unwrap().chars().count()) {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "skip_reason_invalid", vec![]);
    }
    api.world().papers.parked.remove(at);
    api.noted(&format!("{action} {id}"), body);
    Json(json!({ "done": 1, "position": 1_400 })).into_response()
}

pub(super) async fn folios(State(api): State<FakeApi>, headers: HeaderMap) -> Response {
    if let Some(refusal) = api.stands_in_the_way(&headers, true, false) {
        return refusal;
    }
    Json(api.world().papers.folios.clone()).into_response()
}

/// Ten thousand more boletas, whatever the file says.
pub(super) async fn load_folios(
    State(api): State<FakeApi>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if let Some(refusal) = api.stands_in_the_way(&headers, true, true) {
        return refusal;
    }
    let was_there = api.world().last_action.as_ref().is_some_and(|(_, before)| *before == body);
    api.noted("load", body);
    if let Some(folios) = api.world().papers.folios.as_mut().filter(|_| !was_there) {
        folios["data"][0]["left"] = json!(18_800);
        folios["data"][0]["loaded_to"] = json!(20_000);
        folios["data"][0]["is_low"] = json!(false);
    }
    let loaded = json!({ "document_type": "taxed_receipt", "first": 10_001, "last": 20_000, "expires_on": null,
        "were_there": was_there });
    Json(loaded).into_response()
}

pub(super) async fn list_refused(State(api): State<FakeApi>, headers: HeaderMap) -> Response {
    if let Some(refusal) = api.stands_in_the_way(&headers, true, false) {
        return refusal;
    }
    let papers = &api.world().papers;
    Json(json!({ "data": papers.refused, "has_more": papers.has_more })).into_response()
}

pub(super) async fn submit_again(State(api): State<FakeApi>, headers: HeaderMap) -> Response {
    if let Some(refusal) = api.stands_in_the_way(&headers, true, true) {
        return refusal;
    }
    api.noted("submit again", Value::Null);
    api.world().papers.refused.clear();
    StatusCode::ACCEPTED.into_response()
}
