//! `GET /v1/ops/poison` and what an operator does with what is in it: orders, refunds and mails that billing gave up on.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use ticketflow_billing_books::BillingBooks;
use ticketflow_domain::billing::{BillingCommand, BillingRejection, ParkedSource};
use ticketflow_domain::{OrderId, Timestamp};
use ticketflow_event_store::{EmbeddedLog, EventStore, Position, StreamId, show_event};
use ticketflow_http::{ApiJson, ApiPath, OperatorKey, Problem};
use utoipa::ToSchema;

use super::{UNAVAILABLE, books_problem, carry_out_all, catch_up};
use crate::books::Books;

/// So many are listed: who has more has one cause to find, not each.
const MOST_LISTED: usize = 1_000;

pub(super) const POISON_UNKNOWN: Problem =
    Problem::not_found("poison_unknown", "There is nothing parked there");
pub(super) const REASON_INVALID: Problem =
    Problem::rule("skip_reason_invalid", "A reason of 1 to 500 characters is needed");

/// What the operators' endpoints need.
pub struct PoisonPorts {
    /// The books, which say what is parked.
    pub books: Arc<BillingBooks>,
    /// Where it is retried and skipped.
    pub store: EventStore,
    /// The time.
    pub now: fn() -> Timestamp,
    /// Who may.
    pub operator_key: OperatorKey,
}

/// What billing gave up on.
#[derive(Serialize, ToSchema)]
#[schema(as = ParkedList, example = json!({"data": [], "has_more": false}))]
pub(crate) struct ListAnswer {
    data: Vec<ParkedAnswer>,
    /// Whether there are more than are listed.
    has_more: bool,
}

/// An order or a refund that billing gave up on, or its mail.
#[derive(Serialize, ToSchema)]
#[schema(as = Parked, example = json!({
    "id": 1201, "series": "billing-DEMO", "order_id": "01KBN68H3J5K7M9P1R3T5V7X9Z",
    "error": "the mail order.01KBN68H3J5K7M9P1R3T5V7X9Z.12@example.cl was refused: 550 no such mailbox",
    "attempts": 1, "parked_at": "2027-05-01T15:03:22.000Z", "payload": {"type": "OrderPaid"}
}))]
struct ParkedAnswer {
    /// Position of the order's or refund's event in the log.
    #[schema(value_type = u64)]
    id: Position,
    /// The stream of the books.
    series: String,
    order_id: OrderId,
    error: String,
    /// How often it was tried.
    attempts: u32,
    parked_at: Timestamp,
    /// The event; null where it does not read back.
    #[schema(value_type = Object)]
    payload: serde_json::Value,
}

/// Parked messages
///
/// Orders and refunds that could not have a document, or whose mail was refused, with their event, the error and the tries.
#[utoipa::path(
    get, path = "/v1/ops/poison", operation_id = "poison", tag = "Operations",
    responses((status = 200, description = "What is parked, in the log's order", body = ListAnswer)),
    security(("operator_key" = []))
)]
pub(crate) async fn list(
    State(ports): State<Arc<PoisonPorts>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    ports.operator_key.check(&headers)?;
    catch_up(&ports.store, &ports.books).await?;
    let mut parked = ports.books.parked();
    parked.sort_unstable_by_key(|(_, position, _)| *position);
    let has_more = parked.len() > MOST_LISTED;
    parked.truncate(MOST_LISTED);
    let log = ports.store.log().clone();
    let answer = move |(stream, position, parked): (StreamId, Position, ParkedSource)| ParkedAnswer {
        id: position,
        series: stream.to_string(),
        order_id: parked.order_id,
        error: parked.error,
        attempts: parked.attempts,
        parked_at: parked.at,
        payload: payload(&log, position),
    };
    let reading = tokio::task::spawn_blocking(move || parked.into_iter().map(answer).collect());
    let data: Vec<ParkedAnswer> = reading.await.map_err(|_| UNAVAILABLE.detail("the server is stopping"))?;
    Ok(Json(ListAnswer { data, has_more }).into_response())
}

fn payload(log: &EmbeddedLog, position: Position) -> serde_json::Value {
    let event = log.read_at(position).ok().flatten().and_then(|batch| {
        let batch = batch.view();
        let index = usize::try_from(position.checked_sub(batch.first_position())?).ok()?;
        show_event(batch.events().nth(index)?).ok()
    });
    event.map_or(serde_json::Value::Null, |event| serde_json::to_value(event).unwrap_or_default())
}

