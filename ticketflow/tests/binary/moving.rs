//! `import --from`: a data folder moves to servers, with its log, its customers' keys and its secrets.

use std::path::Path;

use serde_json::{Value, json};
use ticketflow_testbed::{NatsServer, TestbedError};

use crate::machine::{Machine, Serving, said};

fn installed() -> Option<NatsServer> {
    match NatsServer::start() {
        Err(missing @ TestbedError::Missing { .. }) => {
            println!("SKIPPED: {missing}");
            None
        }
        started => Some(started.expect("it starts")),
    }
}

/// Sells the seats one by one in a folder of its own; gives the QR texts.
fn sold(
    machine: &Machine,
    seats: std::ops::Range<usize>,
    show: &mut Option<ticketflow_scenarios::plan::Show>,
) -> Vec<String> {
    let server = machine.serve(&[]);
    let show = show.get_or_insert_with(|| server.show(40));
    let qr = |seat| server.sell(show, seat)["tickets"][0]["qr"].as_str().expect("a text").to_owned();
    let codes = seats.map(qr).collect();
    assert!(server.stop().success());
    codes
}

fn copied(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.expect("cp runs").success());
}

fn exported(machine: &Machine, data: &Path) -> Vec<u8> {
    let output = machine.run_on(data, &["export"]);
    assert!(output.status.success(), "{}", said(&output));
    output.stdout
}

#[test]
fn a_folder_moves_to_servers_goes_on_after_an_interruption_and_tickets_stay_good() {
    let Some(nats) = installed() else { return };
    let (machine, store) = (Machine::new(), nats.event_store_url());
    let mut show = None;
    let mut codes = sold(&machine, 0..3, &mut show);
    let (half, replica) = (machine.path("half"), machine.path("replica"));
    copied(&machine.data(), &half);
    codes.extend(sold(&machine, 3..6, &mut show));
    let import = |from: &Path| {
        let from = from.to_str().expect("a name");
        machine.run_on(&replica, &["import", "--from", from, "--event-store", &store])
    };
    // What an import leaves that was interrupted, then the rest, then nothing.
    for from in [&half, &machine.data(), &machine.data()] {
        let output = import(from);
        assert!(output.status.success(), "{}", said(&output));
    }
    assert!(exported(&machine, &machine.data()) == exported(&machine, &replica), "the logs differ");

    let gateway = ["--gateway", "http://127.0.0.1:9", "--event-store", &store];
    let server = Serving::start(&replica, &gateway).expect("it starts");
    let key = |data: &Path| std::fs::read(data.join("operator.key")).expect("a key");
    assert_eq!(key(&machine.data()), key(&replica), "the operator's key moved too");
    let bearer = format!("Bearer {}", server.key);
    let path = format!("/v1/shows/{}/checkins", show.expect("a show").id);
    for code in &codes {
        let body = json!({"ticket": code, "gate": "north"});
        let answer = server.post(&path, &[("Authorization", &bearer)], &body);
        assert_eq!(
            (answer.status, answer.json()["admitted"] == true),
            (200, true),
            "{:?}",
            answer.json() as Value
        );
    }
    assert!(server.stop().success());
    let output = import(&machine.data());
    assert!(!output.status.success() && said(&output).contains("other events already"), "{}", said(&output));
}

#[test]
fn what_would_leave_buyers_or_tickets_behind_is_refused() {
    let Some(nats) = installed() else { return };
    let (machine, store) = (Machine::new(), nats.event_store_url());
    sold(&machine, 0..1, &mut None);
    let data = machine.data();
    let from = data.to_str().expect("a name");
    let refused = |arguments: &[&str], why: &str| {
        let output = machine.run_on(&machine.path("replica"), &[&["import"], arguments].concat());
        assert!(!output.status.success() && said(&output).contains(why), "{arguments:?}: {}", said(&output));
    };
    refused(&["--event-store", &store], "name the data folder that has, with --from");
    refused(&["--from", from], "--from needs --event-store");
    refused(&["--from", "nowhere", "--event-store", &store], "holds no event log");
    std::fs::remove_file(data.join("vault").join("customers.keys")).expect("it was there");
    refused(&["--from", from, "--event-store", &store], "buyers' data cannot be read");
}
