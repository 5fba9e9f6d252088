//! The vault under concurrent callers, and in random histories against a model.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::memory_file::MemoryFile;

fn open(file: &MemoryFile) -> Result<KeyVault, VaultOpenError> {
    KeyVault::start(Box::new(file.clone()), Path::new("vault.keys"))
}

/// A new id each time, as a ULID is.
pub(super) fn mint() -> CustomerId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut id = [7; 16];
    id[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    id
}

pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn a_customer_is_found_again_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.keys");
    let vault = KeyVault::open_or_create(&path).unwrap();
    let made = wait(vault.find_or_create(vault.lookup(12_345_678), mint)).unwrap();
    assert!(made.fresh);
    let found = CustomerKey { fresh: false, ..made.clone() };
    for _ in 0..2 {
        let again =
            wait(vault.find_or_create(vault.lookup(12_345_678), || unreachable!("it is there"))).unwrap();
        assert_eq!(again, found);
    }
    assert_eq!(vault.find(vault.lookup(12_345_678)), Some(found.clone()));
    assert_eq!(vault.find(vault.lookup(1)), None);
    let other = wait(vault.find_or_create(vault.lookup(12_345_679), mint)).unwrap();
    assert_ne!((other.customer_id, &other.key), (made.customer_id, &made.key));
    drop(vault);

    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft stays behind");
    let vault = KeyVault::open(&path).unwrap();
    assert_eq!(vault.find(vault.lookup(12_345_678)), Some(found));
    assert_eq!(wait(vault.key(&other.customer_id)), Some(other.key));
    assert_eq!(wait(vault.key(&[0; 16])), None);
    assert_eq!(vault.customer_count(), 2);
}

#[test]
fn a_destroyed_customer_is_gone_from_memory_and_file_for_ever() {
    let file = MemoryFile::fresh();
    let vault = open(&file).unwrap();
    let lookup = vault.lookup(5);
    let made = wait(vault.find_or_create(lookup, mint)).unwrap();
    let contains = |needle: &[u8]| file.bytes().windows(needle.len()).any(|window| window == needle);
    assert!(contains(made.key.bytes()) && contains(&lookup.0));
    for _ in 0..2 {
        assert_eq!(wait(vault.destroy(made.customer_id)).unwrap(), Destruction::Destroyed);
    }
    assert!(!contains(made.key.bytes()) && !contains(&lookup.0), "nothing of it is left in the file");
    assert!(contains(&made.customer_id), "but the id is, so that it never comes back");
    assert_eq!(wait(vault.destroy(mint())).unwrap(), Destruction::Unknown);
    assert!(matches!(wait(vault.find_or_create(lookup, || made.customer_id)), Err(VaultError::IdTaken)));

    let successor = wait(vault.find_or_create(lookup, mint)).unwrap();
    assert!(successor.fresh && successor.customer_id != made.customer_id && successor.key != made.key);
    drop(vault);
    let vault = open(&file).unwrap();
    assert_eq!(wait(vault.key(&made.customer_id)), None);
    assert_eq!(wait(vault.key(&successor.customer_id)), Some(successor.key));
    assert_eq!(wait(vault.destroy(made.customer_id)).unwrap(), Destruction::Destroyed);
}

