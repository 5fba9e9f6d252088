//! `ticketflow serve`: starts, sells, stops, starts again with everything there, and refuses what would do harm.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ticketflow_scenarios::http::Client;

use crate::machine::{Machine, PATIENCE, Serving, command, said};

/// A server that is told to stop and has only idle readers ends well before its drain limit of 30 s.
const PROMPT_END: Duration = Duration::from_secs(5);

fn map(server: &Serving, show: &str) -> Value {
    server.get(&format!("/v1/shows/{show}/seats")).json()["seats"].clone()
}

#[test]
fn a_fresh_folder_sells_and_a_restart_has_everything() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    assert_eq!(server.shows(), Vec::<Value>::new());
    let mode = std::fs::metadata(machine.data().join("operator.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(server.get("/health/live").status, 200);
    assert_eq!(server.get("/health/ready").status, 200);
    assert_eq!(server.get("/v1/instance").json()["version"], env!("CARGO_PKG_VERSION"));
    let show = server.show(40);
    let order = server.sell(&show, 0);
    let held = server.hold(&show, 1);
    server.until("the read side has it", || map(&server, &show.id)[1]["status"] == "held");
    let before = map(&server, &show.id);
    let order_path = format!("/v1/orders/{}", order["order_id"].as_str().unwrap());
    // Billing goes on beside: from here on nothing more happens to the order.
    server.until("its papers are delivered", || server.get(&order_path).json()["documents"] == "delivered");
    let order_page = server.get(&order_path).json();
    assert!(server.stop().success());

    let server = machine.serve(&[]);
    assert_eq!(map(&server, &show.id), before);
    assert_eq!(server.get(&order_path).json(), order_page);
    let paid = server.purchase(&show, &held, "tok_visa");
    assert_eq!(paid.status, 201, "a hold outlives the restart: {}", paid.excerpt());
    let again = server.purchase(&show, &held, "tok_visa");
    assert!(again.replayed && again.body == paid.body);
    server.kill();

    let server = machine.serve(&[]);
    let again = server.purchase(&show, &held, "tok_visa");
    assert!(again.replayed && again.body == paid.body, "SIGKILL loses nothing: {}", again.excerpt());
    assert_eq!(map(&server, &show.id)[1]["status"], "sold");
}

#[test]
fn a_second_server_on_the_same_folder_is_refused_and_harms_nothing() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let show = server.show(40);
    let refused = Serving::start(&machine.data(), &[]).err().expect("the folder is taken");
    assert!(!refused.status.success());
    assert!(refused.errors.contains("in use by process"), "{}", refused.errors);
    server.sell(&show, 0);
    for tool in [&["replay"][..], &["export"]] {
        let output = machine.run(tool);
        assert!(!output.status.success(), "{tool:?}");
        assert!(said(&output).contains("in use by process"), "{}", said(&output));
    }
    server.sell(&show, 1);
    assert!(server.stop().success());
    assert_eq!(machine.json(&["verify", "--json"])["holds"], true);
}

#[test]
fn of_two_first_starts_at_once_one_serves() {
    let machine = Machine::new();
    let data = machine.data();
    let starts: Vec<_> = (0..2)
        .map(|_| {
            let data = data.clone();
            std::thread::spawn(move || Serving::start(&data, &["--demo"]))
        })
        .collect();
    let (mut serving, mut refused) = (Vec::new(), Vec::new());
    for start in starts {
        match start.join().expect("no panic") {
            Ok(server) => serving.push(server),
            Err(error) => refused.push(error),
        }
    }
    assert_eq!((serving.len(), refused.len()), (1, 1));
    assert!(refused[0].errors.contains("in use"), "{}", refused[0].errors);
    let server = serving.remove(0);
    server.until("the read side has the demo shows", || server.shows().len() == 3);
    assert!(server.stop().success());
    assert_eq!(machine.json(&["verify", "--json"])["holds"], true);
}

#[test]
fn what_is_in_flight_is_finished_before_the_end() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let show = server.show(40);
    let held = server.hold(&show, 0);
    let address = server.address;
    let person = ticketflow_scenarios::buyer::Buyer::numbered(1);
    let body = json!({
        "buyer": {"rut": person.rut, "name": person.name, "email": person.email},
        "payment": {"method": "card", "token": "tok_slow_1"},
    });
    let path = format!("/v1/shows/{}/holds/{}/purchase", show.id, held["hold_id"].as_str().unwrap());
    let token = held["hold_token"].as_str().unwrap().to_owned();
    let buying = std::thread::spawn(move || {
        let headers = [("Idempotency-Key", "slow"), ("Hold-Token", token.as_str())];
        Client::new(address, PATIENCE).send("POST", &path, &headers, Some(&body)).expect("an answer")
    });
    let events = "/v1/ops/events?limit=1000";
    server.until("the payment has started", || server.get(events).mentions("payment_started"));
    server.terminate();
    let paid = buying.join().expect("no panic");
    assert_eq!(paid.status, 201, "{}", paid.excerpt());
    assert!(server.ended().success());
    let server = machine.serve(&[]);
    assert_eq!(map(&server, &show.id)[0]["status"], "sold");
}

trait Mentions {
    fn mentions(&self, word: &str) -> bool;
}

impl Mentions for ticketflow_scenarios::http::Response {
    /// Whether the body mentions an event, however its name is written.
    fn mentions(&self, word: &str) -> bool {
        let plain = |text: &str| text.to_lowercase().replace(['_', '-', '.'], "");
        plain(&String::from_utf8_lossy(&self.body)).contains(&plain(word))
    }
}

