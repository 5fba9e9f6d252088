//! The documents of an order over HTTP: the order's id is the key to them, as to the order. And for operators, what billing gave up on.

mod authority;
mod folios;
mod poison;
mod receipts;
mod refused;
mod tickets;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use ticketflow_billing_books::BillingBooks;
use ticketflow_domain::billing::{BillingCommand, OrderDocuments};
use ticketflow_domain::{Language, OrderId, TicketId, Timestamp};
use ticketflow_event_store::{EventStore, Position, StreamId};
use ticketflow_http::{ApiRoutes, Problem};
use ticketflow_telemetry::with_causes;
use utoipa::openapi::OpenApi;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

pub use folios::FiscalHttpPorts;
pub use poison::PoisonPorts;

use crate::books::Books;
use crate::papers::PaperStyle;
use crate::press::{Copy, Press, PressError};

/// Receipts are issued within a second of the payment while billing runs.
const PENDING_RETRY_SECONDS: u16 = 2;

const ORDER_UNKNOWN: Problem = Problem::not_found("order_unknown", "There is no such order");
const TICKET_REFUNDED: Problem = Problem::gone("ticket_given_back", "The ticket was given back");
const DOCUMENT_UNKNOWN: Problem = Problem::not_found("document_unknown", "The order has no such document");
const NO_FISCAL_DOCUMENT: Problem =
    Problem::not_found("no_fiscal_document", "The document is not one of a tax authority");
const UNAVAILABLE: Problem = Problem::unavailable("unavailable", "Temporarily unavailable", 1_000);

/// An order as far as its documents need it.
pub struct OrderPapers {
    /// What was issued; `None` while there is no receipt.
    pub documents: Option<OrderDocuments>,
    /// Tickets that were given back: they are not printed any more.
    pub refunded: Vec<TicketId>,
}

/// Finds a paid order; `None` when there is none.
pub type FindPapers = Arc<dyn Fn(OrderId) -> Option<OrderPapers> + Send + Sync>;

/// What the documents' endpoints need.
pub struct DocumentPorts {
    /// Where orders and what was issued for them are looked up.
    pub find: FindPapers,
    /// Makes the documents.
    pub press: Press,
    /// How they are written, unless the reader asks for another language or the buyer has one.
    pub style: PaperStyle,
}

/// The documents' endpoints.
pub fn router(ports: DocumentPorts) -> Router {
    table().into_router().with_state(Arc::new(ports))
}

/// The operators' endpoints.
pub fn poison_router(ports: PoisonPorts) -> Router {
    poison_table().into_router().with_state(Arc::new(ports))
}

/// The operators' endpoints of a process that issues fiscal documents.
pub fn fiscal_router(ports: FiscalHttpPorts) -> Router {
    fiscal_table().into_router().with_state(Arc::new(ports))
}

/// What the API's document says of the documents' endpoints.
#[must_use]
pub fn openapi() -> OpenApi {
    table().into_document()
}

/// What the API's document says of the operators' endpoints.
#[must_use]
pub fn poison_openapi() -> OpenApi {
    poison_table().into_document()
}

/// What the API's document says of the operators' endpoints for fiscal documents.
#[must_use]
pub fn fiscal_openapi() -> OpenApi {
    fiscal_table().into_document()
}

/// Commands that are written down together.
const TOGETHER: usize = 500;
/// How long what other instances wrote is waited for.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(2);

/// Folds what other instances wrote until now, so that what an operator has just done is seen whoever answers. While the log's server is
/// away the answer is what is known here.
async fn catch_up(store: &EventStore, books: &Arc<BillingBooks>) -> Result<(), Problem> {
    if let Err(error) = store.catch_up(CATCHES_UP_WITHIN).await {
        tracing::warn!(%error, "an operator is answered with what this process knows");
    }
    let (store, books) = (store.clone(), books.clone());
    let folding = tokio::task::spawn_blocking(move || books.catch_up_all(store.log(), Position::MAX));
    let folded = folding.await.map_err(|_| UNAVAILABLE.detail("the server is stopping"))?;
    folded.map_err(|error| books_problem(&error))
}

/// Carries an operator's commands out, those of each stream together; says how many were done. What needs nothing any more was done by
/// somebody else.
async fn carry_out_all(
    store: &EventStore,
    books: &Arc<BillingBooks>,
    wanted: BTreeMap<StreamId, Vec<BillingCommand>>,
    now: Timestamp,
) -> Result<usize, Problem> {
    let mut done = 0;
    for (stream, commands) in wanted {
        let books = Books::of(store.clone(), books.clone(), stream);
        for part in commands.chunks(TOGETHER) {
            let answers = books.carry_out(part, now).await.map_err(|error| books_problem(&error))?;
            done += answers.iter().filter(|answer| answer.is_ok()).count();
        }
    }
    Ok(done)
}

/// The books cannot be read or written now, and the process's log says why.
fn books_problem(error: &dyn std::error::Error) -> Problem {
    tracing::warn!(error = with_causes(error), "the books cannot be read or written for an operator");
    UNAVAILABLE.detail("the books cannot be read or written now")
}

