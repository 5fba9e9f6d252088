//! Chilean receipts out of the box: a demonstration issues, submits and shows them, and its folios are listed and loaded.

use serde_json::{Value, json};

use crate::machine::{Machine, Serving, said};

pub(crate) const DEMONSTRATION: [&str; 9] = [
    "--receipts",
    "taxed",
    "--billing-series",
    "BOLETA",
    "--issuer-name",
    "Teatro Caleta Clara SpA",
    "--issuer-tax-id",
    "76.123.456-0",
    "--issuer-demo",
];

fn operator(server: &Serving, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let bearer = format!("Bearer {}", server.key);
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let answer = server.client().send(method, path, &headers, body).expect("it answers");
    (answer.status, answer.json())
}

fn authority(server: &Serving, order: &str) -> Value {
    server.get(&format!("/v1/orders/{order}")).json()["receipt"]["authority"].clone()
}

#[test]
fn a_demonstration_issues_boletas_and_gives_them_to_the_authority() {
    let machine = Machine::new();
    let server = machine.serve(&DEMONSTRATION);
    let show = server.show(40);
    let order = |seat| server.sell(&show, seat)["order_id"].as_str().expect("an id").to_owned();
    let first = order(0);
    server.until("the authority took the receipt", || authority(&server, &first) == "accepted");
    let xml = server.get(&format!("/v1/orders/{first}/receipt.xml"));
    assert!(xml.status == 200 && xml.body.windows(23).any(|part| part == b"<TipoDTE>39</TipoDTE>\n<"));
    assert_eq!(server.get(&format!("/v1/orders/{first}/receipt.pdf")).status, 200);

    let control = "/simulator/fiscal-authority";
    let refuse = json!({"refusals_per_mille": 1_000});
    assert_eq!(
        operator(&server, "PUT", control, Some(&refuse)),
        (200, operator(&server, "GET", control, None).1)
    );
    let second = order(1);
    server.until("the authority refused the receipt", || authority(&server, &second) == "refused");
    assert_eq!(operator(&server, "PUT", control, Some(&json!({"outage": false}))).0, 200);
    let refused = operator(&server, "GET", "/v1/ops/refused-documents", None).1;
    assert_eq!(refused["data"][0]["folio"], 2, "{refused}");
    assert_eq!(operator(&server, "POST", "/v1/ops/refused-documents", None).0, 202);
    server.until("it took it then", || authority(&server, &second) == "accepted");
    assert_eq!(
        operator(&server, "GET", "/simulator/control", None).0,
        200,
        "the gateway's faults are there too"
    );

    // The same bytes after a restart, and the same answer to the same question.
    assert!(server.stop().success());
    let server = machine.serve(&DEMONSTRATION);
    assert_eq!(server.get(&format!("/v1/orders/{first}/receipt.xml")).body, xml.body);
    let url = server.address.to_string();
    let listed = machine.json(&["folios", "list", "--json", "--url", &url]);
    assert_eq!((&listed["data"][0]["code"], &listed["data"][0]["next"]), (&json!(39), &json!(3)), "{listed}");
    let made = machine.run(&["folios", "test-range", "--type", "39", "--count", "25", "--url", &url]);
    assert!(made.status.success(), "{}", said(&made));
    let listed = machine.json(&["folios", "list", "--json", "--url", &url]);
    assert_eq!(listed["data"][0]["loaded_to"], 1_000_025);
    let path = machine.path("caf.xml");
    std::fs::write(&path, "<AUTORIZACION/>").expect("a file");
    for (file, error) in [(path.to_str().expect("UTF-8"), "has no CAF"), ("/nowhere", "cannot read")] {
        let output = machine.run(&["folios", "load", file, "--url", &url]);
        assert!(!output.status.success() && said(&output).contains(error), "{}", said(&output));
    }
    let kept = machine.data().join("fiscal/folios-76123456-39-1000001-1000025.xml");
    let again = machine.run(&["folios", "load", kept.to_str().expect("UTF-8"), "--url", &url]);
    assert!(again.status.success() && said(&again).contains("were there before"), "{}", said(&again));
    assert!(server.stop().success());
}

#[test]
fn who_is_no_demonstration_is_told_that_there_is_no_authority_yet() {
    let machine = Machine::new();
    let real = [&DEMONSTRATION[..8], &["--issuer-resolution", "80/2014-08-22"]].concat();
    let refused = Serving::start(&machine.data(), &real).err().expect("it does not start");
    assert!(!refused.status.success() && refused.errors.contains("--issuer-demo"), "{}", refused.errors);
    let without_rut = [&DEMONSTRATION[..6], &["--issuer-demo"]].concat();
    let refused = Serving::start(&machine.data(), &without_rut).err().expect("it does not start");
    assert!(refused.errors.contains("--issuer-tax-id"), "{}", refused.errors);
}
