//! Load loop and races against the stand-in server: the counts must add up, and a planted double sale must be seen.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use ticketflow_scenarios::load::{
    LoadOptions, holds, holds_beside_readers, hot_seat, one_connection, purchases, soak,
};
use ticketflow_scenarios::race::{RaceOptions, race};

struct Server {
    child: Child,
    url: String,
    data: tempfile::TempDir,
}

impl Server {
    fn start(bug: &str) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(env!("CARGO_BIN_EXE_fake-ticketflow"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .env("FAKE_BUG", bug)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the stand-in starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let url = line.trim().strip_prefix("listening on ").expect("the ready line").to_owned();
        Self { child, url, data }
    }

    fn load(&self) -> LoadOptions {
        LoadOptions {
            url: self.url.clone(),
            data: self.data.path().to_owned(),
            pid: Some(self.child.id()),
            connections: 8,
            seconds: 1,
            warm_up_seconds: 0,
            shows: 2,
            seats_per_show: 1000,
            buyers: 10,
            ..LoadOptions::default()
        }
    }

    fn race(&self) -> RaceOptions {
        RaceOptions {
            url: self.url.clone(),
            data: self.data.path().to_owned(),
            clients: 12,
            rounds: 15,
            overlapping_rounds: 15,
            ..RaceOptions::default()
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn distinct_holds_are_all_won_in_closed_and_open_loop() {
    let server = Server::start("");
    let mut options = LoadOptions { seconds: 60, ..server.load() };
    // The run ends early, when every seat has been asked for.
    let closed = holds(&options).expect("a run").lane("hold");
    assert_eq!((closed.status(201), closed.answers, closed.unanswered), (2000, 2000, 0));
    options.seconds = 1;
    options.rate_per_second = Some(300.0);
    let open = holds(&options).expect("a run");
    let lane = open.lane("hold");
    assert_eq!(lane.status(201), lane.answers);
    assert!(
        lane.answers <= 301 && lane.answers > 0,
        "an open loop sends what is due and no more: {}",
        open.text()
    );
    assert!(open.server.is_some_and(|server| server.after.resident_bytes > 0));
}

#[test]
fn hot_seats_have_one_winner_and_a_double_sale_is_seen() {
    let right = Server::start("");
    let report = hot_seat(&right.load()).expect("a run");
    assert!(report.wrong.is_empty() && report.rounds > 0, "{}", report.text());
    let wrong = Server::start("double_sale");
    let report = hot_seat(&wrong.load()).expect("a run");
    assert!(report.wrong.iter().any(|text| text.contains("winners")), "{}", report.text());
}

#[test]
fn readers_buyers_and_single_connections_are_measured() {
    let server = Server::start("");
    let options = LoadOptions { shows: 20, readers: 3, reads_per_second: Some(20.0), ..server.load() };
    let beside = holds_beside_readers(&options).expect("a run");
    assert!(
        beside.compact.lane("map").status(200) > 0 && beside.full.lane("map").status(200) > 0,
        "{}",
        beside.text()
    );
    assert!(beside.mute_requests.iter().all(|count| *count > 0), "{:?}", beside.mute_requests);
    let bought = purchases(&server.load()).expect("a run");
    assert!(bought.lane("purchase").status(201) > 0, "{}", bought.text());
    let single = one_connection(&server.load()).expect("a run");
    assert!(single.ratio > 0.0 && single.run.lane("hold").status(201) > 0, "{}", single.text());
    let steady = soak(&LoadOptions { sample_seconds: 1, rate_per_second: Some(200.0), ..server.load() })
        .expect("a run");
    assert!(!steady.samples.is_empty() && steady.run.lane("release").status(204) > 0, "{}", steady.text());
}

#[test]
fn races_have_one_winner_and_mistakes_are_seen() {
    let right = Server::start("");
    let report = race(&right.race()).expect("a race");
    assert!(report.holds(), "{}", report.text());
    assert_eq!(report.statuses.get("201"), Some(&15));
    assert_eq!(report.statuses.get("409"), Some(&(11 * 15)));
    for bug in ["double_sale", "partial_hold"] {
        let report = race(&Server::start(bug).race()).expect("a race");
        assert!(!report.holds(), "{bug} was not seen");
    }
}
