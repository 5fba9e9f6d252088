//! A stand-in for the API while the portal is tested or looked at: real shapes, seats in memory, live stream, the test
//! cards' behaviour. One show sells a theatre of about 1,200 seats, one a stadium of 45,000; others are in every state
//! of sale.

pub mod operations;
pub mod papers;
mod plans;
mod sales;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use data_encoding::{BASE64, HEXLOWER};
use futures_util::stream;
use jiff::Timestamp;
use operations::FakeEvent;
use plans::FakePlan;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::broadcast;

pub const THEATRE: &str = "01KABTHEATRE0000000000000A";
pub const STADIUM: &str = "01KABSTADIUM0000000000000B";
pub const STUDIO: &str = "01KABSTUDIO00000000000000H";
pub const SOON: &str = "01KABSOON0000000000000000E";
pub const DATED: &str = "01KABDATED0000000000000000";
pub const FULL: &str = "01KABFULL0000000000000000F";
pub const CANCELLED: &str = "01KABGONE0000000000000000G";
pub const HOSTILE: &str = "01KABHOSTILE0000000000000C";
pub const HOSTILE_NAME: &str = "<script>alert(1)</script> \u{202e}gnirts\u{202c} 🎭\"'&";

/// Changes that a reader may fall behind; then it gets a snapshot, as the contract says.
const CHANGES_KEPT: usize = 256;

type FakeLog = Arc<Mutex<Vec<FakeEvent>>>;

struct FakeShow {
    id: String,
    log: FakeLog,
    card: Value,
    plan: Arc<FakePlan>,
    statuses: Vec<u8>,
    position: u64,
    changes: broadcast::Sender<Value>,
}

struct FakeHold {
    show: String,
    token: String,
    seats: Vec<usize>,
    expires_at: Timestamp,
}

#[derive(Default)]
struct World {
    shows: Vec<(String, FakeShow)>,
    holds: HashMap<String, FakeHold>,
    orders: HashMap<String, Value>,
    answers: HashMap<String, Value>,
    /// Bodies of purchases, by their keys.
    paid_with: HashMap<String, Value>,
    buyer_languages: Vec<String>,
    minted: u64,
    pub purchases: u64,
    hold_seconds: i64,
    rival_takes_freed_seats: bool,
    /// Reads do not have what was written last.
    lags: bool,
    log: FakeLog,
    postgres: Value,
    billing: Value,
    papers: papers::FakePapers,
    broken_links: Vec<u64>,
    last_action: Option<(String, Value)>,
}

/// The fake; clones share one world.
#[derive(Clone)]
pub struct FakeApi(Arc<Mutex<World>>);

impl FakeApi {
    /// Whether reads are behind from now on.
    pub fn set_lags(&self, lags: bool) {
        self.world().lags = lags;
    }

    pub fn new() -> Self {
        let theatre = Arc::new(plans::theatre());
        let stadium = Arc::new(plans::stadium());
        let hostile = Arc::new(plans::hostile());
        let studio = Arc::new(plans::studio());
        let (postgres, billing) = (operations::postgres(), operations::billing());
        let mut world = World { hold_seconds: 600, postgres, billing, ..World::default() };
        let mut add = |id: &str,
                       name: &str,
                       venue: &str,
                       starts: &str,
                       sales: &str,
                       plan: &Arc<FakePlan>,
                       sold: u32| {
            let card = json!({
                "show_id": id, "name": name, "venue": venue, "starts_at": starts, "currency": "CLP", "sales": sales,
                "sales_open_at": (id == DATED).then_some("2026-12-20T15:00:00Z"),
            });
            let statuses = plan.opening_statuses(sold);
            let (changes, _) = broadcast::channel(CHANGES_KEPT);
            let log = Arc::clone(&world.log);
            let mut show =
                FakeShow { id: id.into(), log, card, plan: Arc::clone(plan), statuses, position: 0, changes };
            show.happened("ShowCreated", json!({ "name": name, "venue": venue }));
            world.shows.push((id.into(), show));
        };
        add(THEATRE, "El faro de papel", "Teatro Caleta Clara", "2026-12-05T22:30:00Z", "open", &theatre, 35);
        add(
            STADIUM,
            "Los Cometas de Papel · Gira de Prueba",
            "Estadio Bahía Norte",
            "2026-12-12T23:00:00Z",
            "open",
            &stadium,
            45,
        );
        let night = "2027-01-15T00:30:00Z";
        add(
            "01KABFEW00000000000000000D",
            "Coro de las Mareas, sinfónico",
            "Sala Quillay",
            night,
            "open",
            &theatre,
            95,
        );
        add(
            DATED,
            "Festival de los Ñandúes",
            "Anfiteatro El Boldo",
            "2027-02-20T23:00:00Z",
            "scheduled",
            &theatre,
            0,
        );
        add(FULL, "Amparo Ventisca, íntimo", "Sala El Copihue", night, "open", &theatre, 101);
        add(CANCELLED, "La última función del circo", "Carpa El Maitén", night, "cancelled", &theatre, 60);
        add(SOON, "Ensayo abierto", "Sala Quillay", night, "scheduled", &studio, 0);
        add(STUDIO, "Cuatro sillas", "Sala Quillay", night, "open", &studio, 0);
        add(HOSTILE, &format!("{HOSTILE_NAME}{}", "x".repeat(200)), HOSTILE_NAME, night, "open", &hostile, 0);
        Self(Arc::new(Mutex::new(world)))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no handler panics while it holds the world")
    }

