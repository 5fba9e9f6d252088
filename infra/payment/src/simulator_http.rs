//! The simulated gateway over HTTP: the calls of the port, the live controls, and the list of charges.
//!
//! `POST /authorize | /capture | /void | /refund | /status`, `GET /control`, `PUT /control` (replaces all; what is left
//! out takes its default), `GET /charges?limit=&starting_after=`, `GET /health/live`. Controls and lists are never
//! subject to faults. A lost answer breaks the connection off without a byte. Listening is left to the caller.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};

use crate::control::Control;
use crate::gateway::GatewayError;
use crate::in_process::{Outcome, SimulatedGateway};
use crate::simulator::ListedCharge;
use crate::wire::{
    AuthorizeAnswer, AuthorizeBody, CODE_NOT_PROCESSED, CODE_REJECTED, CaptureAnswer, KeyBody,
    PATH_AUTHORIZE, PATH_CAPTURE, PATH_REFUND, PATH_STATUS, PATH_VOID, Problem, RefundAnswer, RefundBody,
    StatusAnswer, VoidAnswer,
};

/// Charges listed at once unless asked otherwise.
const DEFAULT_LIST_LIMIT: usize = 10_000;
/// Most charges listed at once: about 12 MB of JSON.
const MAX_LIST_LIMIT: usize = 100_000;

/// The routes of the simulator on top of `gateway`, whose charges and controls they share.
pub fn simulator_router(gateway: SimulatedGateway) -> Router {
    Router::new()
        .route(PATH_AUTHORIZE, post(authorize))
        .route(PATH_CAPTURE, post(capture))
        .route(PATH_VOID, post(void))
        .route(PATH_REFUND, post(refund))
        .route(PATH_STATUS, post(status))
        .route("/control", get(control).put(set_control))
        .route("/charges", get(charges))
        .route("/health/live", get(|| async { "ok" }))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "not_found", "no such path".into()) })
        .method_not_allowed_fallback(|| async {
            problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "the path takes another method".into(),
            )
        })
        .with_state(gateway)
}

type JsonBody<T> = Result<Json<T>, JsonRejection>;

async fn authorize(State(gateway): State<SimulatedGateway>, body: JsonBody<AuthorizeBody>) -> Response {
    let request = match body {
        Ok(Json(body)) => body.into_request(),
        Err(rejection) => return malformed(&rejection),
    };
    match request {
        Some(request) => respond::<_, AuthorizeAnswer>(gateway.perform_authorize(request).await),
        None => failed(GatewayError::rejected("the currency must be three capital letters")),
    }
}

async fn capture(State(gateway): State<SimulatedGateway>, body: JsonBody<KeyBody>) -> Response {
    match body {
        Ok(Json(body)) => respond::<_, CaptureAnswer>(gateway.perform_capture(body.key).await),
        Err(rejection) => malformed(&rejection),
    }
}

async fn void(State(gateway): State<SimulatedGateway>, body: JsonBody<KeyBody>) -> Response {
    match body {
        Ok(Json(body)) => respond::<_, VoidAnswer>(gateway.perform_void(body.key).await),
        Err(rejection) => malformed(&rejection),
    }
}

async fn refund(State(gateway): State<SimulatedGateway>, body: JsonBody<RefundBody>) -> Response {
    match body {
        Ok(Json(RefundBody { refund_key, order_key, amount_minor })) => {
            respond::<_, RefundAnswer>(gateway.perform_refund(refund_key, order_key, amount_minor).await)
        }
        Err(rejection) => malformed(&rejection),
    }
}

async fn status(State(gateway): State<SimulatedGateway>, body: JsonBody<KeyBody>) -> Response {
    match body {
        Ok(Json(body)) => respond::<_, StatusAnswer>(gateway.perform_status(body.key).await),
        Err(rejection) => malformed(&rejection),
    }
}

async fn control(State(gateway): State<SimulatedGateway>) -> Json<Control> {
    Json(gateway.control())
}

async fn set_control(State(gateway): State<SimulatedGateway>, body: JsonBody<Control>) -> Response {
    let control = match body {
        Ok(Json(control)) => control,
        Err(rejection) => return malformed(&rejection),
    };
    match gateway.set_control(control) {
        Ok(()) => Json(gateway.control()).into_response(),
        Err(error) => problem(StatusCode::UNPROCESSABLE_ENTITY, CODE_REJECTED, error.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<usize>,
    starting_after: Option<String>,
}

#[derive(Serialize)]
struct ChargeList {
    data: Vec<ChargeItem>,
    has_more: bool,
}

#[derive(Serialize)]
struct ChargeItem {
    key: String,
    #[serde(flatten)]
    status: StatusAnswer,
    amount_minor: i64,
    currency: String,
}

impl From<ListedCharge> for ChargeItem {
    fn from(charge: ListedCharge) -> Self {
        Self {
            key: charge.key,
            status: charge.status.into(),
            amount_minor: charge.amount_minor,
            currency: String::from_utf8_lossy(&charge.currency).into_owned(),
        }
    }
}

async fn charges(
    State(gateway): State<SimulatedGateway>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Response {
    let ListQuery { limit, starting_after } = match query {
        Ok(Query(query)) => query,
        Err(rejection) => {
            return problem(StatusCode::BAD_REQUEST, CODE_REJECTED, rejection.body_text());
        }
    };
    let limit = limit.unwrap_or(DEFAULT_LIST_LIMIT);
    if !(1..=MAX_LIST_LIMIT).contains(&limit) {
        let detail = format!("limit must be 1 to {MAX_LIST_LIMIT}");
        return problem(StatusCode::BAD_REQUEST, CODE_REJECTED, detail);
    }
    match gateway.charges(starting_after.as_deref(), limit) {
        Some(page) => {
            let data = page.charges.into_iter().map(ChargeItem::from).collect();
            Json(ChargeList { data, has_more: page.has_more }).into_response()
        }
        None => problem(StatusCode::NOT_FOUND, "not_found", "starting_after names no charge".into()),
    }
}

fn respond<T, A: From<T> + Serialize>(outcome: Outcome<T>) -> Response {
    match outcome {
        Outcome::Answered(answer) => Json(A::from(answer)).into_response(),
        Outcome::Lost => broken_off(),
        Outcome::Failed(error) => failed(error),
    }
}

fn failed(error: GatewayError) -> Response {
    match error {
        GatewayError::Unavailable { reason } => {
            problem(StatusCode::SERVICE_UNAVAILABLE, CODE_NOT_PROCESSED, reason)
        }
        GatewayError::Rejected { reason } => problem(StatusCode::UNPROCESSABLE_ENTITY, CODE_REJECTED, reason),
        GatewayError::Unknown { reason } => problem(StatusCode::BAD_GATEWAY, "unknown", reason),
    }
}

fn malformed(rejection: &JsonRejection) -> Response {
    problem(rejection.status(), CODE_REJECTED, rejection.body_text())
}

fn problem(status: StatusCode, code: &str, detail: String) -> Response {
    let title = status.canonical_reason().unwrap_or_default().to_owned();
    let body = Problem { title, status: status.as_u16(), detail, code: code.to_owned() };
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/problem+json"));
    response
}

/// An answer that never leaves: its body fails before the first byte, and the server drops the connection. The declared
/// length keeps even a buffered head from looking like a whole answer.
fn broken_off() -> Response {
    let mut response = Response::new(Body::new(BrokenBody));
    response.headers_mut().insert(CONTENT_LENGTH, http::HeaderValue::from_static("1"));
    response
}

struct BrokenBody;

impl hyper::body::Body for BrokenBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::Error::other("simulated loss of the answer"))))
    }
}