#[test]
fn an_open_live_map_does_not_hold_up_the_end() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let show = server.show(40);
    let mut follower = TcpStream::connect(server.address).unwrap();
    follower.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(follower, "GET /v1/shows/{}/seats/stream HTTP/1.1\r\nHost: x\r\n\r\n", show.id).unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 4_096];
    while !String::from_utf8_lossy(&seen).contains("event: snapshot") {
        let count = follower.read(&mut buffer).unwrap();
        assert!(count > 0);
        seen.extend_from_slice(&buffer[..count]);
    }
    let begun = Instant::now();
    assert!(server.stop().success());
    assert!(begun.elapsed() < PROMPT_END, "{:?}", begun.elapsed());
}

#[test]
fn selling_goes_on_beside_readers_that_never_read_their_map() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    // 2.7 MB an answer: far more than the system buffers for a peer that does not read.
    let show = server.show(20_000);
    let ask = format!("GET /v1/shows/{}/seats HTTP/1.1\r\nHost: x\r\n\r\n", show.id);
    let readers: Vec<TcpStream> = (0..16)
        .map(|_| {
            let mut reader = TcpStream::connect(server.address).unwrap();
            reader.write_all(ask.as_bytes()).unwrap();
            reader
        })
        .collect();
    for reader in &readers {
        // The first byte is there, so that the answer is on its way and stuck.
        reader.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(reader.peek(&mut [0]).unwrap(), 1);
    }
    for seat in 0..20 {
        server.sell(&show, seat);
    }
    // A map may be as old as a moment; it must get there.
    let sold = || {
        let map = map(&server, &show.id);
        map.as_array().unwrap().iter().filter(|seat| seat["status"] == "sold").count()
    };
    let begun = Instant::now();
    while sold() != 20 {
        assert!(begun.elapsed() < PATIENCE, "{} of 20 seats are shown as sold", sold());
    }
    drop(readers);
}

#[test]
fn settings_that_cannot_be_are_refused_with_the_reason() {
    let machine = Machine::new();
    for (arguments, reason) in [
        (&["--gateway", "ftp://x"][..], "--gateway"),
        (&["--payment-timeout-seconds", "0"], "payment-timeout-seconds"),
        (&["--nonsense"], "--nonsense"),
    ] {
        let refused = Serving::start(&machine.data(), arguments).err().expect("refused");
        assert!(!refused.status.success());
        assert!(refused.errors.contains(reason), "{arguments:?}: {}", refused.errors);
    }
    let output = command(&["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(machine.data())
        .env("TICKETFLOW_OPERATOR_KEY", "short")
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        !said(&output).contains("\"short\"") && said(&output).contains("operator key"),
        "{}",
        said(&output)
    );
    let file = machine.path("file");
    std::fs::write(&file, "no folder").unwrap();
    let refused = Serving::start(&file, &[]).err().expect("refused");
    assert!(!refused.status.success() && refused.errors.contains("file"), "{}", refused.errors);
}

#[test]
fn a_taken_port_is_named_and_the_folder_stays_usable() {
    let machine = Machine::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command(&["serve", "--listen", &address, "--data"]).arg(machine.data()).output().unwrap();
    assert!(!output.status.success());
    assert!(said(&output).contains(&address), "{}", said(&output));
    let server = machine.serve(&[]);
    let show = server.show(40);
    server.sell(&show, 0);
}

#[test]
fn keys_that_others_may_read_and_a_vault_that_is_gone_stop_the_start() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let show = server.show(40);
    server.sell(&show, 0);
    assert!(server.stop().success());
    let key = machine.data().join("operator.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Serving::start(&machine.data(), &[]).err().expect("refused");
    assert!(
        refused.errors.contains("operator.key") && refused.errors.contains("chmod"),
        "{}",
        refused.errors
    );
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let (vault, away) = (machine.data().join("vault"), machine.path("away"));
    std::fs::rename(&vault, &away).unwrap();
    let refused = Serving::start(&machine.data(), &[]).err().expect("a new vault would lose all buyers");
    assert!(refused.errors.contains("customers.keys"), "{}", refused.errors);
    std::fs::remove_dir_all(&vault).unwrap();
    std::fs::rename(&away, &vault).unwrap();
    machine.serve(&[]).sell(&show, 1);
}

#[test]
fn the_simulator_is_the_operators_alone() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let show = server.show(40);
    let order = server.sell(&show, 0);
    let listed = || server.get("/simulator/charges").json()["data"].clone();
    server.until("the charge is captured", || listed()[0]["status"] == "captured");
    assert_eq!(listed()[0]["key"], order["order_id"]);
    for path in ["/simulator/charges", "/simulator/control"] {
        assert_eq!(server.client().get(path, &[]).unwrap().status, 401, "{path}");
    }
    let charge = json!({"key": "k", "amount_minor": 1, "currency": "CLP", "token": "t"});
    assert_eq!(server.post("/simulator/authorize", &[], &charge).status, 401);
    server.kill();
    let server = machine.serve(&[]);
    assert_eq!(server.get("/simulator/charges").json()["data"][0]["status"], "captured");
}

#[test]
fn no_file_of_the_data_folder_names_a_buyer() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let show = server.show(40);
    for seat in 0..3 {
        server.sell(&show, seat);
    }
    assert!(server.stop().success());
    let person = ticketflow_scenarios::buyer::Buyer::numbered(7);
    let number = person.rut.split('-').next().unwrap().to_owned();
    let secrets = [person.rut, number, person.name, person.email, "tok_visa".to_owned()];
    let mut folders = vec![machine.data()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // Mails are written to buyers, by name; where no server takes them, this folder stands for their mailboxes.
                if path.file_name().is_none_or(|name| name != "mail") {
                    folders.push(path);
                }
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            for secret in &secrets {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{} holds {secret:?}", path.display());
            }
        }
    }
    assert!(files >= 6, "log, snapshot, vault, charges and keys: {files}");
}
