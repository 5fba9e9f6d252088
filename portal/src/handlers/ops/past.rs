//! `GET /ops/shows`, `GET /ops/shows/{show}/time-travel`, and the moments that its script asks for.

use super::{NotNow, key_of};
use crate::address::with_query;
use crate::api_model::ShowDetail;
use crate::event_words::{Surroundings, sentence};
use crate::handlers::{Asked, private};
use crate::hold_cookie::is_id;
use crate::language::Language;
use crate::operator_cookie::OperatorKey;
use crate::operator_model::{Event, EventQuery};
use crate::pages::ops::past::{self, Moment};
use crate::pages::problem;
use crate::router::Portal;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

#[derive(Deserialize, Default)]
pub(crate) struct ShowsQuery {
    /// The last show of the page before.
    after: Option<String>,
}

/// Which moment; the present when nothing is said.
#[derive(Deserialize, Default, Clone, Copy)]
pub(crate) struct MomentQuery {
    /// After the show's event of this number.
    revision: Option<u64>,
    /// After the event at this position of the log, or the show's last one before it.
    at: Option<u64>,
}

/// Which show?
pub(crate) async fn shows(
    State(portal): State<Portal>,
    language: Language,
    query: Asked<ShowsQuery>,
    headers: HeaderMap,
) -> Response {
    let after = query.ok().and_then(|query| query.0.after).filter(|id| is_id(id));
    let kept: Vec<_> = after.iter().map(|after| ("after", after.as_str())).collect();
    let address = with_query("/ops/shows", &kept);
    let listed = match key_of(&headers) {
        Ok(key) => list(&portal, language, &key, after.as_deref(), &address).await,
        Err(reason) => Err(reason),
    };
    listed.unwrap_or_else(|reason| portal.not_now(language, &address, reason))
}

/// The list itself is everybody's; the page is for those whose key the API takes.
async fn list(
    portal: &Portal,
    language: Language,
    key: &OperatorKey,
    after: Option<&str>,
    address: &str,
) -> Result<Response, NotNow> {
    let api = &portal.config.api;
    let (shows, _) = tokio::try_join!(api.shows(after), api.projections(key))?;
    Ok(private(StatusCode::OK, past::render_shows(&portal.frame(language, address), &shows)))
}

/// A moment of a show.
pub(crate) async fn page(
    State(portal): State<Portal>,
    language: Language,
    Path(show): Path<String>,
    query: Asked<MomentQuery>,
    headers: HeaderMap,
) -> Response {
    let query = query.map(|query| query.0).unwrap_or_default();
    let path = format!("/ops/shows/{show}/time-travel");
    let asked = [("revision", query.revision), ("at", query.at)];
    let asked = asked.map(|(name, number)| (name, number.map(|number| number.to_string())));
    let kept: Vec<(&str, &str)> =
        asked.iter().filter_map(|(name, number)| Some((*name, number.as_deref()?))).collect();
    let address = with_query(&path, &kept);
    let key = match key_of(&headers) {
        Ok(key) => key,
        Err(reason) => return portal.not_now(language, &address, reason),
    };
    let detail = match portal.show(language, &show, &address).await {
        Ok(detail) => detail,
        Err(response) => return *response,
    };
    match moment(&portal, language, &key, &detail, query).await {
        Ok(Some(moment)) => {
            private(StatusCode::OK, past::render(&portal.frame(language, &address), &detail, &moment))
        }
        Ok(None) => problem::unknown_show(language),
        Err(reason) => portal.not_now(language, &address, reason),
    }
}

/// A moment as the script reads it.
pub(crate) async fn moment_json(
    State(portal): State<Portal>,
    language: Language,
    Path(show): Path<String>,
    query: Asked<MomentQuery>,
    headers: HeaderMap,
) -> Response {
    let query = query.map(|query| query.0).unwrap_or_default();
    let Ok(key) = key_of(&headers) else { return StatusCode::UNAUTHORIZED.into_response() };
    let detail = match portal.show(language, &show, "").await {
        Ok(detail) => detail,
        Err(response) => return response.status().into_response(),
    };
    match moment(&portal, language, &key, &detail, query).await {
        Ok(Some(moment)) => {
            ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(moment)).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(NotNow::SignIn(_)) => StatusCode::UNAUTHORIZED.into_response(),
        Err(NotNow::Api(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a moment of a show could not be read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// None for a show without events.
async fn moment(
    portal: &Portal,
    language: Language,
    key: &OperatorKey,
    detail: &ShowDetail,
    wanted: MomentQuery,
) -> Result<Option<Moment>, NotNow> {
    let api = &portal.config.api;
    let show = &detail.show.show_id;
    let newest = EventQuery {
        stream: Some(format!("show-{show}")),
        newest_first: true,
        limit: 1,
        ..EventQuery::default()
    };
    let one = async |query: EventQuery| -> Result<Option<Event>, NotNow> {
        Ok(api.events(key, &query).await?.data.into_iter().next())
    };
    let Some(last) = one(EventQuery { stream: newest.stream.clone(), ..newest }).await? else {
        return Ok(None);
    };
    let stream = Some(last.stream.clone());
    let numbered = |revision: u64| EventQuery {
        stream: stream.clone(),
        from_revision: Some(revision.clamp(1, last.revision)),
        limit: 1,
        ..EventQuery::default()
    };
    let event = match (wanted.revision, wanted.at) {
        (Some(revision), _) => one(numbered(revision)).await?,
        (None, Some(at)) => {
            let before = Some(at.saturating_add(1));
            let query = EventQuery {
                stream: stream.clone(),
                before,
                newest_first: true,
                limit: 1,
                ..EventQuery::default()
            };
            match one(query).await? {
                Some(event) => Some(event),
                // Before the show was created there is nothing to see: its creation is the first moment.
                None => one(numbered(1)).await?,
            }
        }
        (None, None) => Some(last.clone()),
    };
    let Some(event) = event else { return Ok(None) };
    let (map, plan) =
        tokio::try_join!(api.map_at(key, show, event.position), portal.plans.get(api, &detail.plan_url))?;
    let frame = portal.frame(language, "");
    let around = Surroundings { plan: Some(&plan), currency: Some(&detail.show.currency) };
    let words = sentence(&frame, &event, around);
    Ok(Some(Moment::new(&frame, &event, last.revision, words, &map, plan.places())))
}
