//! The OpenAPI document that a server serves, against the server: every operation is there, every answer of a sale is as
//! described, and the page that shows the document is complete without another server.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use ticketflow_scenarios::contract::{Contract, Exchange};
use ticketflow_scenarios::http::Response;

use crate::machine::{Machine, PATIENCE, Serving};

fn contract(server: &Serving) -> Contract {
    Contract::new([server.get("/openapi.json").json()])
}

/// An id that nothing bears, in the place of every placeholder.
fn filled(path: &str) -> String {
    let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let part = |part: &str| if part.starts_with('{') { id.to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[test]
fn the_document_is_whole() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let contract = contract(&server);
    let document = contract.document();
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in contract.operations() {
        let name = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{name} shares its operationId");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{name}");
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{name}");
        assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{name}");
        let placeholders: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let in_path: BTreeSet<&str> = parameters
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(in_path, placeholders, "{name}");
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with('2')), "{name}");
        let can_be_refused = path.starts_with("/v1/") && name != "GET /v1/instance";
        assert!(!can_be_refused || answers.keys().any(|status| status.starts_with('4')), "{name}");
        let guarded = operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
        assert!(!guarded || answers.contains_key("401"), "{name}");
    }
    assert!(ids.len() > 25, "{}", ids.len());
    let mut references = Vec::new();
    collect_references(document, &mut references);
    for reference in &references {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} is nowhere");
    }
    for kind in ["schemas", "responses", "examples"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(references.contains(&reference), "{reference} is not used");
        }
    }
}

fn collect_references(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                references.push(reference.clone());
            }
            members.values().for_each(|value| collect_references(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, references)),
        _ => {}
    }
}

#[test]
fn every_body_has_an_example_that_fits() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let contract = contract(&server);
    let mut examples = 0;
    for (method, path, operation) in contract.operations() {
        let answers = operation["responses"].as_object().unwrap().iter();
        let successes = answers.filter(|(status, _)| status.starts_with('2')).map(|(_, answer)| answer);
        for body in std::iter::once(&operation["requestBody"]).chain(successes) {
            for (media_type, content) in contract.resolve(body)["content"].as_object().into_iter().flatten() {
                if ["application/octet-stream", "application/pdf", "application/xml"]
                    .contains(&media_type.as_str())
                {
                    continue;
                }
                let own = &content["example"];
                let example =
                    if own.is_null() { &contract.resolve(&content["schema"])["example"] } else { own };
                assert!(!example.is_null(), "{method} {path} {media_type} has no example");
                let fits = contract.check_value(&content["schema"], example);
                fits.unwrap_or_else(|reason| panic!("the example of {method} {path}: {reason}"));
                examples += 1;
            }
        }
    }
    assert!(examples > 30, "{examples}");
}

#[test]
fn what_is_described_is_served_with_these_methods_and_keys_alone() {
    let machine = Machine::new();
    // A process that has all of it.
    let server = machine.serve(&crate::fiscal::DEMONSTRATION);
    let contract = contract(&server);
    let paths: BTreeSet<&str> = contract.operations().map(|(_, path, _)| path).collect();
    for path in paths {
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            let name = format!("{method} {path}");
            let found = contract.operations().find(|(other, at, _)| other == method && *at == path);
            let answer = server.client().send(method, &filled(path), &[], None).expect("an answer");
            let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
            let Some((_, _, operation)) = found else {
                let hidden = path.starts_with("/simulator/") && answer.status == 401;
                assert!(
                    answer.status == 405 || hidden,
                    "{name} is served and not described: {}",
                    answer.status
                );
                continue;
            };
            assert!(code != "route_not_found" && code != "method_not_allowed", "{name} is not served");
            let asks = code == "unauthorized";
            assert_eq!(operation["security"].is_array(), asks, "{name}: {}", answer.excerpt());
        }
    }
}

/// Sends requests and holds each answer against the document.
struct Caller<'a> {
    server: &'a Serving,
    contract: Contract,
    keys: u32,
}

