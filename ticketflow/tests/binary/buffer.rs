//! `ticketflow serve --buffer nats://...`: every sale gets into the stream, and nobody who sells waits for it.

use serde_json::json;
use ticketflow_testbed::{NatsServer, TestbedError};

use crate::machine::{Machine, Serving, command, said};

const UNREACHABLE: &str = r#"projection_state{projection="relay",state="unreachable"}"#;
const LAG: &str = r#"projection_lag_events{projection="relay"}"#;

fn metric(server: &Serving, name: &str) -> Option<u64> {
    let page = server.get("/metrics").body;
    let page = String::from_utf8_lossy(&page).into_owned();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line?.parse::<f64>().ok().map(|value| value as u64)
}

#[test]
fn sales_are_relayed_also_those_of_an_outage_and_before_a_kill() {
    let mut nats = match NatsServer::start() {
        Err(missing @ TestbedError::Missing { .. }) => return println!("SKIPPED: {missing}"),
        started => started.expect("it starts"),
    };
    let machine = Machine::new();
    let url = nats.url();
    let arguments = ["--buffer", url.as_str()];
    let server = machine.serve(&arguments);
    let show = server.show(40);
    server.sell(&show, 0);
    // The show, the opening of its sales, the order.
    server.until("all is relayed", || metric(&server, "relay_messages_total") == Some(3));
    nats.process().kill();
    server.sell(&show, 1);
    server.until("the outage is seen", || metric(&server, UNREACHABLE) == Some(1));
    server.sell(&show, 2);
    let relay = || server.get("/v1/ops/projections").json()["data"][1].clone();
    server.until("the lag is seen", || metric(&server, LAG).is_some_and(|lag| lag > 0));
    assert_eq!((&relay()["name"], &relay()["state"]), (&json!("relay"), &json!("unreachable")));
    assert_eq!(relay()["actions"], json!([]));
    assert!(relay()["last_error"].is_string(), "{}", relay());
    let bearer = format!("Bearer {}", server.key);
    let pause = "/v1/ops/projections/relay/pause";
    let refused = server.post(pause, &[("Authorization", &bearer)], &json!({}));
    assert_eq!(refused.json()["code"], "not_pausable");
    server.kill();

    nats.restart().expect("it comes up again");
    let server = machine.serve(&arguments);
    server.until("the rest is relayed", || {
        metric(&server, LAG) == Some(0) && metric(&server, UNREACHABLE) == Some(0)
    });
    assert_eq!(
        metric(&server, "relay_messages_total"),
        Some(2),
        "the two orders of the outage and nothing else"
    );
    assert!(server.stop().success());
}

#[test]
fn a_buffer_that_is_none_is_refused_and_its_password_not_repeated() {
    let machine = Machine::new();
    for wrong in ["kafka://user:secret@127.0.0.1:1", "nats://127.0.0.1:1,other"] {
        let output = machine.run(&["serve", "--buffer", wrong]);
        assert!(!output.status.success() && said(&output).contains("is expected"), "{}", said(&output));
    }
    let help = command(&["serve", "--help"]).env("TICKETFLOW_BUFFER", "nats://a:secret@b:1").output();
    assert!(!said(&help.expect("it runs")).contains("secret"));
}
