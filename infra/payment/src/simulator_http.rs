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
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use utoipa::openapi::OpenApi;
use utoipa::{IntoParams, IntoResponses, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::control::Control;
use crate::gateway::GatewayError;
use crate::in_process::{Outcome, SimulatedGateway};
use crate::simulator::ListedCharge;
use crate::wire::{
    AuthorizeAnswer, AuthorizeBody, CODE_NOT_PROCESSED, CODE_REJECTED, CaptureAnswer, KeyBody,
    PATH_AUTHORIZE, PATH_CAPTURE, PATH_CONTROL, PATH_REFUND, PATH_STATUS, PATH_VOID, Problem, RefundAnswer,
    RefundBody, StatusAnswer, VoidAnswer,
};

/// Charges listed at once unless asked otherwise.
const DEFAULT_LIST_LIMIT: usize = 10_000;
/// Most charges listed at once: about 12 MB of JSON.
const MAX_LIST_LIMIT: usize = 100_000;

/// The routes of the simulator on top of `gateway`, whose charges and controls they share.
pub fn simulator_router(gateway: SimulatedGateway) -> Router {
    let (routes, _) = table().split_for_parts();
    routes
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

/// What an API's document says of them, with paths as they are here.
#[must_use]
pub fn simulator_openapi() -> OpenApi {
    let mut document = table().into_openapi();
    let components = document.components.get_or_insert_default();
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    document
}

fn table() -> OpenApiRouter<SimulatedGateway> {
    OpenApiRouter::default()
        .routes(routes!(authorize))
        .routes(routes!(capture))
        .routes(routes!(void))
        .routes(routes!(refund))
        .routes(routes!(status))
        .routes(routes!(control, set_control))
        .routes(routes!(charges))
        .routes(routes!(live))
}

/// What a call of the port can end in instead of its answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the shape of what `problem` writes")]
enum CallFailures {
    /// `rejected`: the body is not valid JSON
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// `rejected`: the body is too large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// `rejected`: the body is not declared as JSON
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(Problem),
    /// `rejected`: the body has another shape, or contradicts an earlier call
    #[response(status = 422, content_type = "application/problem+json")]
    Rejected(Problem),
    /// `not_processed`: certainly nothing was done. `overloaded`: the server has as many requests as it takes
    #[response(status = 503, content_type = "application/problem+json")]
    NotProcessed(Problem),
}

type JsonBody<T> = Result<Json<T>, JsonRejection>;

/// Reserve an amount
#[utoipa::path(
    post, path = PATH_AUTHORIZE, operation_id = "simulator_authorize", tag = "Payment simulator",
    request_body = AuthorizeBody,
    responses((status = 200, description = "Approved or declined", body = AuthorizeAnswer), CallFailures)
)]
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

/// Take a reserved amount
#[utoipa::path(
    post, path = PATH_CAPTURE, operation_id = "simulator_capture", tag = "Payment simulator",
    request_body = KeyBody,
    responses((status = 200, description = "Taken, or how the charge stands instead", body = CaptureAnswer), CallFailures)
)]
async fn capture(State(gateway): State<SimulatedGateway>, body: JsonBody<KeyBody>) -> Response {
    match body {
        Ok(Json(body)) => respond::<_, CaptureAnswer>(gateway.perform_capture(body.key).await),
        Err(rejection) => malformed(&rejection),
    }
}

/// Give a reserved amount up
///
/// An authorisation of that key that arrives later is refused.
#[utoipa::path(
    post, path = PATH_VOID, operation_id = "simulator_void", tag = "Payment simulator",
    request_body = KeyBody,
    responses((status = 200, description = "Given up, or how the charge stands instead", body = VoidAnswer), CallFailures)
)]
async fn void(State(gateway): State<SimulatedGateway>, body: JsonBody<KeyBody>) -> Response {
    match body {
        Ok(Json(body)) => respond::<_, VoidAnswer>(gateway.perform_void(body.key).await),
        Err(rejection) => malformed(&rejection),
    }
}

/// Give a taken amount back
#[utoipa::path(
    post, path = PATH_REFUND, operation_id = "simulator_refund", tag = "Payment simulator",
    request_body = RefundBody,
    responses((status = 200, description = "Given back, or why not", body = RefundAnswer), CallFailures)
)]
async fn refund(State(gateway): State<SimulatedGateway>, body: JsonBody<RefundBody>) -> Response {
    match body {
        Ok(Json(RefundBody { refund_key, order_key, amount_minor })) => {
            respond::<_, RefundAnswer>(gateway.perform_refund(refund_key, order_key, amount_minor).await)
        }
        Err(rejection) => malformed(&rejection),
    }
}

/// Ask how a charge stands
#[utoipa::path(
    post, path = PATH_STATUS, operation_id = "simulator_status", tag = "Payment simulator",
    request_body = KeyBody,
    responses((status = 200, description = "How it stands", body = StatusAnswer), CallFailures)
)]
async fn status(State(gateway): State<SimulatedGateway>, body: JsonBody<KeyBody>) -> Response {
    match body {
        Ok(Json(body)) => respond::<_, StatusAnswer>(gateway.perform_status(body.key).await),
        Err(rejection) => malformed(&rejection),
    }
}

/// What the simulator does to calls
#[utoipa::path(
    get, path = PATH_CONTROL, operation_id = "simulator_control", tag = "Payment simulator",
    responses((status = 200, description = "In force", body = Control))
)]
async fn control(State(gateway): State<SimulatedGateway>) -> Json<Control> {
    Json(gateway.control())
}

/// Set faults, live
///
/// Replaces all: what is left out takes its default.
#[utoipa::path(
    put, path = PATH_CONTROL, operation_id = "set_simulator_control", tag = "Payment simulator",
    request_body = Control,
    responses((status = 200, description = "In force now", body = Control), CallFailures)
)]
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

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Charges of the page, 1 to 100,000; 10,000 unless asked otherwise.
    limit: Option<usize>,
    /// The key of the last charge of the page before.
    starting_after: Option<String>,
}

/// A page of charges.
#[derive(Serialize, ToSchema)]
#[schema(as = ChargePage, example = json!({"data": [{
    "key": "01KBN68H3J5K7M9P1R3T5V7X9Z", "status": "captured", "amount_minor": 25000, "currency": "CLP"
}], "has_more": false}))]
struct ChargeList {
    data: Vec<ChargeItem>,
    has_more: bool,
}

/// A charge.
#[derive(Serialize, ToSchema)]
#[schema(as = Charge)]
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

/// What was charged
#[utoipa::path(
    get, path = "/charges", operation_id = "list_simulator_charges", tag = "Payment simulator", params(ListQuery),
    responses((status = 200, description = "A page of charges", body = ChargeList), ListFailures)
)]
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

/// What the list of charges can end in instead.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the shape of what `problem` writes")]
enum ListFailures {
    /// `rejected`: the query cannot be read, or the limit is out of bounds
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// `not_found`: `starting_after` names no charge
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(Problem),
}

/// Is the simulator up?
#[utoipa::path(
    get, path = "/health/live", operation_id = "simulator_live", tag = "Payment simulator",
    responses((status = 200, description = "It answers", body = String, content_type = "text/plain", example = json!("ok")))
)]
async fn live() -> &'static str {
    "ok"
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
