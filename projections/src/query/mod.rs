//! The read endpoints of the HTTP contract, answered from the memory read models.

mod catalogue;
mod event_page;
mod invoices;
mod live;
mod ops;
mod order;
mod pace;
mod plan;
mod projection_actions;
mod projection_stream;
mod seats;
mod source;
mod time_travel;
mod whole_map;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde::Deserialize;
use ticketflow_domain::{Currency, Money, ShowId, Timestamp};
use ticketflow_event_store::{EmbeddedLog, Position};
use ticketflow_http::{ApiRoutes, OperatorKey, Problem, Shutdown};
use ticketflow_ticket_code::TicketSigner;
use utoipa::openapi::OpenApi;
use utoipa_axum::routes;

use crate::projection::Projections;
use crate::read_models::ReadModels;
use crate::seat_map::SeatMap;
pub use invoices::{InvoiceAnswer, ReadInvoices};
pub use pace::Pace as WholeMapPace;
use projection_actions::{
    NOT_PAUSABLE, NOT_REBUILDABLE, NOTHING_TO_SKIP, PROJECTION_UNKNOWN, REASON_INVALID, WRONG_STATE,
};

/// How long a read waits for the position that it asks for.
const POSITION_TIMEOUT: Duration = Duration::from_secs(2);

const SHOW_UNKNOWN: Problem = Problem::not_found("show_unknown", "There is no such show");
const ORDER_UNKNOWN: Problem = Problem::not_found("order_unknown", "There is no such order");
const STILL_PROCESSING: Problem =
    Problem::unavailable("still_processing", "The read model is not that far yet", 1_000);
const UNAVAILABLE: Problem = Problem::unavailable("unavailable", "Temporarily unavailable", 1_000);

/// What the read endpoints need.
pub struct QueryPorts {
    /// What is read.
    pub models: Arc<ReadModels>,
    /// What keeps the models up to date. Where one of them is kept in PostgreSQL, reads are answered from there.
    pub projections: Projections,
    /// For the log browser and time travel.
    pub log: EmbeddedLog,
    /// Where invoices are kept beside memory.
    pub invoices: Option<ReadInvoices>,
    /// Makes the tickets' codes.
    pub signer: TicketSigner,
    /// Who may use the operator's endpoints.
    pub operator_key: OperatorKey,
    /// Ends the live streams.
    pub shutdown: Shutdown,
    /// The time, for sales that open by themselves.
    pub now: fn() -> Timestamp,
    /// Shares out what is sent of whole seat maps.
    pub whole_map_pace: WholeMapPace,
}

/// All read endpoints. To be called within a Tokio runtime.
pub fn router(ports: QueryPorts) -> Router {
    live::start(&ports.models);
    let ports = Arc::new(ports);
    table().into_router().with_state(ports.clone()).merge(projection_stream::router(ports))
}

/// What the API's document says of them.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = table().into_document();
    document.merge(projection_stream::openapi());
    document
}

fn table() -> ApiRoutes<Arc<QueryPorts>> {
    ApiRoutes::default()
        .at("GET /v1/shows", routes!(catalogue::list), &[STILL_PROCESSING])
        .at("GET /v1/shows/{show}", routes!(catalogue::show), &[SHOW_UNKNOWN, STILL_PROCESSING])
        .at("GET /v1/plans/{file}", routes!(plan::plan), &[UNAVAILABLE])
        .at(
            "GET /v1/shows/{show}/seats",
            routes!(seats::seats),
            &[SHOW_UNKNOWN, STILL_PROCESSING, UNAVAILABLE],
        )
        .at("GET /v1/shows/{show}/seats/stream", routes!(live::stream), &[SHOW_UNKNOWN])
        .at("GET /v1/orders/{order}", routes!(order::order), &[ORDER_UNKNOWN, STILL_PROCESSING])
        .at("GET /v1/ops/events", routes!(ops::events), &[UNAVAILABLE])
        .at("GET /v1/ops/projections", routes!(ops::projections), &[])
        .at(
            "POST /v1/ops/projections/{name}/rebuild",
            routes!(projection_actions::rebuild),
            &[PROJECTION_UNKNOWN, NOT_REBUILDABLE, WRONG_STATE, UNAVAILABLE],
        )
        .at(
            "POST /v1/ops/projections/{name}/pause",
            routes!(projection_actions::pause),
            &[PROJECTION_UNKNOWN, NOT_PAUSABLE, WRONG_STATE, UNAVAILABLE],
        )
        .at(
            "POST /v1/ops/projections/{name}/resume",
            routes!(projection_actions::resume),
            &[PROJECTION_UNKNOWN, NOT_PAUSABLE, WRONG_STATE, UNAVAILABLE],
        )
        .at(
            "POST /v1/ops/projections/{name}/skip",
            routes!(projection_actions::skip),
            &[PROJECTION_UNKNOWN, NOTHING_TO_SKIP, REASON_INVALID, WRONG_STATE, UNAVAILABLE],
        )
        .at("GET /v1/ops/shows/{show}/seats", routes!(time_travel::seats_at), &[SHOW_UNKNOWN, UNAVAILABLE])
}

/// `?min_position=`: the reader's own writes are to be in the answer.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
pub(crate) struct MinPosition {
    min_position: Option<Position>,
}

impl QueryPorts {
    fn show(&self, show_id: ShowId) -> Result<Arc<SeatMap>, Problem> {
        self.models.show(show_id).ok_or(SHOW_UNKNOWN)
    }
}

fn unreadable() -> Problem {
    UNAVAILABLE.detail("the event store cannot be read now")
}

fn money(amount: i64, currency: Currency) -> Money {
    Money { amount, currency }
}
