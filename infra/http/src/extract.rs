//! What handlers take from a request: JSON bodies, idempotency keys, path and query values.
//!
//! Invariants: whatever cannot be read is refused with a problem document that says where and what was expected; a body
//! is bounded in bytes and in time; text of the client is repeated only in bounded length and never logged.
//! Rules beyond the shape of a request belong to the domain.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::Problem;
use crate::problem::bounded;

/// Largest body of an ordinary command: a hold of many seats with their revisions fits many times over.
pub const DEFAULT_BODY_LIMIT_BYTES: usize = 1 << 20;
/// Largest body of a seating plan: about 100,000 seats with explicit labels.
pub const PLAN_BODY_LIMIT_BYTES: usize = 16 << 20;
/// How long any body may take; larger limits get the time that [`SLOWEST_UPLOAD_BYTES_PER_SECOND`] needs on top.
pub const BODY_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The slowest connection over which a body of the largest size still arrives in time.
const SLOWEST_UPLOAD_BYTES_PER_SECOND: usize = 128 << 10;
/// Longest explanation by the JSON parser that is repeated; it may quote the client's own values.
const EXPLANATION_LIMIT_BYTES: usize = 300;
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// As it is written in the API's document; the case of a header's name means nothing.
pub(crate) const IDEMPOTENCY_KEY_HEADER: &str = "Idempotency-Key";
const IDEMPOTENCY_KEY_LIMIT_BYTES: usize = 128;

/// A JSON body of at most `LIMIT` bytes, with the bytes it was read from.
///
/// `T` should deny unknown fields: a misspelt field is then refused instead of ignored.
#[derive(Clone, Debug)]
pub struct ApiJson<T, const LIMIT: usize = DEFAULT_BODY_LIMIT_BYTES> {
    /// The parsed body.
    pub value: T,
    /// The body as sent, for the request fingerprint. Keeping it also keeps the connection's read buffer alive.
    pub raw: Bytes,
}

impl<T, S, const LIMIT: usize> FromRequest<S> for ApiJson<T, LIMIT>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(UNSUPPORTED_MEDIA_TYPE
                .detail("send the body as JSON with the header Content-Type: application/json"));
        }
        let raw = read_body(request.into_body(), LIMIT).await?;
        if !is_object(&raw) {
            return Err(explain_no_object(&raw));
        }
        match serde_json::from_slice(&raw) {
            Ok(value) => Ok(Self { value, raw }),
            Err(error) => Err(explain_json::<T>(&raw, &error)),
        }
    }
}

pub(crate) const UNSUPPORTED_MEDIA_TYPE: Problem = Problem::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "unsupported_media_type",
    "The body is not declared as JSON",
);
pub(crate) const BODY_TOO_LARGE: Problem = Problem::too_large("body_too_large", "The body is too large");
pub(crate) const BODY_TOO_SLOW: Problem =
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "The body did not arrive in time");
pub(crate) const BODY_CUT_SHORT: Problem = Problem::malformed("body_cut_short", "The body ended early");
pub(crate) const MALFORMED_JSON: Problem = Problem::malformed("malformed_json", "The body is not valid JSON");
pub(crate) const INVALID_BODY: Problem =
    Problem::malformed("invalid_body", "The body does not have the expected shape");

fn is_json(headers: &HeaderMap) -> bool {
    let Some(header) = headers.get(CONTENT_TYPE) else {
        return false;
    };
    let essence = header.as_bytes().split(|byte| *byte == b';').next();
    let essence = essence.unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"application/json")
        || (essence.len() > 17
            && essence[..12].eq_ignore_ascii_case(b"application/")
            && essence[essence.len() - 5..].eq_ignore_ascii_case(b"+json"))
}

