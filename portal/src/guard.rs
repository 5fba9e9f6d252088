//! What protects a buyer in the browser: the headers on every answer, and the refusal of forms that another site sent.
//!
//! The content policy allows this origin's own files and nothing else, no inline script or style, so that markup in
//! the name of a show stays text even if a page forgot to escape it.

use crate::config::PortalConfig;
use crate::language::Language;
use crate::pages::problem;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use std::sync::Arc;

const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const ON_EVERY_ANSWER: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=()"),
    ),
];

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Middleware: refuses foreign forms and puts the headers on. A page's own `Referrer-Policy` stays.
pub(crate) async fn guard(State(config): State<Arc<PortalConfig>>, request: Request, next: Next) -> Response {
    let from_elsewhere = *request.method() == Method::POST
        && sent_by_another_site(request.headers(), config.public_origin.as_deref());
    let mut response = if from_elsewhere {
        problem::foreign_form(Language::of(request.uri(), request.headers()))
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.extend(ON_EVERY_ANSWER);
    let policy = HeaderValue::from_static("same-origin");
    headers.entry(header::REFERRER_POLICY).or_insert(policy);
    response
}

/// Browsers say where a form comes from: `Sec-Fetch-Site` on HTTPS and localhost, `Origin` on every post. Both are out
/// of a page's reach. A client that sends neither is no browser and carries nobody's cookies by accident.
fn sent_by_another_site(headers: &HeaderMap, public_origin: Option<&str>) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site != "same-origin";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let Ok(origin) = origin.to_str() else { return true };
    if public_origin == Some(origin) {
        return false;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin_host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    origin_host.is_none() || origin_host != host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_taken_from_this_site_only() {
        let foreign = |pairs: &[(HeaderName, &'static str)], public: Option<&str>| {
            let headers: HeaderMap =
                pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
            sent_by_another_site(&headers, public)
        };
        let (host, origin) = ((header::HOST, "tickets.example"), header::ORIGIN);
        assert!(!foreign(std::slice::from_ref(&host), None), "no browser");
        assert!(!foreign(&[host.clone(), (origin.clone(), "https://tickets.example")], None));
        assert!(foreign(&[host.clone(), (origin.clone(), "https://evil.example")], None));
        assert!(foreign(&[host.clone(), (origin.clone(), "https://tickets.example.evil.example")], None));
        assert!(foreign(&[host.clone(), (origin.clone(), "null")], None));
        assert!(!foreign(
            &[host.clone(), (origin.clone(), "https://public.example")],
            Some("https://public.example")
        ));
        assert!(foreign(&[host.clone(), (SEC_FETCH_SITE, "cross-site")], None));
        assert!(foreign(&[host.clone(), (SEC_FETCH_SITE, "same-site")], None));
        let own_with_odd_origin = [host, (SEC_FETCH_SITE, "same-origin"), (origin, "null")];
        assert!(
            !foreign(&own_with_odd_origin, None),
            "the ticket page sends no referrer, so its origin is null"
        );
    }
}
