//! `GET /ops` and `POST /ops/projections/{name}/{action}`.

use super::{NotNow, key_of};
use crate::address::with_query;
use crate::api_client::{ApiError, Refusal};
use crate::handlers::{Asked, fields, private, see_other};
use crate::hold_cookie::is_id;
use crate::language::Language;
use crate::operator_cookie::OperatorKey;
use crate::operator_model::Action;
use crate::pages::ops::dashboard::{self, Outcome};
use crate::pages::ops::figures::figures;
use crate::pages::problem;
use crate::router::Portal;
use crate::texts::operators::OperatorTexts;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

const ADDRESS: &str = "/ops";

#[derive(Deserialize, Default)]
pub(crate) struct DashboardQuery {
    /// What was done last, and with which projection; the words are the page's own.
    done: Option<String>,
    projection: Option<String>,
}

/// How the projections are doing.
pub(crate) async fn page(
    State(portal): State<Portal>,
    language: Language,
    query: Asked<DashboardQuery>,
    headers: HeaderMap,
) -> Response {
    let query = query.map(|query| query.0).unwrap_or_default();
    let projection = query.projection.filter(|name| is_id(name));
    let outcome = match (query.done.as_deref().and_then(Action::parse), projection) {
        (Some(action), Some(projection)) => Outcome::Done { action, projection },
        _ => Outcome::Nothing,
    };
    let shown = match key_of(&headers) {
        Ok(key) => show(&portal, language, &key, &outcome, StatusCode::OK).await,
        Err(reason) => Err(reason),
    };
    shown.unwrap_or_else(|reason| portal.not_now(language, ADDRESS, reason))
}

async fn show(
    portal: &Portal,
    language: Language,
    key: &OperatorKey,
    outcome: &Outcome,
    status: StatusCode,
) -> Result<Response, NotNow> {
    let page = portal.config.api.projections(key).await?;
    let frame = portal.frame(language, ADDRESS);
    Ok(private(status, dashboard::render(&frame, &figures(&frame, &page), outcome)))
}

/// Does something with a projection.
pub(crate) async fn act(
    State(portal): State<Portal>,
    language: Language,
    Path((name, action)): Path<(String, String)>,
    headers: HeaderMap,
    form: Result<axum::Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    let Some(action) = Action::parse(&action).filter(|_| is_id(&name)) else {
        return problem::unknown_page(language);
    };
    let fields = fields(form);
    let acted = match key_of(&headers) {
        Ok(key) => carry_out(&portal, language, &key, &name, action, fields.one("reason")).await,
        Err(reason) => Err(reason),
    };
    acted.unwrap_or_else(|reason| portal.not_now(language, ADDRESS, reason))
}

/// A refusal is shown above the figures that explain it.
async fn carry_out(
    portal: &Portal,
    language: Language,
    key: &OperatorKey,
    name: &str,
    action: Action,
    reason: &str,
) -> Result<Response, NotNow> {
    match portal.config.api.act(key, name, action, reason).await {
        Ok(()) => Ok(see_other(&with_query(ADDRESS, &[("done", action.name()), ("projection", name)]))),
        Err(ApiError::Refused(refusal)) if refusal.status.is_client_error() && refusal.status != 401 => {
            let title = refused(language.operator_texts(), &refusal);
            let outcome = Outcome::Refused { title, detail: refusal.detail };
            show(portal, language, key, &outcome, refusal.status).await
        }
        Err(error) => Err(error.into()),
    }
}

fn refused(texts: &OperatorTexts, refusal: &Refusal) -> &'static str {
    match refusal.code.as_str() {
        "projection_unknown" => texts.refused_unknown,
        "not_pausable" => texts.refused_pause,
        "not_rebuildable" => texts.refused_rebuild,
        "nothing_to_skip" => texts.refused_skip,
        "wrong_state" => texts.refused_state,
        "reason_invalid" => texts.refused_reason,
        _ => texts.refused_other,
    }
}
