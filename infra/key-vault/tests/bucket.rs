//! Customers' keys on a real NATS server, as several machines use them.

use std::sync::Arc;

use ticketflow_key_vault::{CustomerKeys, Destruction, KeyBucket, KeyVault, VaultError};
use ticketflow_testbed::{NatsServer, TestbedError};

fn started() -> Option<NatsServer> {
    match NatsServer::start() {
        Ok(server) => Some(server),
        Err(error @ TestbedError::Missing { .. }) => {
            println!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The bucket as one more machine opens it.
async fn opened(server: &NatsServer) -> KeyBucket {
    let client = async_nats::connect(server.url()).await.expect("the server answers");
    let context = async_nats::jetstream::new(client);
    KeyBucket::open(&context, "KEYS", 1).await.expect("the bucket opens")
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_that_race_for_a_person_agree_on_the_customer() {
    let Some(server) = started() else { return };
    let buckets = [Arc::new(opened(&server).await), Arc::new(opened(&server).await)];
    for person in 0..20_u8 {
        let racing = (0..6_u8).map(|number| {
            let bucket = buckets[usize::from(number % 2)].clone();
            tokio::spawn(async move {
                let lookup = bucket.lookup(u32::from(person) + 1_000_000);
                bucket.find_or_create(lookup, [number + 10 * person; 16]).await
            })
        });
        let mut found = Vec::new();
        for racer in racing.collect::<Vec<_>>() {
            found.push(racer.await.expect("no panic").expect("the server answers"));
        }
        assert!(found.iter().all(|one| one.customer_id == found[0].customer_id && one.key == found[0].key));
        assert_eq!(found.iter().filter(|one| one.fresh).count(), 1, "one of them made the customer");
        for bucket in &buckets {
            assert_eq!(
                bucket.key(found[0].customer_id).await.expect("an answer"),
                Some(found[0].key.clone())
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroyed_key_is_gone_for_every_machine_and_the_person_can_come_back() {
    let Some(server) = started() else { return };
    let (here, there) = (opened(&server).await, opened(&server).await);
    let lookup = here.lookup(7_654_321);
    assert_eq!(lookup, there.lookup(7_654_321), "machines share the secret under which they file");
    let made = here.find_or_create(lookup, [1; 16]).await.expect("the server answers");
    assert_eq!(there.destroy([9; 16]).await.expect("an answer"), Destruction::Unknown);
    for bucket in [&there, &here, &there] {
        assert_eq!(bucket.destroy(made.customer_id).await.expect("an answer"), Destruction::Destroyed);
        assert_eq!(bucket.key(made.customer_id).await.expect("an answer"), None);
    }
    let taken = here.find_or_create(lookup, [1; 16]).await;
    assert!(matches!(taken, Err(VaultError::IdTaken)), "{taken:?}");
    let back = there.find_or_create(lookup, [2; 16]).await.expect("the server answers");
    assert!(back.fresh && back.key != made.key && back.customer_id == [2; 16]);
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_secrets_are_made_once_and_survive_a_kill() {
    let Some(mut server) = started() else { return };
    let (here, there) = (opened(&server).await, opened(&server).await);
    let made: [u8; 64] = here.secret("service").await.expect("the server answers");
    assert_eq!(there.secret::<64>("service").await.expect("an answer"), made);
    assert_ne!(there.secret::<64>("other").await.expect("an answer"), made);
    let lookup = here.lookup(1_234_567);
    let customer = here.find_or_create(lookup, [3; 16]).await.expect("the server answers");
    server.process().kill();
    server.restart().expect("it starts again");
    let after = opened(&server).await;
    assert_eq!(after.secret::<64>("service").await.expect("an answer"), made);
    assert_eq!(after.key(customer.customer_id).await.expect("an answer"), Some(customer.key));
    assert!(matches!(after.secret::<32>("service").await, Err(VaultError::Malformed { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_moved_into_a_bucket_is_the_same_vault_and_only_once() {
    let Some(server) = started() else { return };
    let client = async_nats::connect(server.url()).await.expect("the server answers");
    let context = async_nats::jetstream::new(client);
    let folder = tempfile::tempdir().expect("a folder");
    let vault = KeyVault::open_or_create(&folder.path().join("customers.keys")).expect("a vault");
    let mut made = Vec::new();
    for person in 0..200_u32 {
        let id = u128::from(person + 1).to_be_bytes();
        let lookup = vault.lookup(5_000_000 + person);
        made.push((person, vault.find_or_create(lookup, move || id).await.expect("it is made")));
    }
    vault.destroy(made[7].1.customer_id).await.expect("it is destroyed");
    assert!(!KeyBucket::exists(&context, "KEYS").await.expect("an answer"));
    for _ in 0..2 {
        let mut moved = 0;
        let progress = |count| moved = count;
        KeyBucket::move_in(&context, "KEYS", 1, &vault, progress).await.expect("it moves in");
        assert_eq!(moved, 200);
    }
    assert!(KeyBucket::exists(&context, "KEYS").await.expect("an answer"));
    let bucket = opened(&server).await;
    bucket.move_secret_in("service", &[5; 64]).await.expect("it moves in");
    assert_eq!(bucket.secret::<64>("service").await.expect("an answer"), [5; 64]);
    let differs = bucket.move_secret_in("service", &[6; 64]).await;
    assert!(matches!(differs, Err(VaultError::Differs { entry: "secret" })), "{differs:?}");
    for (person, customer) in &made {
        let found = bucket.find_or_create(bucket.lookup(5_000_000 + person), [255; 16]).await;
        let key = bucket.key(customer.customer_id).await.expect("an answer");
        if *person == 7 {
            assert_eq!(key, None, "a key that was destroyed stays so");
        } else {
            assert_eq!(found.expect("an answer").customer_id, customer.customer_id);
            assert_eq!(key.as_ref(), Some(&customer.key));
        }
    }
    bucket.destroy(made[3].1.customer_id).await.expect("it is destroyed");
    let again = KeyBucket::move_in(&context, "KEYS", 1, &vault, |_| {}).await;
    assert!(matches!(again, Err(VaultError::Differs { entry: "customer" })), "{again:?}");
    assert_eq!(bucket.key(made[3].1.customer_id).await.expect("an answer"), None, "not brought back");
    let other = KeyVault::open_or_create(&folder.path().join("other.keys")).expect("a vault");
    let refused = KeyBucket::move_in(&context, "KEYS", 1, &other, |_| {}).await;
    assert!(matches!(refused, Err(VaultError::Differs { entry: "pepper" })), "{refused:?}");
}
