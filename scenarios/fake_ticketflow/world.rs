//! The stand-in's state: shows, holds, orders, charges. Executing the same requests gives the same state.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::problem;

/// Few, so that the checker has to turn pages.
const CHARGES_A_PAGE: usize = 5;

/// A planted mistake shows itself this often: one time in so many chances.
const RARELY: u64 = 5;

pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

/// A request, as it is logged.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) hold_token: String,
    pub(crate) body: Value,
    pub(crate) now_ms: u64,
}

#[derive(Default)]
struct Show {
    price: i64,
    hold_ms: u64,
    order: Vec<String>,
    /// Seat to state: what it is and by which hold.
    seats: HashMap<String, (&'static str, String)>,
}

struct Hold {
    show: String,
    token: String,
    seats: Vec<String>,
    deadline_ms: u64,
    live: bool,
}

struct Ticket {
    seat: String,
    status: &'static str,
    used_at: Option<String>,
}

struct Order {
    show: String,
    total: i64,
    tickets: BTreeMap<String, Ticket>,
    charge: String,
}

type Reply = (u16, Value);

/// Everything the stand-in knows.
pub(crate) struct World {
    bug: String,
    chances: u64,
    position: u64,
    log: Option<File>,
    shows: BTreeMap<String, Show>,
    holds: BTreeMap<String, Hold>,
    orders: BTreeMap<String, Order>,
    replies: HashMap<String, Reply>,
    charges: BTreeMap<String, (&'static str, i64, i64)>,
}

impl World {
    /// Executes the log again. A torn last line was never answered.
    pub(crate) fn recover(data: &Path, bug: &str) -> std::io::Result<Self> {
        let mut world = Self {
            bug: bug.to_owned(),
            chances: 0,
            position: 0,
            log: None,
            shows: BTreeMap::new(),
            holds: BTreeMap::new(),
            orders: BTreeMap::new(),
            replies: HashMap::new(),
            charges: BTreeMap::new(),
        };
        let path = data.join("requests.log");
        let log = File::options().read(true).create(true).append(true).open(&path)?;
        let mut whole = 0;
        let mut reader = BufReader::new(&log);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            let Ok(request) = serde_json::from_slice(&line) else { break };
            drop(world.handle(&request));
            whole += line.len() as u64;
            line.clear();
        }
        // What follows would continue the torn line, and be lost with it.
        log.set_len(whole)?;
        world.log = Some(log);
        Ok(world)
    }

    /// True one time in a few when this is the planted mistake.
    fn slips(&mut self, bug: &str) -> bool {
        self.bug == bug && {
            self.chances += 1;
            self.chances.is_multiple_of(RARELY)
        }
    }

    /// Status, body and whether it is a remembered answer.
    pub(crate) fn handle(&mut self, request: &Request) -> (u16, Value, bool) {
        let parts: Vec<&str> = request.path.split(['/', '?']).skip(1).collect();
        if request.method == "GET" {
            self.expire(request.now_ms);
            let (status, body) = self.read(&parts);
            return (status, body, false);
        }
        let remembered = self.replies.get(&request.key).cloned();
        if let Some((status, mut body)) = remembered {
            if self.slips("wrong_replay") {
                body["position"] = json!(self.position + 1);
            }
            return (status, body, true);
        }
        let forgets = self.log.is_some() && parts.last() == Some(&"holds") && self.slips("lost_ack");
        if let Some(log) = self.log.as_mut().filter(|_| !forgets) {
            let mut line = serde_json::to_vec(request).expect("a request is plain data");
            line.push(b'\n');
            log.write_all(&line).expect("the log can be written");
        }
        self.expire(request.now_ms);
        let (status, body) = self.write(request, &parts);
        if (200..300).contains(&status) && request.method == "POST" && !parts.contains(&"checkins") {
            self.replies.insert(request.key.clone(), (status, body.clone()));
        }
        (status, body, false)
    }

