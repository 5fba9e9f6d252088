//! `GET /ops/events` and `GET /ops/events/{position}`.

use super::{NotNow, key_of};
use crate::address::with_query;
use crate::api_client::ApiError;
use crate::event_words::{Surroundings, sentence};
use crate::handlers::{Asked, private};
use crate::language::Language;
use crate::operator_cookie::OperatorKey;
use crate::operator_model::{Event, EventPage, EventQuery};
use crate::pages::ops::{event, event_log};
use crate::pages::problem;
use crate::router::Portal;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

/// Events on one page: a screen or two.
const EVENTS_PER_PAGE: usize = 50;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct LogQuery {
    stream: String,
    /// The newest position to show, as typed.
    at: String,
    /// The page of older events than this position.
    before: Option<u64>,
    /// The page of newer events than this position.
    after: Option<u64>,
}

/// The log.
pub(crate) async fn page(
    State(portal): State<Portal>,
    language: Language,
    query: Asked<LogQuery>,
    headers: HeaderMap,
) -> Response {
    let query = query.map(|query| query.0).unwrap_or_default();
    let address = address(&query);
    let shown = match key_of(&headers) {
        Ok(key) => show(&portal, language, &key, &query, &address).await,
        Err(reason) => Err(reason),
    };
    shown.unwrap_or_else(|reason| portal.not_now(language, &address, reason))
}

/// The page's own address, for the other language and for signing in.
fn address(query: &LogQuery) -> String {
    let numbers = [("before", query.before), ("after", query.after)];
    let numbers =
        numbers.map(|(name, number)| (name, number.map_or_else(String::new, |number| number.to_string())));
    let texts = [("stream", query.stream.as_str()), ("at", query.at.as_str())];
    let all = texts.into_iter().chain(numbers.iter().map(|(name, number)| (*name, number.as_str())));
    with_query("/ops/events", &all.filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>())
}

async fn show(
    portal: &Portal,
    language: Language,
    key: &OperatorKey,
    query: &LogQuery,
    address: &str,
) -> Result<Response, NotNow> {
    let stream = query.stream.trim();
    let at: Option<u64> = query.at.trim().parse().ok();
    let mut asked = EventQuery {
        stream: (!stream.is_empty()).then(|| stream.to_owned()),
        limit: EVENTS_PER_PAGE,
        newest_first: query.after.is_none(),
        ..EventQuery::default()
    };
    match query.after {
        Some(after) => asked.from = Some(after.saturating_add(1)),
        None => asked.before = query.before.or(at.map(|at| at.saturating_add(1))),
    }
    let (mut events, is_malformed) = match portal.config.api.events(key, &asked).await {
        Ok(events) => (events, false),
        // The one part of the query that can be wrong is the name that was typed.
        Err(ApiError::Refused(refusal)) if refusal.status == StatusCode::BAD_REQUEST => {
            (EventPage::default(), true)
        }
        Err(error) => return Err(error.into()),
    };
    if query.after.is_some() {
        events.data.reverse();
    }
    let (has_newer, has_older) = match query.after {
        Some(_) => (events.has_more, true),
        None => (asked.before.is_some(), events.has_more),
    };
    let view = event_log::LogView {
        stream,
        at: query.at.trim(),
        events: &events,
        has_newer,
        has_older,
        is_malformed,
    };
    let status = if is_malformed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(private(status, event_log::render(&portal.frame(language, address), &view)))
}

/// One event.
pub(crate) async fn event_page(
    State(portal): State<Portal>,
    language: Language,
    Path(position): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Ok(position) = position.parse::<u64>() else { return problem::unknown_page(language) };
    let address = format!("/ops/events/{position}");
    let shown = match key_of(&headers) {
        Ok(key) => show_event(&portal, language, &key, position, &address).await,
        Err(reason) => Err(reason),
    };
    shown.unwrap_or_else(|reason| portal.not_now(language, &address, reason))
}

async fn show_event(
    portal: &Portal,
    language: Language,
    key: &OperatorKey,
    position: u64,
    address: &str,
) -> Result<Response, NotNow> {
    let asked = EventQuery {
        from: Some(position),
        before: Some(position.saturating_add(1)),
        limit: 1,
        ..EventQuery::default()
    };
    let frame = portal.frame(language, address);
    let found = portal.config.api.events(key, &asked).await?.data.into_iter().next();
    let Some(event) = found.filter(|event| event.position == position) else {
        return Ok(private(StatusCode::NOT_FOUND, event::render_unknown(&frame, position)));
    };
    let words = portal.sentence(language, &event).await;
    Ok(private(StatusCode::OK, event::render(&frame, &event, &words)))
}

impl Portal {
    /// What an event says, with the names of its seats if its show's plan can be had just now.
    async fn sentence(&self, language: Language, event: &Event) -> String {
        let frame = self.frame(language, "");
        let api = &self.config.api;
        let detail = match event.show() {
            Some(show) => api.show(show).await.ok(),
            None => None,
        };
        let plan = match &detail {
            Some(detail) => self.plans.get(api, &detail.plan_url).await.ok(),
            None => None,
        };
        let currency = detail.as_ref().map(|detail| detail.show.currency.as_str());
        sentence(&frame, event, Surroundings { plan: plan.as_deref(), currency })
    }
}
