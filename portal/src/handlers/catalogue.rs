//! `GET /`.

use super::{Asked, fresh};
use crate::address::with_query;
use crate::hold_cookie::is_id;
use crate::language::Language;
use crate::pages::{catalogue, problem};
use crate::router::Portal;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

#[derive(Deserialize, Default)]
pub(crate) struct CatalogueQuery {
    /// The last show of the page before.
    after: Option<String>,
}

pub(crate) async fn page(
    State(portal): State<Portal>,
    language: Language,
    query: Asked<CatalogueQuery>,
) -> Response {
    let after = query.ok().and_then(|query| query.0.after).filter(|id| is_id(id));
    let kept: Vec<_> = after.iter().map(|after| ("after", after.as_str())).collect();
    let address = with_query("/", &kept);
    match portal.config.api.shows(after.as_deref()).await {
        Ok(shows) => fresh(StatusCode::OK, catalogue::render(&portal.frame(language, &address), &shows)),
        Err(error) => problem::from_api(language, &address, &error),
    }
}
