//! The operators' calls about papers: what is parked, folios, what the authority refused.

use super::operator::signed;
use super::{ApiClient, ApiError, MAX_DOCUMENT_BYTES, MAX_PLAN_BYTES, get, header, parse, unreadable};
use crate::operator_cookie::OperatorKey;
use crate::paper_model::{FolioStocks, LoadedFolios, ParkedAction, ParkedDone, ParkedList, RefusedList};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

impl ApiClient {
    /// What billing gave up on: up to a thousand events whole, hence the bound of plans.
    pub(crate) async fn parked(&self, key: &OperatorKey) -> Result<ParkedList, ApiError> {
        let what = "what is parked";
        let request = signed(get("/v1/ops/poison")?, key);
        parse(&self.bytes(request, self.deadlines.read, MAX_PLAN_BYTES, what).await?, what)
    }

    /// Has all that is parked tried again. Each is a write of its own, hence the longest deadline.
    pub(crate) async fn retry_all_parked(&self, key: &OperatorKey) -> Result<ParkedDone, ApiError> {
        let what = "another try of all that is parked";
        let request = asking(key, "/v1/ops/poison", None, what)?;
        parse(&self.bytes(request, self.deadlines.payment, MAX_DOCUMENT_BYTES, what).await?, what)
    }

    /// Has one tried again, or gives it up.
    pub(crate) async fn act_on_parked(
        &self,
        key: &OperatorKey,
        id: u64,
        action: ParkedAction,
        reason: &str,
    ) -> Result<(), ApiError> {
        let what = "an action on what is parked";
        let path = format!("/v1/ops/poison/{id}/{}", action.name());
        let body = (action == ParkedAction::GiveUp).then(|| json!({ "reason": reason }));
        let request = asking(key, &path, body, what)?;
        self.bytes(request, self.deadlines.hold, MAX_DOCUMENT_BYTES, what).await.map(drop)
    }

    /// How many folios there are.
    pub(crate) async fn folios(&self, key: &OperatorKey) -> Result<FolioStocks, ApiError> {
        let what = "the folios";
        let request = signed(get("/v1/ops/folios")?, key);
        parse(&self.bytes(request, self.deadlines.read, MAX_DOCUMENT_BYTES, what).await?, what)
    }

    /// Loads an authorisation. It holds a private key: its text goes into this request and nowhere else.
    pub(crate) async fn load_folios(
        &self,
        key: &OperatorKey,
        authorisation: &str,
    ) -> Result<LoadedFolios, ApiError> {
        let what = "a load of folios";
        let request = asking(key, "/v1/ops/folios", Some(json!({ "authorisation": authorisation })), what)?;
        parse(&self.bytes(request, self.deadlines.hold, MAX_DOCUMENT_BYTES, what).await?, what)
    }

    /// What the authority did not take.
    pub(crate) async fn refused_documents(&self, key: &OperatorKey) -> Result<RefusedList, ApiError> {
        let what = "the refused documents";
        let request = signed(get("/v1/ops/refused-documents")?, key);
        parse(&self.bytes(request, self.deadlines.read, MAX_DOCUMENT_BYTES, what).await?, what)
    }

    /// Has all of that submitted again.
    pub(crate) async fn submit_refused_again(&self, key: &OperatorKey) -> Result<(), ApiError> {
        let what = "another submission";
        let request = asking(key, "/v1/ops/refused-documents", None, what)?;
        self.bytes(request, self.deadlines.hold, MAX_DOCUMENT_BYTES, what).await.map(drop)
    }
}

fn asking(
    key: &OperatorKey,
    path: &str,
    body: Option<Value>,
    what: &'static str,
) -> Result<Request<Body>, ApiError> {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .map_err(|error| unreadable(what, error))?;
    Ok(signed(request, key))
}
