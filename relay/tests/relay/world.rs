//! A log with shows that sell, a list of what has to be told of them, and a look into the stream.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use serde_json::{Value, json};
use ticketflow_domain::plan::PlanSpec;
use ticketflow_domain::show::{
    Context, HoldSeats, OrderPaid, Selection, ShowCommand, ShowEvent, ShowState, StartPayment, decide,
};
use ticketflow_domain::{Currency, CustomerId, HoldId, OrderId, RefundId, ShowId, TicketId, Timestamp};
use ticketflow_event_store::{
    Append, Category, EmbeddedLog, EncodedEvents, Expected, LogOptions, Position, SimDisk, StreamId, Urgency,
    push_show_event,
};
use ticketflow_relay::{POSITION_HEADER, Relay, RelayHandle, RelayOptions, RelayState, STREAM};
use ticketflow_testbed::TestbedError;

/// 2030-01-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_893_456_000_000);
/// Longer than a cluster elects.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// So that a test does not wait long for what is lost.
pub(crate) const ACK_TIMEOUT: Duration = Duration::from_millis(400);

/// The server, or `None` with the reason printed where this machine does not have it.
pub(crate) fn installed<T>(started: Result<T, TestbedError>) -> Option<T> {
    match started {
        Err(missing @ TestbedError::Missing { .. }) => {
            println!("SKIPPED: {missing}");
            None
        }
        started => Some(started.expect("it starts")),
    }
}

/// Runs a test that waits on several threads.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("threads").block_on(test);
}

/// Asks over and over until it holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A log, its shows as the domain has them, and what has to be told: subject and position, kept beside the relay's own rules.
pub(crate) struct World {
    pub(crate) log: EmbeddedLog,
    pub(crate) told: Vec<(String, Position)>,
    shows: HashMap<ShowId, ShowState>,
    ids: u128,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let (log, _) = EmbeddedLog::open(Arc::new(SimDisk::new(seed)), LogOptions::default()).expect("a log");
        Self { log, told: Vec::new(), shows: HashMap::new(), ids: u128::from(seed) << 64 }
    }

    fn id(&mut self) -> [u8; 16] {
        self.ids += 1;
        self.ids.to_be_bytes()
    }

    fn carry_out(&mut self, show: ShowId, command: &ShowCommand) -> Vec<ShowEvent> {
        let state = self.shows.entry(show).or_default();
        let events = decide(state, command, &Context { now: NOW }).expect("the command is allowed");
        let mut encoded = EncodedEvents::new();
        for event in &events {
            state.evolve(event);
            push_show_event(&mut encoded, event).expect("it encodes");
        }
        let stream = StreamId::new(Category::Show, show.to_bytes());
        let append = Append {
            stream,
            expected: Expected::Revision(self.log.stream_revision(&stream)),
            batch_id: self.id(),
            recorded_at_ms: NOW.as_millis(),
            metadata: Vec::new(),
            events: encoded,
            urgency: Urgency::Essential,
        };
        // Asked over and over, because whoever drives asynchronous tasks must not block.
        let mut pending = self.log.append_here(append);
        let appended = std::iter::repeat_with(|| {
            std::thread::yield_now();
            pending.try_wait()
        });
        let appended = appended.flatten().next().expect("an outcome").expect("it is durable");
        for (event, position) in events.iter().zip(appended.first_position..) {
            let word = match event {
                ShowEvent::ShowCreated(_) => "published",
                ShowEvent::SalesOpened(_) => "opened",
                ShowEvent::SalesClosed(_) => "closed",
                ShowEvent::ShowCancelled(_) => "cancelled",
                ShowEvent::OrderPaid(_) => "paid",
                ShowEvent::TicketsRefunded(_) => "refunded",
                ShowEvent::TicketCheckedIn(_) => "checked_in",
                _ => continue,
            };
            self.told.push((format!("orders.{show}.{word}"), position));
        }
        events
    }

    /// A show on sale with many places.
    pub(crate) fn show(&mut self) -> ShowId {
        let show_id = ShowId::from_bytes(self.id());
        let zones = json!({"zones": [
            {"name": "Platea", "price": 25_000, "rows": [{"label": "A", "seats": 12}]},
            {"name": "Cancha", "price": 10_000, "capacity": 20_000},
        ]});
        let spec: PlanSpec = serde_json::from_value(zones).expect("a plan");
        let create = ShowCommand::CreateShow {
            show_id,
            name: "Función".to_owned(),
            venue: "Teatro".to_owned(),
            starts_at: NOW.plus_seconds(86_400),
            currency: Currency::CLP,
            sales_open_at: None,
            max_seats_per_customer: None,
            hold_seconds: Some(300),
            plan: spec.check(Currency::CLP).expect("the plan keeps the rules"),
        };
        self.carry_out(show_id, &create);
        self.carry_out(show_id, &ShowCommand::OpenSales);
        show_id
    }

    pub(crate) fn close(&mut self, show: ShowId) {
        self.carry_out(show, &ShowCommand::CloseSales);
    }

    pub(crate) fn hold(&mut self, show: ShowId, quantity: u32) -> HoldId {
        let hold_id = HoldId::from_bytes(self.id());
        let selection = Selection::General { zone: "Cancha".to_owned(), quantity };
        self.carry_out(show, &ShowCommand::HoldSeats(HoldSeats { hold_id, customer_id: None, selection }));
        hold_id
    }

    /// Four events, one message.
    pub(crate) fn sell(&mut self, show: ShowId, quantity: u32) -> OrderPaid {
        let hold_id = self.hold(show, quantity);
        let (order_id, customer_id) = (OrderId::from_bytes(self.id()), CustomerId::from_bytes(self.id()));
        self.carry_out(show, &ShowCommand::StartPayment(StartPayment { order_id, hold_id, customer_id }));
        let tickets = (0..quantity).map(|_| TicketId::from_bytes(self.id())).collect();
        let confirm =
            ShowCommand::ConfirmPayment { order_id, payment_reference: "reference".to_owned(), tickets };
        match self.carry_out(show, &confirm).remove(0) {
            ShowEvent::OrderPaid(order) => order,
            other => panic!("not paid: {other:?}"),
        }
    }

    pub(crate) fn refund(&mut self, show: ShowId, order: &OrderPaid, tickets: &[usize]) {
        let command = ShowCommand::RefundTickets {
            refund_id: RefundId::from_bytes(self.id()),
            order_id: order.order_id,
            tickets: tickets.iter().map(|&ticket| order.tickets[ticket]).collect(),
            reason: "cannot come".to_owned(),
        };
        self.carry_out(show, &command);
    }

    pub(crate) fn check_in(&mut self, show: ShowId, order: &OrderPaid, ticket: usize) {
        let command = ShowCommand::CheckIn {
            ticket_id: order.tickets[ticket],
            seat: order.seats[ticket].seat,
            generation: order.seats[ticket].revision,
            gate: "Norte".to_owned(),
        };
        self.carry_out(show, &command);
    }

    /// A relay of this log that loses patience early.
    pub(crate) async fn relay(&self, url: &str) -> RelayHandle {
        let options = RelayOptions { ack_timeout: ACK_TIMEOUT, ..RelayOptions::new(url) };
        self.relay_with(options).await
    }

    pub(crate) async fn relay_with(&self, options: RelayOptions) -> RelayHandle {
        Relay::start(self.log.clone(), options).await.expect("it starts")
    }

    /// Waits until the relay has published everything.
    pub(crate) async fn relayed(&self, relay: &RelayHandle) {
        let head = self.log.head().position;
        eventually("everything is relayed", async || {
            let status = relay.status();
            assert_ne!(status.state, RelayState::Stopped, "{status:?}");
            status.position == head
        })
        .await;
    }
}