    /// How long holds last from now on.
    pub fn set_hold_seconds(&self, seconds: i64) {
        self.world().hold_seconds = seconds;
    }

    /// From now on somebody else takes the seats that a failed payment frees, at once.
    pub fn let_a_rival_take_freed_seats(&self) {
        self.world().rival_takes_freed_seats = true;
    }

    /// The hash chain no longer holds under the event at this position.
    pub fn break_the_chain_at(&self, position: u64) {
        self.world().broken_links.push(position);
    }

    /// Billing issues the documents of all orders; `delivered` says whether the mails are out.
    pub fn issue_documents(&self, delivered: bool) {
        for order in self.world().orders.values_mut() {
            let document = |kind: &str, folio: u64| json!({ "document_type": kind, "folio": folio });
            order["documents"] = json!(if delivered { "delivered" } else { "issued" });
            order["receipt"] = document("taxed_receipt", 12);
            let is_refunded = order["refunded"]["amount"].as_i64().is_some_and(|amount| amount > 0);
            order["credit_notes"] =
                if is_refunded { json!([document("fiscal_credit_note", 3)]) } else { json!([]) };
        }
    }

    /// How many purchases took place.
    pub fn purchases(&self) -> u64 {
        self.world().purchases
    }

    /// The buyers' languages, purchase by purchase.
    pub fn buyer_languages(&self) -> Vec<String> {
        self.world().buyer_languages.clone()
    }

    /// Empties the catalogue.
    pub fn without_shows(self) -> Self {
        self.world().shows.clear();
        self
    }

    pub fn router(&self) -> Router {
        Router::new()
            .route("/v1/shows", get(list_shows))
            .route("/v1/shows/{show}", get(read_show))
            .route("/v1/plans/{plan}", get(read_plan))
            .route("/v1/shows/{show}/seats", get(read_seats))
            .route("/v1/shows/{show}/seats/stream", get(stream_seats))
            .route("/v1/shows/{show}/holds", post(sales::hold))
            .route("/v1/shows/{show}/holds/{hold}", delete(sales::release))
            .route("/v1/shows/{show}/holds/{hold}/purchase", post(sales::purchase))
            .route("/v1/orders/{order}", get(read_order))
            .route("/v1/orders/{order}/refunds", post(refund))
            .route("/v1/ops/projections/history", get(operations::history))
            .route("/v1/ops/projections/stream", get(operations::follow))
            .route("/v1/ops/projections/{name}/{action}", post(operations::act))
            .route("/v1/ops/poison", get(papers::list_parked).post(papers::retry_all))
            .route("/v1/ops/poison/{id}/{action}", post(papers::act_on_parked))
            .route("/v1/ops/folios", get(papers::folios).post(papers::load_folios))
            .route("/v1/ops/refused-documents", get(papers::list_refused).post(papers::submit_again))
            .route("/v1/ops/events", get(operations::events))
            .route("/v1/ops/shows/{show}/seats", get(operations::seats_at))
            .with_state(self.clone())
    }
}

