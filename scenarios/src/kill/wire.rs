//! Turns actions into requests and answers into journal records.
//!
//! What counts as a definite refusal is decided here, carefully: everything that the contract does not call definite
//! leaves the outcome open.

use serde_json::{Value, json};

use crate::buyer::Buyer;
use crate::http::{Client, ClientError, Response};
use crate::journal::{Action, Facts, TicketFact, parse_rfc3339_ms};
use crate::plan::amount_of;

/// Secrets and identities that a request needs beside its action; they stay out of the journal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) hold_token: String,
    pub(crate) qr: String,
    pub(crate) buyer: u64,
}

/// What one attempt led to.
#[derive(Clone, Debug)]
pub(crate) enum Attempt {
    Ok { status: u16, replayed: bool, facts: Facts, answer: Value },
    Fail { status: u16, code: String, facts: Facts },
    Unknown { reason: String, reached_server: bool },
}

/// Sends one attempt of an action.
pub(crate) fn send(
    client: &mut Client,
    authorization: &str,
    key: &str,
    action: &Action,
    credentials: &Credentials,
) -> Attempt {
    let (method, path, body) = request(action, credentials);
    let mut headers = vec![("Idempotency-Key", key)];
    match action {
        Action::Release { .. } | Action::Purchase { .. } => {
            headers.push(("Hold-Token", &credentials.hold_token))
        }
        Action::Refund { .. } | Action::CheckIn { .. } => headers.push(("Authorization", authorization)),
        Action::Hold { .. } => {}
    }
    match client.send(method, &path, &headers, body.as_ref()) {
        Ok(response) => judge(action, &response),
        Err(error) => Attempt::Unknown {
            reached_server: matches!(error, ClientError::NoAnswer { .. }),
            reason: error.to_string(),
        },
    }
}

fn request(action: &Action, credentials: &Credentials) -> (&'static str, String, Option<Value>) {
    match action {
        Action::Hold { show, seats } => {
            ("POST", format!("/v1/shows/{show}/holds"), Some(json!({"seats": seats})))
        }
        Action::Release { show, hold } => ("DELETE", format!("/v1/shows/{show}/holds/{hold}"), None),
        Action::Purchase { show, hold, token } => {
            let buyer = Buyer::numbered(credentials.buyer);
            let body = json!({
                "buyer": {"rut": buyer.rut, "name": buyer.name, "email": buyer.email},
                "payment": {"method": "card", "token": token},
            });
            ("POST", format!("/v1/shows/{show}/holds/{hold}/purchase"), Some(body))
        }
        Action::Refund { order, tickets } => {
            let body = json!({"tickets": tickets, "reason": "changed plans"});
            ("POST", format!("/v1/orders/{order}/refunds"), Some(body))
        }
        Action::CheckIn { show, gate, .. } => {
            let body = json!({"ticket": credentials.qr, "gate": gate});
            ("POST", format!("/v1/shows/{show}/checkins"), Some(body))
        }
    }
}

fn judge(action: &Action, response: &Response) -> Attempt {
    let answer = response.json();
    let facts = facts_of(&answer);
    match response.status {
        200..=299 => Attempt::Ok { status: response.status, replayed: response.replayed, facts, answer },
        status @ 400..=499 => {
            let code = answer["code"].as_str().unwrap_or("").to_owned();
            // "Still being paid" is no refusal: the first request may yet succeed.
            let open = matches!(action, Action::Purchase { .. })
                && ["pending", "progress", "under_way", "unknown"].iter().any(|part| code.contains(part));
            // "Not now" says nothing about what an earlier attempt did.
            if open || matches!(status, 408 | 429) {
                return Attempt::Unknown { reason: format!("{status} {code}"), reached_server: true };
            }
            Attempt::Fail { status, code, facts }
        }
        status => Attempt::Unknown {
            reason: format!("{status} {}", answer["code"].as_str().unwrap_or("without a code")),
            reached_server: true,
        },
    }
}

/// The members that the journal keeps of any answer of the contract.
pub(crate) fn facts_of(answer: &Value) -> Facts {
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    let list = |name: &str| answer[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let seat_price = |seat: &Value| Some((seat["seat"].as_str()?.to_owned(), amount_of(&seat["price"])?));
    let ticket = |ticket: &Value| {
        let (id, seat) = (ticket["ticket_id"].as_str()?, ticket["seat"].as_str()?);
        Some(TicketFact { ticket: id.to_owned(), seat: seat.to_owned() })
    };
    Facts {
        hold: text("hold_id"),
        seats: list("seats").iter().filter_map(seat_price).collect(),
        total: amount_of(&answer["total"]),
        expires_at_ms: answer["expires_at"].as_str().and_then(parse_rfc3339_ms),
        order: text("order_id"),
        tickets: list("tickets").iter().filter_map(ticket).collect(),
        position: answer["position"].as_u64(),
        admitted_seat: if answer["admitted"] == true { text("seat") } else { None },
        used_at_gate: text("gate"),
        conflicting_seats: list("conflicting_seats")
            .iter()
            .filter_map(|seat| Some(seat.as_str()?.to_owned()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &Value) -> Response {
        Response { status, body: body.to_string().into_bytes(), replayed: false }
    }

    #[test]
    fn only_what_the_contract_calls_definite_is_a_refusal() {
        let purchase = Action::Purchase { show: "s".into(), hold: "h".into(), token: "t".into() };
        let hold = Action::Hold { show: "s".into(), seats: vec!["a".into()] };
        let cases = [
            (201, "", &purchase, "ok"),
            (402, "payment_declined", &purchase, "fail"),
            (409, "payment_pending", &purchase, "unknown"),
            (409, "seats_unavailable", &hold, "fail"),
            (429, "too_many", &hold, "unknown"),
            (500, "internal", &hold, "unknown"),
            (503, "unavailable", &purchase, "unknown"),
            (504, "gateway_timeout", &purchase, "unknown"),
        ];
        for (status, code, action, expected) in cases {
            let name = match judge(action, &response(status, &json!({"code": code}))) {
                Attempt::Ok { .. } => "ok",
                Attempt::Fail { .. } => "fail",
                Attempt::Unknown { .. } => "unknown",
            };
            assert_eq!(name, expected, "{status} {code}");
        }
    }

    #[test]
    fn facts_are_taken_in_either_money_shape() {
        let answer = json!({
            "hold_id": "H", "seats": [{"seat": "A", "price": {"amount": 5, "currency": "CLP"}, "revision": 1}],
            "total": 5, "expires_at": "1970-01-01T00:00:01Z", "position": 9,
        });
        let facts = facts_of(&answer);
        assert_eq!(facts.seats, [("A".to_owned(), 5)]);
        assert_eq!((facts.total, facts.expires_at_ms, facts.position), (Some(5), Some(1000), Some(9)));
    }
}