impl Caller<'_> {
    #[track_caller]
    fn send(&mut self, method: &str, target: &str, status: u16, own: &[(&str, &str)], body: &Value) -> Value {
        self.keys += 1;
        let (key, bearer) = (format!("key-{}", self.keys), format!("Bearer {}", self.server.key));
        let mut headers = vec![("Idempotency-Key", key.as_str()), ("Authorization", bearer.as_str())];
        headers.extend_from_slice(own);
        let request = Some(body).filter(|body| !body.is_null());
        let answer = self.server.client().send(method, target, &headers, request).expect("an answer");
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.excerpt());
        self.check(method, target, body, &answer);
        answer.json()
    }

    #[track_caller]
    fn check(&self, method: &str, target: &str, body: &Value, answer: &Response) {
        let request = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).expect("JSON") };
        let exchange = Exchange {
            method,
            target,
            request: &request,
            status: answer.status,
            content_type: None,
            answer: &answer.body,
        };
        self.contract.check(&exchange).unwrap_or_else(|reason| panic!("{reason}"));
    }

    #[track_caller]
    fn get(&mut self, target: &str, status: u16) -> Value {
        self.send("GET", target, status, &[], &Value::Null)
    }

    #[track_caller]
    fn post(&mut self, target: &str, status: u16, body: &Value) -> Value {
        self.send("POST", target, status, &[], body)
    }

    fn open_show(&mut self) -> String {
        let plan = json!({
            "name": "Noche de Tangos", "venue": "Sala de Ensayo", "starts_at": "2031-05-21T23:30:00Z",
            "currency": "CLP", "max_seats_per_customer": 6, "focal_point": [0, -100],
            "decor": [{"label": "Stage", "outline": [[-300, -100], [300, -100]]}],
            "zones": [
                {"name": "Platea", "price": 25_000, "color": "#4477aa", "rows": [
                    {"label": "A", "seats": 4}, {"label": "B", "seats": ["1", "1b"], "path": [[0, 0], [200, 0]]}
                ]},
                {"name": "Cancha", "price": {"amount": 12_000, "currency": "CLP"}, "capacity": 10,
                    "outline": [[0, 500], [200, 500], [200, 700]]},
            ],
        });
        let show = self.post("/v1/shows", 201, &plan)["show_id"].as_str().expect("an id").to_owned();
        self.post(&format!("/v1/shows/{show}/holds"), 422, &json!({"seats": ["Platea-A-1"]}));
        self.post(&format!("/v1/shows/{show}/open"), 200, &Value::Null);
        show
    }
}

