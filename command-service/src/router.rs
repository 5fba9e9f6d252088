//! The routes of the command service, all in one place.

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, post};

use crate::handlers::{check_in, create_show, holds, purchase, refund, sales, seat_blocks};
use crate::service::CommandService;

/// Every command of the HTTP contract.
pub fn router(service: Arc<CommandService>) -> Router {
    Router::new()
        .route("/v1/shows", post(create_show::create))
        .route("/v1/shows/{show}/open", post(sales::open))
        .route("/v1/shows/{show}/close", post(sales::close))
        .route("/v1/shows/{show}/cancel", post(sales::cancel))
        .route("/v1/shows/{show}/seats/block", post(seat_blocks::block))
        .route("/v1/shows/{show}/seats/unblock", post(seat_blocks::unblock))
        .route("/v1/shows/{show}/holds", post(holds::hold))
        .route("/v1/shows/{show}/holds/{hold}", delete(holds::release))
        .route("/v1/shows/{show}/holds/{hold}/purchase", post(purchase::purchase))
        .route("/v1/orders/{order}/refunds", post(refund::refund))
        .route("/v1/shows/{show}/checkins", post(check_in::check_in))
        .with_state(service)
}
