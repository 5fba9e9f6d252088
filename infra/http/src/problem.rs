//! The one problem document (RFC 9457) that every refusal of every role is.
//!
//! Invariants: `code` is stable and names the kind of problem, `title` never varies within a code, `detail` speaks to the
//! person who reads it; the document is valid JSON whatever text it quotes. It is rendered by hand into one buffer,
//! because a lost race for a seat is an ordinary answer given tens of thousands of times a second.

use std::borrow::Cow;
use std::num::NonZeroU64;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use crate::context::{CURRENT, RequestContext};

/// The media type of a problem document.
pub const PROBLEM_CONTENT_TYPE: &str = "application/problem+json";

const PROBLEM_HEADER: HeaderValue = HeaderValue::from_static(PROBLEM_CONTENT_TYPE);
/// A problem document speaks of one request at one moment.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Longest part of the request path that is repeated as `instance`.
const INSTANCE_LIMIT_BYTES: usize = 512;
/// Room for the fixed members, a short detail, an instance and a trace id without growing the buffer.
const TYPICAL_DOCUMENT_BYTES: usize = 384;

/// A refusal: status, stable code and what the reader can do about it. It is an answer (`IntoResponse`) and an error.
///
/// `trace_id` and `instance` come from the [`RequestContext`] of the request whose handler makes the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a problem says nothing until it is answered"]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    conflicting_seats: Vec<String>,
    retry_after_ms: Option<NonZeroU64>,
    members: Vec<Member>,
}

/// An extension member; the value is JSON already.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    name: &'static str,
    json: String,
}

