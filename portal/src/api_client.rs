//! The portal's only way to the API: typed calls over HTTP, in this process or to another machine.
//!
//! Every call has a deadline and a bound on the size of its answer. A call whose answer is lost says so
//! (`ApiError::outcome_unknown`), for then the same request with the same idempotency key must be sent again instead
//! of a new one. Retrying is left to the person at the page: the client never repeats a request by itself.

mod operator;
mod papers;

use crate::api_model::{
    CompactMap, Hold, HoldRequest, Order, Plan, ProblemDocument, Purchase, PurchaseDone, Refund, RefundDone,
    ShowDetail, ShowList,
};
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tower::ServiceExt;

/// Pages of the catalogue: enough for a season, small enough to render at once.
const SHOWS_PER_PAGE: usize = 48;
/// No document but a plan comes near this.
const MAX_DOCUMENT_BYTES: usize = 1 << 20;
/// A plan of 100,000 seats takes about 3 MiB.
const MAX_PLAN_BYTES: usize = 16 << 20;
/// Connections kept open to a remote API while idle.
const MAX_IDLE_CONNECTIONS: usize = 64;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

const HOLD_TOKEN: HeaderName = HeaderName::from_static("hold-token");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long the portal waits for the API.
#[derive(Debug, Clone, Copy)]
pub struct ApiDeadlines {
    /// Reads, and the first byte of streams.
    pub read: Duration,
    /// Holds and releases.
    pub hold: Duration,
    /// Purchases and refunds: longer than the API's own deadline for the payment gateway, so that the API's verdict
    /// arrives instead of a guess.
    pub payment: Duration,
}

impl Default for ApiDeadlines {
    fn default() -> Self {
        Self { read: Duration::from_secs(5), hold: Duration::from_secs(8), payment: Duration::from_secs(40) }
    }
}

/// Why a base URL cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{url:?} is not the base URL of an API; write it like http://127.0.0.1:8080, without a path")]
pub struct InvalidBaseUrl {
    url: String,
}

/// A refusal by the API, in its own words.
#[derive(Debug)]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// The stable code of the problem document; empty when the answer was none.
    pub code: String,
    /// What the API says about this occurrence.
    pub detail: String,
    /// Seats that stand in the way.
    pub conflicting_seats: Vec<String>,
    /// Seconds to wait before another try.
    pub retry_after_seconds: Option<u64>,
    /// For the operator's logs.
    pub trace_id: Option<String>,
}

/// Why a call to the API gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The API answered with a problem.
    #[error("the API refused with {} {}", .0.status, .0.code)]
    Refused(Box<Refusal>),
    /// No connection, or it broke before an answer came.
    #[error("the API cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer within the deadline.
    #[error("the API did not answer within {0:?}")]
    DeadlinePassed(Duration),
    /// An answer that is not what the contract says.
    #[error("the API's answer to {what} cannot be read")]
    Unreadable {
        /// Which call.
        what: &'static str,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ApiError {
    /// Whether the request may have taken effect although no answer came.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code.is_empty() && refusal.status.is_server_error(),
            Self::Unreachable(_) | Self::DeadlinePassed(_) | Self::Unreadable { .. } => true,
        }
    }

    /// The problem code, or an empty text.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.code,
            _ => "",
        }
    }
}

#[derive(Clone)]
enum Transport {
    InProcess(Router),
    Remote { base: String, client: Client<HttpConnector, Body>, own_reads: Option<Router> },
}

/// A handle on the API; cloning it is cheap.
#[derive(Clone)]
pub struct ApiClient {
    transport: Transport,
    deadlines: ApiDeadlines,
}

impl ApiClient {
    /// Calls the API's router inside this process: no socket, no serialisation of the request line.
    pub fn in_process(router: Router) -> Self {
        Self { transport: Transport::InProcess(router), deadlines: ApiDeadlines::default() }
    }

