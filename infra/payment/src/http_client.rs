//! The gateway over HTTP.
//!
//! Invariant: [`GatewayError::Unavailable`] is answered only where the call was certainly not carried out, that is where
//! no connection came about or the gateway itself says so. As soon as bytes may have left, whatever goes wrong is
//! [`GatewayError::Unknown`]. Every call has a deadline. Calls are not repeated here; the caller decides that.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::uri::{Authority, Scheme, Uri};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ticketflow_telemetry::with_causes;

use crate::gateway::{
    Authorization, AuthorizeRequest, Capture, ChargeStatus, GatewayError, GatewayFuture, PaymentGateway,
    Refund, Void,
};
use crate::wire::{
    AuthorizeAnswer, AuthorizeBody, CODE_NOT_PROCESSED, CaptureAnswer, KeyBody, PATH_AUTHORIZE, PATH_CAPTURE,
    PATH_REFUND, PATH_STATUS, PATH_VOID, Problem, RefundAnswer, RefundBody, StatusAnswer, VoidAnswer,
};

/// Longest answer read; ours are a few hundred bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Idle connections are closed before most servers and balancers close them, to send less into the void.
const IDLE_CONNECTION_SECONDS: u64 = 20;
/// Idle connections kept to the gateway; more than this in flight open and close their own.
const MAX_IDLE_CONNECTIONS: usize = 256;

/// Why a gateway address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayUrlError {
    /// Not an address.
    #[error("payment gateway address {url:?} is not a URL: {reason}")]
    Malformed {
        /// What was given.
        url: String,
        /// Why it is none.
        reason: String,
    },
    /// Not `http://`.
    #[error("payment gateway address {url:?} must start with http:// (put a TLS proxy in between for https)")]
    NotHttp {
        /// What was given.
        url: String,
    },
    /// Something behind the host that would be ignored.
    #[error("payment gateway address {url:?} must not have a query or user information")]
    Surplus {
        /// What was given.
        url: String,
    },
}

/// A gateway that is called with JSON over HTTP, as [`crate::simulator_router`] serves it.
pub struct HttpGateway {
    client: Client<HttpConnector, Full<Bytes>>,
    authority: Authority,
    path_prefix: String,
    timeout: Duration,
}

impl HttpGateway {
    /// A gateway at `url` (`http://host:port`, with a path prefix if need be), every call of which is given up
    /// after `timeout`. Opens no connection yet.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, GatewayUrlError> {
        let malformed = |reason: String| GatewayUrlError::Malformed { url: url.to_owned(), reason };
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| malformed(error.to_string()))?;
        let parts = uri.into_parts();
        if parts.scheme != Some(Scheme::HTTP) {
            return Err(GatewayUrlError::NotHttp { url: url.to_owned() });
        }
        let authority = parts.authority.ok_or_else(|| malformed("no host".into()))?;
        let path_and_query = parts.path_and_query;
        if authority.as_str().contains('@')
            || path_and_query.as_ref().is_some_and(|path| path.query().is_some())
        {
            return Err(GatewayUrlError::Surplus { url: url.to_owned() });
        }
        let path_prefix =
            path_and_query.map_or(String::new(), |path| path.path().trim_end_matches('/').to_owned());

        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        // Well inside the deadline: a host that does not answer the connect is told apart from one that got the call.
        connector.set_connect_timeout(Some(timeout / 2));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(IDLE_CONNECTION_SECONDS))
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
            .build(connector);
        Ok(Self { client, authority, path_prefix, timeout })
    }

    /// Makes a call and reads its answer, within the deadline.
    async fn call<A: DeserializeOwned>(&self, path: &str, body: impl Serialize) -> Result<A, GatewayError> {
        let request = self.request(path, &body)?;
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(Ok((status, answer))) => interpret(status, &answer),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(GatewayError::unknown(format!("no answer within {} ms", self.timeout.as_millis()))),
        }
    }

    fn request(&self, path: &str, body: &impl Serialize) -> Result<Request<Full<Bytes>>, GatewayError> {
        let body = serde_json::to_vec(body).map_err(|error| GatewayError::rejected(error.to_string()))?;
        Request::builder()
            .method(Method::POST)
            .uri(format!("http://{}{}{path}", self.authority, self.path_prefix))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| GatewayError::rejected(error.to_string()))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), GatewayError> {
        let response = self.client.request(request).await.map_err(|error| {
            let reason = with_causes(&error);
            match error.is_connect() {
                true => GatewayError::Unavailable { reason },
                false => GatewayError::Unknown { reason },
            }
        })?;
        let status = response.status();
        let answer = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let answer = answer.map_err(|error| GatewayError::unknown(format!("answer cut short: {error}")))?;
        Ok((status, answer.to_bytes()))
    }
}

/// Reads the answer with care: only what the gateway itself declares undone counts as undone.
fn interpret<A: DeserializeOwned>(status: StatusCode, answer: &[u8]) -> Result<A, GatewayError> {
    if status == StatusCode::OK {
        return serde_json::from_slice(answer)
            .map_err(|error| GatewayError::unknown(format!("answer not understood: {error}")));
    }
    let problem: Option<Problem> = serde_json::from_slice(answer).ok();
    let detail = problem.as_ref().map(|problem| problem.detail.as_str()).filter(|detail| !detail.is_empty());
    let reason = format!("HTTP {}: {}", status.as_u16(), detail.unwrap_or("no explanation"));
    let not_processed = problem.as_ref().is_some_and(|problem| problem.code == CODE_NOT_PROCESSED);
    match status {
        StatusCode::SERVICE_UNAVAILABLE if not_processed => Err(GatewayError::Unavailable { reason }),
        // The server read the call and refused it as such. Other 4xx (timeouts, rate limits, conflicts) may come from
        // something in between, after the call was passed on.
        StatusCode::BAD_REQUEST
        | StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Err(GatewayError::Rejected { reason }),
        _ => Err(GatewayError::Unknown { reason }),
    }
}

impl PaymentGateway for HttpGateway {
    fn authorize(&self, request: AuthorizeRequest) -> GatewayFuture<'_, Authorization> {
        Box::pin(async move {
            let answer: AuthorizeAnswer = self.call(PATH_AUTHORIZE, AuthorizeBody::from(request)).await?;
            Ok(answer.into())
        })
    }

    fn capture<'a>(&'a self, key: &'a str) -> GatewayFuture<'a, Capture> {
        Box::pin(async move {
            let answer: CaptureAnswer = self.call(PATH_CAPTURE, KeyBody { key: key.to_owned() }).await?;
            Ok(answer.into())
        })
    }

    fn void<'a>(&'a self, key: &'a str) -> GatewayFuture<'a, Void> {
        Box::pin(async move {
            let answer: VoidAnswer = self.call(PATH_VOID, KeyBody { key: key.to_owned() }).await?;
            Ok(answer.into())
        })
    }

    fn refund<'a>(
        &'a self,
        refund_key: &'a str,
        order_key: &'a str,
        amount_minor: i64,
    ) -> GatewayFuture<'a, Refund> {
        Box::pin(async move {
            let (refund_key, order_key) = (refund_key.to_owned(), order_key.to_owned());
            let answer: RefundAnswer =
                self.call(PATH_REFUND, RefundBody { refund_key, order_key, amount_minor }).await?;
            Ok(answer.into())
        })
    }

    fn status<'a>(&'a self, key: &'a str) -> GatewayFuture<'a, ChargeStatus> {
        Box::pin(async move {
            let answer: StatusAnswer = self.call(PATH_STATUS, KeyBody { key: key.to_owned() }).await?;
            Ok(answer.into())
        })
    }
}
