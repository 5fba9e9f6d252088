//! The page for whatever stands in the way: what happened, what to do next, and a way on.

use super::Frame;
use crate::api_client::ApiError;
use crate::language::Language;
use crate::texts::{Advice, Texts, fill};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// What to tell a person about an error, and with which status.
pub(crate) fn explain(texts: &Texts, error: &ApiError) -> (StatusCode, Advice) {
    match error {
        ApiError::Refused(refusal) if refusal.code.is_empty() && refusal.status.is_server_error() => {
            (StatusCode::SERVICE_UNAVAILABLE, texts.advice.down)
        }
        ApiError::Refused(refusal) => (refusal.status, texts.advice_for(&refusal.code)),
        ApiError::Unreachable(_) | ApiError::DeadlinePassed(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, texts.advice.down)
        }
        ApiError::Unreadable { .. } => (StatusCode::BAD_GATEWAY, texts.advice.unexpected),
    }
}

/// The page for an error of the API.
pub(crate) fn from_api(language: Language, address: &str, error: &ApiError) -> Response {
    let (status, advice) = explain(language.texts(), error);
    let (trace, retry_after) = match error {
        ApiError::Refused(refusal) => (refusal.trace_id.as_deref(), refusal.retry_after_seconds),
        _ => (None, None),
    };
    if status.is_server_error() {
        tracing::warn!(error = error as &dyn std::error::Error, address, "a page could not be made");
    }
    let again = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    let mut response = answer(language, status, address, advice, trace, again);
    if again {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after.unwrap_or(5)));
    }
    if matches!(error, ApiError::Refused(refusal) if refusal.code == "still_processing") {
        response.headers_mut().insert(header::REFRESH, HeaderValue::from_static("2"));
    }
    response
}

/// The page for an address that is none of the portal's.
pub(crate) fn unknown_page(language: Language) -> Response {
    answer(language, StatusCode::NOT_FOUND, "/", language.texts().advice.page_unknown, None, false)
}

/// The page for an id that cannot be one.
pub(crate) fn unknown_show(language: Language) -> Response {
    answer(language, StatusCode::NOT_FOUND, "/", language.texts().advice.show_unknown, None, false)
}

/// The page for an order id that cannot be one.
pub(crate) fn unknown_order(language: Language) -> Response {
    answer(language, StatusCode::NOT_FOUND, "/", language.texts().advice.order_unknown, None, false)
}

/// The page for a form opened like a page, or a page posted to.
pub(crate) fn unknown_method(language: Language) -> Response {
    answer(language, StatusCode::METHOD_NOT_ALLOWED, "/", language.texts().advice.method_unknown, None, false)
}

/// The page for a form that another site sent.
pub(crate) fn foreign_form(language: Language) -> Response {
    answer(language, StatusCode::FORBIDDEN, "/", language.texts().advice.foreign_form, None, false)
}

fn answer(
    language: Language,
    status: StatusCode,
    address: &str,
    advice: Advice,
    trace: Option<&str>,
    again: bool,
) -> Response {
    let body = render(language, status, address, advice, trace, again).into_string();
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

fn render(
    language: Language,
    status: StatusCode,
    address: &str,
    advice: Advice,
    trace: Option<&str>,
    again: bool,
) -> Markup {
    let frame = Frame { language, time_zone: &TimeZone::UTC, address };
    let texts = frame.texts();
    let content = html! {
        div.problem {
            p.problem-status aria-hidden="true" { (status.as_u16()) }
            h1 { (advice.title) }
            p.problem-next { (advice.next) }
            p.problem-ways {
                @if again { a.button href=(address) { (texts.retry) } }
                a.button.quiet href="/" { (texts.back_to_catalogue) }
            }
            @if let Some(id) = trace {
                p.problem-reference { (fill(texts.reference, &[("id", id)])) }
            }
        }
    };
    frame.page(advice.title, "problem-page", &[], content)
}
