//! A house whose service can be stopped and started again: data folder, gateway and clock outlive the service.
//!
//! Each service has a runtime of its own, so that stopping it ends every task at once, as the end of a process does.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use ticketflow_command_service::{
    Clock, CommandConfig, CommandPorts, CommandService, HoldTokens, LocateOrder, load_shows, start,
    store_shows,
};
use ticketflow_event_store::{Disk, EmbeddedLog, EventStore, LogOptions, RealDisk};
use ticketflow_http::{OperatorKey, Shell, ShellOptions, Shutdown};
use ticketflow_key_vault::{CustomerKeys, KeyVault};
use ticketflow_payment::{ChargeStatus, SimulatedGateway};
use ticketflow_projections::{
    FeedRunner, Projections, QueryPorts, ReadModels, WholeMapPace, restore_models, store_models,
};
use ticketflow_scenarios::contract::{Contract, Exchange};
use ticketflow_ticket_code::TicketSigner;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tower::ServiceExt;

pub(crate) const OPERATOR: &str = "operator-key-of-the-tests";
/// A condition that does not come true within this time never will.
const PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(3);

/// What outlives a service.
pub(crate) struct House {
    folder: TempDir,
    disk: Arc<dyn Disk>,
    pub(crate) gateway: SimulatedGateway,
    clock: Arc<AtomicI64>,
    payment_timeout: Duration,
    low_space_bytes: u64,
}

impl House {
    /// On a real disk.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = RealDisk::new(folder.path().join("data")).expect("a disk");
        Self::build(folder, Arc::new(disk))
    }

    /// With the log on another disk; the customers' keys stay in a real folder.
    pub(crate) fn on(disk: Arc<dyn Disk>) -> Self {
        Self::build(tempfile::tempdir().expect("a folder"), disk)
    }

    fn build(folder: TempDir, disk: Arc<dyn Disk>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        Self {
            folder,
            disk,
            gateway: SimulatedGateway::in_memory(),
            clock: Arc::new(AtomicI64::new(now as i64)),
            payment_timeout: Duration::from_secs(10),
            low_space_bytes: LogOptions::default().low_space_bytes,
        }
    }

    pub(crate) fn with_payment_timeout(self, payment_timeout: Duration) -> Self {
        Self { payment_timeout, ..self }
    }

    pub(crate) fn with_low_space(self, low_space_bytes: u64) -> Self {
        Self { low_space_bytes, ..self }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn vault(&self) -> PathBuf {
        self.folder.path().join("customers.keys")
    }

    /// Lets time pass for the rules; nothing sleeps.
    pub(crate) fn pass_seconds(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// What the gateway has of an order; `NotFound` if it was never asked.
    pub(crate) fn charge(&self, order_id: &str) -> ChargeStatus {
        let charges = self.gateway.charges(None, 100_000).expect("a page").charges;
        let found = charges.into_iter().find(|charge| charge.key == order_id);
        found.map_or(ChargeStatus::NotFound, |charge| charge.status)
    }

    /// Everything the gateway has.
    pub(crate) fn charges(&self) -> Vec<(String, ChargeStatus, i64)> {
        let charges = self.gateway.charges(None, 100_000).expect("a page").charges;
        charges.into_iter().map(|charge| (charge.key, charge.status, charge.amount_minor)).collect()
    }

    /// Starts the service on whatever the log has.
    pub(crate) fn open(&self) -> Running {
        let options = LogOptions {
            low_space_bytes: self.low_space_bytes,
            housekeeping_interval_ms: 20,
            ..LogOptions::default()
        };
        let (log, _) = EmbeddedLog::open(self.disk.clone(), options).expect("the log opens");
        let vault = Arc::new(KeyVault::open_or_create(&self.vault()).expect("the vault opens"));
        Running::start(new_runtime(), EventStore::embedded(log), vault, self)
    }

    /// Starts the service as a replica of an event store on other servers, which opens within the runtime.
    pub(crate) fn open_replica<F>(&self, open: impl FnOnce() -> F) -> Running
    where
        F: Future<Output = (EventStore, Arc<dyn CustomerKeys>)>,
    {
        let runtime = new_runtime();
        let (store, vault) = runtime.block_on(open());
        Running::start(runtime, store, vault, self)
    }
}

fn new_runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime")
}

