//! The read endpoints of the HTTP contract, answered from the memory read models.

mod catalogue;
mod live;
mod ops;
mod order;
mod plan;
mod seats;
mod time_travel;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde::Deserialize;
use ticketflow_domain::{Currency, Money, ShowId, Timestamp};
use ticketflow_event_store::{EmbeddedLog, Position};
use ticketflow_http::{OperatorKey, Problem, Shutdown};
use ticketflow_ticket_code::TicketSigner;

use crate::feed_runner::FeedRunner;
use crate::read_models::ReadModels;
use crate::seat_map::SeatMap;

pub(crate) use live::render_changes;
pub(crate) use plan::file as plan_file;

/// How long a read waits for the position that it asks for.
const POSITION_TIMEOUT: Duration = Duration::from_secs(2);

/// What the read endpoints need.
pub struct QueryPorts {
    /// What is read.
    pub models: Arc<ReadModels>,
    /// Feeds the models.
    pub runner: Arc<FeedRunner>,
    /// For the log browser and time travel.
    pub log: EmbeddedLog,
    /// Makes the tickets' codes.
    pub signer: TicketSigner,
    /// Who may use the operator's endpoints.
    pub operator_key: OperatorKey,
    /// Ends the live streams.
    pub shutdown: Shutdown,
    /// The time, for sales that open by themselves.
    pub now: fn() -> Timestamp,
}

/// All read endpoints.
pub fn router(ports: QueryPorts) -> Router {
    Router::new()
        .route("/v1/shows", get(catalogue::list))
        .route("/v1/shows/{show}", get(catalogue::show))
        .route("/v1/plans/{file}", get(plan::plan))
        .route("/v1/shows/{show}/seats", get(seats::seats))
        .route("/v1/shows/{show}/seats/stream", get(live::stream))
        .route("/v1/orders/{order}", get(order::order))
        .route("/v1/ops/events", get(ops::events))
        .route("/v1/ops/projections", get(ops::projections))
        .route("/v1/ops/shows/{show}/seats", get(time_travel::seats_at))
        .with_state(Arc::new(ports))
}

/// `?min_position=`: the reader's own writes are to be in the answer.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
pub(crate) struct MinPosition {
    min_position: Option<Position>,
}

impl QueryPorts {
    async fn reach(&self, wanted: MinPosition) -> Result<(), Problem> {
        let position = wanted.min_position.unwrap_or(0);
        if self.models.wait_for(position, POSITION_TIMEOUT).await {
            return Ok(());
        }
        Err(Problem::unavailable("still_processing", "The read model is not that far yet", 1_000)
            .detail(format!("asked for position {position}, at {}", self.models.position())))
    }

    fn show(&self, show_id: ShowId) -> Result<Arc<SeatMap>, Problem> {
        let unknown = || Problem::not_found("show_unknown", "There is no such show");
        self.models.show(show_id).ok_or_else(unknown)
    }
}

fn money(amount: i64, currency: Currency) -> Money {
    Money { amount, currency }
}