/// What was done.
#[derive(Serialize, ToSchema)]
#[schema(as = PoisonDone, example = json!({"done": 1, "position": 1300}))]
pub(crate) struct DoneAnswer {
    /// How many were retried or skipped.
    done: usize,
    /// Reads that are to show it wait for this.
    #[schema(value_type = u64)]
    position: Position,
}

/// Try all parked messages again
#[utoipa::path(
    post, path = "/v1/ops/poison", operation_id = "retry_all_poison", tag = "Operations",
    responses((status = 200, description = "They are tried again", body = DoneAnswer)),
    security(("operator_key" = []))
)]
pub(crate) async fn retry_all(
    State(ports): State<Arc<PoisonPorts>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    ports.operator_key.check(&headers)?;
    catch_up(&ports.store, &ports.books).await?;
    let mut wanted: BTreeMap<StreamId, Vec<BillingCommand>> = BTreeMap::new();
    for (stream, source_position, _) in ports.books.parked() {
        wanted.entry(stream).or_default().push(BillingCommand::Retry { source_position });
    }
    let done = carry_out_all(&ports.store, &ports.books, wanted, (ports.now)()).await?;
    Ok(answer(&ports, done))
}

/// Try a parked message again
#[utoipa::path(
    post, path = "/v1/ops/poison/{id}/retry", operation_id = "retry_poison", tag = "Operations",
    params(("id" = u64, Path, description = "As the list says")),
    responses((status = 200, description = "It is tried again", body = DoneAnswer)),
    security(("operator_key" = []))
)]
pub(crate) async fn retry(
    State(ports): State<Arc<PoisonPorts>>,
    headers: HeaderMap,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    ports.operator_key.check(&headers)?;
    let source_position = position(&id)?;
    catch_up(&ports.store, &ports.books).await?;
    let stream = stream_of(&ports, source_position)?;
    carry_out(&ports, stream, BillingCommand::Retry { source_position }).await?;
    Ok(answer(&ports, 1))
}

/// Why something is given up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SkipPoison, example = json!({"reason": "the mailbox does not exist; the buyer has the documents"}))]
pub(crate) struct SkipBody {
    /// Kept with the event that records it.
    reason: String,
}

/// Give a parked message up
///
/// The order or refund gets no document from here, or the document no mail. The reason is kept in an event of its own.
#[utoipa::path(
    post, path = "/v1/ops/poison/{id}/skip", operation_id = "skip_poison", tag = "Operations",
    params(("id" = u64, Path, description = "As the list says")), request_body = SkipBody,
    responses((status = 200, description = "It is given up", body = DoneAnswer)),
    security(("operator_key" = []))
)]
pub(crate) async fn skip(
    State(ports): State<Arc<PoisonPorts>>,
    headers: HeaderMap,
    ApiPath(id): ApiPath<String>,
    body: Result<ApiJson<SkipBody>, Problem>,
) -> Result<Response, Problem> {
    ports.operator_key.check(&headers)?;
    let source_position = position(&id)?;
    let reason = body?.value.reason;
    catch_up(&ports.store, &ports.books).await?;
    let stream = stream_of(&ports, source_position)?;
    carry_out(&ports, stream, BillingCommand::Skip { source_position, reason }).await?;
    Ok(answer(&ports, 1))
}

fn position(id: &str) -> Result<Position, Problem> {
    id.parse().map_err(|_| POISON_UNKNOWN)
}

fn answer(ports: &PoisonPorts, done: usize) -> Response {
    Json(DoneAnswer { done, position: ports.store.log().head().position }).into_response()
}

fn stream_of(ports: &PoisonPorts, source_position: Position) -> Result<StreamId, Problem> {
    let parked = ports.books.parked().into_iter().find(|(_, position, _)| *position == source_position);
    parked.map(|(stream, ..)| stream).ok_or(POISON_UNKNOWN)
}

async fn carry_out(ports: &PoisonPorts, stream: StreamId, command: BillingCommand) -> Result<(), Problem> {
    let (store, folded) = (ports.store.clone(), ports.books.clone());
    let opening = tokio::task::spawn_blocking(move || Books::open_stream(store, folded, stream));
    let books = opening.await.map_err(|_| UNAVAILABLE.detail("the server is stopping"))?;
    let books = books.map_err(|error| books_problem(&error))?;
    let answers = books.carry_out(&[command], (ports.now)()).await.map_err(|error| books_problem(&error))?;
    answers.into_iter().try_for_each(|answer| match answer {
        Ok(_) => Ok(()),
        Err(BillingRejection::InvalidText(_)) => Err(REASON_INVALID),
        Err(_) => Err(POISON_UNKNOWN),
    })
}