impl World {
    fn show(&mut self, id: &str) -> Option<&mut FakeShow> {
        self.shows.iter_mut().find(|(known, _)| known == id).map(|(_, show)| show)
    }

    fn mint(&mut self, prefix: &str) -> String {
        self.minted += 1;
        let random = HEXLOWER.encode(&Sha256::digest(format!("{prefix}{}", self.minted))[..8]);
        format!("01{prefix}{random}")
    }

    fn expire(&mut self) {
        let now = Timestamp::now();
        let over: Vec<String> =
            self.holds.iter().filter(|(_, hold)| hold.expires_at <= now).map(|(id, _)| id.clone()).collect();
        for id in over {
            if let Some(hold) = self.holds.remove(&id)
                && let Some(show) = self.show(&hold.show)
            {
                show.set(&hold.seats, 0);
            }
        }
    }
}

impl FakeShow {
    /// Another event of the show, in the log.
    fn happened(&mut self, kind: &'static str, data: Value) {
        self.position += 1;
        let mut log = self.log.lock().expect("nothing panics while it holds the log");
        log.push(FakeEvent {
            stream: format!("show-{}", self.id),
            revision: self.position,
            kind,
            data,
            statuses: self.statuses.clone(),
            recorded_at: Timestamp::now(),
        });
    }

    fn set(&mut self, seats: &[usize], status: u8) {
        for &seat in seats {
            self.statuses[seat] = status;
        }
        let kind = ["HoldReleased", "SeatsHeld", "OrderPaid", "SeatsBlocked"][usize::from(status)];
        let touched: Vec<Value> = seats.iter().map(|seat| json!({ "seat": seat, "revision": 1 })).collect();
        let total: i64 = seats.iter().map(|seat| self.plan.price(*seat)).sum();
        self.happened(kind, json!({ "seats": touched, "total": total, "reason": "" }));
        let mut changed = Vec::new();
        for &seat in seats {
            changed.push(json!({ "seat": self.plan.name(seat), "index": seat, "status": NAMES[usize::from(status)], "revision": self.position }));
        }
        // Nobody listening is fine.
        let _ = self.changes.send(json!({ "position": self.position, "seats": changed }));
    }

    fn document(&self) -> Value {
        let mut zones = Vec::new();
        for (index, zone) in self.plan.zones.iter().enumerate() {
            let of =
                |status: u8| self.statuses[zone.range.clone()].iter().filter(|seen| **seen == status).count();
            zones.push(json!({
                "name": zone.name, "price": money(zone.price), "color": zone.color, "general": zone.general,
                "seats_total": zone.range.len(), "available": of(0), "held": of(1), "sold": of(2), "blocked": of(3),
                "index": index,
            }));
        }
        let mut document = self.card.clone();
        let prices = || self.plan.zones.iter().map(|zone| zone.price);
        document["seats_total"] = json!(self.statuses.len());
        document["seats_available"] = json!(self.statuses.iter().filter(|status| **status == 0).count());
        document["price_from"] = money(prices().min().unwrap_or(0));
        document["price_to"] = money(prices().max().unwrap_or(0));
        document["hold_seconds"] = json!(600);
        document["max_seats_per_customer"] = Value::Null;
        document["zones"] = json!(zones);
        document["plan_url"] = json!(format!("/v1/plans/{}.json", self.plan.hash));
        document["position"] = json!(self.position);
        document
    }

    fn compact(&self) -> Vec<u8> {
        packed(&self.statuses)
    }

    fn snapshot(&self) -> String {
        let data = json!({ "position": self.position, "seats_total": self.statuses.len(), "compact": BASE64.encode(&self.compact()) });
        format!("event: snapshot\nid: {}\ndata: {data}\n\n", self.position)
    }
}

/// Two bits a seat.
fn packed(statuses: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; statuses.len().div_ceil(4)];
    for (index, status) in statuses.iter().enumerate() {
        bytes[index / 4] |= status << ((index % 4) * 2);
    }
    bytes
}

const NAMES: [&str; 4] = ["available", "held", "sold", "blocked"];

fn money(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "CLP" })
}

