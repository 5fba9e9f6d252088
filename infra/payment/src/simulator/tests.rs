use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use super::*;

fn request(key: &str) -> AuthorizeRequest {
    AuthorizeRequest { key: key.into(), amount_minor: 1_000, currency: *b"CLP", token: "tok_visa".into() }
}

fn all_charges(simulator: &Simulator) -> Vec<ListedCharge> {
    simulator.charges(None, usize::MAX).unwrap().charges
}

/// One charge in every state, and a refund.
fn play(simulator: &Simulator) {
    for key in
        ["authorized", "captured", "voided", "refunded", "quote\"and\\slash", "01ARZ3NDEKTSV4RRFFQ69G5FAV"]
    {
        simulator.authorize(&request(key), false).unwrap();
    }
    simulator.authorize(&request("declined"), true).unwrap();
    for key in ["captured", "refunded"] {
        simulator.capture(key).unwrap();
    }
    simulator.void("voided").unwrap();
    simulator.void("closed").unwrap();
    simulator.refund("r-1", "refunded", 300).unwrap();
}

#[test]
fn a_killed_process_comes_back_knowing_its_charges() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("charges.jsonl");
    let before = {
        let simulator = Simulator::open(&path).unwrap();
        play(&simulator);
        all_charges(&simulator)
    };
    assert_eq!(before.len(), 8);
    for _ in 0..2 {
        let simulator = Simulator::open(&path).unwrap();
        assert_eq!(all_charges(&simulator), before);
        play(&simulator);
        assert_eq!(all_charges(&simulator), before, "a repeat changes nothing, not even after a restart");
        let again = simulator.refund("r-1", "captured", 300);
        assert!(matches!(again, Err(GatewayError::Rejected { .. })), "refund keys are remembered too");
    }
}

#[test]
fn a_torn_last_line_is_cut_and_the_rest_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("charges.jsonl");
    {
        let simulator = Simulator::open(&path).unwrap();
        play(&simulator);
    }
    let whole = fs::read(&path).unwrap();
    let without_last = whole[..whole.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
    for length in [without_last + 1, without_last + 10, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let simulator = Simulator::open(&path).unwrap();
        assert_eq!(simulator.status("refunded"), Ok(ChargeStatus::Captured), "the refund was the torn line");
        assert_eq!(fs::metadata(&path).unwrap().len(), without_last as u64);
        simulator.refund("r-1", "refunded", 300).unwrap();
        drop(simulator);
        assert_eq!(fs::read(&path).unwrap(), whole, "the line written anew stands where the torn one was");
    }
    for length in [0, 1, 20] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(
            all_charges(&Simulator::open(&path).unwrap()).is_empty(),
            "torn while the file was being made"
        );
    }
}

#[test]
fn damage_and_foreign_files_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("charges.jsonl");
    {
        let simulator = Simulator::open(&path).unwrap();
        play(&simulator);
    }
    let whole = fs::read_to_string(&path).unwrap();
    let damaged = |from: &str, to: &str| whole.replacen(from, to, 1).into_bytes();
    for (what, bytes, line) in [
        ("a broken line", damaged("{\"op\":\"authorized\",\"key\":\"captured\"", "{\"op\":\"auth"), 3),
        ("an unknown step", damaged("\"op\":\"declined\"", "\"op\":\"forgiven\""), 8),
        ("a lost amount", damaged("\"amount_minor\":1000,", ""), 2),
        (
            "a capture of nothing",
            damaged("\"captured\",\"key\":\"captured\"", "\"captured\",\"key\":\"nothing\""),
            9,
        ),
        ("too much given back", damaged("\"amount_minor\":300", "\"amount_minor\":1001"), 13),
        ("a foreign file", b"id,name\n1,Ana\n".to_vec(), 1),
        ("a foreign file without line ends", b"PK\x03\x04".to_vec(), 1),
        ("a later version", damaged("\"version\":1", "\"version\":2"), 1),
        ("an endless line", [whole.as_bytes(), &[b' '; 5000]].concat(), 14),
    ] {
        assert_ne!(bytes, whole.as_bytes(), "{what}: the damage has to be done");
        fs::write(&path, &bytes).unwrap();
        match Simulator::open(&path) {
            Err(JournalError::Corrupt { line: found, .. }) => assert_eq!(found, line, "{what}"),
            Err(other) => panic!("{what}: {other}"),
            Ok(_) => panic!("{what} was taken"),
        }
        assert_eq!(fs::read(&path).unwrap(), bytes, "{what}: left as it was");
    }
}

#[test]
fn a_second_process_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("charges.jsonl");
    let first = Simulator::open(&path).unwrap();
    assert!(matches!(Simulator::open(&path), Err(JournalError::InUse { .. })));
    drop(first);
    assert!(Simulator::open(&path).is_ok());
    let missing = folder.path().join("missing").join("charges.jsonl");
    assert!(matches!(Simulator::open(&missing), Err(JournalError::Io { .. })));
}

