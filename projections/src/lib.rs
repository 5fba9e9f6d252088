//! Read models: what the log says, folded into shapes for reading, and the HTTP endpoints that answer from them.
//!
//! Disposable: rebuilt from position 0 at any time, from a snapshot where there is one. Invariant: a read model equals the fold of the log up to its position;
//! every answer says which position that is. Nothing is decided here, and no reader can hold up the folding.

mod feed_runner;
mod head_clock;
mod orders;
mod plan_drawing;
mod postgres;
mod projection;
mod projection_watch;
mod query;
mod read_models;
mod seat_map;
mod snapshots;
mod status;

pub use feed_runner::{FeedRunner, FoldError};
pub use orders::{OrderView, TicketView};
pub use postgres::{
    Audit, InvalidUrl, PostgresPorts, PostgresProjection, SeatMapVerified, VerifySeatMapError,
    verify_seat_map,
};
pub use projection::{ActionError, BeginRebuild, Follower, FollowerReport, Projection, Projections};
pub use query::{InvoiceAnswer, QueryPorts, ReadInvoices, WholeMapPace, openapi, router};
pub use read_models::ReadModels;
pub use seat_map::{SeatMap, SeatMapView};
pub use snapshots::{StoreModelsError, restore_models, store_models};
pub use status::{ProjectionAction, ProjectionState, ProjectionStatus};
