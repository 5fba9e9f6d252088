//! Carries out the steps of one payment: asks the gateway, has the show sell or release, and reports the outcome.
//!
//! The decisions are the domain's; here are the calls, the waits and their bounds. Runs apart from the request that began
//! it, so that a buyer who hangs up leaves no payment half done.

use std::sync::Arc;
use std::time::Duration;

use ticketflow_domain::process::payment::{Observation, PaymentProcess, Step};
use ticketflow_domain::show::{OrderPaid, PaymentFailure, ShowCommand, ShowEvent, ShowInfo, TicketIds};
use ticketflow_domain::{Currency, OrderId, TicketId};
use ticketflow_event_store::Position;
use ticketflow_payment::{Authorization, AuthorizeRequest, ChargeStatus, GatewayError};
use tokio::time::Instant;

use crate::environment::fresh_ulid;
use crate::service::CommandService;
use crate::show_task::{Outcome, ShowHandle};

/// Pause before the gateway is asked again what became of a charge, doubled up to the longest.
const ASK_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Times that an outcome is offered to a show that takes no writes; then the process ends and the payment's cap, or the
/// next start, brings it to its end.
const RECORD_TRIES: usize = 20;
const RECORD_PAUSE: Duration = Duration::from_millis(250);

/// What is being paid.
pub(crate) struct PaymentAttempt {
    /// The order to be.
    pub order_id: OrderId,
    /// Minor units.
    pub amount: i64,
    /// How many tickets there will be.
    pub seats: usize,
    /// What is asked of the gateway; none when a payment is taken up after a crash, which only asks what was charged.
    pub charge: Option<Charge>,
}

/// How the buyer pays.
pub(crate) struct Charge {
    /// Of the amount.
    pub currency: Currency,
    /// The gateway's token of the buyer's card.
    pub token: String,
}

/// How a payment ended.
pub(crate) enum PaymentOutcome {
    /// Sold.
    Paid {
        /// What does not change in the show.
        info: Arc<ShowInfo>,
        /// The order.
        order: Box<OrderPaid>,
        /// Of the event.
        position: Position,
    },
    /// Not sold; the seats are available again.
    Failed(PaymentFailure),
    /// The show takes no writes; the payment is brought to its end later.
    Undecided,
}

/// Runs the process to its end.
pub(crate) async fn run(
    service: &Arc<CommandService>,
    show: &ShowHandle,
    (mut process, mut step): (PaymentProcess, Step),
    attempt: PaymentAttempt,
) -> PaymentOutcome {
    let deadline = Instant::now() + service.ports.config.payment_timeout;
    let key = attempt.order_id.to_string();
    let mut pause = ASK_PAUSE.0;
    let mut outcome = PaymentOutcome::Undecided;
    loop {
        let observation = match &step {
            Step::Authorise => authorise(service, &attempt, &key, deadline).await,
            Step::AskAgain => {
                tokio::time::sleep_until((Instant::now() + pause).min(deadline)).await;
                pause = (pause * 2).min(ASK_PAUSE.1);
                ask(service, &attempt, &key, deadline).await
            }
            Step::ConfirmOrder { reference } => match confirm(service, show, &attempt, reference).await {
                Some(Ok(paid)) => {
                    outcome = paid;
                    Observation::OrderConfirmed
                }
                Some(Err(())) => Observation::OrderRefused,
                None => return PaymentOutcome::Undecided,
            },
            Step::FailOrder { reason, charge_unknown } => {
                let command = ShowCommand::FailPayment {
                    order_id: attempt.order_id,
                    reason: *reason,
                    charge_unknown: *charge_unknown,
                };
                match offer(show, &command).await {
                    // Another replica brought it to its end meanwhile: the buyer's retry finds it by its key.
                    Some(Outcome::Done(done)) if done.events.is_empty() && is_sold(show, &attempt).await => {
                        return PaymentOutcome::Undecided;
                    }
                    Some(_) => {
                        outcome = PaymentOutcome::Failed(*reason);
                        Observation::FailureRecorded
                    }
                    None => return PaymentOutcome::Undecided,
                }
            }
            Step::Finish => return outcome,
        };
        match process.observe(observation) {
            Some(next) => step = next,
            None => return outcome,
        }
    }
}

