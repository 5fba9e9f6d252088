//! `POST /v1/shows/{show}/holds/{hold}/purchase`: a buyer pays a hold and gets tickets.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use ticketflow_domain::process::payment::PaymentProcess;
use ticketflow_domain::show::{PaymentFailure, ShowCommand, ShowEvent, StartPayment};
use ticketflow_domain::{HoldId, OrderId, ShowId};
use ticketflow_http::{ApiJson, ApiPath, IdempotencyKey, Problem};
use utoipa::ToSchema;

use super::{HOLD_TOKEN_MISSING, HOLD_UNKNOWN, HoldToken, answer};
use crate::answers::OrderAnswer;
use crate::buyer::{self, Buyer, BuyerRequest, INVALID_BUYER};
use crate::environment::fresh_ulid;
use crate::idempotency::{Known, RequestKey};
use crate::payment_process::{self, Charge, PaymentAttempt, PaymentOutcome};
use crate::problems;
use crate::service::{CommandService, Executed};
use crate::show_task::{Outcome, ShowHandle};

/// Characters of a payment method or token.
const MAX_PAYMENT_TEXT: usize = 256;

const INVALID_PAYMENT: Problem = Problem::rule("invalid_payment", "The payment details are not valid");
const PAYMENT_DECLINED: Problem = Problem::payment_declined("payment_declined", "The payment was declined");
const PAYMENT_TIMEOUT: Problem =
    Problem::gateway_timeout("payment_timeout", "The payment gateway did not answer in time");
const PAYMENT_UNAVAILABLE: Problem =
    Problem::unavailable("payment_unavailable", "The payment gateway cannot be reached", 5_000);

/// Why a hold is not paid.
pub(crate) const REFUSALS: &[Problem] = &[
    HOLD_TOKEN_MISSING,
    HOLD_UNKNOWN,
    PAYMENT_DECLINED,
    problems::PAYMENT_UNDER_WAY,
    problems::ID_TAKEN,
    problems::HOLD_ENDED,
    INVALID_BUYER,
    INVALID_PAYMENT,
    problems::CUSTOMER_LIMIT,
    problems::SHOW_CANCELLED,
    problems::KEY_REUSED,
    PAYMENT_UNAVAILABLE,
    PAYMENT_TIMEOUT,
];

/// Who buys, and how they pay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Purchase, example = json!({
    "buyer": {"rut": "11.111.111-1", "name": "Ana Rojas", "email": "ana@example.cl"},
    "payment": {"method": "card", "token": "tok_visa"}
}))]
pub(crate) struct PurchaseRequest {
    buyer: BuyerRequest,
    payment: PaymentRequest,
}

/// How a buyer pays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Payment)]
struct PaymentRequest {
    /// 1 to 256 visible ASCII characters.
    #[schema(example = "card")]
    method: String,
    /// What the gateway knows the card by, 1 to 256 visible ASCII characters. The payment simulator obeys
    /// `tok_decline`, `tok_slow_{seconds}`, `tok_lost_answer` and `tok_outage`.
    #[schema(example = "tok_visa")]
    token: String,
}

/// Pay a hold
///
/// The answer comes when the payment is decided: the tickets, or a problem and the seats are free again. Where the
/// outcome is unknown (`unavailable`), the same request with the same key tells. `invalid_buyer` has the member `field`.
#[utoipa::path(
    post, path = "/v1/shows/{show}/holds/{hold}/purchase", operation_id = "purchase_hold", tag = "Orders",
    params(
        ("show" = ShowId, Path, description = "The show"),
        ("hold" = HoldId, Path, description = "The hold"),
        HoldToken,
        IdempotencyKey
    ),
    request_body = PurchaseRequest,
    responses((status = 201, description = "Paid", body = OrderAnswer))
)]
pub(crate) async fn purchase(
    State(service): State<Arc<CommandService>>,
    ApiPath((show_id, hold_id)): ApiPath<(ShowId, HoldId)>,
    token: HoldToken,
    key: IdempotencyKey,
    body: ApiJson<PurchaseRequest>,
) -> Result<Response, Problem> {
    token.check(&service, hold_id)?;
    let route: [&[u8]; 3] = [b"purchase", &show_id.to_bytes(), &hold_id.to_bytes()];
    let request = RequestKey::new("", &route, key.as_str(), &body.raw);
    let show = service.show(show_id).await?;
    // The hold is looked at first: where it ended by being paid, the key is known by the time it is asked for.
    let mut live = is_live(&show, hold_id).await;
    let mut done = paid_before(&service, &show, request).await?;
    if !live && done.is_none() && service.ports.store.is_shared() {
        // Another replica may have made the hold, or sold it, a moment ago.
        service.catch_up().await?;
        live = is_live(&show, hold_id).await;
        done = paid_before(&service, &show, request).await?;
    }
    if let Some(done) = done {
        return paid_answer(&service, &done);
    }
    let buyer = body.value.buyer.check()?;
    let card = check_payment(body.value.payment)?;
    // Nothing is written for a hold that has ended; whether it lasts until it is paid is decided below.
    if !live {
        let ended = ticketflow_domain::show::Rejection::HoldEnded;
        return Err(problems::rejection(ended, None));
    }
    // Apart from this request: if the buyer hangs up, what was begun still comes to its end.
    let purchase = Purchase { hold_id, request, buyer, card };
    let running = tokio::spawn(buy(service.clone(), show, purchase));
    running.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a purchase ended early; its cap or the next start ends the payment");
        Err(problems::outcome(Outcome::Unknown))
    })
}

