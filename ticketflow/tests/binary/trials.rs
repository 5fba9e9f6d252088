//! Races and `kill -9` against the binary: one winner per seat, and nothing acknowledged is ever lost.

use ticketflow_scenarios::kill::{KillOptions, kill_test};
use ticketflow_scenarios::race::{RaceOptions, race};

use crate::machine::{BINARY, Machine};

#[test]
fn many_clients_race_for_one_seat_and_one_wins() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let options = RaceOptions {
        url: server.address.to_string(),
        operator_key: Some(server.key.clone()),
        clients: 50,
        rounds: 20,
        overlapping_rounds: 20,
        ..RaceOptions::default()
    };
    let report = race(&options).expect("the race itself works");
    assert!(report.holds(), "{}", report.text());
    assert_eq!(report.statuses.get("201"), Some(&20), "{}", report.text());
    assert!(server.stop().success());
    assert_eq!(machine.json(&["verify", "--json"])["holds"], true);
}

#[test]
fn killed_under_load_it_keeps_every_promise() {
    let machine = Machine::new();
    let options = KillOptions {
        binary: BINARY.into(),
        folder: Some(machine.path("kill")),
        cycles: 3,
        clients: 12,
        shortest_ms: 300,
        longest_ms: 900,
        seats_per_show: 100,
        short_hold_seconds: 3,
        charges_url: Some("/simulator/charges".to_owned()),
        papers_within_seconds: Some(120),
        ..KillOptions::default()
    };
    let report = kill_test(&options).expect("the run itself works");
    assert!(report.holds(), "{}", report.text());
    assert_eq!(report.check.restarts, 3, "{}", report.text());
    for word in ["hold done", "purchase done", "release done", "refund done"] {
        assert!(report.check.operations.get(word).copied().unwrap_or(0) > 0, "{word}: {}", report.text());
    }
    assert!(report.check.charges.unwrap_or(0) > 0, "{}", report.text());
    assert!(report.papers.as_ref().is_some_and(|papers| papers.orders > 0), "{}", report.text());
}
