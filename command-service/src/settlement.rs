//! Brings the payment gateway in line with each show: captures, voids, refunds, and the refunds of a cancelled show.
//!
//! What is open is part of the show's folded state, so a crash forgets nothing; every step is safe to run twice, because
//! the gateway knows charges and refunds by our ids and the show records each outcome once.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use ticketflow_domain::process::payment::PaymentProcess;
use ticketflow_domain::show::{OpenCharge, SalesStatus, ShowCommand, ShowState};
use ticketflow_domain::{OrderId, RefundId, ShowId};
use ticketflow_payment::{Capture, ChargeStatus, GatewayError, Refund, Void};
use tokio::time::Instant;

use crate::environment::fresh_ulid;
use crate::payment_process::{self, PaymentAttempt, PaymentOutcome, log_name};
use crate::service::CommandService;
use crate::show_task::{Outcome, ShowHandle};

/// Open charges taken from a show at once.
const ROUND: usize = 256;
/// Gateway calls of one show at the same time.
const CONCURRENT_CALLS: usize = 16;
/// Orders of a cancelled show refunded by one command.
const REFUNDS_PER_COMMAND: usize = 200;
/// Pause after a round in which the gateway failed, doubled up to the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(15));
/// How long one gateway call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A round is begun at least this often, should a wake-up be missed.
const IDLE: Duration = Duration::from_secs(60);

/// Payments are left alone for the time that one takes and this much more.
const SURELY_INTERRUPTED_AFTER: Duration = Duration::from_secs(5);
/// How often a replica looks for what another one left undone.
const LOOK_AFTER_OTHERS: Duration = Duration::from_secs(2);

/// Starts the settlement of a show; payments that a crash interrupted are taken up.
pub(crate) fn start(service: &Arc<CommandService>, show_id: ShowId) {
    let Some(show) = service.shows.get(show_id) else { return };
    tokio::spawn(settle(Arc::downgrade(service), show));
}

async fn settle(service: Weak<CommandService>, show: ShowHandle) {
    let seen = Seen::default();
    let mut is_first = true;
    let wake = show.open_charges();
    let mut pause = PAUSE.0;
    loop {
        let Some(service) = service.upgrade() else { return };
        let shared = service.ports.store.is_shared();
        // At a start nobody is at it, unless other replicas are.
        let patience = if is_first && !shared { Duration::ZERO } else { surely_interrupted_after(&service) };
        resume_payments(&service, &show, &seen, patience).await;
        is_first = false;
        let Some(open) = show.inspect(open).await else { return };
        let idle = open.charges.is_empty() && !open.refund_all;
        let well = open.charges.is_empty() || close_all(&service, &show, open.charges).await;
        let well = (!open.refund_all || refund_cancelled(&service, &show).await) && well;
        drop(service);
        if !well {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        } else if idle {
            let idle = if shared { LOOK_AFTER_OTHERS } else { IDLE };
            drop(tokio::time::timeout(idle, wake.notified()).await);
        } else {
            pause = PAUSE.0;
        }
    }
}

struct Open {
    charges: Vec<OpenCharge>,
    refund_all: bool,
}

fn open(state: &ShowState) -> Open {
    // A refund waits until its charge is captured: only then is there money to give back.
    let ready = |charge: &OpenCharge| match charge {
        OpenCharge::Refund { order_id, .. } => {
            state.order(*order_id).is_some_and(|(order, _)| order.captured)
        }
        OpenCharge::Capture { .. } | OpenCharge::Void { .. } => true,
    };
    Open {
        charges: state.open_charges().filter(ready).take(ROUND).collect(),
        refund_all: state.sales() == Some(SalesStatus::Cancelled) && state.has_refundable_orders(),
    }
}

/// Payments under way, since when this process has seen them, and whether it has taken them up.
type Seen = Arc<Mutex<HashMap<OrderId, (Instant, bool)>>>;

/// As long as a payment may take, and this much more. Every replica has to allow payments the same time.
fn surely_interrupted_after(service: &CommandService) -> Duration {
    service.ports.config.payment_timeout + SURELY_INTERRUPTED_AFTER
}

/// Takes up payments that nobody brings to their end any more: those that this process has seen under way for longer than a
/// payment can take, by its own watch, whatever the clocks of the machines say. Asking the gateway twice does no harm; asking too
/// early would close the key of a charge on its way.
async fn resume_payments(service: &Arc<CommandService>, show: &ShowHandle, seen: &Seen, patience: Duration) {
    let under_way = show.inspect(move |state| {
        let attempt = |(order_id, payment): (&OrderId, &ticketflow_domain::show::PendingPayment)| {
            let seats = state.hold(payment.hold_id).map_or(0, |hold| hold.seats.len());
            PaymentAttempt { order_id: *order_id, amount: payment.amount, seats, charge: None }
        };
        state.payments().map(attempt).collect::<Vec<_>>()
    });
    let Some(under_way) = under_way.await else { return };
    for attempt in due(seen, under_way, patience) {
        let (service, show, seen) = (service.clone(), show.clone(), seen.clone());
        tokio::spawn(async move {
            let order_id = attempt.order_id;
            let outcome = payment_process::run(&service, &show, PaymentProcess::resumed(), attempt).await;
            if matches!(outcome, PaymentOutcome::Undecided) {
                // The show takes no writes now: seen anew, it is taken up again.
                lock(&seen).remove(&order_id);
            }
        });
    }
}