async fn is_live(show: &ShowHandle, hold_id: HoldId) -> bool {
    show.inspect(move |state| state.hold(hold_id).is_some()).await.unwrap_or(false)
}

/// A checked purchase.
struct Purchase {
    hold_id: HoldId,
    request: RequestKey,
    buyer: Buyer,
    card: String,
}

async fn buy(
    service: Arc<CommandService>,
    show: ShowHandle,
    purchase: Purchase,
) -> Result<Response, Problem> {
    let Purchase { hold_id, request, buyer, card } = purchase;
    let order_id = OrderId::from_bytes(fresh_ulid(service.ports.clock.now()));
    // The details are durable before the payment starts: an order that a restart completes has its buyer.
    let customer_id = buyer::record(&service, order_id, &buyer).await?;
    let command = ShowCommand::StartPayment(StartPayment { order_id, hold_id, customer_id });
    let started = service.execute(&show, command, Some(request)).await?;
    match started.events.first() {
        Some(ShowEvent::PaymentStarted(event)) => {
            let seats = show.inspect(move |state| state.hold(hold_id).map_or(0, |hold| hold.seats.len()));
            let charge = Charge { currency: started.info.currency, token: card };
            let (amount, seats) = (event.amount, seats.await.unwrap_or(0));
            let attempt = PaymentAttempt { order_id, amount, seats, charge: Some(charge) };
            pay(&service, &show, attempt).await
        }
        // Another request with this key was paid in between.
        Some(ShowEvent::OrderPaid(_)) => paid_answer(&service, &started),
        _ => Err(problems::outcome(Outcome::KeyReused)),
    }
}

async fn paid_before(
    service: &CommandService,
    show: &ShowHandle,
    request: RequestKey,
) -> Result<Option<Executed>, Problem> {
    match show.find(request).await {
        Some(Known::Answered { position }) => service.executed_before(show, position).await.map(Some),
        Some(Known::Reused) => Err(problems::outcome(Outcome::KeyReused)),
        Some(Known::No) => Ok(None),
        None => Err(problems::outcome(Outcome::Unavailable)),
    }
}

fn check_payment(payment: PaymentRequest) -> Result<String, Problem> {
    let plain = |text: &str| {
        (1..=MAX_PAYMENT_TEXT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if plain(&payment.method) && plain(&payment.token) {
        return Ok(payment.token);
    }
    Err(INVALID_PAYMENT
        .detail(format!("method and token have 1 to {MAX_PAYMENT_TEXT} visible ASCII characters")))
}

async fn pay(
    service: &Arc<CommandService>,
    show: &ShowHandle,
    attempt: PaymentAttempt,
) -> Result<Response, Problem> {
    match payment_process::run(service, show, PaymentProcess::started(), attempt).await {
        PaymentOutcome::Paid { info, order, position } => {
            let body = OrderAnswer::new(&info, &order, position, &service.ports.signer);
            Ok(answer(StatusCode::CREATED, body, false))
        }
        PaymentOutcome::Failed(reason) => Err(failed(reason)),
        PaymentOutcome::Undecided => Err(problems::outcome(Outcome::Unknown)),
    }
}

fn failed(reason: PaymentFailure) -> Problem {
    match reason {
        PaymentFailure::Declined => PAYMENT_DECLINED.detail("nothing was charged and the seats were released; hold them again to try another card"),
        PaymentFailure::TimedOut => {
            PAYMENT_TIMEOUT.detail("the seats were released; if anything was charged it is given back")
        }
        PaymentFailure::Unavailable => {
            PAYMENT_UNAVAILABLE.detail("nothing was charged and the seats were released")
        }
        PaymentFailure::Abandoned => problems::HOLD_ENDED.detail("the seats were released before the payment was through; if anything was charged it is given back"),
    }
}

fn paid_answer(service: &CommandService, done: &Executed) -> Result<Response, Problem> {
    match done.events.first() {
        Some(ShowEvent::OrderPaid(order)) => {
            let body = OrderAnswer::new(&done.info, order, done.position, &service.ports.signer);
            Ok(answer(StatusCode::CREATED, body, true))
        }
        _ => Err(problems::outcome(Outcome::KeyReused)),
    }
}
