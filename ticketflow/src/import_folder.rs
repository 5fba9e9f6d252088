//! `ticketflow import --from FOLDER`: moves the log of a data folder, the customers' keys and the secrets to the servers of an
//! event store.
//!
//! Invariants: keys and secrets go first, so that no event is there that nobody can read; every batch gets the position and the
//! chain hash that it had. Interrupted, it is repeated and goes on behind the last batch. The folder is only read.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use ticketflow_command_service::{Secrets, StoredSecrets};
use ticketflow_event_store::{BatchJson, EmbeddedLog, EventStore, Head};
use ticketflow_key_vault::{KeyBucket, KeyVault};

use crate::data_folder::DataFolder;
use crate::hexadecimal::hexadecimal;
use crate::progress::Progress;
use crate::store::{StoreArguments, bucket};

/// Moves everything.
pub(crate) fn run(to: &StoreArguments, from: &DataFolder) -> Result<ExitCode> {
    from.disk()?;
    let (log, _) = from.open_log(|_| {})?;
    to.folder.create()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let head = runtime.context("cannot start the threads")?.block_on(move_in(to, from, &log))?;
    log.close()?;
    let hash = hexadecimal(&head.chain_hash);
    eprintln!("moved {} events; the chain hash is the same, {hash}", head.position);
    Ok(ExitCode::SUCCESS)
}

async fn move_in(to: &StoreArguments, from: &DataFolder, log: &EmbeddedLog) -> Result<Head> {
    let (server, address) = to.connect_jetstream().await?;
    let (context, bucket) = (server.context(), bucket(&address));
    let vault = from.vault();
    if vault.exists() {
        let opened = KeyVault::open(&vault);
        let opened =
            opened.with_context(|| format!("cannot open the customers' keys in {}", vault.display()))?;
        let total = u64::from(opened.customer_count());
        let mut progress = Progress::new("moving the customers' keys", total);
        let moved = |count| progress.set(count as u64, total);
        let moved = KeyBucket::move_in(context, &bucket, address.replicas, &opened, moved).await;
        moved.context("cannot move the customers' keys to the servers")?;
    } else if !KeyBucket::exists(context, &bucket).await? {
        bail!(
            "neither {} nor the servers have the customers' keys, without which buyers' data cannot be read",
            vault.display()
        );
    }
    let keys = KeyBucket::open(context, &bucket, address.replicas).await?;
    move_secrets(&keys, Secrets::stored(&from.data)?).await?;
    let store = to.open_replica(Arc::new(server)).await?;
    let moved = append_all(&store, log).await;
    store.close().await?;
    moved
}

/// A replica's folder has no service secret: then it is where it was.
async fn move_secrets(keys: &KeyBucket, stored: StoredSecrets) -> Result<()> {
    let (operator, service) = (stored.operator, stored.service);
    let secrets = [
        ("operator", operator.as_ref().map(|key| &key[..])),
        ("service", service.as_ref().map(|key| &key[..])),
    ];
    for (name, secret) in secrets.into_iter().filter_map(|(name, secret)| Some((name, secret?))) {
        let moved = keys.move_secret_in(name, secret).await;
        moved.with_context(|| format!("cannot move the {name} secret to the servers"))?;
    }
    Ok(())
}

/// Appends what the servers do not have yet.
async fn append_all(store: &EventStore, log: &EmbeddedLog) -> Result<Head> {
    let head = log.head();
    let there = store.log().head();
    ensure!(
        there.position == 0 || has(log, there)?,
        "the servers hold other events already, up to position {}: import into an event store that is empty",
        there.position
    );
    let mut progress = Progress::new("moving events", head.position);
    let mut reader = log.read_from(there.position + 1)?;
    while let Some(batch) = reader.next_batch()? {
        let (first, last) = (batch.first_position(), batch.last_position());
        let append = BatchJson::of(&batch)?.to_append()?;
        let appended =
            store.append(append).await.with_context(|| format!("cannot append position {first}"))?;
        ensure!(
            appended.first_position == first,
            "position {first} became {}: somebody else appends to this event store",
            appended.first_position
        );
        progress.set(last, head.position);
    }
    let there = store.log().head();
    ensure!(
        there == head,
        "the servers are at position {} with another chain hash than the folder",
        there.position
    );
    Ok(head)
}

/// Whether the log was at this head once.
fn has(log: &EmbeddedLog, head: Head) -> Result<bool> {
    let batch = log.read_at(head.position)?;
    Ok(batch.is_some_and(|batch| {
        let batch = batch.view();
        batch.last_position() == head.position && batch.chain_hash() == head.chain_hash
    }))
}