#[test]
fn what_cannot_be_written_down_does_not_happen() {
    let simulator = Simulator::in_memory();
    simulator.authorize(&request("earlier"), false).unwrap();
    simulator.authorize(&request("paid"), false).unwrap();
    simulator.capture("paid").unwrap();
    let before = all_charges(&simulator);
    simulator.books().journal = Some(Journal::on_full_disk());
    let unavailable = |refused: bool| assert!(refused, "a full disk makes the gateway unavailable");
    unavailable(matches!(simulator.authorize(&request("new"), false), Err(GatewayError::Unavailable { .. })));
    unavailable(matches!(simulator.authorize(&request("new"), true), Err(GatewayError::Unavailable { .. })));
    unavailable(matches!(simulator.capture("earlier"), Err(GatewayError::Unavailable { .. })));
    unavailable(matches!(simulator.void("earlier"), Err(GatewayError::Unavailable { .. })));
    unavailable(matches!(simulator.void("new"), Err(GatewayError::Unavailable { .. })));
    unavailable(matches!(simulator.refund("r", "paid", 1), Err(GatewayError::Unavailable { .. })));
    assert_eq!(all_charges(&simulator), before);
    assert_eq!(simulator.capture("paid"), Ok(Capture::Captured), "what needs no line is answered as ever");
}

#[derive(Debug, Clone)]
enum Step {
    Authorize { key: u8, amount: i64, decline: bool },
    Capture { key: u8 },
    Void { key: u8 },
    Refund { refund: u8, key: u8, amount: i64 },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..4_u8;
    prop_oneof![
        4 => (key.clone(), 1..3_i64, any::<bool>())
            .prop_map(|(key, amount, decline)| Step::Authorize { key, amount: amount * 100, decline }),
        3 => key.clone().prop_map(|key| Step::Capture { key }),
        1 => key.clone().prop_map(|key| Step::Void { key }),
        3 => (0..6_u8, key, 1..4_i64).prop_map(|(refund, key, amount)| Step::Refund { refund, key, amount: amount * 50 }),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Money never appears from nowhere: whatever the order of calls and restarts, each key ends in one state that the
    /// answers given along the way agree with.
    #[test]
    fn answers_and_books_agree_in_any_order(steps in proptest::collection::vec(step(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("charges.jsonl");
        let mut simulator = Simulator::open(&path).unwrap();
        let mut approved: BTreeMap<u8, i64> = BTreeMap::new();
        let mut captured: BTreeMap<u8, i64> = BTreeMap::new();
        let mut closed: BTreeMap<u8, ()> = BTreeMap::new();
        let mut refunds: BTreeMap<u8, (u8, i64)> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Authorize { key, amount, decline } => {
                    let request = AuthorizeRequest { amount_minor: amount, ..request(&format!("o-{key}")) };
                    match simulator.authorize(&request, decline) {
                        Ok(Authorization::Approved { .. }) => {
                            prop_assert!(!closed.contains_key(&key), "approved after it was closed");
                            prop_assert_eq!(*approved.entry(key).or_insert(amount), amount);
                        }
                        Ok(Authorization::Declined { .. }) => {
                            prop_assert!(!captured.contains_key(&key));
                            prop_assert!(closed.contains_key(&key) || !approved.contains_key(&key));
                            closed.insert(key, ());
                        }
                        Err(GatewayError::Rejected { .. }) => {}
                        Err(other) => return Err(TestCaseError::fail(other.to_string())),
                    }
                }
                Step::Capture { key } => {
                    if simulator.capture(&format!("o-{key}")).unwrap() == Capture::Captured {
                        prop_assert!(!closed.contains_key(&key), "captured after it was closed");
                        captured.insert(key, approved[&key]);
                    } else {
                        prop_assert!(closed.contains_key(&key) || !approved.contains_key(&key));
                    }
                }
                Step::Void { key } => match simulator.void(&format!("o-{key}")).unwrap() {
                    Void::Voided => {
                        prop_assert!(!captured.contains_key(&key), "voided after it was captured");
                        closed.insert(key, ());
                    }
                    Void::Refused { .. } => prop_assert!(captured.contains_key(&key)),
                },
                Step::Refund { refund, key, amount } => {
                    match simulator.refund(&format!("r-{refund}"), &format!("o-{key}"), amount) {
                        Ok(Refund::Refunded) => {
                            prop_assert_eq!(*refunds.entry(refund).or_insert((key, amount)), (key, amount));
                        }
                        Ok(Refund::Refused { .. }) => prop_assert!(!refunds.contains_key(&refund)),
                        Err(GatewayError::Rejected { .. }) => prop_assert!(refunds[&refund] != (key, amount)),
                        Err(other) => return Err(TestCaseError::fail(other.to_string())),
                    }
                }
                Step::Restart => {
                    let before = all_charges(&simulator);
                    drop(simulator);
                    simulator = Simulator::open(&path).unwrap();
                    prop_assert_eq!(all_charges(&simulator), before);
                }
            }
            for key in 0..4 {
                let given_back: i64 = refunds.values().filter(|(order, _)| *order == key).map(|(_, amount)| amount).sum();
                let status = simulator.status(&format!("o-{key}")).unwrap();
                match captured.get(&key) {
                    Some(_) if given_back == 0 => prop_assert_eq!(status, ChargeStatus::Captured),
                    Some(&amount) => {
                        prop_assert!(given_back <= amount);
                        prop_assert_eq!(status, ChargeStatus::Refunded { amount_minor: given_back });
                    }
                    None => prop_assert_eq!(given_back, 0),
                }
            }
        }
    }
}
