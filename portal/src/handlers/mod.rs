//! Handlers gather what a page shows from the API and hand it to the page. They decide nothing about seats or money.

pub(crate) mod catalogue;
pub(crate) mod checkout;
pub(crate) mod hold;
pub(crate) mod live;
pub(crate) mod ops;
pub(crate) mod order;
pub(crate) mod show;

use crate::api_client::ApiError;
use crate::api_model::ShowDetail;
use crate::hold_cookie::is_id;
use crate::language::Language;
use crate::pages::{Frame, problem};
use crate::router::Portal;
use axum::response::{Html, IntoResponse, Response};
use data_encoding::HEXLOWER;
use http::{HeaderValue, StatusCode, header};
use maud::Markup;

/// Seats a person may hold at once when the show sets no limit of its own; the API's own default.
const DEFAULT_MAX_SEATS: u32 = 10;

/// A query that cannot be read asks for nothing.
pub(crate) type Asked<T> = Result<axum::extract::Query<T>, axum::extract::rejection::QueryRejection>;

/// Form fields in their order; a field may come more than once.
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first value of a field, trimmed; absent is empty.
    pub(crate) fn one(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }
}

/// A form that cannot be read is an empty form: the handler then asks for what is missing.
pub(crate) fn fields(
    form: Result<axum::Form<Vec<(String, String)>>, axum::extract::rejection::FormRejection>,
) -> Fields {
    Fields(form.map(|form| form.0).unwrap_or_default())
}

impl Portal {
    pub(crate) fn frame<'a>(&'a self, language: Language, address: &'a str) -> Frame<'a> {
        Frame { language, time_zone: &self.config.time_zone, address }
    }

    /// The show of an address, or the page that says why there is none.
    pub(crate) async fn show(
        &self,
        language: Language,
        show: &str,
        path: &str,
    ) -> Result<ShowDetail, Box<Response>> {
        if !is_id(show) {
            return Err(Box::new(problem::unknown_show(language)));
        }
        self.config.api.show(show).await.map_err(|error| Box::new(show_problem(language, path, &error)))
    }
}

/// The API may say `not_found` for an id it cannot parse; to a person that is an unknown show.
fn show_problem(language: Language, path: &str, error: &ApiError) -> Response {
    match error {
        ApiError::Refused(refusal)
            if matches!(refusal.status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST) =>
        {
            problem::unknown_show(language)
        }
        _ => problem::from_api(language, path, error),
    }
}

/// How many seats one selection may have.
pub(crate) fn max_seats(detail: &ShowDetail) -> u32 {
    detail.max_seats_per_customer.map_or(DEFAULT_MAX_SEATS, |limit| limit.min(DEFAULT_MAX_SEATS)).max(1)
}

/// A new idempotency key: 128 random bits.
pub(crate) fn new_key() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system's random source answers after boot");
    HEXLOWER.encode(&bytes)
}

/// The key that a form carried, or a new one when it carries none worth the name.
pub(crate) fn key_of(fields: &Fields) -> String {
    let key = fields.one("key");
    let usable = (16..=128).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if usable { key.to_owned() } else { new_key() }
}

/// A page that holds nothing secret, always asked for anew: seats move.
pub(crate) fn fresh(status: StatusCode, page: Markup) -> Response {
    (status, [(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))], Html(page.into_string()))
        .into_response()
}

/// A page that no cache may keep.
pub(crate) fn private(status: StatusCode, page: Markup) -> Response {
    (status, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Html(page.into_string()))
        .into_response()
}

/// On to another page by GET, so that reloading repeats nothing.
pub(crate) fn see_other(path: &str) -> Response {
    let location = HeaderValue::try_from(path).expect("paths are made of ids and fixed words");
    (
        StatusCode::SEE_OTHER,
        [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))],
    )
        .into_response()
}

/// The response with one more cookie.
pub(crate) fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}
