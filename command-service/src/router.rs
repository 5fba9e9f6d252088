//! The routes of the command service, all in one place.

use std::sync::Arc;

use axum::Router;
use ticketflow_http::{ApiRoutes, Problem};
use utoipa::openapi::OpenApi;
use utoipa_axum::routes;

use crate::handlers::{check_in, create_show, holds, purchase, refund, sales, seat_blocks};
use crate::problems;
use crate::service::CommandService;

/// Every command of the HTTP contract.
pub fn router(service: Arc<CommandService>) -> Router {
    table().into_router().with_state(service)
}

/// What the API's document says of them.
#[must_use]
pub fn openapi() -> OpenApi {
    table().into_document()
}

fn table() -> ApiRoutes<Arc<CommandService>> {
    let or = |own: &[Problem]| [&problems::OF_EVERY_COMMAND, own].concat();
    ApiRoutes::default()
        .at("POST /v1/shows", routes!(create_show::create), create_show::REFUSALS)
        .at("POST /v1/shows/{show}/open", routes!(sales::open), &or(sales::SALES_REFUSALS))
        .at("POST /v1/shows/{show}/close", routes!(sales::close), &or(sales::SALES_REFUSALS))
        .at("POST /v1/shows/{show}/cancel", routes!(sales::cancel), &or(sales::CANCEL_REFUSALS))
        .at(
            "POST /v1/shows/{show}/seats/block",
            routes!(seat_blocks::block),
            &or(seat_blocks::BLOCK_REFUSALS),
        )
        .at(
            "POST /v1/shows/{show}/seats/unblock",
            routes!(seat_blocks::unblock),
            &or(seat_blocks::UNBLOCK_REFUSALS),
        )
        .at("POST /v1/shows/{show}/holds", routes!(holds::hold), &or(holds::HOLD_REFUSALS))
        .at("DELETE /v1/shows/{show}/holds/{hold}", routes!(holds::release), &or(holds::RELEASE_REFUSALS))
        .at(
            "POST /v1/shows/{show}/holds/{hold}/purchase",
            routes!(purchase::purchase),
            &or(purchase::REFUSALS),
        )
        .at("POST /v1/orders/{order}/refunds", routes!(refund::refund), &or(refund::REFUSALS))
        .at("POST /v1/shows/{show}/checkins", routes!(check_in::check_in), &or(check_in::REFUSALS))
}
