//! `GET /ops/papers`: what billing gave up on, folios, and what the authority refused, side by side.

use super::{NotNow, is_unauthorized, key_of};
use crate::api_client::ApiError;
use crate::handlers::{Asked, private};
use crate::language::Language;
use crate::operator_cookie::OperatorKey;
use crate::operator_model::BILLING;
use crate::pages::Frame;
use crate::pages::ops::papers::{self, Outcome, Papers};
use crate::paper_model::Fiscal;
use crate::router::Portal;
use crate::texts::fill;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

pub(super) const ADDRESS: &str = "/ops/papers";

/// What was done last; the words are the page's own.
#[derive(Deserialize, Default)]
pub(crate) struct PapersQuery {
    done: Option<String>,
    /// How many were tried again.
    n: Option<u64>,
    /// Which folios were loaded.
    kind: Option<String>,
    first: Option<u64>,
    last: Option<u64>,
}

/// How the papers are doing.
pub(crate) async fn page(
    State(portal): State<Portal>,
    language: Language,
    query: Asked<PapersQuery>,
    headers: HeaderMap,
) -> Response {
    let query = query.map(|query| query.0).unwrap_or_default();
    let frame = portal.frame(language, ADDRESS);
    let outcome = done(&frame, &query).map_or(Outcome::Nothing, Outcome::Done);
    let shown = match key_of(&headers) {
        Ok(key) => show(&portal, language, &key, &outcome, StatusCode::OK).await,
        Err(reason) => Err(reason),
    };
    shown.unwrap_or_else(|reason| portal.not_now(language, ADDRESS, reason))
}

/// What is parked has to be known; the rest is shown as far as it is.
pub(super) async fn show(
    portal: &Portal,
    language: Language,
    key: &OperatorKey,
    outcome: &Outcome,
    status: StatusCode,
) -> Result<Response, NotNow> {
    let api = &portal.config.api;
    let (parked, projections, folios, refused) =
        tokio::join!(api.parked(key), api.projections(key), api.folios(key), api.refused_documents(key));
    let papers = Papers {
        parked: parked?,
        billing: projections?.data.into_iter().find(|projection| projection.name == BILLING),
        folios: fiscal(folios)?,
        refused: fiscal(refused)?,
    };
    Ok(private(status, papers::render(&portal.frame(language, ADDRESS), &papers, outcome)))
}

/// Where no fiscal documents are issued the API has no such address.
fn fiscal<T>(answer: Result<T, ApiError>) -> Result<Fiscal<T>, NotNow> {
    match answer {
        Ok(known) => Ok(Fiscal::Here(known)),
        Err(ApiError::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND => Ok(Fiscal::NotHere),
        Err(error) if is_unauthorized(&error) => Err(error.into()),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a part of the papers cannot be read");
            Ok(Fiscal::NotNow)
        }
    }
}

fn done(frame: &Frame<'_>, query: &PapersQuery) -> Option<String> {
    let texts = frame.language.operator_texts();
    Some(match query.done.as_deref()? {
        "retry" => texts.done_retry.to_owned(),
        "retry-all" => fill(texts.done_retry_all, &[("n", &frame.count(query.n?))]),
        "skip" => texts.done_give_up.to_owned(),
        "submit" => texts.done_submit.to_owned(),
        action @ ("load" | "load-again") => {
            let sentence = if action == "load" { texts.done_load } else { texts.done_load_again };
            let kind = frame.texts().document_kind(query.kind.as_deref()?)?;
            let (first, last) = (frame.count(query.first?), frame.count(query.last?));
            fill(sentence, &[("kind", kind), ("first", &first), ("last", &last)])
        }
        _ => return None,
    })
}
