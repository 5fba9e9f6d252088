//! Receipts, tickets and mails of the running server, and of one that billing joins late.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ticketflow_scenarios::buyer::Buyer;
use ticketflow_scenarios::http::Client;
use ticketflow_scenarios::paper_trail;
use ticketflow_scenarios::plan::{Operator, Plan, Show};
use ticketflow_scenarios::system::{Node, System, SystemOptions};
use ticketflow_testbed::{SmtpFaults, SmtpServer, TestbedError};

use crate::machine::{BINARY, Machine, Serving, said};

const WITHIN: Duration = Duration::from_secs(60);

fn order(server: &Serving, id: &str) -> Value {
    server.get(&format!("/v1/orders/{id}")).json()
}

/// A seat that somebody bought: the order's id.
fn sell(server: &Serving, show: &Show, seat: usize) -> String {
    server.sell(show, seat)["order_id"].as_str().expect("an order has an id").to_owned()
}

fn delivered(server: &Serving, id: &str) -> Value {
    server.until("the papers are delivered", || order(server, id)["documents"] == "delivered");
    order(server, id)
}

fn mail_server() -> Option<SmtpServer> {
    match SmtpServer::start() {
        Err(missing @ TestbedError::Missing { .. }) => {
            println!("SKIPPED: {missing}");
            None
        }
        started => Some(started.expect("it starts")),
    }
}

/// How often each mail arrived, by its Message-ID.
fn arrived(server: &SmtpServer) -> BTreeMap<String, usize> {
    let mut arrived = BTreeMap::new();
    for mail in server.accepted().expect("the server's folder can be read") {
        let text = String::from_utf8_lossy(&mail.content).into_owned();
        let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: <")?.strip_suffix('>'));
        *arrived.entry(id.expect("a mail has an id").to_owned()).or_insert(0) += 1;
    }
    arrived
}

#[test]
fn an_order_has_its_receipt_and_its_tickets_to_download_and_a_mail() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let show = server.show(40);
    let id = sell(&server, &show, 0);
    let found = delivered(&server, &id);
    assert_eq!(
        (&found["receipt"]["document_type"], &found["receipt"]["folio"]),
        (&json!("receipt"), &json!(1))
    );
    assert_eq!(found["receipt"]["total"], found["total"]);
    let ticket = found["tickets"][0]["ticket_id"].as_str().expect("a ticket has an id").to_owned();
    let pdf = |file: &str| server.get(&format!("/v1/orders/{id}/{file}"));
    for file in ["receipt.pdf", "tickets.pdf", "tickets.pdf?lang=en", &format!("tickets/{ticket}.pdf")] {
        let answer = pdf(file);
        assert_eq!(answer.status, 200, "{file}: {}", answer.excerpt());
        assert!(answer.body.starts_with(b"%PDF-"), "{file}");
        assert_eq!(pdf(file).body, answer.body, "the same bytes each time: {file}");
    }
    for (file, status) in [
        ("tickets/01KBN6A1B2C3D4E5F6G7H8J9KM.pdf", 404),
        (&*format!("tickets/{ticket}.png"), 404),
        ("credit-notes/1.pdf", 404),
        ("receipt.pdf?lang=fr", 400),
    ] {
        assert_eq!(pdf(file).status, status, "{file}: {}", pdf(file).excerpt());
    }
    assert_eq!(server.get("/v1/orders/01KBN6A1B2C3D4E5F6G7H8J9KM/receipt.pdf").status, 404);
    let mails = paper_trail::mails_in(&machine.data().join("mail")).expect("mails");
    assert_eq!(mails.keys().collect::<Vec<_>>(), [&format!("order.{id}.1@ticketflow.example")]);

    let refund = json!({"tickets": [ticket], "reason": "rain"});
    let refunded =
        server.post(&format!("/v1/orders/{id}/refunds"), &[("Idempotency-Key", "refund")], &refund);
    assert_eq!(refunded.status, 201, "{}", refunded.excerpt());
    server.until("the credit note is delivered", || {
        let found = order(&server, &id);
        found["credit_notes"].as_array().is_some_and(|notes| notes.len() == 1)
            && found["documents"] == "delivered"
    });
    assert_eq!(pdf("credit-notes/1.pdf").status, 200);
    assert_eq!(
        pdf(&format!("tickets/{ticket}.pdf")).status,
        410,
        "a ticket that was given back is not printed"
    );
    assert!(server.stop().success());
    assert!(machine.run(&["verify"]).status.success());

    // Everything again from the log alone: nothing is mailed, nothing is numbered anew.
    std::fs::remove_dir_all(machine.data().join("log").join("snapshots")).ok();
    let server = machine.serve(&[]);
    assert_eq!(order(&server, &id)["receipt"], found["receipt"]);
    assert!(server.stop().success());
    assert_eq!(paper_trail::mails_in(&machine.data().join("mail")).expect("mails").len(), 2);
}

