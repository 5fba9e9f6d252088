//! Nothing that names a person is in any file or log line in clear.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{Ask, House};
use crate::payment::settle;

const RUT: &str = "24.681.357";
const NAME: &str = "Quiteria Zyxomatkova";
const EMAIL: &str = "quiteria.zyx@inventado.example";
const CARD: &str = "tok_secreto_4242";

/// What must not be found, in every spelling that could slip through.
fn secrets() -> Vec<String> {
    let mut secrets: Vec<String> =
        [RUT, "24681357", NAME, "Quiteria", "Zyxomatkova", EMAIL, "quiteria.zyx", CARD]
            .map(str::to_owned)
            .to_vec();
    secrets.push("QUITERIA.ZYX".to_owned());
    secrets.push("24681357".bytes().map(|byte| format!("{byte:02x}")).collect());
    secrets.push("Quiteria".bytes().map(|byte| format!("{byte:02x}")).collect());
    secrets
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics here").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn no_file_and_no_log_line_names_a_buyer() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(captured.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("no other test captures");
    tracing::info!("capturing");
    let house = House::new();
    let service = house.open();
    let show = service.show();
    // The check digit of the made-up number.
    let rut = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "K"]
        .map(|digit| format!("{RUT}-{digit}"))
        .into_iter()
        .find(|rut| rut.parse::<ticketflow_domain::Rut>().is_ok())
        .expect("one of them is right");
    let person = json!({"rut": rut, "name": NAME, "email": EMAIL});
    let mut tickets = Vec::new();
    for (seat, token) in [
        ("Platea-A-1", CARD),
        ("Platea-A-2", "tok_decline"),
        ("Platea-A-3", "tok_outage"),
        ("Platea-A-4", "tok_lost_answer"),
        ("Platea-A-5", "tok_slow_secreto_4242"),
    ] {
        let held = service.hold(&show, &[seat]);
        let answer = service.send(held.purchase_as(&person, token));
        if answer.status == 201 {
            tickets.push(answer.json());
        }
    }
    assert_eq!(tickets.len(), 2);
    let held = service.hold(&show, &["Platea-A-6"]);
    for (field, value) in [
        ("rut", json!("24.681.357-X")),
        ("name", json!(7)),
        ("email", json!("quiteria.zyx@@inventado.example")),
        ("name", json!(format!("{NAME}\nx"))),
    ] {
        let mut wrong = person.clone();
        wrong[field] = value;
        service.send(held.purchase_as(&wrong, CARD)).is_problem();
    }
    let scan = json!({"ticket": tickets[1]["tickets"][0]["qr"], "gate": "1"});
    service.send(Ask::post(format!("/v1/shows/{show}/checkins")).organiser().json(&scan)).expect(200);
    let refunds = format!("/v1/orders/{}/refunds", tickets[0]["order_id"].as_str().unwrap());
    service.send(Ask::post(refunds).fresh_key().json(&json!({}))).expect(201);
    settle(&service, &show);
    service.store_snapshots();
    drop(service);
    drop(house.open());

    let files = files(house.path());
    let has = |part: &str| files.iter().any(|file| file.to_string_lossy().contains(part));
    assert!(has("/log/") && has("/snapshots/") && has("customers.keys"), "{files:?}");
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        for secret in secrets() {
            assert!(!contains(&bytes, secret.as_bytes()), "{} holds {secret:?}", file.display());
        }
    }
    let lines = captured.0.lock().unwrap().clone();
    assert!(contains(&lines, b"capturing"));
    for secret in secrets() {
        assert!(!contains(&lines, secret.as_bytes()), "a log line holds {secret:?}");
    }
}