    /// Calls an API over the network by plain HTTP; TLS between the machines is the mesh's or the proxy's.
    ///
    /// # Errors
    /// `InvalidBaseUrl` when the URL is not `http://HOST[:PORT]`.
    pub fn remote(base_url: &str) -> Result<Self, InvalidBaseUrl> {
        let base = base_url.trim_end_matches('/');
        let invalid = || InvalidBaseUrl { url: base_url.to_owned() };
        let uri: Uri = base.parse().map_err(|_| invalid())?;
        if uri.scheme_str() != Some("http")
            || uri.host().is_none()
            || uri.path() != "/"
            || uri.query().is_some()
        {
            return Err(invalid());
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
            .build(connector);
        let transport = Transport::Remote { base: base.to_owned(), client, own_reads: None };
        Ok(Self { transport, deadlines: ApiDeadlines::default() })
    }

    /// Answers buyers' reads by a router of this process, such as one that has a replica of the log; everything else still
    /// goes to the API, also what operators ask of it. Of no effect where everything is in this process.
    pub fn with_own_reads(mut self, router: Router) -> Self {
        if let Transport::Remote { own_reads, .. } = &mut self.transport {
            *own_reads = Some(router);
        }
        self
    }

    /// Other deadlines than the defaults.
    pub fn with_deadlines(mut self, deadlines: ApiDeadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    pub(crate) async fn shows(&self, starting_after: Option<&str>) -> Result<ShowList, ApiError> {
        let mut path = format!("/v1/shows?limit={SHOWS_PER_PAGE}");
        if let Some(id) = starting_after {
            path.push_str("&starting_after=");
            path.push_str(id);
        }
        self.read(&path, "the list of shows").await
    }

    pub(crate) async fn show(&self, show: &str) -> Result<ShowDetail, ApiError> {
        self.read(&format!("/v1/shows/{show}"), "a show").await
    }

    pub(crate) async fn plan(&self, plan_url: &str) -> Result<Plan, ApiError> {
        let request = get(plan_url)?;
        let bytes = self.bytes(request, self.deadlines.read, MAX_PLAN_BYTES, "a plan").await?;
        parse(&bytes, "a plan")
    }

    pub(crate) async fn compact_map(&self, show: &str) -> Result<CompactMap, ApiError> {
        let request = get(&format!("/v1/shows/{show}/seats?format=compact"))?;
        self.bytes(request, self.deadlines.read, MAX_DOCUMENT_BYTES, "a seat map").await.map(CompactMap)
    }

    /// An order as of a position at least, which the API waits for.
    pub(crate) async fn order(&self, order: &str, at: Option<u64>) -> Result<Order, ApiError> {
        let at_least = at.map_or_else(String::new, |position| format!("?min_position={position}"));
        self.read(&format!("/v1/orders/{order}{at_least}"), "an order").await
    }

    pub(crate) async fn hold(&self, show: &str, key: &str, wanted: &HoldRequest) -> Result<Hold, ApiError> {
        let request = post(&format!("/v1/shows/{show}/holds"), key, None, wanted)?;
        let bytes = self.bytes(request, self.deadlines.hold, MAX_DOCUMENT_BYTES, "a hold").await?;
        parse(&bytes, "a hold")
    }

    pub(crate) async fn release(&self, show: &str, hold: &str, token: &str) -> Result<(), ApiError> {
        let request = Request::delete(format!("/v1/shows/{show}/holds/{hold}"))
            .header(HOLD_TOKEN, token)
            .body(Body::empty())
            .map_err(|error| unreadable("a release", error))?;
        self.bytes(request, self.deadlines.hold, MAX_DOCUMENT_BYTES, "a release").await.map(drop)
    }

    pub(crate) async fn purchase(
        &self,
        show: &str,
        hold: &str,
        token: &str,
        key: &str,
        purchase: &Purchase<'_>,
    ) -> Result<PurchaseDone, ApiError> {
        let request = post(&format!("/v1/shows/{show}/holds/{hold}/purchase"), key, Some(token), purchase)?;
        let bytes = self.bytes(request, self.deadlines.payment, MAX_DOCUMENT_BYTES, "a purchase").await?;
        parse(&bytes, "a purchase")
    }

    pub(crate) async fn refund(
        &self,
        order: &str,
        key: &str,
        refund: &Refund<'_>,
    ) -> Result<RefundDone, ApiError> {
        let request = post(&format!("/v1/orders/{order}/refunds"), key, None, refund)?;
        let bytes = self.bytes(request, self.deadlines.payment, MAX_DOCUMENT_BYTES, "a refund").await?;
        parse(&bytes, "a refund")
    }

    /// Hands the browser's own read on, body unread: plans, maps and the live stream. Only the headers that steer
    /// caching and resuming travel.
    pub(crate) async fn forward(&self, path: &str, from: &HeaderMap) -> Result<Response<Body>, ApiError> {
        self.send(self.forwarded(path, from)?, self.deadlines.read).await
    }

    fn forwarded(&self, path: &str, from: &HeaderMap) -> Result<Request<Body>, ApiError> {
        let mut request = get(path)?;
        let passed =
            [header::IF_NONE_MATCH, header::ACCEPT_ENCODING, HeaderName::from_static("last-event-id")];
        for name in passed {
            if let Some(value) = from.get(&name) {
                request.headers_mut().insert(name, value.clone());
            }
        }
        Ok(request)
    }

    async fn read<T: DeserializeOwned>(&self, path: &str, what: &'static str) -> Result<T, ApiError> {
        let bytes = self.bytes(get(path)?, self.deadlines.read, MAX_DOCUMENT_BYTES, what).await?;
        parse(&bytes, what)
    }

    /// The whole body of a successful answer; the deadline covers head and body.
    async fn bytes(
        &self,
        request: Request<Body>,
        deadline: Duration,
        limit: usize,
        what: &'static str,
    ) -> Result<Bytes, ApiError> {
        let exchange = async {
            let response = self.send(request, deadline).await?;
            let (head, body) = response.into_parts();
            let collected = Limited::new(body, limit).collect().await;
            let bytes = collected.map_err(|source| ApiError::Unreadable { what, source })?.to_bytes();
            if head.status.is_success() {
                Ok(bytes)
            } else {
                Err(refusal(head.status, &head.headers, &bytes))
            }
        };
        tokio::time::timeout(deadline, exchange).await.unwrap_or(Err(ApiError::DeadlinePassed(deadline)))
    }

    async fn send(&self, request: Request<Body>, deadline: Duration) -> Result<Response<Body>, ApiError> {
        let exchange = async {
            match &self.transport {
                Transport::InProcess(router) => Ok(ask(router, request).await),
                Transport::Remote { own_reads: Some(router), .. } if is_own_read(&request) => {
                    Ok(ask(router, request).await)
                }
                Transport::Remote { base, client, .. } => {
                    let (mut head, body) = request.into_parts();
                    let address = format!("{base}{}", head.uri);
                    head.uri = address.parse().map_err(|error| unreadable("its own address", error))?;
                    let response = client.request(Request::from_parts(head, body)).await;
                    response
                        .map(|response| response.map(Body::new))
                        .map_err(|error| ApiError::Unreachable(Box::new(error)))
                }
            }
        };
        tokio::time::timeout(deadline, exchange).await.unwrap_or(Err(ApiError::DeadlinePassed(deadline)))
    }
}

/// Operators ask how the API's own processes are doing, not how this one is.
fn is_own_read(request: &Request<Body>) -> bool {
    request.method() == Method::GET && !request.uri().path().starts_with("/v1/ops/")
}

async fn ask(router: &Router, request: Request<Body>) -> Response<Body> {
    match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn get(path: &str) -> Result<Request<Body>, ApiError> {
    Request::get(path).body(Body::empty()).map_err(|error| unreadable("a read", error))
}

fn post<T: serde::Serialize>(
    path: &str,
    key: &str,
    hold_token: Option<&str>,
    body: &T,
) -> Result<Request<Body>, ApiError> {
    let json = serde_json::to_vec(body).map_err(|error| unreadable("a request", error))?;
    let mut builder = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(IDEMPOTENCY_KEY, key);
    if let Some(token) = hold_token {
        builder = builder.header(HOLD_TOKEN, token);
    }
    builder.body(Body::from(json)).map_err(|error| unreadable("a request", error))
}

fn unreadable(what: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> ApiError {
    ApiError::Unreadable { what, source: Box::new(source) }
}

fn parse<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| unreadable(what, error))
}

/// An answer that is no problem document (a proxy's page, say) still becomes a refusal, without a code.
fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ApiError {
    let document: ProblemDocument = serde_json::from_slice(body).unwrap_or_default();
    let retry_after = headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok());
    ApiError::Refused(Box::new(Refusal {
        status,
        code: document.code,
        detail: document.detail,
        conflicting_seats: document.conflicting_seats,
        retry_after_seconds: retry_after,
        trace_id: document.trace_id,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get as on_get;
    use std::error::Error as _;

    #[test]
    fn a_base_url_is_plain_http_without_a_path() {
        for good in ["http://127.0.0.1:8080", "http://api.internal/", "http://[::1]:80"] {
            assert!(ApiClient::remote(good).is_ok(), "{good}");
        }
        for bad in
            ["", "127.0.0.1:8080", "https://api", "http://api/v1", "http://api?x=1", "ftp://api", "http://"]
        {
            assert!(ApiClient::remote(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_problem_document_becomes_a_refusal_and_a_bare_error_an_unknown_outcome() {
        let problem =
            r#"{"code":"seats_unavailable","detail":"taken","conflicting_seats":["A-1"],"status":409}"#;
        let router = Router::new()
            .route("/v1/shows/problem", on_get(move || async move { (StatusCode::CONFLICT, problem) }))
            .route("/v1/shows/proxy", on_get(|| async { (StatusCode::BAD_GATEWAY, "<html>oops</html>") }))
            .route("/v1/shows/odd", on_get(|| async { "{\"neither\": 1}" }));
        let client = ApiClient::in_process(router);
        let Err(ApiError::Refused(refusal)) = client.show("problem").await else { panic!("not refused") };
        assert_eq!((refusal.code.as_str(), refusal.conflicting_seats.len()), ("seats_unavailable", 1));
        assert!(client.show("proxy").await.unwrap_err().outcome_unknown());
        let odd = client.show("odd").await.unwrap_err();
        assert!(odd.source().is_some_and(|cause| cause.to_string().contains("missing field")), "{odd:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_api_ends_at_the_deadline() {
        let router = Router::new().route("/v1/shows/{show}", on_get(std::future::pending::<StatusCode>));
        let error = ApiClient::in_process(router).show("x").await.unwrap_err();
        assert!(matches!(error, ApiError::DeadlinePassed(_)) && error.outcome_unknown());
    }

    #[tokio::test]
    async fn nobody_listening_is_unreachable() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let client = ApiClient::remote(&format!("http://{address}")).unwrap();
        assert!(matches!(client.shows(None).await.unwrap_err(), ApiError::Unreachable(_)));
    }

    #[tokio::test]
    async fn buyers_reads_are_answered_here_and_operators_by_the_api() {
        let own = Router::new().fallback(|| async { r#"{"data": [], "has_more": false}"# });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let client = ApiClient::remote(&format!("http://{address}")).unwrap().with_own_reads(own);
        assert!(client.shows(None).await.unwrap().data.is_empty());
        let asked = get("/v1/ops/projections").unwrap();
        let asked = client.send(asked, Duration::from_secs(5)).await;
        assert!(matches!(asked.unwrap_err(), ApiError::Unreachable(_)));
    }

    #[tokio::test]
    async fn an_answer_without_end_is_cut_at_the_limit() {
        let huge = vec![b' '; MAX_DOCUMENT_BYTES + 1];
        let router = Router::new().route("/v1/shows/{show}", on_get(move || async move { huge }));
        let error = ApiClient::in_process(router).show("x").await.unwrap_err();
        assert!(matches!(error, ApiError::Unreadable { .. }), "{error:?}");
    }
}
