//! Orders come through a real NATS server: acknowledged when they are in the books, found by the sweep when the servers lose them, and
//! handled by one instance at a time.

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use data_encoding::HEXLOWER;
use ticketflow_billing_projector::{BillingHandle, BillingPorts, FactReader, Orders, Phase};
use ticketflow_domain::billing::{DocumentType, Scheme};
use ticketflow_domain::show::ShowEvent;
use ticketflow_event_store::{Category, EmbeddedLog, show_event};
use ticketflow_testbed::{NatsServer, TestbedError};

use crate::history::History;
use crate::stage::*;

fn server() -> Option<NatsServer> {
    match NatsServer::start() {
        Ok(server) => Some(server),
        Err(error @ TestbedError::Missing { .. }) => {
            eprintln!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

async fn stream(server: &NatsServer) -> jetstream::Context {
    let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let config = stream::Config {
        name: "ORDERS".into(),
        subjects: vec!["orders.>".into()],
        ..stream::Config::default()
    };
    context.get_or_create_stream(config).await.unwrap();
    context
}

/// Publishes what a relay does of the events behind `after`, twice where `twice` says so. Says where the log ends.
async fn publish(
    context: &jetstream::Context,
    log: &EmbeddedLog,
    after: u64,
    takes: impl Fn(u64) -> bool,
) -> u64 {
    let mut reader = log.read_from(after + 1).unwrap();
    let mut acks = Vec::new();
    while let Some(batch) = reader.next_batch().unwrap() {
        if batch.stream().category != Category::Show {
            continue;
        }
        for (record, position) in batch.events().zip(batch.first_position()..) {
            let word = match show_event(record).unwrap() {
                ShowEvent::OrderPaid(_) => "paid",
                ShowEvent::TicketsRefunded(_) => "refunded",
                ShowEvent::TicketCheckedIn(_) => "checked_in",
                _ => continue,
            };
            if !takes(position) {
                continue;
            }
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Ticketflow-Position", position.to_string().as_str());
            headers.insert("Ticketflow-Chain-Hash", HEXLOWER.encode(&batch.chain_hash()).as_str());
            let subject = format!("orders.show.{word}");
            acks.push(context.publish_with_headers(subject, headers, "{}".into()).await.unwrap());
        }
    }
    for ack in acks {
        ack.await.unwrap();
    }
    log.head().position
}

async fn start_at(server: &NatsServer, log: &EmbeddedLog, name: &str) -> BillingHandle {
    let orders = Orders::connect(&server.url(), 1, name.to_owned()).await.unwrap();
    let ports = BillingPorts {
        store: log.clone().into(),
        books: std::sync::Arc::default(),
        facts: FactReader::new(log.clone()),
        orders: Some(orders),
        mail: None,
        fiscal: None,
        now,
    };
    ticketflow_billing_projector::start(ports, options(Scheme::Plain, DocumentType::Receipt)).unwrap()
}

/// What the durable consumer has still to deliver, and what was delivered and not acknowledged.
async fn pending(context: &jetstream::Context) -> Option<(u64, usize)> {
    let stream = context.get_stream("ORDERS").await.ok()?;
    let info = stream.consumer_info("billing").await.ok()?;
    Some((info.num_pending, info.num_ack_pending))
}

async fn nothing_pending(context: &jetstream::Context) {
    let since = std::time::Instant::now();
    while pending(context).await != Some((0, 0)) {
        assert!(since.elapsed() < PATIENCE, "{:?}", pending(context).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn all_documented(log: &EmbeddedLog) -> bool {
    documents(log).len() == wanted(log).len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_acknowledged_when_their_documents_are_in_the_books() {
    let Some(server) = server() else { return };
    let (log, mut history) = (log(), History::new(91, 4, 4));
    let context = stream(&server).await;
    history.append(&log, 1_000);
    let mut end = publish(&context, &log, 0, |_| true).await;
    let billing = start_at(&server, &log, "one").await;
    until("what was sold before", || all_documented(&log)).await;
    for _ in 0..5 {
        history.append(&log, 100);
        end = publish(&context, &log, end, |_| true).await;
        until("what is sold then", || all_documented(&log)).await;
    }
    nothing_pending(&context).await;
    complete(&log);
    // Delivered again, whole: a broker that was reset. Nothing is issued twice.
    let before = documents(&log);
    context.get_stream("ORDERS").await.unwrap().delete_consumer("billing").await.unwrap();
    let again = std::time::Instant::now();
    loop {
        assert!(again.elapsed() < PATIENCE, "the consumer was not made again");
        match pending(&context).await {
            Some((0, 0)) => break,
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    assert_eq!(documents(&log), before);
    billing.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_servers_never_had_is_found_in_the_log() {
    let Some(server) = server() else { return };
    let (log, mut history) = (log(), History::new(92, 4, 4));
    let context = stream(&server).await;
    let billing = start_at(&server, &log, "one").await;
    until("its turn", || {
        billing.status().phase == Phase::Live || billing.status().phase == Phase::CatchingUp
    })
    .await;
    history.append(&log, 800);
    // Every second message is lost, and refunds come before the orders that they are of.
    publish(&context, &log, 0, |position| position % 2 == 0).await;
    until("all of them", || all_documented(&log)).await;
    complete(&log);
    nothing_pending(&context).await;
    billing.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_not_of_this_log_are_ended_and_make_nothing() {
    let Some(server) = server() else { return };
    let (log, mut history) = (log(), History::new(93, 4, 4));
    let context = stream(&server).await;
    history.append(&log, 300);
    let (other, mut another) = (crate::stage::log(), History::new(94, 4, 4));
    another.append(&other, 300);
    let billing = start_at(&server, &log, "one").await;
    until("documents", || all_documented(&log)).await;
    let before = documents(&log);
    publish(&context, &other, 0, |_| true).await;
    for (position, hash) in [("", ""), ("no number", "00"), ("18446744073709551615", ""), ("1", "zz")] {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Ticketflow-Position", position);
        headers.insert("Ticketflow-Chain-Hash", hash);
        context.publish_with_headers("orders.show.paid", headers, "{}".into()).await.unwrap().await.unwrap();
    }
    context.publish("orders.show.paid", "no headers".into()).await.unwrap().await.unwrap();
    nothing_pending(&context).await;
    assert_eq!(documents(&log), before);
    assert_eq!(billing.status().parked, 0);
    billing.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_several_instances_works_and_another_takes_over() {
    let Some(server) = server() else { return };
    let (log, mut history) = (log(), History::new(95, 4, 4));
    let context = stream(&server).await;
    let first = start_at(&server, &log, "same name").await;
    until("the first has its turn", || {
        first.status().phase == Phase::Live || first.status().phase == Phase::CatchingUp
    })
    .await;
    let second = start_at(&server, &log, "same name").await;
    history.append(&log, 400);
    let end = publish(&context, &log, 0, |_| true).await;
    until("documents", || all_documented(&log)).await;
    assert_eq!(second.status().phase, Phase::Standby);
    // Stopped as an operator does it: the next one takes over at once.
    first.stop().await;
    history.append(&log, 400);
    let end = publish(&context, &log, end, |_| true).await;
    until("the second takes over", || all_documented(&log)).await;
    let third = start_at(&server, &log, "same name").await;
    // Cut off without a word: the lease expires.
    drop(second);
    history.append(&log, 400);
    publish(&context, &log, end, |_| true).await;
    until("the third takes over", || all_documented(&log)).await;
    complete(&log);
    nothing_pending(&context).await;
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_are_away_hold_up_nothing_for_good() {
    let Some(mut server) = server() else { return };
    let (log, mut history) = (log(), History::new(96, 4, 4));
    let context = stream(&server).await;
    let billing = start_at(&server, &log, "one").await;
    history.append(&log, 300);
    let end = publish(&context, &log, 0, |_| true).await;
    until("documents", || all_documented(&log)).await;
    server.process().kill();
    history.append(&log, 300);
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.restart().unwrap();
    publish(&stream(&server).await, &log, end, |_| true).await;
    until("documents of what was sold meanwhile", || all_documented(&log)).await;
    complete(&log);
    billing.stop().await;
}
