//! How fast the relay publishes, beside a bare publisher of the same messages with as many in flight, in one run.
//!
//! `cargo run --release -p ticketflow-relay --example relay_rate [ORDERS]`. Both publish into servers that sync every message;
//! a cluster of three is measured as well where it starts.

use std::collections::VecDeque;
use std::error::Error;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, message::PublishMessage, stream::Config};
use bytes::Bytes;
use ticketflow_domain::plan::{PlanSpec, SeatIndex};
use ticketflow_domain::show::{OrderPaid, SeatRevision, ShowCreated, ShowEvent};
use ticketflow_domain::{Currency, CustomerId, HoldId, OrderId, ShowId, TicketId, Timestamp};
use ticketflow_event_store::{
    Append, Category, EmbeddedLog, EncodedEvents, Expected, LogOptions, RealDisk, StreamId, Urgency,
    push_show_event,
};
use ticketflow_relay::{Relay, RelayHandle, RelayOptions, STREAM};
use ticketflow_testbed::{NatsCluster, NatsServer};

const ORDERS: u32 = 20_000;
/// As the relay has.
const IN_FLIGHT: usize = 256;
const AT: Timestamp = Timestamp::from_millis(1_893_456_000_000);
const LOOK: Duration = Duration::from_millis(2);

type Outcome<T> = Result<T, Box<dyn Error>>;
type Messages = Vec<(String, Bytes)>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let orders = std::env::args().nth(1).map_or(Ok(ORDERS), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let (log, _) = EmbeddedLog::open(Arc::new(RealDisk::new(folder.path())?), LogOptions::default())?;
    let log = tokio::task::spawn_blocking(move || {
        fill(&log, orders).map(|()| log).map_err(|error| error.to_string())
    });
    let log = log.await??;
    let server = NatsServer::start()?;
    measure("one server", &log, &server.url(), 1).await?;
    drop(server);
    let cluster = NatsCluster::start()?;
    measure("three servers", &log, &cluster.url(), 3).await?;
    Ok(())
}

async fn measure(name: &str, log: &EmbeddedLog, url: &str, replicas: usize) -> Outcome<()> {
    let servers: Vec<&str> = url.split(',').collect();
    let context = jetstream::new(async_nats::connect(servers).await?);
    let count = log.head().position;

    let options = RelayOptions { replicas, ..RelayOptions::new(url) };
    let relay = Relay::start(log.clone(), options).await?;
    // From its first message on: making the stream is not its rate.
    reach(&relay, 1).await;
    let (since, already) = (Instant::now(), relay.status().position);
    reach(&relay, count).await;
    let relayed = (count - already) as f64 / since.elapsed().as_secs_f64();
    relay.stop().await;

    let messages = read(&context, count).await?;
    let bytes: usize = messages.iter().map(|(_, body)| body.len()).sum();
    context.delete_stream(STREAM).await?;
    let config = Config {
        name: STREAM.to_owned(),
        subjects: vec!["orders.>".to_owned()],
        num_replicas: replicas,
        ..Config::default()
    };
    context.create_stream(config).await?;
    let since = Instant::now();
    publish(&context, messages).await?;
    let bare = count as f64 / since.elapsed().as_secs_f64();
    println!(
        "{name}: relay {relayed:.0} messages/s, bare publisher {bare:.0}/s, ratio {:.2}; {count} messages of {} bytes",
        relayed / bare,
        bytes as u64 / count
    );
    Ok(())
}

async fn reach(relay: &RelayHandle, position: u64) {
    while relay.status().position < position {
        tokio::time::sleep(LOOK).await;
    }
}

async fn read(context: &jetstream::Context, count: u64) -> Outcome<Messages> {
    let stream = context.get_stream(STREAM).await?;
    let mut messages = Vec::new();
    for sequence in 1..=count {
        let message = stream.get_raw_message(sequence).await?;
        messages.push((message.subject.to_string(), message.payload));
    }
    Ok(messages)
}

/// Without expected sequences, ids and looks at the log.
async fn publish(context: &jetstream::Context, messages: Messages) -> Outcome<()> {
    let mut in_flight = VecDeque::new();
    for (subject, body) in messages {
        let ack = context.send_publish(subject, PublishMessage::build().payload(body)).await?;
        in_flight.push_back(ack.into_future());
        if in_flight.len() >= IN_FLIGHT
            && let Some(first) = in_flight.pop_front()
        {
            first.await?;
        }
    }
    for ack in in_flight {
        ack.await?;
    }
    Ok(())
}

/// One show and orders of two seats, a batch of 100 each, as under load.
fn fill(log: &EmbeddedLog, orders: u32) -> Outcome<()> {
    let show_id = ShowId::from_bytes([1; 16]);
    let spec: PlanSpec = serde_json::from_value(
        serde_json::json!({"zones": [{"name": "Platea", "price": 25_000, "rows": [{"label": "A", "seats": 200}]}]}),
    )?;
    let created = ShowEvent::ShowCreated(Box::new(ShowCreated {
        show_id,
        name: "La función".to_owned(),
        venue: "Teatro Municipal".to_owned(),
        starts_at: AT,
        currency: Currency::CLP,
        sales_open_at: None,
        max_seats_per_customer: None,
        hold_seconds: 600,
        plan: spec.check(Currency::CLP)?,
        created_at: AT,
    }));
    append(log, show_id, &[created])?;
    let paid = |number: u32| {
        let id = |kind: u8| {
            let mut id = [kind; 16];
            id[12..].copy_from_slice(&number.to_be_bytes());
            id
        };
        let seat = |at: u32| SeatRevision { seat: SeatIndex((number * 2 + at) % 200), revision: 2 };
        ShowEvent::OrderPaid(OrderPaid {
            order_id: OrderId::from_bytes(id(2)),
            hold_id: HoldId::from_bytes(id(3)),
            customer_id: CustomerId::from_bytes(id(4)),
            seats: [seat(0), seat(1)].into_iter().collect(),
            tickets: [5, 6].map(|kind| TicketId::from_bytes(id(kind))).into_iter().collect(),
            total: 50_000,
            payment_reference: format!("auth-{number}"),
            paid_at: AT,
        })
    };
    let orders: Vec<ShowEvent> = (0..orders).map(paid).collect();
    orders.chunks(100).try_for_each(|orders| append(log, show_id, orders))
}

fn append(log: &EmbeddedLog, show_id: ShowId, events: &[ShowEvent]) -> Outcome<()> {
    let mut encoded = EncodedEvents::new();
    events.iter().try_for_each(|event| push_show_event(&mut encoded, event))?;
    let stream = StreamId::new(Category::Show, show_id.to_bytes());
    let revision = log.stream_revision(&stream);
    let append = Append {
        stream,
        expected: Expected::Revision(revision),
        batch_id: u128::from(revision).to_be_bytes(),
        recorded_at_ms: AT.as_millis(),
        metadata: Vec::new(),
        events: encoded,
        urgency: Urgency::Essential,
    };
    log.append_here(append).wait()?;
    Ok(())
}
