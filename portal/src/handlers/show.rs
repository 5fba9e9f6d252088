//! `GET /shows/{show}` and `GET /shows/{show}/list`.

use super::{Asked, fresh, max_seats, new_key};
use crate::address::with_query;
use crate::api_client::ApiError;
use crate::api_model::ShowDetail;
use crate::hold_cookie::RememberedHold;
use crate::language::Language;
use crate::pages::{list, problem, seat_map};
use crate::router::Portal;
use crate::texts::{Advice, Texts};
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

#[derive(Deserialize, Default)]
pub(crate) struct ShowQuery {
    /// What the page before has to say.
    notice: Option<String>,
    /// The zone whose seats are listed.
    zone: Option<String>,
    /// The row that comes first.
    from: Option<usize>,
}

/// Notices are named in the address and written here, so that nobody can put words on the page by a link.
fn note_of(texts: &'static Texts, notice: Option<&str>) -> (Option<&'static str>, Option<Advice>) {
    match notice {
        Some("given-back") => (Some(texts.given_back), None),
        Some("over") => (None, Some(Advice { title: texts.hold_over_title, next: texts.hold_over })),
        Some("timeout") => (None, Some(texts.advice.payment_timeout)),
        Some("declined") => (None, Some(texts.advice.declined_and_gone)),
        Some("unavailable") => (None, Some(texts.advice.unavailable_and_gone)),
        _ => (None, None),
    }
}

/// The seat map.
pub(crate) async fn page(
    State(portal): State<Portal>,
    language: Language,
    Path(show): Path<String>,
    query: Asked<ShowQuery>,
    headers: HeaderMap,
) -> Response {
    let path = format!("/shows/{show}");
    let detail = match portal.show(language, &show, &path).await {
        Ok(detail) => detail,
        Err(response) => return *response,
    };
    let notice = query.ok().and_then(|query| query.0.notice);
    let (note, problem) = note_of(language.texts(), notice.as_deref());
    let kept = notice.as_deref().filter(|_| note.is_some() || problem.is_some());
    let address = with_query(&path, &kept.map(|notice| ("notice", notice)).into_iter().collect::<Vec<_>>());
    let hold = RememberedHold::read(&headers, Timestamp::now());
    let view = seat_map::SeatMapView {
        detail: &detail,
        hold: hold.as_ref(),
        problem,
        note,
        key: &new_key(),
        max_seats: max_seats(&detail),
    };
    fresh(StatusCode::OK, seat_map::render(&portal.frame(language, &address), &view))
}

/// The plain list.
pub(crate) async fn list(
    State(portal): State<Portal>,
    language: Language,
    Path(show): Path<String>,
    query: Asked<ShowQuery>,
    headers: HeaderMap,
) -> Response {
    let path = format!("/shows/{show}/list");
    let detail = match portal.show(language, &show, &path).await {
        Ok(detail) => detail,
        Err(response) => return *response,
    };
    let query = query.map(|query| query.0).unwrap_or_default();
    let wanted = Wanted {
        hold: RememberedHold::read(&headers, Timestamp::now()),
        zone: query.zone,
        first_row: query.from.unwrap_or(0),
        problem: None,
        note: note_of(language.texts(), query.notice.as_deref()).0,
        status: StatusCode::OK,
    };
    list_page(&portal, language, &detail, wanted).await
}

/// What the list page is asked for.
pub(super) struct Wanted {
    pub(super) hold: Option<RememberedHold>,
    pub(super) zone: Option<String>,
    pub(super) first_row: usize,
    pub(super) problem: Option<(Advice, Vec<String>)>,
    pub(super) note: Option<&'static str>,
    pub(super) status: StatusCode,
}

impl Wanted {
    /// The address under which the same rows of the same zone are listed.
    fn address(&self, path: &str) -> String {
        let first_row = self.first_row.to_string();
        let mut kept = Vec::new();
        if let Some(zone) = &self.zone {
            kept.push(("zone", zone.as_str()));
        }
        if self.first_row > 0 {
            kept.push(("from", first_row.as_str()));
        }
        with_query(path, &kept)
    }
}

/// The list page; also what a refused form without JavaScript leads to.
pub(super) async fn list_page(
    portal: &Portal,
    language: Language,
    detail: &ShowDetail,
    wanted: Wanted,
) -> Response {
    let show = &detail.show.show_id;
    let address = wanted.address(&format!("/shows/{show}/list"));
    match list_page_or_error(portal, language, detail, wanted, &address).await {
        Ok(response) => response,
        Err(error) => problem::from_api(language, &address, &error),
    }
}

async fn list_page_or_error(
    portal: &Portal,
    language: Language,
    detail: &ShowDetail,
    wanted: Wanted,
    address: &str,
) -> Result<Response, ApiError> {
    let api = &portal.config.api;
    let named = wanted.zone.as_deref();
    let counts = detail.zones.iter().find(|zone| !zone.general && Some(zone.name.as_str()) == named);
    let reads = match counts {
        Some(_) => {
            let (plan, map) =
                tokio::join!(portal.plans.get(api, &detail.plan_url), api.compact_map(&detail.show.show_id));
            Some((plan?, map?))
        }
        None => None,
    };
    let open = match (counts, &reads) {
        (Some(counts), Some((plan, map))) => {
            let zone = plan.zones.iter().find(|zone| !zone.general && zone.name == counts.name);
            zone.map(|zone| list::OpenZone { zone, counts, map })
        }
        _ => None,
    };
    let known = |name: &str| detail.zones.iter().any(|zone| zone.name == name);
    let view = list::ListView {
        detail,
        hold: wanted.hold.as_ref(),
        zone_is_unknown: named.is_some_and(|name| !known(name)),
        open,
        first_row: wanted.first_row,
        problem: wanted.problem,
        note: wanted.note,
        key: &new_key(),
        max_seats: max_seats(detail),
    };
    Ok(fresh(wanted.status, list::render(&portal.frame(language, address), &view)))
}