fn problem(status: StatusCode, code: &str, conflicting: Vec<String>) -> Response {
    let body = json!({ "type": "about:blank", "title": code, "status": status.as_u16(), "code": code,
        "detail": code, "conflicting_seats": conflicting, "trace_id": "0af7651916cd43dd" });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

async fn list_shows(State(api): State<FakeApi>) -> Response {
    let mut world = api.world();
    world.expire();
    let data: Vec<Value> = world.shows.iter().map(|(_, show)| show.document()).collect();
    Json(json!({ "data": data, "has_more": false })).into_response()
}

async fn read_show(State(api): State<FakeApi>, Path(id): Path<String>) -> Response {
    let mut world = api.world();
    world.expire();
    match world.show(&id) {
        Some(show) => Json(show.document()).into_response(),
        None => problem(StatusCode::NOT_FOUND, "show_unknown", vec![]),
    }
}

async fn read_plan(State(api): State<FakeApi>, Path(plan): Path<String>) -> Response {
    let world = api.world();
    let found =
        world.shows.iter().find(|(_, show)| plan.strip_suffix(".json") == Some(show.plan.hash.as_str()));
    match found {
        Some((_, show)) => {
            let headers = [
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, show.plan.json.clone()).into_response()
        }
        None => problem(StatusCode::NOT_FOUND, "not_found", vec![]),
    }
}

async fn read_seats(
    State(api): State<FakeApi>,
    Path(id): Path<String>,
    query: Query<HashMap<String, String>>,
) -> Response {
    assert_eq!(
        query.get("format").map(String::as_str),
        Some("compact"),
        "the portal reads compact maps only"
    );
    match api.world().show(&id) {
        Some(show) => {
            let headers = [
                ("x-position", show.position.to_string()),
                ("content-type", "application/octet-stream".into()),
            ];
            (headers, Bytes::from(show.compact())).into_response()
        }
        None => problem(StatusCode::NOT_FOUND, "show_unknown", vec![]),
    }
}

async fn stream_seats(State(api): State<FakeApi>, Path(id): Path<String>) -> Response {
    let (first, receiver) = match api.world().show(&id) {
        Some(show) => (show.snapshot(), show.changes.subscribe()),
        None => return problem(StatusCode::NOT_FOUND, "show_unknown", vec![]),
    };
    let events =
        stream::unfold((Some(first), receiver, api, id), |(first, mut receiver, api, id)| async move {
            let text = match first {
                Some(first) => first,
                None => match receiver.recv().await {
                    Ok(delta) => format!("event: delta\nid: {}\ndata: {delta}\n\n", delta["position"]),
                    Err(broadcast::error::RecvError::Lagged(_)) => api.world().show(&id)?.snapshot(),
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            };
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), (None, receiver, api, id)))
        });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(events)).into_response()
}

async fn read_order(
    State(api): State<FakeApi>,
    Path(id): Path<String>,
    query: Query<HashMap<String, String>>,
) -> Response {
    let world = api.world();
    if world.lags {
        // As the API: who does not say what is to be in the answer is told that there is nothing.
        return match query.get("min_position") {
            Some(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "still_processing", vec![]),
            None => problem(StatusCode::NOT_FOUND, "order_unknown", vec![]),
        };
    }
    match world.orders.get(&id) {
        Some(order) => Json(order.clone()).into_response(),
        None => problem(StatusCode::NOT_FOUND, "order_unknown", vec![]),
    }
}

async fn refund(
    State(api): State<FakeApi>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    sales::key_of(&headers);
    let mut world = api.world();
    let Some(order) = world.orders.get_mut(&id) else {
        return problem(StatusCode::NOT_FOUND, "order_unknown", vec![]);
    };
    let named: Vec<&str> = body["tickets"]
        .as_array()
        .map(|ids| ids.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let mut amount = order["refunded"]["amount"].as_i64().unwrap_or(0);
    for ticket in order["tickets"].as_array_mut().expect("an order has tickets") {
        if named.contains(&ticket["ticket_id"].as_str().unwrap_or_default()) {
            if ticket["status"] != "PAID" {
                return problem(StatusCode::UNPROCESSABLE_ENTITY, "ticket_refunded", vec![]);
            }
            ticket["status"] = json!("REFUNDED");
            amount += ticket["price"]["amount"].as_i64().unwrap_or(0);
        }
    }
    order["refunded"] = money(amount);
    (StatusCode::CREATED, Json(json!({ "refund_id": "01R", "order_id": id, "tickets": named, "amount": money(amount), "position": 9 }))).into_response()
}
