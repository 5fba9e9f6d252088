//! `/live/...`: what the map's script reads from the API, handed on unread, and the server's clock.
//!
//! The stream has no end, so nothing here waits for a body; when the browser leaves, the body is dropped and with it
//! the API's subscription.

use crate::api_client::ApiError;
use crate::hold_cookie::is_id;
use crate::router::Portal;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// Headers of the API's answer that the browser needs.
const PASSED_ON: [HeaderName; 9] = [
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CACHE_CONTROL,
    header::ETAG,
    header::VARY,
    header::RETRY_AFTER,
    HeaderName::from_static("x-position"),
    HeaderName::from_static("x-seats-total"),
];

/// The geometry of a plan.
pub(crate) async fn plan(
    State(portal): State<Portal>,
    Path(plan): Path<String>,
    headers: HeaderMap,
) -> Response {
    match plan.strip_suffix(".json") {
        Some(hash) if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            hand_on(&portal, &format!("/v1/plans/{plan}"), &headers).await
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The state of every seat, compact.
pub(crate) async fn seats(
    State(portal): State<Portal>,
    Path(show): Path<String>,
    headers: HeaderMap,
) -> Response {
    match is_id(&show) {
        true => hand_on(&portal, &format!("/v1/shows/{show}/seats?format=compact"), &headers).await,
        false => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Every change of a seat.
pub(crate) async fn stream(
    State(portal): State<Portal>,
    Path(show): Path<String>,
    headers: HeaderMap,
) -> Response {
    match is_id(&show) {
        true => hand_on(&portal, &format!("/v1/shows/{show}/seats/stream"), &headers).await,
        false => StatusCode::NOT_FOUND.into_response(),
    }
}

/// An empty answer whose `Date` header tells the time: countdowns follow the server's clock, not the visitor's.
pub(crate) async fn clock() -> Response {
    (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response()
}

async fn hand_on(portal: &Portal, path: &str, headers: &HeaderMap) -> Response {
    match portal.config.api.forward(path, headers).await {
        Ok(answer) => handed_on(portal, answer),
        Err(error) => unavailable(path, &error),
    }
}

/// The API's answer with the headers that the browser needs. A stream ends with the process.
pub(super) fn handed_on(portal: &Portal, answer: Response) -> Response {
    let (head, body) = answer.into_parts();
    let is_stream = head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    let mut response = Response::new(match is_stream {
        true => Body::from_stream(body.into_data_stream().take_until((portal.config.closing)())),
        false => body,
    });
    *response.status_mut() = head.status;
    for name in PASSED_ON {
        if let Some(value) = head.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

pub(super) fn unavailable(path: &str, error: &ApiError) -> Response {
    tracing::warn!(error = error as &dyn std::error::Error, path, "a read was not handed on");
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, HeaderValue::from_static("2"))]).into_response()
}