impl Running {
    fn start(runtime: Runtime, store: EventStore, vault: Arc<dyn CustomerKeys>, house: &House) -> Self {
        let log = store.log().clone();
        let signer = TicketSigner::new(&[7; 32]);
        let operator_key = OperatorKey::new(OPERATOR);
        let models = Arc::new(restore_models(&log));
        let runner = FeedRunner::catch_up(log.clone(), models.clone()).expect("the models fold");
        let guard = runtime.enter();
        runner.follow().expect("the log can be followed");
        let ports = CommandPorts {
            store: store.clone(),
            clock: Clock::Manual(house.clock.clone()),
            vault,
            gateway: Arc::new(house.gateway.clone()),
            hold_tokens: HoldTokens::new(&[9; 32]),
            signer: signer.clone(),
            locate_order: locate_order(models.clone(), store),
            operator_key,
            config: CommandConfig { payment_timeout: house.payment_timeout, ..CommandConfig::default() },
        };
        let service = start(ports, load_shows(&log).expect("the shows fold"));
        let queries = ticketflow_projections::router(QueryPorts {
            models,
            projections: Projections::new(runner, None),
            log: log.clone(),
            invoices: None,
            signer,
            operator_key,
            shutdown: Shutdown::new(),
            now: || Clock::System.now(),
            whole_map_pace: WholeMapPace::default(),
        });
        drop(guard);
        let shell = Shell::new(ShellOptions { instance: "test".into(), max_in_flight: 8_192 });
        let router = shell.wrap(ticketflow_command_service::router(service.clone()).merge(queries));
        Self { router, service, log, runtime: Some(runtime) }
    }
}

fn locate_order(models: Arc<ReadModels>, store: EventStore) -> LocateOrder {
    Arc::new(move |order_id| {
        let (models, store) = (models.clone(), store.clone());
        Box::pin(async move {
            store.catch_up(PATIENCE).await?;
            models.wait_for(store.log().head().position, PATIENCE).await;
            Ok(models.show_of_order(order_id))
        })
    })
}

/// A service that runs.
pub(crate) struct Running {
    router: Router,
    pub(crate) service: Arc<CommandService>,
    pub(crate) log: EmbeddedLog,
    runtime: Option<Runtime>,
}

/// Ends all tasks where they are, and frees the data folder.
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(PATIENCE);
        }
        // A log that broke says so again; the tests that break it know.
        drop(self.log.close());
    }
}