impl Problem {
    /// A problem of any status. `title` belongs to the code: it is the same in every occurrence.
    pub const fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self {
            status,
            code,
            title,
            detail: Cow::Borrowed(""),
            conflicting_seats: Vec::new(),
            retry_after_ms: None,
            members: Vec::new(),
        }
    }

    /// 400: the request cannot be understood.
    pub const fn malformed(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, title)
    }

    /// 401: no valid credential.
    pub const fn unauthorized(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, title)
    }

    /// 402: the payment was declined.
    pub const fn payment_declined(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::PAYMENT_REQUIRED, code, title)
    }

    /// 403: a valid credential without the needed role.
    pub const fn forbidden(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, title)
    }

    /// 404: unknown, or not the caller's.
    pub const fn not_found(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, title)
    }

    /// 409: at odds with the current state.
    pub const fn conflict(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, code, title)
    }

    /// 410: it was there and is no more.
    pub const fn gone(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::GONE, code, title)
    }

    /// 413: the body is larger than the route takes.
    pub const fn too_large(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, title)
    }

    /// 422: understood, and a rule says no.
    pub const fn rule(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, title)
    }

    /// 429: this caller asks too often; with `Retry-After`.
    pub const fn too_many(code: &'static str, title: &'static str, retry_after_ms: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, title).retry_after_ms(retry_after_ms)
    }

    /// 503: overloaded or unavailable; with `Retry-After`.
    pub const fn unavailable(code: &'static str, title: &'static str, retry_after_ms: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title).retry_after_ms(retry_after_ms)
    }

    /// 504: the payment gateway did not answer in time.
    pub const fn gateway_timeout(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, code, title)
    }

    /// 500: a defect of ours. The shell answers a panic with it; nothing else should need it.
    pub const fn internal(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, title)
    }

    /// What happened this time and what to do about it. Without one the title is repeated.
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The seats that could not be had.
    pub fn conflicting_seats(mut self, seats: Vec<String>) -> Self {
        self.conflicting_seats = seats;
        self
    }

    /// When to ask again: `retry_after_ms` in the document, and `Retry-After` in whole seconds, rounded up, at least 1.
    pub const fn retry_after_ms(mut self, retry_after_ms: u64) -> Self {
        self.retry_after_ms = match NonZeroU64::new(retry_after_ms) {
            Some(value) => Some(value),
            None => Some(NonZeroU64::MIN),
        };
        self
    }

    /// An extension member, such as `first_used_at`. `name` must not be one of the document's own members.
    ///
    /// # Panics
    /// When `value` has no JSON form (a map whose keys are not text).
    pub fn member(mut self, name: &'static str, value: impl Serialize) -> Self {
        debug_assert!(!OWN_MEMBERS.contains(&name), "{name} is taken");
        let json = serde_json::to_string(&value).expect("a problem member has a JSON form");
        self.members.push(Member { name, json });
        self
    }

    pub(crate) const fn title(&self) -> &'static str {
        self.title
    }

    pub(crate) const fn is_retried(&self) -> bool {
        self.retry_after_ms.is_some()
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code of the kind of problem.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// What happened this time: the detail, or the title when there is none.
    #[must_use]
    pub fn message(&self) -> &str {
        if self.detail.is_empty() { self.title } else { &self.detail }
    }

    pub(crate) fn answer(&self, context: Option<&RequestContext>) -> Response {
        let mut headers = HeaderMap::with_capacity(TYPICAL_HEADER_COUNT);
        headers.insert(CONTENT_TYPE, PROBLEM_HEADER);
        headers.insert(CACHE_CONTROL, NO_STORE);
        if let Some(delay_ms) = self.retry_after_ms {
            headers.insert(RETRY_AFTER, retry_after_header(delay_ms));
        }
        let mut response = Response::new(Body::from(self.render(context)));
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }

    pub(crate) fn render(&self, context: Option<&RequestContext>) -> Vec<u8> {
        let mut json = Vec::with_capacity(TYPICAL_DOCUMENT_BYTES + self.detail.len());
        json.extend_from_slice(b"{\"type\":\"urn:ticketflow:problem:");
        json.extend_from_slice(self.code.as_bytes());
        json.extend_from_slice(b"\",\"title\":");
        write_json_text(&mut json, self.title);
        json.extend_from_slice(b",\"status\":");
        json.extend_from_slice(self.status.as_str().as_bytes());
        json.extend_from_slice(b",\"code\":\"");
        json.extend_from_slice(self.code.as_bytes());
        json.extend_from_slice(b"\",\"detail\":");
        write_json_text(&mut json, self.message());
        if let Some(context) = context {
            if !context.path().is_empty() {
                json.extend_from_slice(b",\"instance\":");
                write_json_text(&mut json, bounded(context.path(), INSTANCE_LIMIT_BYTES));
            }
            json.extend_from_slice(b",\"trace_id\":\"");
            json.extend_from_slice(context.trace_id().as_str().as_bytes());
            json.push(b'"');
        }
        if let Some(delay_ms) = self.retry_after_ms {
            json.extend_from_slice(b",\"retry_after_ms\":");
            json.extend_from_slice(delay_ms.to_string().as_bytes());
        }
        for (index, seat) in self.conflicting_seats.iter().enumerate() {
            json.extend_from_slice(if index == 0 { b",\"conflicting_seats\":[" } else { b"," });
            write_json_text(&mut json, seat);
        }
        if !self.conflicting_seats.is_empty() {
            json.push(b']');
        }
        for member in &self.members {
            json.push(b',');
            write_json_text(&mut json, member.name);
            json.push(b':');
            json.extend_from_slice(member.json.as_bytes());
        }
        json.push(b'}');
        json
    }
}

pub(crate) const OWN_MEMBERS: [&str; 9] = [
    "type",
    "title",
    "status",
    "code",
    "detail",
    "instance",
    "trace_id",
    "retry_after_ms",
    "conflicting_seats",
];

/// The document's own headers plus those of the shell and of the router.
const TYPICAL_HEADER_COUNT: usize = 6;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        CURRENT.try_with(|context| self.answer(Some(context))).unwrap_or_else(|_| self.answer(None))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.status.as_u16(), self.code)
    }
}

impl std::error::Error for Problem {}

fn retry_after_header(delay_ms: NonZeroU64) -> HeaderValue {
    match delay_ms.get().div_ceil(1_000) {
        1 => HeaderValue::from_static("1"),
        seconds => HeaderValue::from(seconds),
    }
}

