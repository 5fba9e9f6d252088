//! `verify`, `replay`, `export`, `import`, `doctor`: what they prove, and that they fail when it does not hold.

use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::machine::{Machine, said};

/// A folder with two shows, some orders, a refund and an open hold, and nobody in it.
fn used(machine: &Machine) -> (String, Vec<u64>) {
    let server = machine.serve(&[]);
    let (show, other) = (server.show(40), server.show(40));
    let mut positions = Vec::new();
    for seat in 0..5 {
        positions.push(server.sell(&show, seat)["position"].as_u64().expect("a position"));
    }
    let order = server.sell(&other, 0);
    let path = format!("/v1/orders/{}/refunds", order["order_id"].as_str().expect("an id"));
    assert_eq!(server.post(&path, &[("Idempotency-Key", "r")], &json!({})).status, 201);
    server.hold(&other, 1);
    let settled = || {
        let charges = server.get("/simulator/charges").json()["data"].clone();
        charges.as_array().is_some_and(|charges| {
            charges.iter().all(|charge| charge["status"] == "captured" || charge["status"] == "refunded")
        })
    };
    server.until("all is settled at the gateway", settled);
    assert!(server.stop().success());
    (show.id, positions)
}

/// The one segment of a small log.
fn segment(machine: &Machine) -> PathBuf {
    let mut files: Vec<PathBuf> = std::fs::read_dir(machine.data().join("log"))
        .expect("a log")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|path| !path.to_string_lossy().contains("spare"));
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[test]
fn verify_proves_a_folder_and_finds_one_flipped_bit() {
    let machine = Machine::new();
    used(&machine);
    let report = machine.json(&["verify", "--json"]);
    assert_eq!((&report["holds"], &report["shows"]), (&json!(true), &json!(2)), "{report}");
    assert_eq!(report["faults"], json!([]));
    assert!(report.get("skipped").is_none(), "{report}");
    let text = machine.run(&["verify"]);
    assert!(text.status.success() && said(&text).contains("holds"), "{}", said(&text));

    let file = std::fs::File::options().read(true).write(true).open(segment(&machine)).unwrap();
    let whole = std::fs::read(segment(&machine)).unwrap();
    let used_bytes = whole.iter().rposition(|&byte| byte != 0).unwrap() as u64;
    for part in 1..8 {
        let at = used_bytes * part / 8;
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
        let output = machine.run(&["verify", "--json"]);
        assert_eq!(output.status.code(), Some(1), "byte {at}: {}", said(&output));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["holds"], false);
        assert!(!report["faults"].as_array().unwrap().is_empty(), "{report}");
        file.write_all_at(&byte, at).unwrap();
    }
    assert_eq!(machine.json(&["verify", "--json"])["holds"], true, "put back, it holds again");
}

#[test]
fn a_server_does_not_start_on_a_log_that_was_tampered_with() {
    let machine = Machine::new();
    used(&machine);
    let file = std::fs::File::options().read(true).write(true).open(segment(&machine)).unwrap();
    // Without the stored index every byte of the log is read again.
    std::fs::remove_dir_all(machine.data().join("snapshots")).unwrap();
    let whole = std::fs::read(segment(&machine)).unwrap();
    let at = whole.iter().rposition(|&byte| byte != 0).unwrap() as u64 / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    let refused = crate::machine::Serving::start(&machine.data(), &[]).err().expect("it must not sell");
    assert!(!refused.status.success());
    assert!(refused.errors.contains("error:"), "{}", refused.errors);
    assert_eq!(std::fs::read(segment(&machine)).unwrap().len(), whole.len(), "nothing was cut off");
    file.write_all_at(&byte, at).unwrap();
    assert_eq!(std::fs::read(segment(&machine)).unwrap(), whole);
    assert_eq!(machine.serve(&[]).shows().len(), 2);
}

#[test]
fn verify_leaves_a_running_server_alone_and_says_what_it_skipped() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let show = server.show(40);
    server.sell(&show, 0);
    let report = machine.json(&["verify", "--json"]);
    assert_eq!(report["holds"], true);
    assert!(report["skipped"].as_str().is_some_and(|why| why.contains("in use")), "{report}");
    server.sell(&show, 1);
}

