//! The pages that buyers see: catalogue, seat map, checkout and tickets.
//!
//! The portal is a client of the HTTP API and of nothing else: every fact on a page was answered by the API a moment
//! ago, and every decision (who gets a seat, what it costs, whether a payment stands) is the API's. The portal keeps
//! no state of its own besides a bounded cache of seating plans, which are immutable.
//!
//! Invariants: every page works without JavaScript; no page carries inline script or style; a form sent twice buys
//! once; an API that is down gives a page that says so, never a bare error.

mod address;
mod api_client;
mod api_model;
mod assets;
mod config;
mod event_words;
mod guard;
mod handlers;
mod hold_cookie;
mod language;
mod operator_cookie;
mod operator_model;
mod pages;
mod paper_model;
mod plan_cache;
mod poster;
mod router;
mod texts;
mod wording;

pub use api_client::{ApiClient, ApiDeadlines, ApiError, InvalidBaseUrl, Refusal};
pub use config::{PortalConfig, UnknownTimeZone};
pub use router::router;