    fn read(&self, parts: &[&str]) -> Reply {
        match parts {
            ["v1", "shows", show, "seats", ..] => match self.shows.get(*show) {
                Some(known) => (200, self.seat_map(show, known)),
                None => problem(404, "unknown", json!({})),
            },
            ["v1", "orders", order] => match self.orders.get(*order) {
                Some(known) => (200, self.shown_order(order, known)),
                None => problem(404, "unknown", json!({})),
            },
            ["gateway", "charges", query @ ..] => {
                let after =
                    query.first().and_then(|query| query.strip_prefix("starting_after=")).unwrap_or("");
                let mut rest = self.charges.iter().filter(|(key, _)| key.as_str() > after);
                let charge = |(key, (status, amount, refunded)): (&String, &(&str, i64, i64))| json!({"key": key, "status": status, "amount": amount, "refunded": refunded});
                let page: Vec<Value> = rest.by_ref().take(CHARGES_A_PAGE).map(charge).collect();
                (200, json!({"data": page, "has_more": rest.next().is_some()}))
            }
            _ => problem(404, "unknown", json!({})),
        }
    }

    fn seat_map(&self, id: &str, show: &Show) -> Value {
        let seats: Vec<Value> = show
            .order
            .iter()
            .map(|seat| json!({"seat": seat, "status": show.seats[seat].0, "revision": 0, "price": show.price}))
            .collect();
        json!({"show_id": id, "position": self.position, "seats": seats})
    }

    fn shown_order(&self, id: &str, order: &Order) -> Value {
        let refunded = order.tickets.values().all(|ticket| ticket.status == "REFUNDED");
        json!({
            "order_id": id,
            "status": if refunded { "REFUNDED" } else { "PAID" },
            "total": order.total,
            "tickets": tickets_json(order),
        })
    }

    fn write(&mut self, request: &Request, parts: &[&str]) -> Reply {
        self.position += 1;
        match (request.method.as_str(), parts) {
            ("POST", ["v1", "shows"]) => self.make_show(&request.body),
            ("POST", ["v1", "shows", _, "open"]) => (200, json!({"position": self.position})),
            ("POST", ["v1", "shows", show, "holds"]) => self.hold(show, request),
            ("DELETE", ["v1", "shows", _, "holds", hold]) => self.release(hold, request),
            ("POST", ["v1", "shows", _, "holds", hold, "purchase"]) => self.purchase(hold, request),
            ("POST", ["v1", "orders", order, "refunds"]) => self.refund(order, request),
            ("POST", ["v1", "shows", _, "checkins"]) => self.check_in(request),
            _ => problem(404, "unknown", json!({})),
        }
    }

    fn make_show(&mut self, body: &Value) -> Reply {
        let id = format!("SHOW{:08}", self.position);
        let zone = &body["zones"][0];
        let mut show = Show {
            price: zone["price"].as_i64().unwrap_or(0),
            hold_ms: body["hold_seconds"].as_u64().unwrap_or(600) * 1000,
            ..Show::default()
        };
        for row in zone["rows"].as_array().map(Vec::as_slice).unwrap_or_default() {
            for number in row["seats"].as_array().map(Vec::as_slice).unwrap_or_default() {
                let part = |value: &Value| value.as_str().unwrap_or("").to_owned();
                let seat = format!("{}-{}-{}", part(&zone["name"]), part(&row["label"]), part(number));
                show.order.push(seat.clone());
                show.seats.insert(seat, ("available", String::new()));
            }
        }
        let total = show.order.len();
        self.shows.insert(id.clone(), show);
        (201, json!({"show_id": id, "seats_total": total, "position": self.position}))
    }