#[test]
fn many_at_once_share_syncs_and_one_rut_makes_one_customer() {
    let file = MemoryFile::fresh();
    let vault = Arc::new(open(&file).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let answers = runtime.block_on(async {
        let mut asking = tokio::task::JoinSet::new();
        for number in 0..4_000_u32 {
            let vault = Arc::clone(&vault);
            let rut = number % 1_000;
            asking.spawn(async move { (rut, vault.find_or_create(vault.lookup(rut), mint).await.unwrap()) });
        }
        asking.join_all().await
    });
    let mut by_rut: HashMap<u32, Vec<CustomerKey>> = HashMap::new();
    for (rut, answer) in answers {
        by_rut.entry(rut).or_default().push(answer);
    }
    assert_eq!(by_rut.len(), 1_000);
    for answers in by_rut.values() {
        assert!(
            answers.iter().all(|it| it.customer_id == answers[0].customer_id && it.key == answers[0].key)
        );
        assert_eq!(answers.iter().filter(|it| it.fresh).count(), 1, "one of them made it");
    }
    assert_eq!(vault.customer_count(), 1_000);
    assert!(file.syncs() <= 1_000, "{} syncs", file.syncs());
}

#[test]
fn a_caller_who_goes_before_the_answer_finds_the_customer_later() {
    let vault = open(&MemoryFile::fresh()).unwrap();
    let lookup = vault.lookup(5);
    let id = mint();
    wait(async {
        let mut asked = Box::pin(vault.find_or_create(lookup, || id));
        // Polled once, the request is with the writer; then the caller is gone.
        std::future::poll_fn(|context| {
            drop(asked.as_mut().poll(context));
            std::task::Poll::Ready(())
        })
        .await;
    });
    let found = wait(vault.find_or_create(lookup, mint)).unwrap();
    assert_eq!((found.customer_id, found.fresh), (id, false));
}

#[test]
fn files_that_are_not_private_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.keys");
    assert!(matches!(KeyVault::open(&path), Err(VaultOpenError::Io { .. })), "open makes nothing");
    drop(KeyVault::open_or_create(&path).unwrap());
    for mode in [0o640, 0o604, 0o660, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        match KeyVault::open_or_create(&path) {
            Err(VaultOpenError::NotPrivate { mode: found, .. }) => assert_eq!(found, mode),
            other => panic!("{mode:o}: {:?}", other.err()),
        }
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let first = KeyVault::open(&path).unwrap();
    assert!(matches!(KeyVault::open(&path), Err(VaultOpenError::InUse { .. })));
    drop(first);
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(KeyVault::open(&link).is_err());
    assert!(KeyVault::open_or_create(&link).is_err());
    assert!(KeyVault::open(folder.path()).is_err());
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
        assert!(matches!(KeyVault::open(&path), Err(VaultOpenError::ForeignOwner { owner: 12_345, .. })));
    }
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.keys");
    for bytes in [&b""[..], b"short", &[b'x'; 500]] {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(KeyVault::open_or_create(&path), Err(VaultOpenError::NotAVault { .. })));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn of_many_first_starts_one_wins_and_no_secret_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.keys");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| create_if_missing(&path).unwrap());
        }
    });
    let bytes = fs::read(&path).unwrap();
    create_if_missing(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[derive(Debug, Clone)]
enum Step {
    Create { rut: u32 },
    Destroy { rut: u32 },
    Restart,
    PowerCut { pieces: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..6_u32).prop_map(|rut| Step::Create { rut }),
        3 => (0..6_u32).prop_map(|rut| Step::Destroy { rut }),
        1 => Just(Step::Restart),
        1 => any::<u64>().prop_map(|pieces| Step::PowerCut { pieces }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_history_agrees_with_a_model(steps in proptest::collection::vec(step(), 1..40)) {
        let mut file = MemoryFile::fresh();
        let mut vault = open(&file).unwrap();
        let mut live: HashMap<u32, (CustomerId, DataKey)> = HashMap::new();
        let mut destroyed = Vec::new();
        for step in steps {
            match step {
                Step::Create { rut } => {
                    let answer = wait(vault.find_or_create(vault.lookup(rut), mint)).unwrap();
                    prop_assert_eq!(answer.fresh, !live.contains_key(&rut));
                    let expected = live.entry(rut).or_insert((answer.customer_id, answer.key.clone()));
                    prop_assert_eq!(&(answer.customer_id, answer.key), &*expected);
                }
                Step::Destroy { rut } => {
                    if let Some((id, _)) = live.remove(&rut) {
                        prop_assert_eq!(wait(vault.destroy(id)).unwrap(), Destruction::Destroyed);
                        destroyed.push(id);
                    }
                }
                Step::Restart => {
                    drop(vault);
                    vault = open(&file).unwrap();
                }
                Step::PowerCut { mut pieces } => {
                    file = file.after_power_cut(|| {
                        pieces = pieces.rotate_left(1);
                        pieces & 1 == 1
                    });
                    drop(vault);
                    vault = open(&file).unwrap();
                }
            }
            for rut in 0..6 {
                let expected = live.get(&rut).cloned();
                let found = vault.find(vault.lookup(rut)).map(|it| (it.customer_id, it.key));
                prop_assert_eq!(&found, &expected);
                if let Some((id, key)) = expected {
                    prop_assert_eq!(wait(vault.key(&id)), Some(key));
                }
            }
            for id in &destroyed {
                prop_assert_eq!(wait(vault.key(id)), None);
            }
            prop_assert_eq!(vault.customer_count() as usize, live.len() + destroyed.len());
        }
    }
}
