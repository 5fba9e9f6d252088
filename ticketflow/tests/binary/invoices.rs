//! `ticketflow serve --invoices mysql://primary,mysql://replica`: buyers read their orders whatever the servers do, and documents are
//! issued all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use ticketflow_scenarios::http::Client;
use ticketflow_testbed::{MariaDb, MariaDbPair, TestbedError};

use crate::machine::{Machine, Serving, said};

/// Null for one that was sold a moment ago and is not in the read models yet.
fn order(server: &Serving, id: &str) -> Value {
    let answer = server.get(&format!("/v1/orders/{id}"));
    if answer.status == 404 {
        return Value::Null;
    }
    assert_eq!(answer.status, 200, "{}", answer.excerpt());
    answer.json()
}

fn sell(server: &Serving, show: &ticketflow_scenarios::plan::Show, seat: usize) -> String {
    server.sell(show, seat)["order_id"].as_str().expect("an order has an id").to_owned()
}

#[test]
fn buyers_read_their_orders_from_the_replica_while_the_primary_is_gone() {
    let mut pair = match MariaDbPair::start() {
        Err(missing @ TestbedError::Missing { .. }) => return println!("SKIPPED: {missing}"),
        started => started.expect("they start"),
    };
    let machine = Machine::new();
    let url = format!("{},{}", pair.primary.url(), pair.replica.url());
    let server = machine.serve(&["--invoices", &url]);
    let show = server.show(40);
    let first = sell(&server, &show, 0);
    server.until("it is delivered", || order(&server, &first)["documents"] == "delivered");
    let invoices = || {
        let all = server.get("/v1/ops/projections").json();
        all["data"].as_array().and_then(|all| all.iter().find(|one| one["name"] == "invoices").cloned())
    };
    server.until("the tables have it", || {
        invoices().is_some_and(|one| one["state"] == "live" && one["position"] == one["head"])
    });
    pair.catch_up().expect("the replica catches up");

    // A reader that never stops while the primary is killed, and comes back.
    let (stop, address, path) =
        (Arc::new(AtomicBool::new(false)), server.address, format!("/v1/orders/{first}"));
    let reader = std::thread::spawn({
        let stop = stop.clone();
        move || {
            let mut client = Client::new(address, Duration::from_secs(10));
            let mut stale = 0;
            while !stop.load(Ordering::SeqCst) {
                let answer = client.get(&path, &[]).expect("it is answered");
                assert_eq!(answer.status, 200, "{}", answer.excerpt());
                let order = answer.json();
                assert_eq!(order["receipt"]["folio"], 1, "{order}");
                stale += u32::from(order["documents_stale"] == true);
                std::thread::sleep(Duration::from_millis(10));
            }
            stale
        }
    });
    pair.primary.process().kill();
    server.until("reads are marked stale", || order(&server, &first)["documents_stale"] == true);
    // Nobody waits for the tables: the receipt is issued and mailed, and the buyer sees it.
    let second = sell(&server, &show, 1);
    server
        .until("it is delivered without the primary", || order(&server, &second)["documents"] == "delivered");
    pair.primary.restart().expect("it comes back");
    server.until("reads are of now again", || order(&server, &first)["documents_stale"] == false);
    server.until("the tables catch up", || {
        invoices().is_some_and(|one| one["state"] == "live" && one["position"] == one["head"])
    });
    stop.store(true, Ordering::SeqCst);
    assert!(reader.join().expect("no read failed") > 0);
    assert!(server.stop().success());
    let verified = machine.run(&["verify", "--invoices", &pair.primary.url()]);
    assert!(
        verified.status.success() && said(&verified).contains("invoices    compared"),
        "{}",
        said(&verified)
    );
}

#[test]
fn the_tables_are_rebuilt_by_command_and_a_wrong_row_is_found() {
    let database = match MariaDb::start() {
        Err(missing @ TestbedError::Missing { .. }) => return println!("SKIPPED: {missing}"),
        started => started.expect("it starts"),
    };
    let machine = Machine::new();
    let server = machine.serve(&["--invoices", &database.url()]);
    let show = server.show(40);
    let orders: Vec<String> = (0..5).map(|seat| sell(&server, &show, seat)).collect();
    for id in &orders {
        server.until("it is delivered", || order(&server, id)["documents"] == "delivered");
    }
    let count =
        || database.query("SELECT COUNT(*) FROM invoices WHERE mailed_at IS NOT NULL").unwrap_or_default();
    server.until("the tables have them", || count().contains('5'));
    database.query("UPDATE invoices SET total = total + 1 WHERE folio = 3").expect("a wrong row");
    let url = server.address.to_string();
    let rebuilt = machine.run(&["rebuild", "invoices", "--url", &url]);
    assert!(rebuilt.status.success(), "{}", said(&rebuilt));
    server.until("it is live", || {
        server.get("/v1/ops/projections").json()["data"]
            .to_string()
            .contains("\"name\":\"invoices\",\"state\":\"live\"")
            || server.get("/v1/ops/projections").json()["data"][2]["state"] == "live"
    });
    assert!(server.stop().success());
    assert!(machine.run(&["verify", "--invoices", &database.url()]).status.success());
    database.query("UPDATE invoices SET total = total + 1 WHERE folio = 3").expect("a wrong row");
    let found = machine.run(&["verify", "--invoices", &database.url()]);
    assert!(!found.status.success() && said(&found).contains("FAULT"), "{}", said(&found));
}

#[test]
fn what_is_no_database_is_refused_and_a_password_not_repeated() {
    let machine = Machine::new();
    for wrong in
        ["postgres://user:secret@host/x", "mysql://user:secret@host", "mysql://a:secret@b/c,d", "disk"]
    {
        let refused =
            Serving::start(&machine.data(), &["--invoices", wrong]).err().expect("it does not start");
        assert!(!refused.status.success());
        assert!(refused.errors.contains("--invoices"), "{}", refused.errors);
        assert!(!refused.errors.contains("secret"), "{}", refused.errors);
    }
}