#[test]
fn an_export_imported_is_the_same_log() {
    let machine = Machine::new();
    let (show, _) = used(&machine);
    let exported = machine.path("export.jsonl");
    let output = machine.run(&["export", "--output", exported.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    let copy = machine.path("copy");
    let import = |file: &str| machine.run_on(&copy, &["import", "--input", file]);
    let output = import(exported.to_str().unwrap());
    assert!(output.status.success(), "{}", said(&output));
    let verified = |data: &std::path::Path| -> Value {
        let output = machine.run_on(data, &["verify", "--json"]);
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let (original, copied) = (verified(&machine.data()), verified(&copy));
    for field in ["position", "chain_hash", "batches", "events", "shows"] {
        assert_eq!(original[field], copied[field], "{field}");
    }
    let replayed = |data: &std::path::Path, at: &str| -> Value {
        let output = machine.run_on(data, &["replay", "--json", "--show", &show, "--at", at]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["shows"].clone()
    };
    for at in ["1", "7", "1000000"] {
        assert_eq!(replayed(&machine.data(), at), replayed(&copy, at));
    }
    let output = import(exported.to_str().unwrap());
    assert!(!output.status.success() && said(&output).contains("holds events already"), "{}", said(&output));
    let again = machine.path("again.jsonl");
    let output = machine.run_on(&copy, &["export", "--output", again.to_str().unwrap()]);
    assert!(output.status.success());
    assert_eq!(std::fs::read(&exported).unwrap(), std::fs::read(&again).unwrap());
}

#[test]
fn an_export_that_was_altered_is_not_imported() {
    let machine = Machine::new();
    used(&machine);
    let exported = machine.path("export.jsonl");
    assert!(machine.run(&["export", "--output", exported.to_str().unwrap()]).status.success());
    let text = std::fs::read_to_string(&exported).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() > 10 && text.contains("25000"));
    let without_one = lines[..3].iter().chain(&lines[4..]).copied().collect::<Vec<_>>().join("\n");
    let swapped = [&[lines[0], lines[2], lines[1]], &lines[3..]].concat().join("\n");
    let cut = text[..text.len() / 2].to_owned();
    let cheaper = text.replacen("25000", "1", 1);
    let altered = [
        ("missing", without_one),
        ("swapped", swapped),
        ("cut", cut),
        ("cheaper", cheaper),
        ("garbage", "{}\n".to_owned()),
    ];
    for (name, content) in altered {
        let file = machine.path(&format!("{name}.jsonl"));
        std::fs::write(&file, content).unwrap();
        let output = machine.run_on(&machine.path(name), &["import", "--input", file.to_str().unwrap()]);
        assert!(!output.status.success(), "{name}: {}", said(&output));
        assert!(said(&output).contains("error:"), "{name}: {}", said(&output));
    }
}

#[test]
fn replay_shows_the_past_as_it_was() {
    let machine = Machine::new();
    let (show, positions) = used(&machine);
    let sold = |at: u64| {
        let report = machine.json(&["replay", "--json", "--show", &show, "--at", &at.to_string()]);
        let shows = report["shows"].as_array().unwrap();
        assert_eq!(shows.len(), 1, "{report}");
        assert_eq!(
            shows[0]["available"].as_u64().unwrap()
                + shows[0]["held"].as_u64().unwrap()
                + shows[0]["sold"].as_u64().unwrap(),
            40
        );
        shows[0]["sold"].as_u64().unwrap()
    };
    for (orders, position) in (1..).zip(&positions) {
        assert_eq!(sold(*position), orders, "at {position}");
        assert_eq!(sold(*position - 1), orders - 1, "before {position}");
    }
    let all = machine.json(&["replay", "--json"]);
    assert_eq!(all["shows"].as_array().unwrap().len(), 2);
    assert_eq!(machine.json(&["replay", "--json", "--at", "0"])["shows"], json!([]));
    assert!(!machine.run(&["replay", "--show", "nothing"]).status.success());
}

#[test]
fn tools_say_that_there_is_no_log() {
    let machine = Machine::new();
    let nowhere = machine.path("nowhere");
    for tool in ["verify", "replay", "export"] {
        let output = machine.run_on(&nowhere, &[tool]);
        assert!(!output.status.success(), "{tool}");
        assert!(said(&output).contains("holds no event log"), "{tool}: {}", said(&output));
        assert!(!nowhere.exists(), "{tool} makes nothing");
    }
}

#[test]
fn doctor_finds_a_healthy_folder_healthy_and_a_damaged_one_damaged() {
    let machine = Machine::new();
    let fresh = machine.run(&["doctor", "--json", "--listen", "127.0.0.1:0"]);
    assert!(fresh.status.success(), "{}", said(&fresh));
    assert!(!machine.data().exists(), "looking leaves nothing behind");
    used(&machine);
    let findings = machine.json(&["doctor", "--json", "--listen", "127.0.0.1:0"]);
    let verdict = |findings: &Value, what: &str| {
        findings.as_array().unwrap().iter().find(|one| one["what"] == what).unwrap()["verdict"].clone()
    };
    assert_eq!((verdict(&findings, "event log"), verdict(&findings, "keys")), (json!("ok"), json!("ok")));
    let bytes = std::fs::read(segment(&machine)).unwrap();
    let at = bytes.iter().rposition(|&byte| byte != 0).unwrap() / 2;
    let mut damaged = bytes;
    damaged[at] ^= 4;
    std::fs::write(segment(&machine), damaged).unwrap();
    let output = machine.run(&["doctor", "--json", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!(verdict(&serde_json::from_slice(&output.stdout).unwrap(), "event log"), "problem");
}