impl Running {
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.as_ref().expect("runs until dropped").block_on(future)
    }

    /// The next start goes through snapshots.
    pub(crate) fn store_snapshots(&self) {
        store_shows(self.service.ports.store.log()).expect("the shows are stored");
        store_models(self.service.ports.store.log()).expect("the read models are stored");
    }

    pub(crate) fn send(&self, ask: Ask) -> Answer {
        self.block_on(answer(self.router.clone(), ask))
    }

    /// All at the same time.
    pub(crate) fn send_all(&self, asks: Vec<Ask>) -> Vec<Answer> {
        self.block_on(async {
            let asks: Vec<_> =
                asks.into_iter().map(|ask| tokio::spawn(answer(self.router.clone(), ask))).collect();
            let mut answers = Vec::with_capacity(asks.len());
            for ask in asks {
                answers.push(ask.await.expect("no request panics"));
            }
            answers
        })
    }

    /// The request's future, for callers that hang up.
    pub(crate) fn begin(&self, ask: Ask) -> impl Future<Output = Answer> + Send + 'static {
        answer(self.router.clone(), ask)
    }

    /// A request that runs on by itself; dropping the handle does not end it.
    pub(crate) fn leave(&self, ask: Ask) -> JoinHandle<Answer> {
        self.runtime.as_ref().expect("runs until dropped").spawn(self.begin(ask))
    }

    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "never came true: {what}");
            self.block_on(async { tokio::time::sleep(POLL).await });
        }
    }

    /// Status of a seat as the read side shows it once it has everything.
    pub(crate) fn seat(&self, show: &str, seat: &str) -> String {
        let map = self.seats(show);
        let found = map["seats"].as_array().expect("seats").iter().find(|one| one["seat"] == seat).cloned();
        found.expect("the seat exists")["status"].as_str().expect("a status").to_owned()
    }

    pub(crate) fn seats(&self, show: &str) -> Value {
        let path = format!("/v1/shows/{show}/seats?min_position={}", self.log.head().position);
        self.send(Ask::get(path)).expect(200)
    }

    pub(crate) fn order(&self, order: &str) -> Value {
        let path = format!("/v1/orders/{order}?min_position={}", self.log.head().position);
        self.send(Ask::get(path)).expect(200)
    }

    /// How many seats of a show are in each status.
    pub(crate) fn count(&self, show: &str, status: &str) -> usize {
        let map = self.seats(show);
        map["seats"].as_array().expect("seats").iter().filter(|seat| seat["status"] == status).count()
    }

    /// A show on sale: Platea A and B of 12 seats at 25,000, Cancha with 20 places at 10,000.
    pub(crate) fn show(&self) -> String {
        self.show_with(json!({}))
    }

    /// The same with other values.
    pub(crate) fn show_with(&self, values: Value) -> String {
        let show = self.create(&plan(values));
        self.open_sales(&show);
        show
    }

    pub(crate) fn create(&self, body: &Value) -> String {
        let made = self.send(Ask::post("/v1/shows").organiser().fresh_key().json(body)).expect(201);
        made["show_id"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn open_sales(&self, show: &str) {
        self.send(Ask::post(format!("/v1/shows/{show}/open")).organiser().fresh_key()).expect(200);
    }

    pub(crate) fn hold(&self, show: &str, seats: &[&str]) -> Held {
        Held::new(show, self.send(hold(show, &json!({ "seats": seats }))).expect(201))
    }

    /// Holds and buys; the answer to the purchase.
    pub(crate) fn sell(&self, show: &str, seats: &[&str]) -> Value {
        let held = self.hold(show, seats);
        self.send(held.purchase("tok_visa")).expect(201)
    }

    /// The last word of every hostile test: the house still sells.
    pub(crate) fn still_sells(&self) {
        let show = self.show();
        let paid = self.sell(&show, &["Platea-A-1"]);
        assert_eq!(paid["status"], "PAID");
        assert_eq!(self.seat(&show, "Platea-A-1"), "sold");
    }
}

/// The body that creates the usual show, with some values changed; null leaves one out.
pub(crate) fn plan(values: Value) -> Value {
    let mut body = json!({
        "name": "La casa de las mareas",
        "venue": "Teatro Caleta Clara",
        "starts_at": "2031-05-01T20:00:00Z",
        "currency": "CLP",
        "zones": [
            {"name": "Platea", "price": 25_000, "rows": [{"label": "A", "seats": 12}, {"label": "B", "seats": 12}]},
            {"name": "Cancha", "price": 10_000, "capacity": 20},
        ],
    });
    for (name, value) in values.as_object().expect("an object") {
        match value {
            Value::Null => drop(body.as_object_mut().expect("an object").remove(name)),
            value => body[name] = value.clone(),
        }
    }
    body
}

pub(crate) fn hold(show: &str, body: &Value) -> Ask {
    Ask::post(format!("/v1/shows/{show}/holds")).fresh_key().json(body)
}

/// A hold as answered.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) show: String,
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) body: Value,
}

impl Held {
    pub(crate) fn new(show: &str, body: Value) -> Self {
        let text = |name: &str| body[name].as_str().expect("a text").to_owned();
        Self { show: show.to_owned(), id: text("hold_id"), token: text("hold_token"), body }
    }

