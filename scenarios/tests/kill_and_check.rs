//! The kill test and the checker against the stand-in server: a correct one passes, every planted mistake is found.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ticketflow_scenarios::kill::{KillOptions, KillReport, kill_test};

fn run(bug: &str, cycles: u32) -> (KillReport, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    // The stand-in reads its mistake from the environment; `env` sets it for that process alone.
    let wrapper = folder.path().join("server");
    let binary = env!("CARGO_BIN_EXE_fake-ticketflow");
    std::fs::write(&wrapper, format!("#!/bin/sh\nFAKE_BUG={bug} exec {binary} \"$@\"\n")).expect("written");
    std::fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("executable");
    let options = KillOptions {
        binary: wrapper,
        folder: Some(folder.path().join("run")),
        cycles,
        clients: 8,
        shortest_ms: 100,
        longest_ms: 400,
        seats_per_show: 60,
        short_hold_seconds: 2,
        seed: Some(42),
        charges_url: Some("/gateway/charges".to_owned()),
        ..KillOptions::default()
    };
    (kill_test(&options).expect("the run itself works"), folder)
}

#[test]
fn a_correct_server_passes_with_real_work_done() {
    let (report, _folder) = run("", 4);
    assert!(report.holds(), "{}", report.text());
    assert_eq!(report.check.restarts, 4);
    for word in [
        "hold done",
        "hold refused",
        "purchase done",
        "purchase refused",
        "release done",
        "refund done",
        "check-in done",
    ] {
        assert!(report.check.operations.get(word).copied().unwrap_or(0) > 0, "{word}: {}", report.text());
    }
    assert!(report.check.replays > 0 && report.check.settled > 0, "{}", report.text());
    assert!(report.check.charges.unwrap_or(0) > 0, "{}", report.text());
}

#[test]
fn every_planted_mistake_is_found() {
    // Each mistake with the findings of which at least one must appear.
    let planted: [(&str, &[&str]); 14] = [
        ("lost_ack", &["lost_hold", "lost_order", "two_owners"]),
        ("double_sale", &["two_owners"]),
        ("ghost_order", &["ghost_order", "rejected_but_applied"]),
        ("lost_order", &["lost_order"]),
        ("wrong_replay", &["different_replay"]),
        ("resurrected_hold", &["resurrected_hold"]),
        ("partial_hold", &["rejected_but_applied", "resurrected_hold"]),
        ("lost_refund", &["lost_refund"]),
        ("double_refund", &["double_refund"]),
        ("double_admission", &["double_admission"]),
        ("lost_check_in", &["lost_check_in"]),
        ("position_backwards", &["position_backwards"]),
        ("wrong_total", &["wrong_total"]),
        ("charge_without_order", &["charge_without_order"]),
    ];
    for (bug, expected) in planted {
        let (report, _folder) = run(bug, 2);
        let kinds: BTreeSet<&str> =
            report.check.violations.iter().map(|violation| violation.kind.as_str()).collect();
        assert!(expected.iter().any(|kind| kinds.contains(kind)), "{bug} gave {kinds:?}\n{}", report.text());
        let named = |text: &str| text.contains("seat") || text.contains("order") || text.contains("op ");
        assert!(
            report.check.violations.iter().all(|violation| named(&violation.message)),
            "{}",
            report.text()
        );
    }
}

#[test]
fn a_server_that_does_not_start_is_an_error_that_names_the_seed() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = KillOptions {
        binary: PathBuf::from("/bin/false"),
        folder: Some(folder.path().join("run")),
        seed: Some(7),
        ..KillOptions::default()
    };
    let error = format!("{:#}", kill_test(&options).expect_err("no server"));
    assert!(error.contains("seed 7"), "{error}");
}
