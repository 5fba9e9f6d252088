//! A log with shows in it and the read endpoints over it. Commands are decided by the domain and appended as they are in
//! production, one batch each. Time is the runtime's own and stands still unless something waits for it.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
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
use ticketflow_http::{OperatorKey, Shell, ShellOptions, Shutdown};
use ticketflow_projections::{FeedRunner, Projections, QueryPorts, ReadModels, WholeMapPace};
use ticketflow_ticket_code::TicketSigner;
use tower::ServiceExt;

pub(crate) const KEY: &str = "operator-key-of-the-tests";
/// When everything in these tests happens: 2030-01-01T00:00:00Z.
pub(crate) const START_MS: i64 = 1_893_456_000_000;
/// A wait that is over when nothing comes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

thread_local! {
    static NOW_MS: Cell<i64> = const { Cell::new(START_MS) };
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(NOW_MS.get())
}

pub(crate) fn pass_seconds(seconds: i64) {
    NOW_MS.set(NOW_MS.get() + seconds * 1_000);
}

/// A test on one thread whose clock jumps to the next timer when all wait.
pub(crate) fn on_stage<F: Future<Output = ()>>(play: impl FnOnce(Stage) -> F) {
    NOW_MS.set(START_MS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async { play(Stage::new()).await });
}

/// The log, its readers, and the shows as the domain has them.
pub(crate) struct Stage {
    pub(crate) log: EmbeddedLog,
    pub(crate) models: Arc<ReadModels>,
    pub(crate) shutdown: Shutdown,
    router: Router,
    shows: HashMap<ShowId, ShowState>,
    ids: u8,
}

impl Stage {
    fn new() -> Self {
        let (log, _) = EmbeddedLog::open(Arc::new(SimDisk::new(1)), LogOptions::default()).expect("a log");
        let models = Arc::new(ReadModels::default());
        let runner = FeedRunner::catch_up(log.clone(), models.clone()).expect("an empty log");
        runner.follow().expect("the log can be followed");
        let shutdown = Shutdown::new();
        let router = ticketflow_projections::router(QueryPorts {
            models: models.clone(),
            projections: Projections::new(runner, None),
            log: log.clone(),
            invoices: None,
            signer: TicketSigner::new(&[7; 32]),
            operator_key: OperatorKey::new(KEY),
            shutdown: shutdown.clone(),
            now,
            whole_map_pace: WholeMapPace::default(),
        });
        let shell = Shell::new(ShellOptions { instance: "test".into(), max_in_flight: 4_096 });
        Self { log, models, shutdown, router: shell.wrap(router), shows: HashMap::new(), ids: 0 }
    }

    fn id(&mut self) -> [u8; 16] {
        self.ids += 1;
        [self.ids; 16]
    }

