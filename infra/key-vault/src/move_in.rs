//! Moves a vault from its file into a bucket on servers, and secrets with it.
//!
//! Safe to repeat: entries are made where they are missing, and what is there already has to be the same. A customer's way back
//! comes before its RUT's entry, so that a person whose key was destroyed since is not brought back: the repetition ends there.

use async_nats::jetstream::Context;
use async_nats::jetstream::kv::{CreateErrorKind, Store};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::bucket::{
    BETWEEN_READS, DESTROYED, KeyBucket, READS, customer_entry, find_store, open_store, rut_entry,
    unreachable, until_answered,
};
use crate::data_key::{CustomerId, DataKey};
use crate::lookup::RutLookup;
use crate::vault::{KeyVault, VaultError};

/// Customers on their way at a time: enough to hide the way to the servers and back.
const IN_FLIGHT: usize = 64;

impl KeyBucket {
    /// Whether there is such a bucket with keys in it.
    ///
    /// # Errors
    /// [`VaultError::Unreachable`].
    pub async fn exists(context: &Context, bucket: &str) -> Result<bool, VaultError> {
        match until_answered(bucket, || find_store(context, bucket)).await? {
            Some(store) => Ok(store.get("pepper").await.map_err(unreachable)?.is_some()),
            None => Ok(false),
        }
    }

    /// Puts all that a vault holds into a bucket, made if it is missing; `progress` hears of how many customers.
    ///
    /// # Errors
    /// [`VaultError::Differs`] where the bucket has something else already; what was put is left there.
    pub async fn move_in(
        context: &Context,
        bucket: &str,
        replicas: usize,
        vault: &KeyVault,
        mut progress: impl FnMut(usize),
    ) -> Result<(), VaultError> {
        let store = open_store(context, bucket, replicas).await?;
        let (pepper, customers) = vault.contents();
        put(&store, "pepper", pepper.secret(), "pepper").await?;
        let store = &store;
        let put =
            customers.into_iter().map(|(id, filed)| async move { put_customer(store, id, filed).await });
        let mut put = stream::iter(put).buffer_unordered(IN_FLIGHT);
        let mut count = 0;
        while put.try_next().await?.is_some() {
            count += 1;
            progress(count);
        }
        Ok(())
    }

    /// Puts a secret that all machines share, as it was elsewhere.
    ///
    /// # Errors
    /// [`VaultError::Differs`] where there is another one already.
    pub async fn move_secret_in(&self, name: &str, secret: &[u8]) -> Result<(), VaultError> {
        put(&self.store, &format!("secret.{name}"), secret, "secret").await
    }
}

async fn put_customer(
    store: &Store,
    id: CustomerId,
    filed: Option<(RutLookup, DataKey)>,
) -> Result<(), VaultError> {
    let Some((lookup, key)) = filed else {
        return put(store, &customer_entry(&id), DESTROYED, "customer").await;
    };
    put(store, &customer_entry(&id), &lookup.0, "customer").await?;
    put(store, &rut_entry(lookup), &[&id[..], key.bytes()].concat(), "rut").await
}

/// Makes an entry, or finds that it is there and the same.
async fn put(store: &Store, name: &str, value: &[u8], entry: &'static str) -> Result<(), VaultError> {
    match store.create(name, Bytes::copy_from_slice(value)).await {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {}
        Err(error) => return Err(unreachable(error)),
    }
    for _ in 0..READS {
        match store.get(name).await.map_err(unreachable)? {
            Some(found) if found[..] == *value => return Ok(()),
            Some(_) => return Err(VaultError::Differs { entry }),
            None => tokio::time::sleep(BETWEEN_READS).await,
        }
    }
    Err(unreachable("an entry that is there cannot be read"))
}
