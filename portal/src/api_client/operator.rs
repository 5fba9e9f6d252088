//! The calls that need the operator's key. Each takes it anew: the client keeps none.

use super::{
    ApiClient, ApiError, CompactMap, MAX_DOCUMENT_BYTES, MAX_PLAN_BYTES, get, header, parse, unreadable,
};
use crate::address::with_query;
use crate::operator_cookie::OperatorKey;
use crate::operator_model::{Action, EventPage, EventQuery, ProjectionPage};
use axum::body::Body;
use http::{HeaderMap, Request, Response};
use serde_json::json;

impl ApiClient {
    /// How the projections are doing.
    pub(crate) async fn projections(&self, key: &OperatorKey) -> Result<ProjectionPage, ApiError> {
        let request = signed(get("/v1/ops/projections/history?limit=0")?, key);
        let what = "the state of the projections";
        let bytes = self.bytes(request, self.deadlines.read, MAX_DOCUMENT_BYTES, what).await?;
        parse(&bytes, what)
    }

    /// Does something with a projection.
    pub(crate) async fn act(
        &self,
        key: &OperatorKey,
        projection: &str,
        action: Action,
        reason: &str,
    ) -> Result<(), ApiError> {
        let what = "an action on a projection";
        let body = match action {
            Action::Skip => json!({ "reason": reason }).to_string(),
            Action::Pause | Action::Resume | Action::Rebuild => String::new(),
        };
        let request = Request::post(format!("/v1/ops/projections/{projection}/{}", action.name()))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .map_err(|error| unreadable(what, error))?;
        let request = signed(request, key);
        self.bytes(request, self.deadlines.hold, MAX_DOCUMENT_BYTES, what).await.map(drop)
    }

    /// A page of the log. The creation of a show holds its whole plan, hence the bound of plans.
    pub(crate) async fn events(&self, key: &OperatorKey, query: &EventQuery) -> Result<EventPage, ApiError> {
        let pairs = query.pairs();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let request = signed(get(&with_query("/v1/ops/events", &pairs))?, key);
        let bytes = self.bytes(request, self.deadlines.read, MAX_PLAN_BYTES, "a page of the log").await?;
        parse(&bytes, "a page of the log")
    }

    /// The map of a show as it was after the event at a position.
    pub(crate) async fn map_at(
        &self,
        key: &OperatorKey,
        show: &str,
        position: u64,
    ) -> Result<CompactMap, ApiError> {
        let path = format!("/v1/ops/shows/{show}/seats?format=compact&at={position}");
        let request = signed(get(&path)?, key);
        let what = "a seat map of the past";
        self.bytes(request, self.deadlines.read, MAX_DOCUMENT_BYTES, what).await.map(CompactMap)
    }

    /// Hands the browser's own read on under the operator's key, body unread.
    pub(crate) async fn forward_signed(
        &self,
        key: &OperatorKey,
        path: &str,
        from: &HeaderMap,
    ) -> Result<Response<Body>, ApiError> {
        let request = signed(self.forwarded(path, from)?, key);
        self.send(request, self.deadlines.read).await
    }
}

pub(super) fn signed(mut request: Request<Body>, key: &OperatorKey) -> Request<Body> {
    request.headers_mut().insert(header::AUTHORIZATION, key.bearer());
    request
}