#[test]
fn an_english_buyer_gets_english_papers_and_a_refund_takes_the_calendar_s_entry_back() {
    let machine = Machine::new();
    // Its issuer writes in Spanish.
    let server = machine.serve(&[]);
    let show = server.show(40);
    let person = Buyer::numbered(7);
    let buyer = json!({"rut": person.rut, "name": person.name, "email": person.email, "language": "en"});
    let paid = server.purchase_as(&show, &server.hold(&show, 0), &buyer, "tok_visa");
    assert_eq!(paid.status, 201, "{}", paid.excerpt());
    let id = paid.json()["order_id"].as_str().expect("an order has an id").to_owned();
    delivered(&server, &id);
    let mail = |kind: &str| {
        let file = format!("{kind}.{id}.1@ticketflow.example.eml");
        std::fs::read_to_string(machine.data().join("mail").join(file)).expect("a mail")
    };
    let says = |mail: &str, words: [&str; 3]| {
        for words in words {
            assert!(mail.contains(words), "{words:?} in {mail}");
        }
    };
    says(&mail("order"), ["\r\nContent-Language: en\r\n", "\"tickets.pdf\"", "method=PUBLISH"]);
    for file in ["receipt.pdf", "tickets.pdf"] {
        let pdf = |query: &str| server.get(&format!("/v1/orders/{id}/{file}{query}")).body;
        assert!(pdf("") == pdf("?lang=en") && pdf("") != pdf("?lang=es"), "{file}");
    }
    let refunds = format!("/v1/orders/{id}/refunds");
    let refunded = server.post(&refunds, &[("Idempotency-Key", "refund")], &json!({"reason": "rain"}));
    assert_eq!(refunded.status, 201, "{}", refunded.excerpt());
    server.until("the credit note is delivered", || {
        let found = order(&server, &id);
        found["credit_notes"].as_array().is_some_and(|notes| notes.len() == 1)
            && found["documents"] == "delivered"
    });
    says(&mail("refund"), ["\r\nContent-Language: en\r\n", "\"refund-1.pdf\"", "method=CANCEL"]);
    assert!(server.stop().success());
}

#[test]
fn a_mail_server_that_was_away_during_many_purchases_gets_one_mail_for_each() {
    let Some(mut mails) = mail_server() else { return };
    mails.process().kill();
    let machine = Machine::new();
    let to = format!("smtp://{}?answer_seconds=5", mails.address());
    let server = machine.serve(&["--mail", &to]);
    let show = server.show(200);
    let orders: Vec<String> = (0..120).map(|seat| sell(&server, &show, seat)).collect();
    server.until("receipts are issued", || order(&server, &orders[119])["receipt"]["folio"].is_number());
    server.kill();
    let server = machine.serve(&["--mail", &to]);
    mails
        .behave(&SmtpFaults { cut_and_keep: 3, cut_and_lose: 3, ..SmtpFaults::default() })
        .expect("it is told");
    mails.restart().expect("it comes back");
    let trail =
        paper_trail::follow(server.address, &server.key, WITHIN, || Ok(arrived(&mails))).expect("a trail");
    assert_eq!((trail.orders, trail.mails, trail.violations), (120, 120, Vec::new()));
    assert!(server.stop().success());
}

