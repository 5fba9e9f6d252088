//! `/openapi.json`, and `/docs`: the document as a page, by Scalar, whose script is in the executable.
//!
//! The page fetches nothing from anywhere else, which its content policy enforces. Scalar sets styles by script, so that
//! inline styles are allowed here, and only here.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use ticketflow_http::{is_known, not_modified};

const PAGE: &str = include_str!("docs.html");
const START: &str = include_str!("docs.js");
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Megabytes, so that the first who asks brings it from the executable and all others share it.
static SCALAR: LazyLock<File> = LazyLock::new(|| {
    let script = scalar_api_reference::get_asset("scalar.js").expect("the crate embeds its script");
    File::new("text/javascript", Bytes::from(script))
});

/// The routes.
pub(super) fn router(document: String) -> Router {
    let document = Arc::new(File::new("application/json", Bytes::from(document)));
    let page = Arc::new(File::new("text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes())));
    let start = Arc::new(File::new("text/javascript", Bytes::from_static(START.as_bytes())));
    Router::new()
        .route("/openapi.json", get(file).with_state(document))
        .route("/docs", get(file).with_state(page))
        .route("/docs/start.js", get(file).with_state(start))
        .route("/docs/scalar.js", get(async |headers: HeaderMap| SCALAR.answer(&headers)))
}

async fn file(State(file): State<Arc<File>>, headers: HeaderMap) -> Response {
    file.answer(&headers)
}

/// Content that changes with the version of the program alone.
struct File {
    content_type: &'static str,
    bytes: Bytes,
    etag: HeaderValue,
}

impl File {
    fn new(content_type: &'static str, bytes: Bytes) -> Self {
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        let name = hash[..8].iter().fold(String::new(), |name, byte| format!("{name}{byte:02x}"));
        let etag = HeaderValue::from_str(&format!("\"{name}\"")).expect("digits are a header value");
        Self { content_type, bytes, etag }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        if is_known(headers, &self.etag) {
            return not_modified(self.etag.clone());
        }
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static(self.content_type)),
            (ETAG, self.etag.clone()),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY)),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        (headers, self.bytes.clone()).into_response()
    }
}