fn fiscal_table() -> ApiRoutes<Arc<FiscalHttpPorts>> {
    ApiRoutes::default()
        .at("GET /v1/ops/folios", routes!(folios::list), &[UNAVAILABLE])
        .at("POST /v1/ops/folios", routes!(folios::load), &folios::REFUSALS)
        .at("GET /v1/ops/refused-documents", routes!(refused::list), &[UNAVAILABLE])
        .at("POST /v1/ops/refused-documents", routes!(refused::submit_again), &[UNAVAILABLE])
        .at("GET /simulator/fiscal-authority", routes!(authority::control), &[])
        .at(
            "PUT /simulator/fiscal-authority",
            routes!(authority::set_control),
            &[authority::CONTROL_OUT_OF_RANGE],
        )
}

fn poison_table() -> ApiRoutes<Arc<PoisonPorts>> {
    ApiRoutes::default()
        .at("GET /v1/ops/poison", routes!(poison::list), &[UNAVAILABLE])
        .at("POST /v1/ops/poison", routes!(poison::retry_all), &[UNAVAILABLE])
        .at("POST /v1/ops/poison/{id}/retry", routes!(poison::retry), &[poison::POISON_UNKNOWN, UNAVAILABLE])
        .at(
            "POST /v1/ops/poison/{id}/skip",
            routes!(poison::skip),
            &[poison::POISON_UNKNOWN, poison::REASON_INVALID, UNAVAILABLE],
        )
}

fn table() -> ApiRoutes<Arc<DocumentPorts>> {
    ApiRoutes::default()
        .at(
            "GET /v1/orders/{order}/tickets.pdf",
            routes!(tickets::all),
            &[ORDER_UNKNOWN, TICKET_REFUNDED, UNAVAILABLE],
        )
        .at(
            "GET /v1/orders/{order}/tickets/{file}",
            routes!(tickets::one),
            &[ORDER_UNKNOWN, DOCUMENT_UNKNOWN, TICKET_REFUNDED, UNAVAILABLE],
        )
        .at("GET /v1/orders/{order}/receipt.pdf", routes!(receipts::receipt), &[ORDER_UNKNOWN, UNAVAILABLE])
        .at(
            "GET /v1/orders/{order}/receipt.xml",
            routes!(receipts::receipt_xml),
            &[ORDER_UNKNOWN, NO_FISCAL_DOCUMENT, UNAVAILABLE],
        )
        .at(
            "GET /v1/orders/{order}/credit-notes/{file}",
            routes!(receipts::credit_note),
            &[ORDER_UNKNOWN, DOCUMENT_UNKNOWN, NO_FISCAL_DOCUMENT, UNAVAILABLE],
        )
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DocumentQuery {
    /// Instead of the buyer's language, or the issuer's where the buyer did not say one.
    #[param(inline)]
    lang: Option<Language>,
}

/// Documents that are not made yet.
#[derive(Serialize, ToSchema)]
#[schema(as = DocumentsPending, example = json!({"documents": "pending"}))]
pub(crate) struct PendingAnswer {
    /// Always `pending`.
    documents: &'static str,
}

/// What was found of an order.
enum Found {
    /// Its documents, and the tickets that were given back.
    Issued(Box<OrderDocuments>, Vec<TicketId>),
    /// Its receipt is still to be issued.
    Pending,
}

impl DocumentPorts {
    fn order(&self, order_id: OrderId) -> Result<Found, Problem> {
        let papers = (self.find)(order_id).ok_or(ORDER_UNKNOWN)?;
        Ok(match papers.documents {
            Some(documents) => Found::Issued(Box::new(documents), papers.refunded),
            None => Found::Pending,
        })
    }

    fn style(&self, query: &DocumentQuery, copy: &Copy) -> PaperStyle {
        let style = self.style.for_buyer(copy.buyer.as_ref());
        PaperStyle { language: query.lang.unwrap_or(style.language), ..style }
    }
}

/// 202: to be asked for again.
fn pending() -> Response {
    let again = [(RETRY_AFTER, HeaderValue::from(PENDING_RETRY_SECONDS))];
    let body = axum::Json(PendingAnswer { documents: "pending" });
    (StatusCode::ACCEPTED, again, [(CACHE_CONTROL, "no-store")], body).into_response()
}

/// Shown in the browser, saved under this name.
fn pdf(name: &str, bytes: Vec<u8>) -> Response {
    file(name, "application/pdf", bytes)
}

fn file(name: &str, media_type: &'static str, bytes: Vec<u8>) -> Response {
    let disposition = format!("inline; filename=\"{name}\"");
    let headers = [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, "private, no-store"),
        (CONTENT_DISPOSITION, &disposition),
    ];
    (headers, bytes).into_response()
}

/// Said to the log with its causes, which are nobody else's business.
fn press_problem(order_id: OrderId, error: &PressError) -> Problem {
    if matches!(error, PressError::Busy) {
        return UNAVAILABLE.detail("too many documents are asked for at once");
    }
    if matches!(error, PressError::NoFiscalKeys) {
        return UNAVAILABLE
            .detail("this process does not have the fiscal keys; ask the one that issues documents");
    }
    tracing::error!(%order_id, error = with_causes(error), "a document cannot be made");
    UNAVAILABLE.detail("the document cannot be made now")
}
