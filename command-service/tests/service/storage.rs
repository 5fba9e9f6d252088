//! A disk that fills up or fails: no false success, and whoever has begun comes through.

use std::sync::Arc;

use serde_json::json;
use ticketflow_event_store::{SimDisk, StorageState};

use crate::harness::{Ask, House, hold, plan};
use crate::payment::settle;
use crate::troubled_disk::TroubledDisk;

const MIB: u64 = 1 << 20;

#[test]
fn low_space_refuses_new_work_and_finishes_what_has_begun() {
    let disk = SimDisk::new(3);
    let house = House::on(Arc::new(disk.clone())).with_low_space(64 * MIB);
    let service = house.open();
    let show = service.show();
    let (held, second) = (service.hold(&show, &["Platea-A-1"]), service.hold(&show, &["Platea-A-2"]));
    let paid = service.sell(&show, &["Platea-A-3", "Platea-A-4"]);
    disk.set_space(80 * MIB);
    service.until("space is low", || service.log.storage_state() == StorageState::Low);
    let refused = service.send(hold(&show, &json!({"seats": ["Platea-A-5"]})));
    refused.problem(503, "storage_low");
    service
        .send(Ask::post("/v1/shows").organiser().fresh_key().json(&plan(json!({}))))
        .problem(503, "storage_low");
    let block = Ask::post(format!("/v1/shows/{show}/seats/block")).organiser().fresh_key();
    service.send(block.json(&json!({"seats": ["Platea-B-1"]}))).problem(503, "storage_low");
    service.send(held.purchase("tok_visa")).expect(201);
    service.send(second.release()).expect(204);
    let order = paid["order_id"].as_str().unwrap();
    let body = json!({"tickets": [paid["tickets"][0]["ticket_id"]]});
    service.send(Ask::post(format!("/v1/orders/{order}/refunds")).fresh_key().json(&body)).expect(201);
    let scan = json!({"ticket": paid["tickets"][1]["qr"], "gate": "1"});
    service.send(Ask::post(format!("/v1/shows/{show}/checkins")).organiser().json(&scan)).expect(200);
    settle(&service, &show);
    assert_eq!(service.count(&show, "sold"), 2);
    assert_eq!(service.seat(&show, "Platea-A-5"), "available");
    disk.set_space(u64::MAX / 2);
    service.until("space is back", || service.log.storage_state() == StorageState::Normal);
    service.hold(&show, &["Platea-A-5"]);
    service.still_sells();
}

#[test]
fn a_refusal_for_want_of_space_is_not_remembered() {
    let disk = SimDisk::new(4);
    let house = House::on(Arc::new(disk.clone())).with_low_space(64 * MIB);
    let service = house.open();
    let show = service.show();
    disk.set_space(80 * MIB);
    service.until("space is low", || service.log.storage_state() == StorageState::Low);
    let ask = hold(&show, &json!({"seats": ["Platea-A-1"]}));
    let create = Ask::post("/v1/shows").organiser().key("create").json(&plan(json!({})));
    service.send(ask.clone()).problem(503, "storage_low");
    let refused = service.send(create.clone());
    refused.problem(503, "storage_low");
    disk.set_space(u64::MAX / 2);
    service.until("space is back", || service.log.storage_state() == StorageState::Normal);
    service.send(ask).expect(201);
    let made = service.send(create).expect(201)["show_id"].as_str().unwrap().to_owned();
    service.open_sales(&made);
    service.sell(&made, &["Platea-A-1"]);
    settle(&service, &made);
}

#[test]
fn a_disk_that_fails_is_never_answered_with_success() {
    for seed in 0..8 {
        let disk = TroubledDisk::new(seed);
        let house = House::on(Arc::new(disk.clone()));
        let service = house.open();
        let show = service.show();
        let paid = service.sell(&show, &["Platea-A-1"]);
        settle(&service, &show);
        let held = service.hold(&show, &["Platea-A-2"]);
        disk.fail();
        let attempts = service.send_all(vec![
            hold(&show, &json!({"seats": ["Platea-A-3"]})),
            held.purchase("tok_visa"),
            Ask::post(format!("/v1/shows/{show}/close")).organiser().fresh_key(),
        ]);
        for attempt in &attempts {
            assert_eq!(attempt.status, 503, "{}", attempt.text());
            attempt.is_problem();
        }
        // The log takes nothing more until the process ends; what is refused later is refused too.
        let later = service.send(hold(&show, &json!({"seats": ["Platea-A-4"]})));
        assert_eq!(later.status, 503, "{}", later.text());
        drop(service);
        disk.restart();
        let service = house.open();
        assert_eq!(service.seat(&show, "Platea-A-1"), "sold", "what was acknowledged is there");
        assert_eq!(service.order(paid["order_id"].as_str().unwrap())["status"], "PAID");
        assert_ne!(service.seat(&show, "Platea-A-2"), "sold", "what was refused is not");
        let charges = house.charges();
        assert_eq!(charges.len(), 1, "seed {seed}: {charges:?}");
        service.still_sells();
    }
}
