//! What every HTTP role of TicketFlow shares: the accept loop with its limits, the request shell (trace ids, load
//! shedding, panic catching, latency metrics), the extractors, and the one problem document.
//!
//! Invariants: every refusal is an RFC 9457 problem document with a stable code; nothing here waits, buffers or counts
//! without a bound; the shell costs less than a microsecond a request (see `benches/shell_cost.rs`).
//!
//! It knows nothing of tickets: routes, rules and HTML belong to the roles that use it.

mod alarm;
mod api_routes;
mod conditional;
mod context;
mod extract;
mod fallback;
mod operator_key;
mod problem;
mod problem_schema;
mod route_metrics;
mod server;
mod shell;
mod stall;
mod trace_id;

pub use api_routes::{ApiRoutes, document_operator_key};
pub use conditional::{IfNoneMatch, is_known, not_modified, optional_header};
pub use context::RequestContext;
pub use extract::{
    ApiJson, ApiPath, ApiQuery, BODY_READ_TIMEOUT, DEFAULT_BODY_LIMIT_BYTES, IdempotencyKey,
    PLAN_BODY_LIMIT_BYTES,
};
pub use fallback::{method_not_allowed, not_found};
pub use operator_key::OperatorKey;
pub use problem::{PROBLEM_CONTENT_TYPE, Problem, write_json_text};
pub use server::{BindError, Drained, Server, ServerOptions, Shutdown};
pub use shell::{DEFAULT_MAX_IN_FLIGHT, Shell, ShellFuture, ShellLayer, ShellOptions, ShellService};
pub use trace_id::TraceId;
