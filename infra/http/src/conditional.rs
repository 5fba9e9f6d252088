//! Conditional reads: a client that has this very version gets 304 instead of the content again.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::{IntoParams, PartialSchema};

/// The header that says which version a client has, as the API's document describes it.
pub struct IfNoneMatch;

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![optional_header(
            "If-None-Match",
            "The `ETag` of the version at hand: 304 if it is the present one",
        )]
    }
}

/// A header that a client may send, as the API's document describes it.
#[must_use]
pub fn optional_header(name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(String::schema()))
        .build()
}

/// Whether the client has the version that `etag` names.
#[must_use]
pub fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    known.is_some_and(|known| {
        known.split(',').any(|one| one.trim().trim_start_matches("W/").as_bytes() == etag.as_bytes())
    })
}

/// 304 with the tag, for what is always to be asked for again.
#[must_use]
pub fn not_modified(etag: HeaderValue) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    response.headers_mut().insert(ETAG, etag);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_known_by_any_of_the_tags_sent() {
        let etag = HeaderValue::from_static("\"7-full\"");
        let sent =
            |value: &'static str| HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(value))]);
        for known in ["\"7-full\"", "W/\"7-full\"", "\"6-full\", \"7-full\""] {
            assert!(is_known(&sent(known), &etag), "{known}");
        }
        for other in ["\"6-full\"", "7-full", "", "\"7-full\"x"] {
            assert!(!is_known(&sent(other), &etag), "{other}");
        }
        assert!(!is_known(&HeaderMap::new(), &etag));
    }
}