/// Waits until the relay is in a state whose error has these words in it, and gives the error.
pub(crate) async fn state_with(relay: &RelayHandle, state: RelayState, words: &str) {
    eventually(&format!("{state:?} because of {words}"), async || {
        let status = relay.status();
        status.state == state && status.last_error.unwrap_or_default().contains(words)
    })
    .await;
}

/// A look into the servers.
pub(crate) struct Look {
    pub(crate) context: jetstream::Context,
}

impl Look {
    pub(crate) async fn into(url: &str) -> Self {
        let servers: Vec<&str> = url.split(',').collect();
        let client = async_nats::ConnectOptions::new().retry_on_initial_connect().connect(servers).await;
        Self { context: jetstream::new(client.expect("a client")) }
    }

    /// How many messages there are; `None` where there is no stream.
    pub(crate) async fn count(&self) -> Option<u64> {
        let stream = self.context.get_stream(STREAM).await.ok()?;
        Some(stream.cached_info().state.last_sequence)
    }

    /// The stream, once the servers have a leader that tells of it.
    pub(crate) async fn stream(&self) -> jetstream::stream::Stream {
        let since = Instant::now();
        loop {
            match self.context.get_stream(STREAM).await {
                Ok(stream) => return stream,
                Err(error) => assert!(since.elapsed() < PATIENCE, "no stream: {error}"),
            }
        }
    }

    /// Everything in the stream, in order.
    pub(crate) async fn messages(&self) -> Vec<jetstream::message::StreamMessage> {
        let stream = self.stream().await;
        let state = &stream.cached_info().state;
        assert_eq!(state.messages, state.last_sequence, "nothing was removed");
        let mut messages = Vec::new();
        for sequence in 1..=state.last_sequence {
            messages.push(stream.get_raw_message(sequence).await.expect("a message"));
        }
        messages
    }

    /// The stream holds what has to be told, all of it, once, in order.
    pub(crate) async fn holds_what_is_told_by(&self, world: &World) {
        let messages = self.messages().await;
        let header = |at: usize, name: &str| messages[at].headers.get(name).map(ToString::to_string);
        for (at, (subject, position)) in world.told.iter().enumerate() {
            assert!(at < messages.len(), "{} of {} messages", messages.len(), world.told.len());
            assert_eq!(messages[at].subject.as_str(), subject, "message {}", at + 1);
            let text = position.to_string();
            assert_eq!(header(at, POSITION_HEADER).as_ref(), Some(&text), "message {}", at + 1);
            assert_eq!(header(at, "Nats-Msg-Id").as_ref(), Some(&text));
            // What keeps it in its one place after the server has forgotten ids: two minutes later.
            assert_eq!(header(at, "Nats-Expected-Last-Sequence"), Some(at.to_string()));
            let body: Value = serde_json::from_slice(&messages[at].payload).expect("JSON");
            assert_eq!(body["id"], text);
        }
        assert_eq!(messages.len(), world.told.len(), "and nothing else");
    }
}