    fn hold(&mut self, show_id: &str, request: &Request) -> Reply {
        let seats: Vec<String> = serde_json::from_value(request.body["seats"].clone()).unwrap_or_default();
        let id = format!("HOLD{:08}", self.position);
        let mut taken = Vec::new();
        for seat in &seats {
            match self.shows.get(show_id).and_then(|show| show.seats.get(seat)) {
                Some((status, _)) if *status == "available" => {}
                _ => taken.push(seat.clone()),
            }
        }
        let sells_twice = !taken.is_empty() && self.slips("double_sale");
        let keeps_part = taken.len() < seats.len() && !taken.is_empty() && self.slips("partial_hold");
        if !taken.is_empty() && !sells_twice {
            for seat in seats.iter().filter(|seat| keeps_part && !taken.contains(seat)) {
                self.set(show_id, seat, "held", "nobody");
            }
            return problem(409, "seats_unavailable", json!({"conflicting_seats": taken}));
        }
        for seat in &seats {
            self.set(show_id, seat, "held", &id);
        }
        let (price, hold_ms) = self.shows.get(show_id).map_or((0, 0), |show| (show.price, show.hold_ms));
        let deadline_ms = request.now_ms + hold_ms;
        let total = price * seats.len() as i64 + i64::from(self.slips("wrong_total"));
        let position = if self.slips("position_backwards") { self.position / 2 } else { self.position };
        let answer = json!({
            "hold_id": id, "hold_token": format!("token-{id}"),
            "seats": seats.iter().map(|seat| json!({"seat": seat, "price": price, "revision": 1})).collect::<Vec<_>>(),
            "total": total, "expires_at": rfc3339(deadline_ms), "position": position,
        });
        let hold =
            Hold { show: show_id.to_owned(), token: format!("token-{id}"), seats, deadline_ms, live: true };
        self.holds.insert(id, hold);
        (201, answer)
    }

    fn set(&mut self, show: &str, seat: &str, status: &'static str, hold: &str) {
        if let Some(place) = self.shows.get_mut(show).and_then(|show| show.seats.get_mut(seat)) {
            *place = (status, hold.to_owned());
        }
    }

    /// Ends a hold and frees what is still its own.
    fn end(&mut self, id: &str) {
        let Some(hold) = self.holds.get_mut(id) else { return };
        hold.live = false;
        let (show, seats) = (hold.show.clone(), hold.seats.clone());
        for seat in seats {
            if self.shows[&show].seats[&seat] == ("held", id.to_owned()) {
                self.set(&show, &seat, "available", "");
            }
        }
    }

    fn expire(&mut self, now_ms: u64) {
        let due = self.holds.iter().filter(|(_, hold)| hold.live && hold.deadline_ms <= now_ms);
        for id in due.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.end(&id);
        }
    }

    fn release(&mut self, hold: &str, request: &Request) -> Reply {
        match self.holds.get(hold) {
            Some(known) if known.live && known.token == request.hold_token => {}
            _ => return problem(404, "unknown", json!({})),
        }
        if self.slips("resurrected_hold") {
            self.holds.get_mut(hold).expect("looked up above").live = false;
        } else {
            self.end(hold);
        }
        (204, Value::Null)
    }

    fn purchase(&mut self, hold_id: &str, request: &Request) -> Reply {
        let (show, seats) = match self.holds.get(hold_id) {
            Some(hold) if hold.live && hold.token == request.hold_token => {
                (hold.show.clone(), hold.seats.clone())
            }
            Some(_) => return problem(410, "hold_expired", json!({})),
            None => return problem(404, "unknown", json!({})),
        };
        let total = self.shows[&show].price * seats.len() as i64;
        let token = request.body["payment"]["token"].as_str().unwrap_or("");
        let lost = token == "tok_lost_answer";
        // Half of the charges whose answer is lost are voided, the other half become orders.
        let refused = token == "tok_outage" || (lost && self.position.is_multiple_of(2));
        if token == "tok_decline" || refused {
            if self.slips("ghost_order") {
                self.sell(&show, &seats, hold_id, request, total);
            }
            if self.slips("charge_without_order") {
                self.charges.insert(request.key.clone(), ("captured", total, 0));
            }
            self.end(hold_id);
            return if refused {
                problem(504, "gateway_timeout", json!({}))
            } else {
                problem(402, "payment_declined", json!({}))
            };
        }
        let answer = self.sell(&show, &seats, hold_id, request, total);
        if lost {
            self.replies.insert(request.key.clone(), answer);
            return problem(504, "gateway_timeout", json!({}));
        }
        answer
    }