/// The system of many processes; `None`, with the reason printed, where a program of it is not installed.
fn system(mail: Option<String>, boletas: bool) -> Option<System> {
    let options = SystemOptions {
        binary: BINARY.into(),
        command_services: 2,
        random_routing: false,
        billing: 2,
        mail,
        boletas,
    };
    match System::start(&options, |_| {}) {
        Ok(system) => Some(system),
        Err(error)
            if error.downcast_ref().is_some_and(|error| matches!(error, TestbedError::Missing { .. })) =>
        {
            println!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error:#}"),
    }
}

/// Buys one seat as a buyer of its own: the order's id.
fn buy(client: &mut Client, show: &Show, seat: usize) -> String {
    let person = Buyer::numbered(seat as u64);
    let (hold_key, purchase_key) = (format!("hold-{seat}"), format!("purchase-{seat}"));
    let body = json!({"seats": [show.plan.seat_name(seat)]});
    let holds = format!("/v1/shows/{}/holds", show.id);
    let held =
        client.send("POST", &holds, &[("Idempotency-Key", &hold_key)], Some(&body)).expect("an answer");
    assert_eq!(held.status, 201, "{}", held.excerpt());
    let hold = held.json();
    let text = |name: &str| hold[name].as_str().expect("a hold has it").to_owned();
    let body = json!({
        "buyer": {"rut": person.rut, "name": person.name, "email": person.email},
        "payment": {"method": "card", "token": "tok_visa"},
    });
    let headers = [("Idempotency-Key", purchase_key.as_str()), ("Hold-Token", &text("hold_token"))];
    let purchase = format!("{holds}/{}/purchase", text("hold_id"));
    let paid = client.send("POST", &purchase, &headers, Some(&body)).expect("an answer");
    assert_eq!(paid.status, 201, "no purchase fails while billing is down: {}", paid.excerpt());
    paid.json()["order_id"].as_str().expect("an order has an id").to_owned()
}

#[test]
fn billing_that_was_down_during_a_thousand_purchases_gives_each_its_papers() {
    const ORDERS: usize = 1_000;
    const BUYERS: usize = 16;
    let Some(mails) = mail_server() else { return };
    let Some(mut system) = system(Some(format!("smtp://{}", mails.address())), false) else { return };
    system.billing.iter_mut().for_each(Node::kill);
    let address = system.balancer.url().trim_start_matches("http://").parse().expect("an address");
    let plan = Plan::with_seats(ORDERS, 25_000).expect("a plan");
    let show = Operator::new(address, &system.operator_key).create_open_show(plan, None).expect("a show");
    std::thread::scope(|scope| {
        for buyer in 0..BUYERS {
            let show = &show;
            scope.spawn(move || {
                let mut client = Client::new(address, Duration::from_secs(30));
                (buyer..ORDERS).step_by(BUYERS).for_each(|seat| drop(buy(&mut client, show, seat)));
            });
        }
    });
    for node in &mut system.billing {
        node.start().expect("billing starts");
    }
    let within = Duration::from_secs(180);
    let trail = paper_trail::follow(address, &system.operator_key, within, || Ok(arrived(&mails)));
    let trail = trail.expect("the trail can be followed");
    assert_eq!(trail.violations, Vec::<String>::new());
    assert_eq!(
        (trail.orders, trail.mails),
        (ORDERS, ORDERS),
        "folios are 1 to {ORDERS}: that is part of the trail"
    );
    assert_eq!(mails.accepted().expect("mails").len(), ORDERS, "each mail came once");
}

#[test]
fn boletas_are_issued_and_made_by_whichever_instance_of_billing_is_there() {
    let Some(mut system) = system(None, true) else { return };
    let address = system.balancer.url().trim_start_matches("http://").parse().expect("an address");
    let plan = Plan::with_seats(40, 25_000).expect("a plan");
    let show = Operator::new(address, &system.operator_key).create_open_show(plan, None).expect("a show");
    let mut client = Client::new(address, Duration::from_secs(30));
    let mut xml_of_first = None;
    // Each instance alone, and both.
    for (seat, killed) in [Some(0), Some(1), None].into_iter().enumerate() {
        let killed = killed.map(|instance: usize| &mut system.billing[instance]);
        if let Some(node) = killed {
            node.kill();
        }
        let order = buy(&mut client, &show, seat);
        let mut get = |path: &str| client.get(&format!("/v1/orders/{path}"), &[]).expect("an answer");
        let since = Instant::now();
        while get(&order).json()["receipt"]["authority"] != "accepted" {
            assert!(
                since.elapsed() < WITHIN,
                "the authority took no boleta {}: {}",
                seat + 1,
                get(&order).excerpt()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(get(&order).json()["receipt"]["folio"], json!(seat + 1));
        assert!(get(&format!("{order}/receipt.pdf")).body.starts_with(b"%PDF-"));
        let (first, xml) =
            xml_of_first.get_or_insert_with(|| (order.clone(), get(&format!("{order}/receipt.xml")).body));
        assert_eq!(&get(&format!("{first}/receipt.xml")).body, xml, "the same bytes from whichever instance");
        for node in &mut system.billing {
            node.start().expect("billing starts");
        }
    }
    let (first, _) = xml_of_first.expect("an order");
    let since = Instant::now();
    system.billing.iter_mut().for_each(Node::kill);
    while system.balancer.servers_up("billing") > 0 {
        assert!(since.elapsed() < WITHIN, "the load balancer sees that billing is gone");
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut status =
        |file: &str| client.get(&format!("/v1/orders/{first}/{file}"), &[]).expect("an answer").status;
    assert_eq!((status("tickets.pdf"), status("receipt.pdf")), (200, 503), "tickets need no fiscal keys");
}

#[test]
fn what_billing_gave_up_on_is_listed_retried_and_skipped() {
    let Some(mails) = mail_server() else { return };
    let refuse = SmtpFaults { refuse_recipients: Some(".".to_owned()), ..SmtpFaults::default() };
    mails.behave(&refuse).expect("it is told");
    let machine = Machine::new();
    let to = format!("smtp://{}", mails.address());
    let server = machine.serve(&["--mail", &to]);
    let show = server.show(40);
    let (first, second) = (sell(&server, &show, 0), sell(&server, &show, 1));
    let url = server.address.to_string();
    let poison = |arguments: &[&str]| {
        let mut all = vec!["poison"];
        all.extend(arguments);
        all.extend(["--url", &url]);
        machine.run(&all)
    };
    let list = || machine.json(&["poison", "list", "--json", "--url", &url])["data"].clone();
    server.until("both are parked", || list().as_array().is_some_and(|list| list.len() == 2));
    assert_eq!(list()[0]["order_id"], json!(first));
    assert_eq!(list()[0]["payload"]["type"], "OrderPaid");
    assert!(list()[0]["error"].as_str().is_some_and(|error| error.contains("550")), "{}", list());
    let id = |index: usize| list()[index]["id"].to_string();
    assert!(said(&poison(&["list"])).contains(&first));
    let (id_1, id_2) = (id(0), id(1));

    let refused = poison(&["skip", &id_2, "--reason", " "]);
    assert!(!refused.status.success() && said(&refused).contains("reason"), "{}", said(&refused));
    assert!(!poison(&["retry", "999999"]).status.success());
    // All of them, and the server still refuses: they are parked anew.
    let before = list()[0]["parked_at"].clone();
    assert!(poison(&["retry", "--all"]).status.success());
    let is_anew =
        |list: &Value| list.as_array().is_some_and(|list| list.iter().all(|one| one["parked_at"] != before));
    server.until("both are parked anew", || {
        list().as_array().is_some_and(|all| all.len() == 2) && is_anew(&list())
    });
    assert!(poison(&["skip", &id_2, "--reason", "no such mailbox"]).status.success());
    mails.behave(&SmtpFaults::default()).expect("it is told");
    assert!(poison(&["retry", &id_1]).status.success());
    delivered(&server, &first);
    assert_eq!((list(), &order(&server, &second)["documents"]), (json!([]), &json!("issued")));
    let stranger = server.client().get("/v1/ops/poison", &[]).expect("an answer");
    assert_eq!(stranger.status, 401, "for operators alone");
    assert!(said(&poison(&["list"])).contains("nothing is parked"));
    assert!(server.stop().success());
}
