//! One instance issues and mails at a time: who holds the lease, an entry in a key-value bucket.
//!
//! Invariants: the entry changes hands by compare-and-set on its revision, so that two never believe the same of it; clocks of
//! different machines are not compared: whoever waits watches the entry stand still by its own clock. The lease spares a second
//! mail of the same identity and lost races, nothing more: folios are safe without it.

use std::time::{Duration, Instant};

use async_nats::jetstream::context::CreateKeyValueErrorKind;
use async_nats::jetstream::kv::{Config, Store};
use bytes::Bytes;

use super::Orders;

/// Where the lease is.
const BUCKET: &str = "TICKETFLOW_BILLING";
const KEY: &str = "lease";
/// An entry that stood still for so long is nobody's any more.
const EXPIRES_AFTER: Duration = Duration::from_secs(10);
/// How often the holder touches it.
const TOUCH: Duration = Duration::from_secs(2);
/// A holder that could not touch it for so long has lost it: before any other can think so.
const LOST_AFTER: Duration = Duration::from_secs(8);
/// How often whoever waits looks.
const LOOK: Duration = Duration::from_secs(1);

/// Why the lease could not be looked at.
#[derive(Debug, thiserror::Error)]
#[error("the lease of billing cannot be had: {0}")]
pub(crate) struct LeaseError(String);

fn failed(error: impl std::fmt::Display) -> LeaseError {
    LeaseError(error.to_string())
}

/// The right to issue and to mail.
pub(crate) struct Lease {
    store: Store,
    instance: String,
    revision: u64,
    touched: Instant,
}

impl Lease {
    /// Waits until nobody else has it.
    pub(crate) async fn acquire(orders: &Orders) -> Result<Self, LeaseError> {
        let store = bucket(orders).await?;
        let value = Bytes::from(orders.instance.clone());
        let mut seen: Option<(u64, Instant)> = None;
        loop {
            let entry = store.entry(KEY).await.map_err(failed)?;
            let live = entry.filter(|entry| !entry.value.is_empty());
            let taken = match &live {
                None => store.create(KEY, value.clone()).await.ok(),
                Some(entry) => {
                    let since = match seen {
                        Some((revision, since)) if revision == entry.revision => since,
                        _ => Instant::now(),
                    };
                    seen = Some((entry.revision, since));
                    if since.elapsed() >= EXPIRES_AFTER {
                        store.update(KEY, value.clone(), entry.revision).await.ok()
                    } else {
                        None
                    }
                }
            };
            if let Some(revision) = taken {
                let instance = orders.instance.clone();
                return Ok(Self { store, instance, revision, touched: Instant::now() });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Keeps it, and comes to its end when it is lost.
    pub(crate) async fn keep(&mut self) {
        loop {
            tokio::time::sleep(TOUCH).await;
            let value = Bytes::from(self.instance.clone());
            let asked = Instant::now();
            let left = LOST_AFTER.saturating_sub(self.touched.elapsed());
            match tokio::time::timeout(left, self.store.update(KEY, value, self.revision)).await {
                // From when it was asked for: the entry may have been written no earlier.
                Ok(Ok(revision)) => (self.revision, self.touched) = (revision, asked),
                Ok(Err(error)) if self.touched.elapsed() < LOST_AFTER => {
                    if !self.is_ours().await {
                        tracing::warn!(%error, "another instance of billing has the lease");
                        return;
                    }
                }
                _ => {
                    tracing::warn!("the lease of billing could not be kept");
                    return;
                }
            }
        }
    }

    /// Whether the entry is what this instance wrote, perhaps by a try whose answer was lost.
    async fn is_ours(&mut self) -> bool {
        match self.store.entry(KEY).await {
            Ok(Some(entry)) if entry.value == self.instance.as_bytes() => {
                self.revision = entry.revision;
                true
            }
            Ok(_) => false,
            // Not known: the time decides.
            Err(_) => true,
        }
    }

    /// Gives it back, so that another instance need not wait.
    pub(crate) async fn release(self) {
        if let Err(error) = self.store.delete_expect_revision(KEY, Some(self.revision)).await {
            tracing::debug!(%error, "the lease of billing was not given back; it expires");
        }
    }
}

async fn bucket(orders: &Orders) -> Result<Store, LeaseError> {
    let config =
        Config { bucket: BUCKET.to_owned(), history: 1, num_replicas: orders.replicas, ..Config::default() };
    match orders.context.create_key_value(config).await {
        Ok(store) => Ok(store),
        // It is there, perhaps with other settings.
        Err(error) if error.kind() == CreateKeyValueErrorKind::BucketCreate => {
            orders.context.get_key_value(BUCKET).await.map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}