/// The longest prefix of `text` of at most `limit_bytes` that ends at a character.
pub(crate) fn bounded(text: &str, limit_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(limit_bytes)]
}

/// Appends a text as JSON, quotes included: for answers that are written by hand because they are given so often.
pub fn write_json_text(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        json.extend_from_slice(&bytes[copied..index]);
        copied = index + 1;
        match byte {
            b'"' => json.extend_from_slice(b"\\\""),
            b'\\' => json.extend_from_slice(b"\\\\"),
            b'\n' => json.extend_from_slice(b"\\n"),
            b'\r' => json.extend_from_slice(b"\\r"),
            b'\t' => json.extend_from_slice(b"\\t"),
            control => json.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
    }
    json.extend_from_slice(&bytes[copied..]);
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TraceId;
    use serde_json::{Value, json};

    fn parsed(problem: &Problem, context: Option<&RequestContext>) -> Value {
        serde_json::from_slice(&problem.render(context)).expect("a problem document is valid JSON")
    }

    #[test]
    fn the_smallest_document_repeats_its_title() {
        let problem = Problem::gone("hold_expired", "The hold has expired");
        assert_eq!(
            parsed(&problem, None),
            json!({
                "type": "urn:ticketflow:problem:hold_expired",
                "title": "The hold has expired",
                "status": 410,
                "code": "hold_expired",
                "detail": "The hold has expired",
            })
        );
    }

    #[test]
    fn every_member_is_rendered() {
        let context =
            RequestContext::new(TraceId::generate(), &"/v1/shows/1/holds?secret=x".parse().expect("a path"));
        let problem = Problem::conflict("seats_unavailable", "Seats are not available")
            .detail("2 seats are taken")
            .conflicting_seats(vec!["Platea-A-1".into(), "Platea-A-2".into()])
            .retry_after_ms(1_001)
            .member("gate", "Norte")
            .member("tries", 3);
        assert_eq!(
            parsed(&problem, Some(&context)),
            json!({
                "type": "urn:ticketflow:problem:seats_unavailable",
                "title": "Seats are not available",
                "status": 409,
                "code": "seats_unavailable",
                "detail": "2 seats are taken",
                "instance": "/v1/shows/1/holds",
                "trace_id": context.trace_id().as_str(),
                "retry_after_ms": 1_001,
                "conflicting_seats": ["Platea-A-1", "Platea-A-2"],
                "gate": "Norte",
                "tries": 3,
            })
        );
    }

    #[test]
    fn any_text_survives_quoting() {
        let every_ascii: String = (0..=0x7f_u8).map(char::from).collect();
        for text in [
            every_ascii.as_str(),
            "\"",
            "\\",
            "\\\"",
            "Ñuñoa \u{1f3ad} \u{2028}\u{feff}",
            "\u{0}\u{1f}\u{7f}",
        ] {
            let problem = Problem::rule("a", "b")
                .detail(text.to_owned())
                .conflicting_seats(vec![text.to_owned()])
                .member("quoted", text);
            let document = parsed(&problem, None);
            assert_eq!(document["detail"], text);
            assert_eq!(document["conflicting_seats"], json!([text]));
            assert_eq!(document["quoted"], text);
        }
    }

    #[test]
    fn retry_after_is_whole_seconds_rounded_up() {
        for (delay_ms, seconds) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2"), (60_000, "60")] {
            let response = Problem::unavailable("a", "b", delay_ms).into_response();
            assert_eq!(response.headers()[RETRY_AFTER], seconds, "{delay_ms} ms");
            assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_CONTENT_TYPE);
        }
        let plain = Problem::rule("a", "b").into_response();
        assert_eq!(plain.headers().get(RETRY_AFTER), None);
    }

    #[test]
    fn a_problem_is_small_enough_to_be_an_error_value() {
        assert!(size_of::<Problem>() < 128);
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(bounded("ñandú", 1), "");
        assert_eq!(bounded("ñandú", 2), "ñ");
        assert_eq!(bounded("ñandú", 99), "ñandú");
    }
}