    fn sell(&mut self, show: &str, seats: &[String], hold: &str, request: &Request, total: i64) -> Reply {
        let id = format!("ORDER{:08}", self.position);
        let mut tickets = BTreeMap::new();
        for (index, seat) in seats.iter().enumerate() {
            self.set(show, seat, "sold", &id);
            tickets.insert(
                format!("TICKET{:08}-{index}", self.position),
                Ticket { seat: seat.clone(), status: "PAID", used_at: None },
            );
        }
        if let Some(hold) = self.holds.get_mut(hold) {
            hold.live = false;
        }
        let order = Order { show: show.to_owned(), total, tickets, charge: request.key.clone() };
        let answer = json!({
            "order_id": id, "status": "PAID", "total": total, "documents": "pending", "position": self.position,
            "tickets": tickets_json(&order),
        });
        if !self.slips("order_without_charge") {
            self.charges.insert(request.key.clone(), ("captured", total, 0));
        }
        if !self.slips("lost_order") {
            self.orders.insert(id, order);
        }
        (201, answer)
    }

    fn refund(&mut self, order_id: &str, request: &Request) -> Reply {
        let wanted: Vec<String> = serde_json::from_value(request.body["tickets"].clone()).unwrap_or_default();
        let (forgets, repeats) = (self.slips("lost_refund"), self.bug == "double_refund");
        let Some(order) = self.orders.get_mut(order_id) else { return problem(404, "unknown", json!({})) };
        let refundable = |status: &str| status == "PAID" || (repeats && status == "REFUNDED");
        if !wanted.iter().all(|id| order.tickets.get(id).is_some_and(|ticket| refundable(ticket.status))) {
            return problem(422, "not_refundable", json!({}));
        }
        let (show, charge) = (order.show.clone(), order.charge.clone());
        let each = order.total / order.tickets.len().max(1) as i64;
        let mut freed = Vec::new();
        for id in wanted.iter().filter(|_| !forgets) {
            let ticket = order.tickets.get_mut(id).expect("looked at above");
            ticket.status = "REFUNDED";
            freed.push(ticket.seat.clone());
        }
        if let Some((_, _, refunded)) = self.charges.get_mut(&charge) {
            *refunded += each * freed.len() as i64;
        }
        for seat in freed {
            // A seat that has been sold again meanwhile belongs to someone else.
            if self.shows[&show].seats[&seat] == ("sold", order_id.to_owned()) {
                self.set(&show, &seat, "available", "");
            }
        }
        (201, json!({"order_id": order_id, "position": self.position}))
    }

    fn check_in(&mut self, request: &Request) -> Reply {
        let (qr, gate) =
            (request.body["ticket"].as_str().unwrap_or(""), request.body["gate"].as_str().unwrap_or(""));
        let careless = self.bug == "double_admission";
        let forgets = self.slips("lost_check_in");
        let found = self.orders.values_mut().find_map(|order| order.tickets.get_mut(qr));
        let Some(ticket) = found else { return problem(422, "forged", json!({})) };
        match (&ticket.used_at, ticket.status) {
            (Some(first), _) if !careless => return problem(409, "already_used", json!({"gate": first})),
            (_, "REFUNDED") => return problem(422, "refunded", json!({})),
            _ => {}
        }
        if !forgets {
            ticket.status = "USED";
            ticket.used_at = Some(gate.to_owned());
        }
        (200, json!({"admitted": true, "seat": ticket.seat}))
    }
}

fn tickets_json(order: &Order) -> Vec<Value> {
    let ticket = |(id, ticket): (&String, &Ticket)| json!({"ticket_id": id, "seat": ticket.seat, "status": ticket.status, "qr": id});
    order.tickets.iter().map(ticket).collect()
}

/// RFC 3339 in UTC with milliseconds.
fn rfc3339(at_ms: u64) -> String {
    let (days, rest) = (at_ms / 86_400_000, at_ms % 86_400_000);
    let (mut year, mut day) = (1970, days);
    let length = |year: u64| {
        if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) {
            366
        } else {
            365
        }
    };
    while day >= length(year) {
        day -= length(year);
        year += 1;
    }
    let february = length(year) - 337;
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let seconds = rest / 1000;
    format!(
        "{year}-{month:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        day + 1,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        rest % 1000
    )
}
