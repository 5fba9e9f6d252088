//! Measures how many orders get folio, PDF tickets, PDF receipt and mail file in a second, from a backlog and at a steady rate.
//! Usage: `order_rate [ORDERS] [SECONDS]` (2,000 and 20). Everything is written and synced in the system's temporary folder.

#![allow(clippy::unwrap_used, reason = "a measurement ends by panicking")]

#[path = "../../projections/tests/history/mod.rs"]
mod history;
#[allow(dead_code)]
#[path = "../tests/desk/stage.rs"]
mod stage;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use history::History;
use stage::Keys;
use ticketflow_domain::billing::BillingEvent;
use ticketflow_domain::show::ShowEvent;
use ticketflow_event_store::{Category, EmbeddedLog, Feed, LogOptions, RealDisk, billing_event};

/// Orders paid in a second while the steady rate is measured.
const STEADY: u32 = 50;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let (orders, seconds) = (arguments.next().unwrap_or(2_000), arguments.next().unwrap_or(20));
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::new(folder.path()).unwrap());
    let (log, _) = EmbeddedLog::open(disk, LogOptions::default()).unwrap();
    let keys = Keys::new();
    let mut history = History::new(7, 200, 40);
    println!("selling {orders} orders");
    while sell_one(&keys, &log, &mut history, orders).await {}

    let to = format!("file:{}", folder.path().join("mail").display());
    let began = Instant::now();
    let billing = keys.start_mailing(&log, &to);
    stage::all_mailed(&log, &billing).await;
    let took = began.elapsed().as_secs_f64();
    let (documents, orders) = (stage::documents(&log).len(), sold(&log));
    println!(
        "backlog: {orders} orders and {} refunds in {took:.1} s: {:.0} orders/s",
        documents - orders,
        orders as f64 / took
    );

    let mut times = watch(&log);
    let begin = Instant::now();
    let mut paid = 0;
    while begin.elapsed() < Duration::from_secs(seconds as u64) {
        let due = f64::from(paid + 1) / f64::from(STEADY);
        tokio::time::sleep_until((begin + Duration::from_secs_f64(due)).into()).await;
        sell_one(&keys, &log, &mut history, usize::MAX).await;
        paid += 1;
    }
    stage::all_mailed(&log, &billing).await;
    times.done.send(()).ok();
    let mut latencies = times.task.await.unwrap();
    latencies.sort_unstable();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize].as_millis();
    println!(
        "steady: {paid} orders at {STEADY}/s, from payment to mail file p50 {} ms, p95 {} ms, most {} ms",
        at(0.5),
        at(0.95),
        at(1.0)
    );
    times.done = tokio::sync::oneshot::channel().0;
    billing.stop().await;
}

fn sold(log: &EmbeddedLog) -> usize {
    stage::documents(log).iter().filter(|issued| issued.refund.is_none()).count()
}

/// Goes on with the history until one more order is paid; `false` once there are enough.
async fn sell_one(keys: &Keys, log: &EmbeddedLog, history: &mut History, enough: usize) -> bool {
    let before = history.orders().count();
    while history.orders().count() == before {
        keys.append(log, history, 1).await;
    }
    before + 1 < enough
}

struct Times {
    done: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Vec<Duration>>,
}

/// How long each order that is paid from now on takes until its mail is written down.
fn watch(log: &EmbeddedLog) -> Times {
    let mut feed = Feed::new(log, log.head().position + 1).unwrap();
    let (done, mut is_done) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        let (mut paid, mut folios, mut latencies) = (HashMap::new(), HashMap::new(), Vec::new());
        loop {
            let chunk = tokio::select! {
                chunk = feed.next() => chunk.unwrap().unwrap(),
                _ = &mut is_done => return latencies,
            };
            let now = Instant::now();
            for batch in chunk.batches() {
                for record in batch.events() {
                    match batch.stream().category {
                        Category::Show => {
                            if let ShowEvent::OrderPaid(event) =
                                ticketflow_event_store::show_event(record).unwrap()
                            {
                                paid.insert(event.order_id, now);
                            }
                        }
                        Category::Billing => match billing_event(record).unwrap() {
                            BillingEvent::DocumentIssued(event) if event.refund.is_none() => {
                                folios.insert(event.document, event.order_id);
                            }
                            BillingEvent::DocumentMailed(event) => {
                                let order = folios.get(&event.document);
                                latencies.extend(order.and_then(|order| paid.get(order)).map(|at| now - *at));
                            }
                            _ => {}
                        },
                        Category::Customer | Category::Ops => {}
                    }
                }
            }
        }
    });
    Times { done, task }
}
