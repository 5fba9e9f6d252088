//! What the tables of the invoices are doing, as operators read it.

use serde::Serialize;
use ticketflow_event_store::Position;

/// What the runner of the tables is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceTablesState {
    /// Has not reached the database yet.
    Starting,
    /// Has not reached the head of the log since it was started or lost its connection.
    CatchingUp,
    /// Follows the log.
    Live,
    /// Tries to reach the database.
    Unreachable,
    /// Waits for the process that keeps the tables to end.
    Standby,
    /// Somebody has to look at the error; everything else goes on.
    Stopped,
}

/// How the tables of the invoices are doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvoiceTablesStatus {
    /// What the runner is doing.
    pub state: InvoiceTablesState,
    /// How far the tables are.
    pub position: Position,
    /// How far the log is.
    pub head: Position,
    /// A rebuild under way is so far.
    pub rebuilding: Option<Position>,
    /// What the trouble is, while it lasts. Without passwords.
    pub last_error: Option<String>,
}

/// What the runner is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    pub(crate) stop: bool,
    /// Raised when a session has to start afresh.
    pub(crate) turn: u64,
}
