//! `POST /shows/{show}/hold` and `/release`: the forms that take seats and give them back.
//!
//! The same form serves a page with and without JavaScript: the map asks for JSON and stays where it is, a plain form
//! is redirected to the checkout or shown the list again with what went wrong.

use super::show::{Wanted, list_page};
use super::{Fields, fields, key_of, max_seats, see_other, with_cookie};
use crate::api_client::{ApiError, Refusal};
use crate::api_model::HoldRequest;
use crate::hold_cookie::{RememberedHold, is_id};
use crate::language::Language;
use crate::pages::problem::{self, explain};
use crate::router::Portal;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;

type AnyForm = Result<Form<Vec<(String, String)>>, FormRejection>;

/// Takes seats.
pub(crate) async fn take(
    State(portal): State<Portal>,
    language: Language,
    Path(show): Path<String>,
    headers: HeaderMap,
    form: AnyForm,
) -> Response {
    if !is_id(&show) {
        return problem::unknown_show(language);
    }
    let fields = fields(form);
    let before = RememberedHold::read(&headers, Timestamp::now());
    let taken = match wanted_seats(&fields) {
        Some(request) => portal.config.api.hold(&show, &key_of(&fields), &request).await,
        None => Err(nothing_picked()),
    };
    let hold = match taken {
        Ok(hold) => hold,
        Err(error) if wants_json(&headers) => return refused_json(language, &error),
        Err(error) => return refused_page(&portal, language, &show, &fields, before, &error).await,
    };
    if let Some(old) = before.filter(|old| old.hold_id != hold.hold_id) {
        // One reservation per browser and show. Should this fail, the old one ends by its own deadline.
        if let Err(error) = portal.config.api.release(&show, &old.hold_id, &old.token).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the former hold was not released");
        }
    }
    let cookie = RememberedHold::new(&hold).keep(&show, Timestamp::now(), portal.config.secure_cookies);
    let checkout = format!("/shows/{show}/checkout");
    let response = match wants_json(&headers) {
        true => axum::Json(json!({ "location": checkout })).into_response(),
        false => see_other(&checkout),
    };
    with_cookie(response, cookie)
}

/// What the form asks for; none when it names no seat.
fn wanted_seats(fields: &Fields) -> Option<HoldRequest> {
    let zone = || fields.one("zone").to_owned();
    // A quantity that is no number is sent as zero, for the API to refuse in its own words.
    let quantity = || fields.one("quantity").parse().unwrap_or(0);
    if !fields.one("best").is_empty() {
        let together = !fields.one("together").is_empty();
        return Some(HoldRequest::BestAvailable { zone: zone(), quantity: quantity(), together });
    }
    if !fields.one("general").is_empty() {
        return Some(HoldRequest::General { zone: zone(), quantity: quantity() });
    }
    let seats = fields.all("seat");
    (!seats.is_empty()).then_some(HoldRequest::Seats(seats))
}

/// The refusal that the API would give, without asking it.
fn nothing_picked() -> ApiError {
    ApiError::Refused(Box::new(Refusal {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        code: "no_seats".to_owned(),
        detail: String::new(),
        conflicting_seats: Vec::new(),
        retry_after_seconds: None,
        trace_id: None,
    }))
}

fn conflicting_seats(error: &ApiError) -> Vec<String> {
    match error {
        ApiError::Refused(refusal) => refusal.conflicting_seats.clone(),
        _ => Vec::new(),
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"application/json"))
}

fn refused_json(language: Language, error: &ApiError) -> Response {
    let (status, advice) = explain(language.texts(), error);
    let body = json!({
        "code": error.code(), "title": advice.title, "next": advice.next,
        "conflicting_seats": conflicting_seats(error),
    });
    (status, axum::Json(body)).into_response()
}

/// The list again, open where the buyer was, with the reason on top.
async fn refused_page(
    portal: &Portal,
    language: Language,
    show: &str,
    fields: &Fields,
    hold: Option<RememberedHold>,
    error: &ApiError,
) -> Response {
    let path = format!("/shows/{show}/list");
    if !matches!(error, ApiError::Refused(refusal) if !refusal.code.is_empty()) {
        return problem::from_api(language, &path, error);
    }
    let detail = match portal.show(language, show, &path).await {
        Ok(detail) => detail,
        Err(response) => return *response,
    };
    let (status, mut advice) = explain(language.texts(), error);
    if fields.all("seat").len() > max_seats(&detail) as usize {
        advice = language.texts().advice.too_many;
    }
    let zone = Some(fields.one("zone").to_owned()).filter(|zone| !zone.is_empty());
    let problem = Some((advice, conflicting_seats(error)));
    let wanted = Wanted { hold, zone, first_row: 0, problem, note: None, status };
    list_page(portal, language, &detail, wanted).await
}

/// Gives the seats back. A hold that is over already is as good as given back.
pub(crate) async fn give_back(
    State(portal): State<Portal>,
    language: Language,
    Path(show): Path<String>,
    headers: HeaderMap,
    form: AnyForm,
) -> Response {
    if !is_id(&show) {
        return problem::unknown_show(language);
    }
    let page = if fields(form).one("from") == "list" { "/list" } else { "" };
    let path = format!("/shows/{show}{page}");
    if let Some(hold) = RememberedHold::read(&headers, Timestamp::now()) {
        match portal.config.api.release(&show, &hold.hold_id, &hold.token).await {
            Ok(()) => {}
            Err(error) if matches!(error.code(), "hold_ended" | "not_found") => {}
            Err(error) => return problem::from_api(language, &path, &error),
        }
    }
    let forgotten = RememberedHold::forget(&show, portal.config.secure_cookies);
    with_cookie(see_other(&format!("{path}?notice=given-back")), forgotten)
}
