//! The context of the request being answered, carried by a task-local for as long as its handler runs.
//!
//! The shell sets it; a problem document made anywhere below the handler reads its trace id and instance from it, so
//! that no body has to be rendered twice. A task that a handler spawns does not inherit it.

use http::Uri;
use http::uri::PathAndQuery;

use crate::TraceId;

tokio::task_local! {
    pub(crate) static CURRENT: RequestContext;
}

/// Who asks for what: the trace id and the path of the request being answered.
#[derive(Clone, Debug)]
pub struct RequestContext {
    trace_id: TraceId,
    target: Option<PathAndQuery>,
}

impl RequestContext {
    pub(crate) fn new(trace_id: TraceId, uri: &Uri) -> Self {
        Self { trace_id, target: uri.path_and_query().cloned() }
    }

    /// The context of an answer that is given before any request was read.
    pub(crate) fn without_request(trace_id: TraceId) -> Self {
        Self { trace_id, target: None }
    }

    /// The context of the request whose handler is running, or `None` outside of one.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// The id of the request in answers, logs and traces.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The path as the client sent it, without the query: queries may name people, and paths end up in answers and logs.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.as_ref().map_or("", PathAndQuery::path)
    }
}
