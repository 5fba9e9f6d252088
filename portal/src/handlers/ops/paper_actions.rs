//! The buttons of `/ops/papers`. What was done leads back to the page; what was refused is said above its list, read anew.

use super::papers::{ADDRESS, show};
use super::{NotNow, key_of};
use crate::address::with_query;
use crate::api_client::{ApiError, Refusal};
use crate::handlers::{fields, see_other};
use crate::language::Language;
use crate::operator_cookie::OperatorKey;
use crate::pages::ops::papers::Outcome;
use crate::pages::problem;
use crate::paper_model::ParkedAction;
use crate::router::Portal;
use crate::texts::operators::OperatorTexts;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

type Form = Result<axum::Form<Vec<(String, String)>>, FormRejection>;

/// Tries one again, or gives it up.
pub(crate) async fn act(
    State(portal): State<Portal>,
    language: Language,
    Path((id, action)): Path<(String, String)>,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let (Ok(id), Some(action)) = (id.parse(), ParkedAction::parse(&action)) else {
        return problem::unknown_page(language);
    };
    let fields = fields(form);
    let api = &portal.config.api;
    let press = async |key: &OperatorKey| {
        api.act_on_parked(key, id, action, fields.one("reason")).await.map(|()| back(action.name(), &[]))
    };
    pressed(&portal, language, &headers, false, press).await
}

/// Tries all again.
pub(crate) async fn retry_all(
    State(portal): State<Portal>,
    language: Language,
    headers: HeaderMap,
) -> Response {
    let api = &portal.config.api;
    let press = async |key: &OperatorKey| {
        let done = api.retry_all_parked(key).await?.done;
        Ok(back("retry-all", &[("n", &done.to_string())]))
    };
    pressed(&portal, language, &headers, false, press).await
}

/// Loads the next folios. The text holds a private key: nothing of it goes into a page, an address or a log.
pub(crate) async fn load_folios(
    State(portal): State<Portal>,
    language: Language,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let fields = fields(form);
    let authorisation = fields.one("authorisation");
    if authorisation.is_empty() {
        let title = language.operator_texts().load_missing;
        let outcome = Outcome::Refused { title, detail: String::new(), was_file: true };
        let shown = match key_of(&headers) {
            Ok(key) => show(&portal, language, &key, &outcome, StatusCode::UNPROCESSABLE_ENTITY).await,
            Err(reason) => Err(reason),
        };
        return shown.unwrap_or_else(|reason| portal.not_now(language, ADDRESS, reason));
    }
    let api = &portal.config.api;
    let press = async |key: &OperatorKey| {
        let loaded = api.load_folios(key, authorisation).await?;
        let (first, last) = (loaded.first.to_string(), loaded.last.to_string());
        let folios = [("kind", loaded.document_type.as_str()), ("first", &first), ("last", &last)];
        Ok(back(if loaded.were_there { "load-again" } else { "load" }, &folios))
    };
    pressed(&portal, language, &headers, true, press).await
}

/// Submits again what the authority refused.
pub(crate) async fn submit_again(
    State(portal): State<Portal>,
    language: Language,
    headers: HeaderMap,
) -> Response {
    let api = &portal.config.api;
    let press = async |key: &OperatorKey| api.submit_refused_again(key).await.map(|()| back("submit", &[]));
    pressed(&portal, language, &headers, false, press).await
}

fn back(done: &str, more: &[(&str, &str)]) -> String {
    with_query(&with_query(ADDRESS, &[("done", done)]), more)
}

/// Does what a button says, for whom the API takes the key of; leads where `press` says.
async fn pressed(
    portal: &Portal,
    language: Language,
    headers: &HeaderMap,
    was_file: bool,
    press: impl AsyncFnOnce(&OperatorKey) -> Result<String, ApiError>,
) -> Response {
    let answered = match key_of(headers) {
        Ok(key) => match press(&key).await {
            Ok(address) => Ok(see_other(&address)),
            Err(ApiError::Refused(refusal)) if is_said_here(&refusal) => {
                let title = refused(language.operator_texts(), &refusal);
                let status = refusal.status;
                let outcome = Outcome::Refused { title, detail: refusal.detail, was_file };
                show(portal, language, &key, &outcome, status).await
            }
            Err(error) => Err(error.into()),
        },
        Err(reason) => Err(reason),
    };
    answered.unwrap_or_else(|reason: NotNow| portal.not_now(language, ADDRESS, reason))
}

/// A refusal that the list explains; anything else has a page of its own.
fn is_said_here(refusal: &Refusal) -> bool {
    let is_known = refusal.status.is_client_error() && refusal.status != StatusCode::UNAUTHORIZED;
    is_known || refusal.code == "unavailable"
}

fn refused(texts: &OperatorTexts, refusal: &Refusal) -> &'static str {
    match refusal.code.as_str() {
        "poison_unknown" => texts.refused_parked,
        "skip_reason_invalid" => texts.refused_reason,
        "authorisation_invalid" => texts.refused_file,
        "authorisation_of_another_issuer" => texts.refused_issuer,
        "authorisation_forged" => texts.refused_forged,
        "authorisation_expired" => texts.refused_expired,
        "folios_overlap" => texts.refused_overlap,
        "folios_refused" => texts.refused_folios,
        "unavailable" => texts.refused_now,
        // The address is not there: the process that was asked issues no fiscal documents.
        "route_not_found" => texts.no_fiscal,
        _ => texts.refused_other,
    }
}