async fn read_body(mut body: Body, limit_bytes: usize) -> Result<Bytes, Problem> {
    let too_large = || BODY_TOO_LARGE.detail(format!("this route takes at most {limit_bytes} bytes"));
    if body.size_hint().lower() > limit_bytes as u64 {
        return Err(too_large());
    }
    let allowed =
        BODY_READ_TIMEOUT + Duration::from_secs((limit_bytes / SLOWEST_UPLOAD_BYTES_PER_SECOND) as u64);
    let collect = async {
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| BODY_CUT_SHORT)?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if first.len().max(all.len()) + data.len() > limit_bytes {
                return Err(too_large());
            }
            // Most bodies are one frame: those are handed on without a copy.
            if first.is_empty() {
                first = data;
            } else {
                if all.is_empty() {
                    all.extend_from_slice(&first);
                }
                all.extend_from_slice(&data);
            }
            if body.is_end_stream() {
                break;
            }
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    };
    tokio::time::timeout(allowed, collect)
        .await
        .map_err(|_| BODY_TOO_SLOW.detail(format!("a body must arrive within {} s", allowed.as_secs())))?
}

/// Every body of the API is an object. A parser of structs would take an array of their fields as well, names unseen.
fn is_object(raw: &[u8]) -> bool {
    raw.trim_ascii_start().first() == Some(&b'{')
}

fn explain_no_object(raw: &[u8]) -> Problem {
    if raw.trim_ascii_start().is_empty() {
        MALFORMED_JSON.detail("the body is empty; a JSON object was expected")
    } else if raw.starts_with(b"\xef\xbb\xbf") {
        MALFORMED_JSON.detail("the body starts with a byte order mark; send it without one")
    } else {
        INVALID_BODY.detail("a JSON object was expected: the body must start with {")
    }
}

/// Says where a body went wrong. It parses a second time to find the field; only refused bodies pay for that.
fn explain_json<T: DeserializeOwned>(raw: &[u8], error: &serde_json::Error) -> Problem {
    use serde_json::error::Category;
    if let Err(utf8) = std::str::from_utf8(raw) {
        return MALFORMED_JSON
            .detail(format!("the body is not UTF-8 text: byte {} is wrong", utf8.valid_up_to()));
    }
    let explanation = error.to_string();
    let explanation = bounded_explanation(&explanation);
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => MALFORMED_JSON
            .detail(explanation.into_owned())
            .member("line", error.line())
            .member("column", error.column()),
        Category::Data => {
            let mut parser = serde_json::Deserializer::from_slice(raw);
            let field = match serde_path_to_error::deserialize::<_, T>(&mut parser) {
                Err(located) => located.path().to_string(),
                Ok(_) => ".".to_owned(),
            };
            let problem = if field == "." {
                INVALID_BODY.detail(explanation.into_owned())
            } else {
                let field = bounded(&field, EXPLANATION_LIMIT_BYTES);
                INVALID_BODY.detail(format!("{field}: {explanation}")).member("field", field)
            };
            problem.member("line", error.line()).member("column", error.column())
        }
    }
}

/// Keeps both ends of a long explanation: the start says what is wrong, the end says where.
fn bounded_explanation(explanation: &str) -> std::borrow::Cow<'_, str> {
    if explanation.len() <= EXPLANATION_LIMIT_BYTES {
        return explanation.into();
    }
    let head = bounded(explanation, EXPLANATION_LIMIT_BYTES / 2);
    let tail_start = explanation.ceil_char_boundary(explanation.len() - EXPLANATION_LIMIT_BYTES / 2);
    format!("{head}...{}", &explanation[tail_start..]).into()
}

/// The `Idempotency-Key` header: 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(HeaderValue);

impl IdempotencyKey {
    /// The key as sent. Copy it to keep it: the header value shares the connection's read buffer.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("checked to be visible ASCII")
    }

    /// The key of a request with these headers.
    ///
    /// # Errors
    /// 400 `idempotency_key_missing` or `idempotency_key_invalid`.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else {
            return Err(KEY_MISSING.detail(
                "send an Idempotency-Key header, new for each intent and the same for each retry of it",
            ));
        };
        let is_visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
        let is_in_bounds = (1..=IDEMPOTENCY_KEY_LIMIT_BYTES).contains(&value.len());
        if !is_visible || !is_in_bounds || values.next().is_some() {
            return Err(KEY_INVALID
                .detail("an Idempotency-Key is sent once and has 1 to 128 visible ASCII characters"));
        }
        Ok(Self(value.clone()))
    }
}