#[test]
fn a_sale_from_the_plan_to_the_door_is_as_described() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let mut caller = Caller { server: &server, contract: contract(&server), keys: 0 };
    let show = caller.open_show();
    let at = format!("/v1/shows/{show}");
    caller.post(&format!("{at}/seats/block"), 200, &json!({"seats": ["Platea-B-1"], "reason": "sound desk"}));
    caller.post(&format!("{at}/seats/unblock"), 200, &json!({"seats": ["Platea-B-1"]}));

    let named = json!({"seats": ["Platea-A-1", "Platea-A-2"], "expected_revisions": {"Platea-A-1": 0}});
    let held = caller.post(&format!("{at}/holds"), 201, &named);
    caller.post(&format!("{at}/holds"), 409, &named);
    let best = json!({"best_available": {"zone": "Platea", "quantity": 1, "together": true}});
    let unwanted = caller.post(&format!("{at}/holds"), 201, &best);
    let token = unwanted["hold_token"].as_str().unwrap();
    let released = format!("{at}/holds/{}", unwanted["hold_id"].as_str().unwrap());
    caller.send("DELETE", &released, 204, &[("Hold-Token", token)], &Value::Null);
    caller.send("DELETE", &released, 401, &[], &Value::Null);

    let purchase = format!("{at}/holds/{}/purchase", held["hold_id"].as_str().unwrap());
    let token = held["hold_token"].as_str().unwrap();
    let mut body = json!({
        "buyer": {"rut": "11.111.111-2", "name": "Ana Rojas", "email": "ana@example.cl"},
        "payment": {"method": "card", "token": "tok_visa"},
    });
    caller.send("POST", &purchase, 422, &[("Hold-Token", token)], &body);
    body["buyer"]["rut"] = json!("11.111.111-1");
    let paid = caller.send("POST", &purchase, 201, &[("Hold-Token", token)], &body);
    let declined =
        caller.post(&format!("{at}/holds"), 201, &json!({"general": {"zone": "Cancha", "quantity": 2}}));
    body["payment"]["token"] = json!("tok_decline");
    let purchase = format!("{at}/holds/{}/purchase", declined["hold_id"].as_str().unwrap());
    caller.send("POST", &purchase, 402, &[("Hold-Token", declined["hold_token"].as_str().unwrap())], &body);

    let order = paid["order_id"].as_str().unwrap();
    let ticket = |index: usize, name: &str| paid["tickets"][index][name].clone();
    let scan = json!({"ticket": ticket(0, "qr"), "gate": "North"});
    caller.post(&format!("{at}/checkins"), 200, &scan);
    caller.post(&format!("{at}/checkins"), 409, &scan);
    caller.post(&format!("{at}/checkins"), 422, &json!({"ticket": "TF:AAAA", "gate": "North"}));
    let refund = json!({"tickets": [ticket(1, "ticket_id")], "reason": "cannot come"});
    let position = caller.post(&format!("/v1/orders/{order}/refunds"), 201, &refund)["position"].clone();
    caller.post(&format!("/v1/orders/{order}/refunds"), 422, &refund);

    caller.get(&format!("/v1/shows?min_position={position}&limit=1"), 200);
    let details = caller.get(&at, 200);
    caller.get(details["plan_url"].as_str().unwrap(), 200);
    caller.get(&format!("{at}/seats?format=full"), 200);
    caller.get(&format!("{at}/seats?format=none"), 400);
    let order = caller.get(&format!("/v1/orders/{order}"), 200);
    assert_eq!(order["tickets"].as_array().map(Vec::len), Some(2));
    caller.get("/v1/orders/01ARZ3NDEKTSV4RRFFQ69G5FAV", 404);
    let events = caller.get("/v1/ops/events?limit=1000", 200);
    assert!(events["data"].as_array().unwrap().len() > 10);
    caller.get(&format!("/v1/ops/events?order=newest_first&stream=show-{show}&from_revision=2&limit=3"), 200);
    caller.get("/v1/ops/projections", 200);
    caller.get("/v1/ops/projections/history", 200);
    caller.get(&format!("/v1/ops/shows/{show}/seats?at={position}"), 200);
    for path in ["/health/live", "/health/ready", "/v1/instance", "/simulator/charges", "/simulator/control"]
    {
        caller.get(path, 200);
    }
    caller.send("PUT", "/simulator/control", 200, &[], &json!({"latency_ms": 1, "faulty_calls": ["status"]}));
    caller.send("PUT", "/simulator/control", 422, &[], &json!({"latency": 1}));
    caller.post(&format!("{at}/close"), 200, &Value::Null);
    caller.post(&format!("{at}/cancel"), 200, &json!({"reason": "the singer is ill"}));
}

/// The head and the body of an answer, as they come over the wire.
fn raw(server: &Serving, path: &str, header: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n{header}\r\n").expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("a whole answer");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let body = answer.split_off(end);
    (String::from_utf8(answer).expect("a head is text").to_ascii_lowercase(), body)
}

#[test]
fn the_page_is_complete_and_asks_no_other_server() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let (head, page) = raw(&server, "/docs", "");
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: text/html"), "{head}");
    assert!(head.contains("content-security-policy: default-src 'none'; script-src 'self';"), "{head}");
    let page = String::from_utf8(page).expect("a page is text");
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("src=\"//"), "{page}");
    let files: Vec<&str> =
        page.split("src=\"").skip(1).map(|rest| rest.split('"').next().expect("a text has a part")).collect();
    assert_eq!(files.len(), 2, "{page}");
    for path in files.into_iter().chain(["/openapi.json", "/docs"]) {
        let (head, body) = raw(&server, path, "");
        assert!(head.starts_with("http/1.1 200") && !body.is_empty(), "{path}: {head}");
        let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("a tag");
        let (head, body) = raw(&server, path, &format!("If-None-Match: {etag}\r\n"));
        assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{path}: {head}");
    }
}
