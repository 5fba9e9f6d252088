//! One file per command: from the request to the command, from the outcome to the answer.

pub(crate) mod check_in;
pub(crate) mod create_show;
pub(crate) mod holds;
pub(crate) mod purchase;
pub(crate) mod refund;
pub(crate) mod sales;
pub(crate) mod seat_blocks;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use std::sync::Arc;
use ticketflow_http::Problem;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::{IntoParams, PartialSchema};

use crate::service::CommandService;

const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const HOLD_TOKEN: &str = "hold-token";
pub(crate) const HOLD_TOKEN_MISSING: Problem =
    Problem::unauthorized("hold_token_missing", "The request needs the hold's token");
pub(crate) const HOLD_UNKNOWN: Problem = Problem::not_found("hold_unknown", "There is no such hold");

/// An answer; a replayed one says so.
fn answer(status: StatusCode, body: impl Serialize, replayed: bool) -> Response {
    json_answer(status, serde_json::to_vec(&body).expect("an answer has a JSON form"), replayed)
}

/// An answer that is JSON already.
fn json_answer(status: StatusCode, json: Vec<u8>, replayed: bool) -> Response {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if replayed {
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// The caller is the operator or organiser.
pub(crate) struct Organiser;

impl FromRequestParts<Arc<CommandService>> for Organiser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<CommandService>) -> Result<Self, Problem> {
        service.ports.operator_key.check(&parts.headers).map(|()| Self)
    }
}

/// The token that proves whose a hold is.
pub(crate) struct HoldToken(String);

impl<S: Send + Sync> FromRequestParts<S> for HoldToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let token = parts.headers.get(HOLD_TOKEN).and_then(|value| value.to_str().ok());
        let missing =
            || HOLD_TOKEN_MISSING.detail("send the hold_token of the hold in the header Hold-Token");
        token.map(|token| Self(token.to_owned())).ok_or_else(missing)
    }
}

impl IntoParams for HoldToken {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = ParameterBuilder::new()
            .name("Hold-Token")
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some("The `hold_token` of the hold, which proves whose it is"))
            .schema(Some(String::schema()))
            .example(Some("5f0c2e91b7d84a36c1e09f7a2b3d4e58".into()));
        vec![parameter.build()]
    }
}

impl HoldToken {
    /// 404 for a hold that is not the caller's, as for one that does not exist.
    fn check(&self, service: &CommandService, hold_id: ticketflow_domain::HoldId) -> Result<(), Problem> {
        if service.ports.hold_tokens.is_token(hold_id, &self.0) { Ok(()) } else { Err(HOLD_UNKNOWN) }
    }
}
