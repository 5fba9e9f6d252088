//! The command service: takes commands over HTTP, has each show's task decide them, and answers when events are durable.
//!
//! Rules are the domain's and bytes the event store's; here are the tasks, the idempotency memory, the payment processes
//! and the HTTP edge. Invariants: one task decides a show; an answer follows its durable events; whatever is begun at the
//! payment gateway is brought to an end, across crashes. Reading is left to the projections.

mod answers;
mod buyer;
mod config;
mod environment;
mod handlers;
mod hold_tokens;
mod idempotency;
mod others;
mod payment_process;
mod problems;
mod recovery;
mod router;
mod secrets;
mod service;
mod settlement;
mod show_directory;
mod show_fold;
mod show_task;
mod start;

pub use config::CommandConfig;
pub use environment::{Clock, fresh_ulid, random};
pub use hold_tokens::HoldTokens;
pub use idempotency::{IdempotencyTable, Known, RequestKey};
pub use recovery::{Shows, StoreShowsError, load_show, load_shows, store_shows};
pub use router::{openapi, router};
pub use secrets::{OPERATOR_KEY_FILE, Secrets, SecretsError, StoredSecrets};
pub use service::{CommandPorts, CommandService, LocateOrder};
pub use show_directory::ShowDirectory;
pub use show_fold::{FoldError, ShowFold};
pub use show_task::{Outcome, ShowHandle, TaskMetrics, TaskPorts};
pub use start::start;
