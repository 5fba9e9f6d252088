//! `--seat-map`, `rebuild` and `verify --seat-map` with a real database, which dies while seats are sold.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use ticketflow_testbed::{Postgres, TestbedError};

use crate::machine::{Machine, Serving, said};

fn database() -> Option<Postgres> {
    match Postgres::start() {
        Ok(server) => Some(server),
        Err(TestbedError::Missing { program, remedy }) => {
            println!("SKIPPED: {program} is missing; {remedy}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Which model an answer is of, and how old.
fn origin(server: &Serving, path: &str) -> (String, u64) {
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("it answers");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.starts_with("HTTP/1.1 200"), "{path}: {text}");
    let header = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
    };
    (header("x-read-model:"), header("age:").parse().expect("whole seconds"))
}

fn projection(server: &Serving) -> Value {
    server.get("/v1/ops/projections").json()["data"][1].clone()
}

fn until_live(server: &Serving) {
    server.until("the database has it all", || {
        let status = projection(server);
        status["state"] == "live" && status["lag_events"] == 0
    });
}

#[test]
fn seats_are_read_from_the_database_and_sold_without_it() {
    let Some(mut database) = database() else { return };
    let machine = Machine::new();
    let url = database.url();
    let server = machine.serve(&["--seat-map", &url]);
    let show = server.show(60);
    let (seats, page) = (format!("/v1/shows/{}/seats", show.id), format!("/v1/shows/{}", show.id));
    server.sell(&show, 0);
    until_live(&server);
    assert_eq!(origin(&server, &seats), ("postgres".to_owned(), 0));
    assert_eq!(server.get(&seats).json()["seats"][0]["status"], "sold");

    // Without its database the server sells on, and memory shows what was sold.
    database.process().kill();
    let order = server.sell(&show, 1);
    let position = order["position"].as_u64().unwrap();
    let path = format!("{page}?min_position={position}");
    assert_eq!(origin(&server, &path).0, "memory");
    assert_eq!(server.get(&page).json()["zones"][0]["sold"], 2);
    server.until("it says so", || projection(&server)["state"] == "unreachable");
    database.restart().unwrap();
    server.until("the database answers again", || origin(&server, &seats).0 == "postgres");
    assert_eq!(server.get(&format!("{path}&")).status, 200);

    // The process that writes the rows dies as well; the next one goes on where the rows are.
    server.sell(&show, 2);
    server.kill();
    let server = machine.serve(&["--seat-map", &url]);
    server.sell(&show, 3);
    until_live(&server);
    server.until("reads come from there", || origin(&server, &page).0 == "postgres");
    assert_eq!(server.get(&page).json()["zones"][0]["sold"], 4);

    let live = || database.query("SELECT live_generation FROM ticketflow.projection").unwrap();
    let before = live();
    let rebuilt = machine.run(&["rebuild", "postgres", "--json", "--url", &server.address.to_string()]);
    assert!(rebuilt.status.success(), "{}", said(&rebuilt));
    let status: Value = serde_json::from_slice(&rebuilt.stdout).unwrap();
    assert_eq!(status["last_error"], Value::Null);
    let generation = live();
    assert_ne!(generation, before, "a new generation serves");
    assert_eq!(server.get(&page).json()["zones"][0]["sold"], 4);
    let unknown = machine.run(&["rebuild", "nothing", "--url", &server.address.to_string()]);
    assert!(!unknown.status.success() && said(&unknown).contains("projection_unknown"), "{}", said(&unknown));
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    for name in [
        "projection_position",
        "projection_lag_events",
        "projection_lag_seconds",
        "projection_rate",
        "projection_rebuild_ratio",
        "projection_batch_events_bucket",
        "projection_batch_seconds_bucket",
    ] {
        assert!(metrics.contains(&format!("{name}{{projection=\"postgres\"")), "{name}: {metrics}");
    }
    assert!(metrics.contains("projection_position{projection=\"memory\"}"), "{metrics}");
    until_live(&server);
    assert!(server.stop().success());

    let verified = machine.json(&["verify", "--json", "--seat-map", &url]);
    assert_eq!(verified["holds"], true);
    assert_eq!(verified["seat_map_position"], verified["position"]);
    let change =
        format!("UPDATE ticketflow_seats_{generation}.seats SET status = 0 WHERE status = 2 AND seat = 3");
    database.query(&change).unwrap();
    let found = machine.run(&["verify", "--seat-map", &url]);
    assert!(!found.status.success());
    let text = said(&found);
    assert!(text.contains(&show.id) && text.contains("seats"), "{text}");
}

#[test]
fn what_is_no_database_is_refused_and_a_password_not_repeated() {
    let machine = Machine::new();
    for wrong in ["mysql://user:secret@host/x", "postgres://user:secret@host:notaport/x", "disk"] {
        let refused =
            Serving::start(&machine.data(), &["--seat-map", wrong]).err().expect("it does not start");
        assert!(!refused.status.success());
        assert!(refused.errors.contains("--seat-map"), "{}", refused.errors);
        assert!(!refused.errors.contains("secret"), "{}", refused.errors);
    }
    // Only `memory`: the database does not exist, and nothing is said about it.
    let server = machine.serve(&["--seat-map", "memory"]);
    let all = server.get("/v1/ops/projections").json();
    let names: Vec<_> = all["data"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, [json!("memory"), json!("billing")]);
}
