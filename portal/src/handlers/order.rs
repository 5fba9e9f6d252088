//! `GET /orders/{order}` and the refund of its tickets.
//!
//! The order's id in the address is the capability to see the tickets: the page sends no referrer and no cache keeps
//! it. The refund page alone sends its referrer to this origin, without which browsers would post its form with an
//! anonymous origin and it could not be told from a foreign one.

use super::{Asked, fields, key_of, new_key, private, see_other};
use crate::address::with_query;
use crate::api_client::ApiError;
use crate::api_model::{Order, Refund, Ticket};
use crate::hold_cookie::is_id;
use crate::language::Language;
use crate::pages::{problem, refund as refund_page, ticket};
use crate::router::Portal;
use crate::texts::Advice;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

/// What the API is told when the buyer gives no reason.
const NO_REASON: &str = "requested by the buyer";

#[derive(Deserialize, Default)]
pub(crate) struct OrderQuery {
    notice: Option<String>,
    ticket: Option<String>,
    /// The position of what the buyer has just done: the page waits for it.
    at: Option<u64>,
}

/// The address of an order's page, which shows what was done at a position.
pub(crate) fn order_address(order: &str, notice: Option<&str>, at: Option<u64>) -> String {
    let at = at.map(|position| position.to_string());
    let notice = notice.map(|notice| ("notice", notice));
    let named: Vec<_> = notice.into_iter().chain(at.as_deref().map(|at| ("at", at))).collect();
    with_query(&format!("/orders/{order}"), &named)
}

async fn order_of(
    portal: &Portal,
    language: Language,
    order: &str,
    path: &str,
    at: Option<u64>,
) -> Result<Order, Box<Response>> {
    if !is_id(order) {
        return Err(Box::new(problem::unknown_order(language)));
    }
    portal.config.api.order(order, at).await.map_err(|error| {
        Box::new(match &error {
            ApiError::Refused(refusal)
                if matches!(refusal.status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST) =>
            {
                problem::unknown_order(language)
            }
            _ => problem::from_api(language, path, &error),
        })
    })
}

/// The tickets.
pub(crate) async fn page(
    State(portal): State<Portal>,
    language: Language,
    Path(order): Path<String>,
    query: Asked<OrderQuery>,
) -> Response {
    let query = query.map(|query| query.0).unwrap_or_default();
    let path = order_address(&order, query.notice.as_deref(), query.at);
    let found = match order_of(&portal, language, &order, &path, query.at).await {
        Ok(found) => found,
        Err(response) => return without_referrer(*response),
    };
    let refunded = query.notice.is_some_and(|notice| notice == "refunded");
    let note = refunded.then_some(language.texts().refund_done);
    without_referrer(private(StatusCode::OK, ticket::render(&portal.frame(language, &path), &found, note)))
}

fn without_referrer(mut response: Response) -> Response {
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// The question before a refund: of one ticket, or of all that can be.
pub(crate) async fn ask_refund(
    State(portal): State<Portal>,
    language: Language,
    Path(order): Path<String>,
    query: Asked<OrderQuery>,
) -> Response {
    let path = format!("/orders/{order}/refund");
    let found = match order_of(&portal, language, &order, &path, None).await {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let wanted: Vec<String> = query.ok().and_then(|query| query.0.ticket).into_iter().collect();
    question(&portal, language, &found, &wanted, &new_key(), None)
}

/// Tickets that can be given back, of those wanted; none wanted means all.
fn refundable<'a>(order: &'a Order, wanted: &[String]) -> Vec<&'a Ticket> {
    let asked = |ticket: &&Ticket| wanted.is_empty() || wanted.contains(&ticket.ticket_id);
    order.tickets.iter().filter(|ticket| ticket.status == "PAID").filter(asked).collect()
}

fn question(
    portal: &Portal,
    language: Language,
    order: &Order,
    wanted: &[String],
    key: &str,
    problem: Option<(StatusCode, Advice)>,
) -> Response {
    let named: Vec<_> = wanted.iter().map(|ticket| ("ticket", ticket.as_str())).collect();
    // A page about one ticket is read again under the address that names it; all of them need no name.
    let address = with_query(
        &format!("/orders/{}/refund", order.order_id),
        if named.len() == 1 { &named } else { &[] },
    );
    let tickets = refundable(order, wanted);
    let nothing_left = tickets
        .is_empty()
        .then_some((StatusCode::UNPROCESSABLE_ENTITY, language.texts().advice.ticket_refunded));
    let problem = problem.or(nothing_left);
    let status = problem.map_or(StatusCode::OK, |(status, _)| status);
    let page = refund_page::render(
        &portal.frame(language, &address),
        order,
        &tickets,
        key,
        problem.map(|(_, advice)| advice),
    );
    private(status, page)
}

/// Refunds the tickets that the confirmed page named.
pub(crate) async fn refund(
    State(portal): State<Portal>,
    language: Language,
    Path(order): Path<String>,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    if !is_id(&order) {
        return problem::unknown_order(language);
    }
    let fields = fields(form);
    let (named, key) = (fields.all("ticket"), key_of(&fields));
    let reason = match fields.one("reason") {
        "" => NO_REASON,
        reason => reason,
    };
    // The API takes an empty list for all tickets; a form that names none must not refund everything.
    let refunded = match named.is_empty() {
        true => None,
        false => {
            let tickets = named.iter().map(String::as_str).collect();
            Some(portal.config.api.refund(&order, &key, &Refund { tickets, reason }).await)
        }
    };
    let problem = match refunded {
        Some(Ok(done)) => return see_other(&order_address(&order, Some("refunded"), done.position)),
        Some(Err(error)) => Some(error),
        None => None,
    };
    let found = match order_of(&portal, language, &order, &format!("/orders/{order}/refund"), None).await {
        Ok(found) => found,
        Err(response) => return *response,
    };
    // While the outcome is unknown the same key must come back; a refusal is final and gets a new one.
    let key = if problem.as_ref().is_some_and(ApiError::outcome_unknown) { key } else { new_key() };
    let explained = problem.map(|error| problem::explain(language.texts(), &error));
    question(&portal, language, &found, &named, &key, explained)
}
