//! `GET /simulator/fiscal-authority` and `PUT /simulator/fiscal-authority`: the faults of the simulated tax authority.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use ticketflow_http::{ApiJson, Problem};

use super::folios::FiscalHttpPorts;
use crate::fiscal::AuthorityControl;

pub(super) const CONTROL_OUT_OF_RANGE: Problem =
    Problem::rule("control_out_of_range", "A fault cannot be set to this");

/// What the simulated tax authority does
#[utoipa::path(
    get, path = "/simulator/fiscal-authority", operation_id = "fiscal_authority_control", tag = "Tax authority simulator",
    responses((status = 200, description = "In force", body = AuthorityControl)), security(("operator_key" = []))
)]
pub(crate) async fn control(
    State(ports): State<Arc<FiscalHttpPorts>>,
    headers: HeaderMap,
) -> Result<Json<AuthorityControl>, Problem> {
    ports.operator_key.check(&headers)?;
    Ok(Json(ports.authority.control()))
}

/// Set faults of the simulated tax authority, live
///
/// Replaces all: what is left out takes its default.
#[utoipa::path(
    put, path = "/simulator/fiscal-authority", operation_id = "set_fiscal_authority_control",
    tag = "Tax authority simulator", request_body = AuthorityControl,
    responses((status = 200, description = "In force now", body = AuthorityControl)), security(("operator_key" = []))
)]
pub(crate) async fn set_control(
    State(ports): State<Arc<FiscalHttpPorts>>,
    headers: HeaderMap,
    body: Result<ApiJson<AuthorityControl>, Problem>,
) -> Result<Json<AuthorityControl>, Problem> {
    ports.operator_key.check(&headers)?;
    let refused =
        |error: crate::fiscal::InvalidAuthorityControl| CONTROL_OUT_OF_RANGE.detail(error.to_string());
    ports.authority.set_control(body?.value).map_err(refused)?;
    Ok(Json(ports.authority.control()))
}
