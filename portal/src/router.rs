//! The whole route table of the portal.
//!
//! `/live/...` hands the browser's own reads on to the API, so that map and stream come from the portal's origin in
//! every deployment and the content policy can name no other. `/ops/live/...` does so for operators, with their key.

use crate::config::PortalConfig;
use crate::handlers::{catalogue, checkout, hold, live, ops, order, show};
use crate::language;
use crate::pages::problem;
use crate::plan_cache::PlanCache;
use crate::{assets, guard};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use std::sync::Arc;

/// The largest form is a page of ticked seats with long names.
const FORM_BODY_LIMIT_BYTES: usize = 64 * 1024;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Portal {
    pub(crate) config: Arc<PortalConfig>,
    pub(crate) plans: Arc<PlanCache>,
}

/// The portal as a service of its own: every address that is not one of its pages gets its 404 page.
pub fn router(config: PortalConfig) -> Router {
    let config = Arc::new(config);
    let portal = Portal { config: Arc::clone(&config), plans: Arc::default() };
    let pages = Router::new()
        .route("/", get(catalogue::page))
        .route("/shows/{show}", get(show::page))
        .route("/shows/{show}/list", get(show::list))
        .route("/shows/{show}/hold", post(hold::take))
        .route("/shows/{show}/release", post(hold::give_back))
        .route("/shows/{show}/checkout", get(checkout::page).post(checkout::pay))
        .route("/orders/{order}", get(order::page))
        .route("/orders/{order}/refund", get(order::ask_refund).post(order::refund))
        .route("/ops", get(ops::projections::page))
        .route("/ops/sign-in", get(ops::session::page).post(ops::session::sign_in))
        .route("/ops/sign-out", post(ops::session::sign_out))
        .route("/ops/projections/{name}/{action}", post(ops::projections::act))
        .route("/ops/papers", get(ops::papers::page))
        .route("/ops/papers/parked/retry", post(ops::paper_actions::retry_all))
        .route("/ops/papers/parked/{id}/{action}", post(ops::paper_actions::act))
        .route("/ops/papers/folios", post(ops::paper_actions::load_folios))
        .route("/ops/papers/refused", post(ops::paper_actions::submit_again))
        .route("/ops/events", get(ops::event_log::page))
        .route("/ops/events/{position}", get(ops::event_log::event_page))
        .route("/ops/shows", get(ops::past::shows))
        .route("/ops/shows/{show}/time-travel", get(ops::past::page))
        .fallback(async |language: language::Language| problem::unknown_page(language))
        .method_not_allowed_fallback(async |language: language::Language| problem::unknown_method(language))
        .layer(from_fn(language::remember));
    let files = Router::new()
        .route("/assets/{address}", get(assets::serve))
        .route("/live/plans/{plan}", get(live::plan))
        .route("/live/shows/{show}/seats", get(live::seats))
        .route("/live/shows/{show}/stream", get(live::stream))
        .route("/live/clock", get(live::clock))
        .route("/ops/live/projections", get(ops::live::projections))
        .route("/ops/live/history", get(ops::live::history))
        .route("/ops/live/shows/{show}/seats", get(ops::live::seats))
        .route("/ops/live/shows/{show}/moment", get(ops::past::moment_json));
    pages
        .merge(files)
        .layer(DefaultBodyLimit::max(FORM_BODY_LIMIT_BYTES))
        .layer(from_fn_with_state(config, guard::guard))
        .with_state(portal)
}