pub(crate) const KEY_MISSING: Problem =
    Problem::malformed("idempotency_key_missing", "The request needs an idempotency key");
pub(crate) const KEY_INVALID: Problem =
    Problem::malformed("idempotency_key_invalid", "The idempotency key cannot be used");

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(IDEMPOTENCY_KEY_LIMIT_BYTES))
            .pattern(Some("^[!-~]+$"));
        let parameter = ParameterBuilder::new()
            .name(IDEMPOTENCY_KEY_HEADER)
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(
                "New for each intent and the same for each retry of it, so that nothing is carried out twice",
            ))
            .schema(Some(text))
            .example(Some("buy-7f3a9c".into()));
        vec![parameter.build()]
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Self::from_headers(&parts.headers)
    }
}

/// Values of the path. A segment that cannot be one, such as a malformed id, names nothing: 404 `not_found`.
#[derive(Clone, Copy, Debug)]
pub struct ApiPath<T>(pub T);

impl<T, S> FromRequestParts<S> for ApiPath<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => {
                Err(NAMES_NOTHING.detail(bounded_explanation(&rejection.body_text()).into_owned()))
            }
        }
    }
}

pub(crate) const NAMES_NOTHING: Problem = Problem::not_found("not_found", "There is no such thing");

/// Values of the query. What cannot be read is refused: 400 `malformed_query`.
#[derive(Clone, Copy, Debug)]
pub struct ApiQuery<T>(pub T);

impl<T, S> FromRequestParts<S> for ApiQuery<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri).map(|Query(value)| Self(value)).map_err(
            |rejection: QueryRejection| {
                MALFORMED_QUERY.detail(bounded_explanation(&rejection.body_text()).into_owned())
            },
        )
    }
}

pub(crate) const MALFORMED_QUERY: Problem =
    Problem::malformed("malformed_query", "The query of the address cannot be read");

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    struct SilentBody;

    impl HttpBody for SilentBody {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        for (limit_bytes, allowed_seconds) in [(1_000, 30), (PLAN_BODY_LIMIT_BYTES, 30 + 128)] {
            let started = tokio::time::Instant::now();
            let problem = read_body(Body::new(SilentBody), limit_bytes).await.unwrap_err();
            assert_eq!(problem.code(), "body_timeout");
            assert_eq!(started.elapsed().as_secs(), allowed_seconds);
        }
    }

    #[test]
    fn json_media_types_are_recognised() {
        for (content_type, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/cloudevents+json", true),
            ("application/+json", false),
            ("application/jsonp", false),
            ("text/json", false),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            let header = HeaderValue::from_static(content_type);
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, header)]);
            assert_eq!(is_json(&headers), expected, "{content_type}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn idempotency_keys_are_1_to_128_visible_characters_sent_once() {
        let code = |values: &[&[u8]]| {
            let headers = values.iter().map(|value| {
                let value = HeaderValue::from_bytes(value).unwrap();
                (http::HeaderName::from_static(IDEMPOTENCY_KEY), value)
            });
            IdempotencyKey::from_headers(&headers.collect())
                .map(|key| key.as_str().to_owned())
                .map_err(|problem| problem.code())
        };
        assert_eq!(code(&[b"a"]).as_deref(), Ok("a"));
        assert_eq!(code(&[&[b'~'; 128]]), Ok("~".repeat(128)));
        assert_eq!(code(&[]), Err("idempotency_key_missing"));
        let invalid: [&[&[u8]]; 6] =
            [&[b""], &[&[b'a'; 129]], &[b"a b"], &["ñ".as_bytes()], &[b"a\tb"], &[b"a", b"a"]];
        for values in invalid {
            assert_eq!(code(values), Err("idempotency_key_invalid"), "{values:?}");
        }
    }

    #[test]
    fn a_long_explanation_keeps_both_ends() {
        let text = format!("start{}end", "ñ".repeat(400));
        let explanation = bounded_explanation(&text);
        assert!(explanation.len() <= EXPLANATION_LIMIT_BYTES + 3);
        assert!(explanation.starts_with("start") && explanation.ends_with("end"));
    }
}