fn lock(seen: &Seen) -> MutexGuard<'_, HashMap<OrderId, (Instant, bool)>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those that are due, each once.
fn due(seen: &Seen, under_way: Vec<PaymentAttempt>, patience: Duration) -> Vec<PaymentAttempt> {
    let mut seen = lock(seen);
    let ids: HashSet<OrderId> = under_way.iter().map(|attempt| attempt.order_id).collect();
    seen.retain(|order_id, _| ids.contains(order_id));
    let mut due = under_way;
    due.retain(|attempt| {
        let (since, taken_up) = seen.entry(attempt.order_id).or_insert((Instant::now(), false));
        let is_due = !*taken_up && since.elapsed() >= patience;
        *taken_up |= is_due;
        is_due
    });
    due
}

/// Closes what is open, several at a time; whether all went well.
async fn close_all(service: &Arc<CommandService>, show: &ShowHandle, charges: Vec<OpenCharge>) -> bool {
    let close = |charge| async move {
        match tokio::time::timeout(CALL_TIMEOUT, close(service, show, charge)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(charge = %label(&charge), %error, "a charge is still open at the gateway; trying again");
                false
            }
            Err(_) => {
                tracing::warn!(charge = %label(&charge), "the gateway did not answer in time; trying again");
                false
            }
        }
    };
    let results = stream::iter(charges).map(close).buffer_unordered(CONCURRENT_CALLS);
    results.fold(true, |all, well| async move { all && well }).await
}

/// What a log may say of a charge: an order's whole id opens the order, so only its time part is shown.
fn label(charge: &OpenCharge) -> String {
    match charge {
        OpenCharge::Capture { order_id } => format!("capture of {}", log_name(*order_id)),
        OpenCharge::Void { order_id } => format!("void of {}", log_name(*order_id)),
        OpenCharge::Refund { refund_id, .. } => format!("refund {refund_id}"),
    }
}

/// Why a charge stays open for now.
#[derive(Debug, thiserror::Error)]
enum StillOpen {
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error("the gateway refuses: {0}")]
    Refused(String),
    #[error("the outcome could not be recorded")]
    NotRecorded,
}

async fn close(service: &CommandService, show: &ShowHandle, charge: OpenCharge) -> Result<(), StillOpen> {
    match charge {
        OpenCharge::Capture { order_id } => capture(service, show, order_id).await,
        OpenCharge::Void { order_id } => void(service, show, order_id).await,
        OpenCharge::Refund { refund_id, order_id, amount } => {
            refund(service, show, refund_id, order_id, amount).await
        }
    }
}

async fn capture(service: &CommandService, show: &ShowHandle, order_id: OrderId) -> Result<(), StillOpen> {
    let free = show.inspect(move |state| state.order(order_id).is_some_and(|(order, _)| order.total == 0));
    if free.await != Some(true) {
        match service.ports.gateway.capture(&order_id.to_string()).await? {
            Capture::Captured
            | Capture::Refused { status: ChargeStatus::Captured | ChargeStatus::Refunded { .. } } => {}
            Capture::Refused { status } => {
                return Err(StillOpen::Refused(format!("capture of a {status:?} charge")));
            }
        }
    }
    record(show, ShowCommand::RecordCapture { order_id }).await
}

async fn void(service: &CommandService, show: &ShowHandle, order_id: OrderId) -> Result<(), StillOpen> {
    match service.ports.gateway.void(&order_id.to_string()).await? {
        Void::Voided => record(show, ShowCommand::RecordVoid { order_id }).await,
        Void::Refused { status } => Err(StillOpen::Refused(format!("void of a {status:?} charge"))),
    }
}

async fn refund(
    service: &CommandService,
    show: &ShowHandle,
    refund_id: RefundId,
    order_id: OrderId,
    amount: i64,
) -> Result<(), StillOpen> {
    if amount > 0 {
        let (refund_key, order_key) = (refund_id.to_string(), order_id.to_string());
        match service.ports.gateway.refund(&refund_key, &order_key, amount).await? {
            Refund::Refunded => {}
            Refund::Refused { reason } => return Err(StillOpen::Refused(reason)),
        }
    }
    record(show, ShowCommand::RecordRefundSettled { refund_id }).await
}

async fn record(show: &ShowHandle, command: ShowCommand) -> Result<(), StillOpen> {
    match show.decide(command, None).await {
        Outcome::Done(_) => Ok(()),
        _ => Err(StillOpen::NotRecorded),
    }
}

async fn refund_cancelled(service: &CommandService, show: &ShowHandle) -> bool {
    let now = service.ports.clock.now();
    let refund_ids = (0..REFUNDS_PER_COMMAND).map(|_| RefundId::from_bytes(fresh_ulid(now))).collect();
    matches!(show.decide(ShowCommand::RefundCancelledShow { refund_ids }, None).await, Outcome::Done(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under_way(orders: &[u8]) -> Vec<PaymentAttempt> {
        let attempt = |&order: &u8| {
            let order_id = OrderId::from_bytes([order; 16]);
            PaymentAttempt { order_id, amount: 1, seats: 1, charge: None }
        };
        orders.iter().map(attempt).collect()
    }

    #[test]
    fn a_payment_is_taken_up_once_and_only_after_it_was_seen_for_long() {
        let (seen, long) = (Seen::default(), Duration::from_secs(3_600));
        assert!(due(&seen, under_way(&[1, 2]), long).is_empty());
        assert_eq!(due(&seen, under_way(&[1, 2, 3]), Duration::ZERO).len(), 3);
        assert!(due(&seen, under_way(&[1, 2, 3]), Duration::ZERO).is_empty(), "each once");
        // The first ended, and the second could not be brought to its end.
        lock(&seen).remove(&OrderId::from_bytes([2; 16]));
        let again = due(&seen, under_way(&[2, 3]), Duration::ZERO);
        assert!(again.len() == 1 && again[0].order_id == OrderId::from_bytes([2; 16]));
        assert_eq!(lock(&seen).len(), 2, "what is over is forgotten");
    }
}
