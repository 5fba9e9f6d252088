//! Several command services on one event store, a real NATS server: whichever replica a request meets, the answers are those
//! of one service.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use ticketflow_event_store::{EventStore, LogOptions, open_replica};
use ticketflow_event_store_jetstream::{JetStreamAddress, JetStreamServer};
use ticketflow_key_vault::{CustomerKeys, KeyBucket};
use ticketflow_payment::{ChargeStatus, Control};
use ticketflow_testbed::{NatsServer, TestbedError};

use crate::harness::{Answer, Ask, House, Running, hold};
use crate::payment::{settle, until_paying};

/// A server, and a house that outlives its replicas.
struct Stage {
    server: NatsServer,
    house: House,
}

impl Stage {
    fn new() -> Option<Self> {
        Self::with(House::new())
    }

    fn with(house: House) -> Option<Self> {
        match NatsServer::start() {
            Ok(server) => Some(Self { server, house }),
            Err(error @ TestbedError::Missing { .. }) => {
                println!("SKIPPED: {error}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Starts a replica with a data folder of this name.
    fn replica(&self, name: &str) -> Running {
        let address: JetStreamAddress = self.server.event_store_url().parse().expect("an address");
        let folder = self.house.path().join(name);
        self.house.open_replica(|| open(address, folder))
    }

    fn pair(&self) -> [Running; 2] {
        [self.replica("a"), self.replica("b")]
    }
}

async fn open(address: JetStreamAddress, folder: impl AsRef<Path>) -> (EventStore, Arc<dyn CustomerKeys>) {
    let server = JetStreamServer::connect(&address).await.expect("the server is fit");
    let keys = KeyBucket::open(server.context(), "KEYS", 1).await.expect("the keys open");
    let store = open_replica(folder.as_ref(), Arc::new(server), LogOptions::default(), |_| {}).await;
    (store.expect("the replica opens"), Arc::new(keys))
}

/// Sends each request to the replica that its place says, all at the same time.
fn send_to(replicas: &[Running], asks: Vec<(usize, Ask)>) -> Vec<Answer> {
    let running: Vec<_> = asks.into_iter().map(|(replica, ask)| replicas[replica].leave(ask)).collect();
    running.into_iter().map(|answer| replicas[0].block_on(answer).expect("no request panics")).collect()
}

/// A cheap source of disorder, the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Positions and chain come to be the same on all replicas. Captures are written after the answer, so that
/// one replica can be an event ahead for a moment; two chains at one position never are.
fn same_history(replicas: &[Running]) {
    replicas[0].until("all replicas are at one position", || {
        for replica in replicas {
            let caught_up = replica.block_on(replica.service.ports.store.catch_up(Duration::from_secs(20)));
            caught_up.expect("the server answers");
        }
        let heads: Vec<_> = replicas.iter().map(|replica| replica.log.head()).collect();
        let same_place = heads.iter().all(|head| head.position == heads[0].position);
        assert!(!same_place || heads.iter().all(|head| *head == heads[0]), "two histories: {heads:?}");
        same_place
    });
}

#[test]
fn one_of_two_hundred_clients_gets_a_seat_whichever_replica_it_meets_a_hundred_times() {
    let Some(stage) = Stage::new() else { return };
    let replicas = stage.pair();
    let rows: Vec<_> = ["A", "B"].iter().map(|label| json!({"label": label, "seats": 50})).collect();
    let show = replicas[0].show_with(json!({"zones": [{"name": "Z", "price": 1, "rows": rows}]}));
    let mut dice = Dice(1);
    for row in ["A", "B"] {
        for seat in 1..=50 {
            let body = json!({"seats": [format!("Z-{row}-{seat}")]});
            let asks = (0..200).map(|_| (dice.next(2) as usize, hold(&show, &body))).collect();
            let answers = send_to(&replicas, asks);
            let won = answers.iter().filter(|answer| answer.status == 201).count();
            let lost = answers.iter().filter(|answer| answer.status == 409).count();
            assert_eq!((won, lost), (1, 199), "Z-{row}-{seat}");
        }
    }
    same_history(&replicas);
}

#[test]
fn overlapping_holds_of_four_seats_stay_whole() {
    let Some(stage) = Stage::new() else { return };
    let replicas = stage.pair();
    let rows = [json!({"label": "A", "seats": 200})];
    let show = replicas[1].show_with(json!({"zones": [{"name": "Z", "price": 1, "rows": rows}]}));
    let mut dice = Dice(2);
    for round in 0..40 {
        let seats = |from: u64| (from..from + 4).map(|seat| format!("Z-A-{seat}")).collect::<Vec<_>>();
        let first = round * 5 + 1;
        let asks = (0..60).map(|number| {
            let body = json!({"seats": seats(first + number % 2)});
            (dice.next(2) as usize, hold(&show, &body))
        });
        let answers = send_to(&replicas, asks.collect());
        let won: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(won.len(), 1, "round {round}");
        assert_eq!(won[0].json()["seats"].as_array().unwrap().len(), 4);
    }
    same_history(&replicas);
    for replica in &replicas {
        assert_eq!(replica.count(&show, "held"), 160);
    }
}

#[test]
fn a_purchase_may_meet_another_replica_at_every_step() {
    let Some(stage) = Stage::new() else { return };
    let [a, b] = &stage.pair();
    // Created here, known there at once.
    let show = a.create(&crate::harness::plan(json!({})));
    b.open_sales(&show);
    let held = a.hold(&show, &["Platea-A-1", "Platea-A-2"]);
    let purchase = held.purchase("tok_visa").key("k");
    let paid = b.send(purchase.clone());
    let order = paid.expect(201)["order_id"].as_str().unwrap().to_owned();
    let position = paid.json()["position"].as_u64().unwrap();
    // The same request again, here and there.
    for replica in [a, b, a] {
        let again = replica.send(purchase.clone());
        assert_eq!(again.expect(201)["order_id"], order.as_str());
        assert!(again.replayed());
    }
    let shown = a.send(Ask::get(format!("/v1/orders/{order}?min_position={position}"))).expect(200);
    let tickets: Vec<_> =
        shown["tickets"].as_array().unwrap().iter().map(|ticket| ticket["ticket_id"].clone()).collect();
    let qr = shown["tickets"][1]["qr"].clone();
    let refund = Ask::post(format!("/v1/orders/{order}/refunds")).fresh_key();
    a.send(refund.json(&json!({"tickets": [tickets[0]], "reason": "r"}))).expect(201);
    // Free at once, on the other replica as well.
    b.hold(&show, &["Platea-A-1"]);
    let check_in = || {
        Ask::post(format!("/v1/shows/{show}/checkins")).organiser().json(&json!({"ticket": qr, "gate": "1"}))
    };
    b.send(check_in()).expect(200);
    a.send(check_in()).problem(409, "already_used");
    let refund = Ask::post(format!("/v1/orders/{order}/refunds")).fresh_key();
    a.send(refund.json(&json!({"tickets": [tickets[1]], "reason": "r"}))).problem(422, "ticket_used");
    settle(a, &show);
    assert_eq!(stage.house.charges().len(), 1);
}

#[test]
fn a_refusal_is_never_older_than_what_another_replica_answered() {
    let Some(stage) = Stage::new() else { return };
    let replicas = stage.pair();
    let show = replicas[0].show();
    for round in 0..60 {
        let (here, there) = (&replicas[round % 2], &replicas[1 - round % 2]);
        let held = here.hold(&show, &["Platea-A-1"]);
        let body = json!({"seats": ["Platea-A-1"]});
        there.send(hold(&show, &body)).problem(409, "seats_unavailable");
        assert_eq!(there.send(held.release()).status, 204);
        let held = here.hold(&show, &["Platea-A-1"]);
        assert_eq!(here.send(held.release()).status, 204);
        // It was free again before the last answer was given.
        assert_eq!(there.send(there.hold(&show, &["Platea-A-1"]).release()).status, 204);
    }
}

#[test]
fn one_key_is_carried_out_once_however_it_is_spread() {
    let Some(stage) = Stage::new() else { return };
    let replicas = stage.pair();
    let show = replicas[0].show();
    for seat in 1..=12 {
        let ask = hold(&show, &json!({"seats": [format!("Platea-A-{seat}")]})).key(&format!("key-{seat}"));
        let answers = send_to(&replicas, (0..8).map(|place| (place % 2, ask.clone())).collect());
        let first = answers[0].expect(201)["hold_id"].clone();
        assert!(answers.iter().all(|answer| answer.expect(201)["hold_id"] == first), "seat {seat}");
        assert_eq!(answers.iter().filter(|answer| !answer.replayed()).count(), 1, "seat {seat}");
        let other = hold(&show, &json!({"seats": ["Platea-B-1"]})).key(&format!("key-{seat}"));
        for replica in &replicas {
            replica.send(other.clone()).problem(422, "idempotency_key_reused");
        }
    }
}

#[test]
fn holds_of_a_replica_that_is_gone_end_in_time() {
    let Some(stage) = Stage::new() else { return };
    let [a, b] = stage.pair();
    let show = a.show();
    a.hold(&show, &["Platea-A-1"]);
    drop(a);
    stage.house.pass_seconds(605);
    b.until("the hold has ended", || b.seat(&show, "Platea-A-1") == "available");
    // And with both there, it ends once.
    let a = stage.replica("a");
    b.hold(&show, &["Platea-A-2"]);
    a.until("the hold is known here", || a.seat(&show, "Platea-A-2") == "held");
    stage.house.pass_seconds(605);
    a.until("the hold has ended", || a.seat(&show, "Platea-A-2") == "available");
    let events =
        a.send(Ask::get(format!("/v1/ops/events?stream=show-{show}&limit=100")).organiser()).expect(200);
    let ended =
        events["data"].as_array().unwrap().iter().filter(|event| event["type"] == "HoldExpired").count();
    assert_eq!(ended, 2);
}

#[test]
fn a_payment_of_a_replica_that_is_gone_comes_to_its_end_on_the_other() {
    let house = House::new().with_payment_timeout(Duration::from_millis(500));
    let Some(stage) = Stage::with(house) else { return };
    let [a, b] = stage.pair();
    let show = a.show();
    let held = a.hold(&show, &["Platea-A-1"]);
    stage.house.gateway.set_control(Control { timeout: true, ..Control::default() }).unwrap();
    drop(a.leave(held.purchase("tok_visa").key("k")));
    until_paying(&a, &show);
    // The other replica leaves it alone while it may still be under way.
    drop(a);
    stage.house.gateway.set_control(Control::default()).unwrap();
    // The other's clock says that it is long over: that alone is no reason.
    stage.house.pass_seconds(60);
    let begun = Instant::now();
    b.until("the seat is free again", || b.seat(&show, "Platea-A-1") == "available");
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
    settle(&b, &show);
    assert_eq!(stage.house.charges()[0].1, ChargeStatus::Voided);
    b.send(held.purchase("tok_visa").key("k")).problem(410, "hold_ended");
}

#[test]
fn a_buyer_is_one_customer_on_all_replicas() {
    let Some(stage) = Stage::new() else { return };
    let replicas = stage.pair();
    let show = replicas[0].show();
    let helds: Vec<_> =
        (1..=8).map(|seat| replicas[seat % 2].hold(&show, &[&format!("Platea-A-{seat}")])).collect();
    let asks = helds.iter().enumerate().map(|(place, held)| (place % 2, held.purchase("tok_visa"))).collect();
    for answer in send_to(&replicas, asks) {
        answer.expect(201);
    }
    same_history(&replicas);
    let log = &replicas[0].log;
    let customers = log.streams(ticketflow_event_store::Category::Customer);
    assert_eq!(customers.len(), 1, "the same RUT is the same customer");
}