async fn authorise(
    service: &CommandService,
    attempt: &PaymentAttempt,
    key: &str,
    deadline: Instant,
) -> Observation {
    let Some(charge) = &attempt.charge else { return Observation::OutcomeUnknown };
    if attempt.amount == 0 {
        return Observation::Approved { reference: "free".to_owned() };
    }
    let mut currency = [0; 3];
    currency.copy_from_slice(charge.currency.as_str().as_bytes());
    let request = AuthorizeRequest {
        key: key.to_owned(),
        amount_minor: attempt.amount,
        currency,
        token: charge.token.clone(),
    };
    match tokio::time::timeout_at(deadline, service.ports.gateway.authorize(request)).await {
        Err(_) => Observation::TimedOut,
        Ok(Ok(Authorization::Approved { reference })) => Observation::Approved { reference },
        Ok(Ok(Authorization::Declined { .. })) => Observation::Declined,
        Ok(Err(GatewayError::Unknown { .. })) => Observation::OutcomeUnknown,
        Ok(Err(GatewayError::Unavailable { .. })) => Observation::Unreachable,
        Ok(Err(GatewayError::Rejected { reason })) => {
            tracing::error!(order = %log_name(attempt.order_id), reason, "the gateway rejects our request as malformed");
            Observation::Declined
        }
    }
}

/// What the gateway knows of the charge. No charge is made here, whatever the answer.
async fn ask(
    service: &CommandService,
    attempt: &PaymentAttempt,
    key: &str,
    deadline: Instant,
) -> Observation {
    if attempt.amount == 0 {
        return Observation::FoundCharged { reference: "free".to_owned() };
    }
    if Instant::now() >= deadline {
        return Observation::TimedOut;
    }
    match tokio::time::timeout_at(deadline, service.ports.gateway.status(key)).await {
        Err(_) => Observation::TimedOut,
        Ok(Ok(ChargeStatus::Authorized | ChargeStatus::Captured)) => {
            Observation::FoundCharged { reference: key.to_owned() }
        }
        Ok(Ok(ChargeStatus::Declined | ChargeStatus::Voided | ChargeStatus::Refunded { .. })) => {
            Observation::Declined
        }
        Ok(Ok(ChargeStatus::NotFound)) => Observation::FoundNothing,
        Ok(Err(_)) => Observation::OutcomeUnknown,
    }
}

/// The sold order, or `Err` if the show refuses to sell; `None` when the show takes no writes.
async fn confirm(
    service: &CommandService,
    show: &ShowHandle,
    attempt: &PaymentAttempt,
    reference: &str,
) -> Option<Result<PaymentOutcome, ()>> {
    let now = service.ports.clock.now();
    let tickets: TicketIds = (0..attempt.seats).map(|_| TicketId::from_bytes(fresh_ulid(now))).collect();
    let command = ShowCommand::ConfirmPayment {
        order_id: attempt.order_id,
        payment_reference: reference.to_owned(),
        tickets,
    };
    match offer(show, &command).await? {
        Outcome::Done(done) => {
            let position = done.position;
            let paid = done.events.into_iter().find_map(|event| match event {
                ShowEvent::OrderPaid(order) => Some(order),
                _ => None,
            });
            Some(Ok(match paid {
                Some(order) => PaymentOutcome::Paid { info: done.info, order: Box::new(order), position },
                // Confirmed by an earlier try whose answer was lost: the buyer's retry finds it by its key.
                None => PaymentOutcome::Undecided,
            }))
        }
        _ => Some(Err(())),
    }
}

async fn is_sold(show: &ShowHandle, attempt: &PaymentAttempt) -> bool {
    let order_id = attempt.order_id;
    show.inspect(move |state| state.order(order_id).is_some()).await == Some(true)
}

/// Offers a command until the show has decided it; `None` when it takes no writes for long.
async fn offer(show: &ShowHandle, command: &ShowCommand) -> Option<Outcome> {
    for _ in 0..RECORD_TRIES {
        match show.decide(command.clone(), None).await {
            Outcome::Busy | Outcome::Unavailable | Outcome::StorageLow | Outcome::Unknown => {
                tokio::time::sleep(RECORD_PAUSE).await;
            }
            decided => return Some(decided),
        }
    }
    None
}

/// Characters of an id that tell its time and nothing of its random part.
const TIME_CHARACTERS: usize = 10;

/// An order as logs may name it: whoever has the whole id has the order.
pub(crate) fn log_name(order_id: OrderId) -> String {
    format!("{}..", &order_id.to_string()[..TIME_CHARACTERS])
}