    pub(crate) fn path(&self) -> String {
        format!("/v1/shows/{}/holds/{}", self.show, self.id)
    }

    /// Pays for it with a fresh key.
    pub(crate) fn purchase(&self, token: &str) -> Ask {
        self.purchase_as(&buyer(1), token)
    }

    pub(crate) fn purchase_as(&self, buyer: &Value, token: &str) -> Ask {
        let body = json!({"buyer": buyer, "payment": {"method": "card", "token": token}});
        Ask::post(format!("{}/purchase", self.path()))
            .fresh_key()
            .header("hold-token", &self.token)
            .json(&body)
    }

    pub(crate) fn release(&self) -> Ask {
        Ask::new(Method::DELETE, self.path()).header("hold-token", &self.token)
    }
}

/// A made-up buyer; the number makes the identity.
pub(crate) fn buyer(number: u64) -> Value {
    let rut = 7_000_000 + number;
    let (mut rest, mut weight, mut sum) = (rut, 2, 0);
    while rest > 0 {
        sum += rest % 10 * weight;
        rest /= 10;
        weight = if weight == 7 { 2 } else { weight + 1 };
    }
    let digit = match 11 - sum % 11 {
        11 => "0".to_owned(),
        10 => "K".to_owned(),
        digit => digit.to_string(),
    };
    json!({"rut": format!("{rut}-{digit}"), "name": "Ana Pérez", "email": format!("ana{number}@example.com")})
}

/// A request.
#[derive(Clone)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Ask {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn organiser(self) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {OPERATOR}"))
    }

    /// Sets or replaces a header.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        self.header_bytes(name, value.as_bytes())
    }

    pub(crate) fn header_bytes(mut self, name: &str, value: &[u8]) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        self.headers.insert(name, HeaderValue::from_bytes(value).expect("a header value"));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name).expect("it was there");
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub(crate) fn fresh_key(self) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let key = format!("key-{}", NEXT.fetch_add(1, Ordering::SeqCst));
        self.key(&key)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw(serde_json::to_vec(body).expect("JSON"))
    }

    /// A body that says it is JSON.
    pub(crate) fn raw(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header(CONTENT_TYPE.as_str(), "application/json")
    }
}

/// What the services say of themselves. Every answer in these tests is held against it.
static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let parts = [ticketflow_command_service::openapi(), ticketflow_projections::openapi()];
    Contract::new(parts.map(|part| serde_json::to_value(part).expect("a document has a JSON form")))
});

async fn answer(router: Router, ask: Ask) -> Answer {
    let mut request = Request::new(Body::from(ask.body.clone()));
    *request.method_mut() = ask.method.clone();
    *request.uri_mut() = ask.path.parse().expect("an address");
    *request.headers_mut() = ask.headers;
    let response = router.oneshot(request).await.expect("routers do not fail");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    let described = CONTRACT.check(&Exchange {
        method: ask.method.as_str(),
        target: &ask.path,
        request: &ask.body,
        status: parts.status.as_u16(),
        content_type: parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()),
        answer: &body,
    });
    described.unwrap_or_else(|reason| panic!("{reason}"));
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The JSON body of an answer with that status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    pub(crate) fn replayed(&self) -> bool {
        self.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
    }

    /// A problem document of that status and code, whole.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body}");
        self.is_problem();
        body
    }

    /// Every refusal is a problem document that says what it is.
    #[track_caller]
    pub(crate) fn is_problem(&self) {
        let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        assert_eq!(content_type, Some("application/problem+json"), "{} {}", self.status, self.text());
        let body = self.json();
        assert_eq!(body["status"], self.status, "{body}");
        for member in ["code", "title", "detail", "trace_id"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {body}");
        }
        let waits = matches!(self.status, 429 | 503);
        assert!(!waits || self.headers.contains_key("retry-after"), "{body}");
    }
}
