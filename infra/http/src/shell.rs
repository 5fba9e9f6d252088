//! The shell around every route: trace id, request context, load shedding, panic catching and latency metrics.
//!
//! Invariants: at most `max_in_flight` requests are between their head and the head of their answer, and one more is
//! refused at once; every answer carries `X-Instance` and `X-Trace-Id`; a panicking handler becomes a problem document.
//! A stream of server-sent events counts only until its head is made. Security headers of pages belong to the portal.

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tower::{Layer, Service};

use crate::context::{CURRENT, RequestContext};
use crate::route_metrics::{MethodIndex, RouteMetrics};
use crate::{Problem, TraceId, fallback};

/// Requests between their head and the head of their answer. Past it a replica queues more than it can answer within
/// its objective on two cores, so that shedding early serves more people than queueing.
pub const DEFAULT_MAX_IN_FLIGHT: usize = 8_192;

/// When a shed client should come back: long enough to let the queue of a full replica drain.
const OVERLOAD_RETRY_AFTER_MS: u64 = 1_000;

const X_INSTANCE: HeaderName = HeaderName::from_static("x-instance");
const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

pub(crate) const OVERLOADED: Problem = Problem::unavailable(
    "overloaded",
    "The server has as many requests in flight as it takes",
    OVERLOAD_RETRY_AFTER_MS,
);
pub(crate) const PANICKED: Problem = Problem::internal("internal", "The server failed to answer");

/// How the shell of one process is set up.
#[derive(Clone, Debug)]
pub struct ShellOptions {
    /// The name of this replica, sent as `X-Instance`. Characters that a header cannot carry become `?`.
    pub instance: String,
    /// Requests in flight past which one more is answered 503 `overloaded`.
    pub max_in_flight: usize,
}

/// The shell of one process; all its routers share the limit. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shell {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    instance: HeaderValue,
    max_in_flight: usize,
    in_flight: AtomicUsize,
}

impl Shell {
    /// A shell with nothing in flight.
    #[must_use]
    pub fn new(options: ShellOptions) -> Self {
        let visible: String = options
            .instance
            .chars()
            .map(|character| if matches!(character, ' '..='~') { character } else { '?' })
            .collect();
        Self {
            shared: Arc::new(Shared {
                instance: HeaderValue::from_str(&visible).expect("visible ASCII is a header value"),
                max_in_flight: options.max_in_flight,
                in_flight: AtomicUsize::new(0),
            }),
        }
    }

    /// Puts the shell around every route of `router` and answers unknown paths and methods with problem documents.
    /// Call it last, once: routes added afterwards are outside of the shell.
    pub fn wrap(&self, router: Router) -> Router {
        self.wrap_keeping_fallback(router.fallback(fallback::not_found))
    }

    /// As [`Shell::wrap`], but unknown paths go to the fallback that `router` already has, such as a page.
    pub fn wrap_keeping_fallback(&self, router: Router) -> Router {
        router
            .method_not_allowed_fallback(fallback::method_not_allowed)
            .layer(self.layer())
            // Binds the handlers now: an unbound router would build handler and layer anew for every request.
            .with_state(())
    }

    /// The layer alone, for routers put together in another way.
    #[must_use]
    pub fn layer(&self) -> ShellLayer {
        ShellLayer { shared: Arc::clone(&self.shared) }
    }

    /// Requests in flight at this moment.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Sets the gauge `http_requests_in_flight`. Called before metrics are rendered, so that requests need not do it.
    pub fn publish_gauges(&self) {
        metrics::gauge!("http_requests_in_flight").set(self.in_flight() as f64);
    }
}

/// Wraps one route in the shell; made by [`Shell::layer`].
#[derive(Clone, Debug)]
pub struct ShellLayer {
    shared: Arc<Shared>,
}

impl<S> Layer<S> for ShellLayer {
    type Service = ShellService<S>;

    /// The router calls this once for each mounted route, which is what gives each route its own metrics.
    fn layer(&self, inner: S) -> ShellService<S> {
        ShellService { inner, shared: Arc::clone(&self.shared), metrics: Arc::default() }
    }
}

/// One route inside the shell.
#[derive(Clone)]
pub struct ShellService<S> {
    inner: S,
    shared: Arc<Shared>,
    metrics: Arc<RouteMetrics>,
}

impl<S> Service<Request> for ShellService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ShellFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let trace_id = request
            .headers()
            .get(TRACEPARENT)
            .and_then(|header| TraceId::from_traceparent(header.as_bytes()))
            .unwrap_or_else(TraceId::generate);
        let context = RequestContext::new(trace_id, request.uri());
        self.metrics.learn_route(|| request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
        let method = MethodIndex::from(request.method());
        let slot = InFlight::take(&self.shared);
        let stage = match slot {
            Some(_) => Stage::Answering { handler: CURRENT.scope(context.clone(), self.inner.call(request)) },
            None => Stage::Shed,
        };
        ShellFuture {
            stage,
            slot,
            call: Call {
                context,
                method,
                started: Instant::now(),
                metrics: Arc::clone(&self.metrics),
                instance: self.shared.instance.clone(),
            },
        }
    }
}

/// A place among the requests in flight; given back when dropped.
struct InFlight(Arc<Shared>);

impl InFlight {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        // Taken first and checked after: two requests at the limit can both be refused, never both be let in.
        let slot = Self(Arc::clone(shared));
        (shared.in_flight.fetch_add(1, Ordering::Relaxed) < shared.max_in_flight).then_some(slot)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is needed to finish an answer.
struct Call {
    context: RequestContext,
    method: MethodIndex,
    started: Instant,
    metrics: Arc<RouteMetrics>,
    instance: HeaderValue,
}

impl Call {
    fn finish(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        headers.insert(X_INSTANCE, self.instance.clone());
        headers.insert(X_TRACE_ID, self.context.trace_id().header_value());
        self.metrics.record(self.method, response.status(), self.started.elapsed());
        response
    }

    fn answer_panic(&self, panic: &(dyn Any + Send)) -> Response {
        // A formatted message may quote what the client sent; only a literal one is safe to log.
        let message = panic.downcast_ref::<&'static str>();
        tracing::error!(
            trace_id = %self.context.trace_id(),
            route = self.metrics.route(),
            message = message.copied().unwrap_or("(formatted message withheld)"),
            "a request handler panicked"
        );
        PANICKED
            .detail("the request hit a defect; whether it took effect can be read back from its resource")
            .answer(Some(&self.context))
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F> {
        Answering { #[pin] handler: TaskLocalFuture<RequestContext, F> },
        Shed,
    }
}

pin_project! {
    /// The answer of one request inside the shell.
    pub struct ShellFuture<F> {
        #[pin]
        stage: Stage<F>,
        slot: Option<InFlight>,
        call: Call,
    }
}

impl<F> Future for ShellFuture<F>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match this.stage.project() {
            StageProjection::Shed => OVERLOADED.answer(Some(&this.call.context)),
            StageProjection::Answering { handler } => {
                // A handler that panicked is never polled again: the answer below completes this future.
                match catch_unwind(AssertUnwindSafe(|| handler.poll(cx))) {
                    Ok(polled) => {
                        let Ok(response) = ready!(polled);
                        response
                    }
                    Err(panic) => this.call.answer_panic(panic.as_ref()),
                }
            }
        };
        *this.slot = None;
        Poll::Ready(Ok(this.call.finish(response)))
    }
}