    /// Decides, appends and waits until the read side has it.
    pub(crate) async fn carry_out(&mut self, show: ShowId, command: &ShowCommand) -> Vec<ShowEvent> {
        let state = self.shows.entry(show).or_default();
        let events = decide(state, command, &Context { now: now() }).expect("the command is allowed");
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
            recorded_at_ms: now().as_millis(),
            metadata: Vec::new(),
            events: encoded,
            urgency: Urgency::Essential,
        };
        // Asked over and over, because a runtime that waits would let its clock run.
        let mut pending = self.log.append(append);
        let appended = loop {
            match pending.try_wait() {
                Some(appended) => break appended,
                None => tokio::task::yield_now().await,
            }
        };
        appended.expect("it is durable");
        self.caught_up().await;
        events
    }

    /// Until the read side has what the log has; the clock stands still meanwhile.
    pub(crate) async fn caught_up(&self) {
        while self.models.position() < self.log.head().position {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn head(&self) -> Position {
        self.log.head().position
    }

    /// A show on sale, with seats in rows A and B of 12 in Platea and 20 places in Cancha.
    pub(crate) async fn show(&mut self) -> ShowId {
        let show = self.scheduled("Función", START_MS + 86_400_000, None).await;
        self.carry_out(show, &ShowCommand::OpenSales).await;
        show
    }

    pub(crate) async fn scheduled(&mut self, name: &str, starts_ms: i64, opens_ms: Option<i64>) -> ShowId {
        let zones = json!({"zones": [
            {"name": "Platea", "price": 25_000, "color": "#aa3311", "rows": [{"label": "A", "seats": 12}, {"label": "B", "seats": 12}]},
            {"name": "Cancha", "price": 10_000, "capacity": 20},
        ]});
        self.planned(name, starts_ms, opens_ms, zones).await
    }

    pub(crate) async fn planned(
        &mut self,
        name: &str,
        starts_ms: i64,
        opens_ms: Option<i64>,
        plan: Value,
    ) -> ShowId {
        let show_id = ShowId::from_bytes(self.id());
        let spec: PlanSpec = serde_json::from_value(plan).expect("a plan");
        let create = ShowCommand::CreateShow {
            show_id,
            name: name.to_owned(),
            venue: "Teatro".to_owned(),
            starts_at: Timestamp::from_millis(starts_ms),
            currency: Currency::CLP,
            sales_open_at: opens_ms.map(Timestamp::from_millis),
            max_seats_per_customer: Some(8),
            hold_seconds: Some(300),
            plan: spec.check(Currency::CLP).expect("the plan keeps the rules"),
        };
        self.carry_out(show_id, &create).await;
        show_id
    }

    pub(crate) async fn hold(&mut self, show: ShowId, seats: &[&str]) -> HoldId {
        let hold_id = HoldId::from_bytes(self.id());
        let seats = seats.iter().map(|seat| (*seat).to_owned()).collect();
        let selection = Selection::Named { seats, expected_revisions: Vec::new() };
        let command = ShowCommand::HoldSeats(HoldSeats { hold_id, customer_id: None, selection });
        self.carry_out(show, &command).await;
        hold_id
    }

    pub(crate) async fn release(&mut self, show: ShowId, hold_id: HoldId) {
        self.carry_out(show, &ShowCommand::ReleaseHold { hold_id }).await;
    }

    /// Any change of a seat: a place in Cancha is held.
    pub(crate) async fn change_any(&mut self, show: ShowId) {
        let hold_id = HoldId::from_bytes(self.id());
        let selection = Selection::General { zone: "Cancha".to_owned(), quantity: 1 };
        let command = ShowCommand::HoldSeats(HoldSeats { hold_id, customer_id: None, selection });
        self.carry_out(show, &command).await;
    }

    /// Holds, pays, and gives the order.
    pub(crate) async fn sell(&mut self, show: ShowId, seats: &[&str]) -> OrderPaid {
        let hold_id = self.hold(show, seats).await;
        let (order_id, customer_id) = (OrderId::from_bytes(self.id()), CustomerId::from_bytes(self.id()));
        let start = ShowCommand::StartPayment(StartPayment { order_id, hold_id, customer_id });
        self.carry_out(show, &start).await;
        let tickets = seats.iter().map(|_| TicketId::from_bytes(self.id())).collect();
        let confirm =
            ShowCommand::ConfirmPayment { order_id, payment_reference: "reference".to_owned(), tickets };
        match self.carry_out(show, &confirm).await.remove(0) {
            ShowEvent::OrderPaid(order) => order,
            other => panic!("not paid: {other:?}"),
        }
    }

    pub(crate) async fn refund(&mut self, show: ShowId, order: &OrderPaid, tickets: &[usize]) {
        let command = ShowCommand::RefundTickets {
            refund_id: RefundId::from_bytes(self.id()),
            order_id: order.order_id,
            tickets: tickets.iter().map(|&ticket| order.tickets[ticket]).collect(),
            reason: String::new(),
        };
        self.carry_out(show, &command).await;
    }

    pub(crate) async fn check_in(&mut self, show: ShowId, order: &OrderPaid, ticket: usize) {
        let command = ShowCommand::CheckIn {
            ticket_id: order.tickets[ticket],
            seat: order.seats[ticket].seat,
            generation: order.seats[ticket].revision,
            gate: "Norte".to_owned(),
        };
        self.carry_out(show, &command).await;
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn operator(&self, path: &str) -> Answer {
        self.get_with(path, &[("authorization", &format!("Bearer {KEY}"))]).await
    }

    /// Posts as an operator.
    pub(crate) async fn command(&self, path: &str, body: Option<Value>) -> Answer {
        let request = Request::post(path).header("authorization", format!("Bearer {KEY}"));
        let request = match body {
            Some(body) => {
                request.header("content-type", "application/json").body(Body::from(body.to_string()))
            }
            None => request.body(Body::empty()),
        };
        self.answer(request.expect("a request")).await
    }

    pub(crate) async fn head_of(&self, path: &str) -> Answer {
        self.answer(Request::head(path).body(Body::empty()).expect("a request")).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.answer(request(path, headers)).await
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Follows a show live.
    pub(crate) async fn follow(&self, show: ShowId, last: Option<Position>) -> Following {
        let last = last.map(|last| last.to_string()).unwrap_or_default();
        let headers = [("last-event-id", last.as_str())];
        let headers = if last.is_empty() { &[][..] } else { &headers[..] };
        let path = format!("/v1/shows/{show}/seats/stream");
        let response = self.router.clone().oneshot(request(&path, headers)).await.expect("an answer");
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Following { body: response.into_body(), text: String::new() }
    }
}

impl Stage {
    /// Follows how the projections are doing.
    pub(crate) async fn follow_projections(&self) -> Following {
        let bearer = format!("Bearer {KEY}");
        let request = request("/v1/ops/projections/stream", &[("authorization", &bearer)]);
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Following { body: response.into_body(), text: String::new() }
    }
}

fn request(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).expect("a request")
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    #[track_caller]
    pub(crate) fn expect_status(&self, status: u16) {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
    }

    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        body
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("text")
    }
}

/// A live stream of a seat map, or of how the projections are doing.
pub(crate) struct Following {
    body: Body,
    text: String,
}

/// One message of it.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) event: String,
    pub(crate) id: Position,
    pub(crate) data: Value,
}

impl Following {
    /// The next message that is not a comment; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                if !block.starts_with(':') {
                    return Some(message(&block));
                }
                continue;
            }
            let frame = tokio::time::timeout(LONG, self.body.frame()).await.expect("a message comes");
            let data = frame?.expect("no error").into_data().expect("data");
            self.text.push_str(std::str::from_utf8(&data).expect("text"));
        }
    }
}

fn message(block: &str) -> Message {
    let field = |name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {block:?}")).trim_start().to_owned()
    };
    let data: Value = serde_json::from_str(&field("data:")).expect("JSON");
    let id = field("id:").parse().expect("a position");
    assert!(data["position"].is_null() || data["position"] == id, "{block}");
    Message { event: field("event:"), id, data }
}
