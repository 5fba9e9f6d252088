//! Customers' keys for many machines, in a key-value bucket on NATS JetStream.
//!
//! Owns the bucket: `pepper`, `rut.{lookup}` with customer and key, `customer.{id}` with the lookup, `secret.{name}`. Who
//! reads the bucket reads every key, so that the servers' accounts are to let in the command services alone; a backup of the
//! log must not hold it. Invariants: entries are made by compare-and-set, so that machines that race agree; a RUT's entry is
//! made after the way back from its customer, so that no key is out of reach of its destruction.

use std::time::Duration;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::kv::{Config, CreateErrorKind, Store};
use async_nats::jetstream::{Context, ErrorCode, stream};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_util::future::BoxFuture;

use crate::customer_keys::CustomerKeys;
use crate::data_key::{CustomerId, DataKey, KEY_BYTES};
use crate::lookup::{LOOKUP_BYTES, PEPPER_BYTES, Pepper, RutLookup};
use crate::vault::{CustomerKey, Destruction, VaultError};

/// Bytes of a customer's id.
const ID_BYTES: usize = 16;
/// Times that an entry is read again when it is there but not to be read yet: a copy answers that is a moment behind.
pub(crate) const READS: usize = 20;
pub(crate) const BETWEEN_READS: Duration = Duration::from_millis(25);
/// How long servers that are finding together may take to answer: a cluster elects a leader in 4 to 9 s.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
const BETWEEN_TRIES: Duration = Duration::from_millis(250);
/// What is left where a customer's lookup was.
pub(crate) const DESTROYED: &[u8] = b"destroyed";

/// Customers' keys in a bucket.
pub struct KeyBucket {
    pub(crate) store: Store,
    pepper: Pepper,
}

pub(crate) fn unreachable(error: impl std::fmt::Display) -> VaultError {
    VaultError::Unreachable { reason: error.to_string() }
}

impl KeyBucket {
    /// Opens the bucket, making it, with a new pepper, if it is missing. `replicas` are the copies of each entry.
    ///
    /// # Errors
    /// [`VaultError::Unreachable`], or [`VaultError::Malformed`] for a bucket that something else wrote to.
    pub async fn open(context: &Context, bucket: &str, replicas: usize) -> Result<Self, VaultError> {
        let store = open_store(context, bucket, replicas).await?;
        let pepper = settled::<PEPPER_BYTES>(&store, "pepper").await?;
        Ok(Self { store, pepper: Pepper::new(&pepper) })
    }

    /// A secret that all machines share, made by whoever asks first.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn secret<const N: usize>(&self, name: &str) -> Result<[u8; N], VaultError> {
        settled(&self.store, &format!("secret.{name}")).await
    }

    async fn find(&self, lookup: RutLookup) -> Result<Option<CustomerKey>, VaultError> {
        let name = rut_entry(lookup);
        let Some(value) = self.store.get(&name).await.map_err(unreachable)? else { return Ok(None) };
        let malformed = || VaultError::Malformed { entry: "rut" };
        let (id, key) = value.split_at_checked(ID_BYTES).ok_or_else(malformed)?;
        let key: &[u8; KEY_BYTES] = key.try_into().map_err(|_| malformed())?;
        let customer_id = id.try_into().map_err(|_| malformed())?;
        Ok(Some(CustomerKey { customer_id, key: DataKey::from_bytes(key), fresh: false }))
    }

    async fn create_customer(
        &self,
        lookup: RutLookup,
        candidate: CustomerId,
    ) -> Result<CustomerKey, VaultError> {
        let way_back = Bytes::copy_from_slice(&lookup.0);
        match self.store.create(customer_entry(&candidate), way_back).await {
            Ok(_) => {}
            // An id is minted once: what is there is our own, of a try whose answer was lost, or a destroyed customer's.
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {
                if self.lookup_of(&candidate).await? != Some(lookup) {
                    return Err(VaultError::IdTaken);
                }
            }
            Err(error) => return Err(unreachable(error)),
        }
        let key = DataKey::generate().map_err(VaultError::Randomness)?;
        let value = [&candidate[..], key.bytes()].concat();
        match self.store.create(rut_entry(lookup), value.into()).await {
            Ok(_) => Ok(CustomerKey { customer_id: candidate, key, fresh: true }),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {
                for _ in 0..READS {
                    if let Some(mut found) = self.find(lookup).await? {
                        found.fresh = found.customer_id == candidate;
                        return Ok(found);
                    }
                    tokio::time::sleep(BETWEEN_READS).await;
                }
                Err(unreachable("an entry that is there cannot be read"))
            }
            Err(error) => Err(unreachable(error)),
        }
    }

    /// What a customer is filed under; `None` if it was destroyed or never made.
    async fn lookup_of(&self, customer_id: &CustomerId) -> Result<Option<RutLookup>, VaultError> {
        let value = self.store.get(customer_entry(customer_id)).await.map_err(unreachable)?;
        match value {
            None => Ok(None),
            Some(value) if value == DESTROYED => Ok(None),
            Some(value) => {
                let lookup = <[u8; LOOKUP_BYTES]>::try_from(&value[..]);
                lookup
                    .map(|lookup| Some(RutLookup(lookup)))
                    .map_err(|_| VaultError::Malformed { entry: "customer" })
            }
        }
    }

    async fn find_key(&self, customer_id: CustomerId) -> Result<Option<DataKey>, VaultError> {
        let Some(lookup) = self.lookup_of(&customer_id).await? else { return Ok(None) };
        let found = self.find(lookup).await?;
        Ok(found.filter(|found| found.customer_id == customer_id).map(|found| found.key))
    }

    async fn destroy_customer(&self, customer_id: CustomerId) -> Result<Destruction, VaultError> {
        let name = customer_entry(&customer_id);
        let Some(value) = self.store.get(&name).await.map_err(unreachable)? else {
            return Ok(Destruction::Unknown);
        };
        if value == DESTROYED {
            return Ok(Destruction::Destroyed);
        }
        if let Some(lookup) = self.lookup_of(&customer_id).await?
            && self.find(lookup).await?.is_some_and(|found| found.customer_id == customer_id)
        {
            self.store.purge(rut_entry(lookup)).await.map_err(unreachable)?;
        }
        // Last: a destruction that was interrupted before is found and finished by the next try.
        self.store.put(&name, Bytes::from_static(DESTROYED)).await.map_err(unreachable)?;
        Ok(Destruction::Destroyed)
    }
}

/// What a question comes to once the servers answer it: a cluster that elects does not for some seconds.
pub(crate) async fn until_answered<T, F>(bucket: &str, mut ask: impl FnMut() -> F) -> Result<T, VaultError>
where
    F: Future<Output = Result<T, VaultError>>,
{
    let began = std::time::Instant::now();
    loop {
        match ask().await {
            Err(error @ VaultError::Unreachable { .. }) if began.elapsed() < ANSWERS_WITHIN => {
                tracing::info!(bucket, %error, "the servers do not give the bucket yet; trying again");
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            answered => return answered,
        }
    }
}

/// The bucket, if there is one; fit to hold what must not be lost.
pub(crate) async fn find_store(context: &Context, bucket: &str) -> Result<Option<Store>, VaultError> {
    let stream = match context.get_stream(format!("KV_{bucket}")).await {
        Ok(stream) => stream,
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                return Ok(None);
            }
            _ => return Err(unreachable(error)),
        },
    };
    let config = &stream.cached_info().config;
    let reason = if config.storage != stream::StorageType::File {
        "it is kept in memory"
    } else if !config.max_age.is_zero() || config.max_messages > 0 || config.max_bytes > 0 {
        "it has limits that throw keys away"
    } else if config.max_messages_per_subject != 1 {
        "it keeps what was destroyed"
    } else {
        return context.get_key_value(bucket).await.map(Some).map_err(unreachable);
    };
    Err(VaultError::Unfit { bucket: bucket.to_owned(), reason })
}

/// The bucket, made if it is missing.
pub(crate) async fn open_store(
    context: &Context,
    bucket: &str,
    replicas: usize,
) -> Result<Store, VaultError> {
    until_answered(bucket, || async move {
        match find_store(context, bucket).await? {
            Some(store) => Ok(store),
            None => make_store(context, bucket, replicas).await,
        }
    })
    .await
}

async fn make_store(context: &Context, bucket: &str, replicas: usize) -> Result<Store, VaultError> {
    let config = Config {
        bucket: bucket.to_owned(),
        description: "Keys of TicketFlow's customers; destroying one erases a person".to_owned(),
        // One: what is purged is to be gone.
        history: 1,
        storage: stream::StorageType::File,
        num_replicas: replicas,
        ..Config::default()
    };
    context.create_key_value(config).await.map_err(unreachable)
}

/// The random bytes of an entry, made by whoever is first.
async fn settled<const N: usize>(store: &Store, name: &str) -> Result<[u8; N], VaultError> {
    for _ in 0..READS {
        if let Some(value) = store.get(name).await.map_err(unreachable)? {
            return value[..].try_into().map_err(|_| VaultError::Malformed { entry: "secret" });
        }
        let mut secret = [0; N];
        getrandom::fill(&mut secret).map_err(VaultError::Randomness)?;
        match store.create(name, Bytes::copy_from_slice(&secret)).await {
            Ok(_) => return Ok(secret),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {
                tokio::time::sleep(BETWEEN_READS).await;
            }
            Err(error) => return Err(unreachable(error)),
        }
    }
    Err(unreachable("an entry that is there cannot be read"))
}

pub(crate) fn rut_entry(lookup: RutLookup) -> String {
    format!("rut.{}", HEXLOWER.encode(&lookup.0))
}

pub(crate) fn customer_entry(customer_id: &CustomerId) -> String {
    format!("customer.{}", HEXLOWER.encode(customer_id))
}

impl CustomerKeys for KeyBucket {
    fn lookup(&self, rut_number: u32) -> RutLookup {
        self.pepper.lookup(rut_number)
    }

    fn find_or_create(
        &self,
        lookup: RutLookup,
        candidate: CustomerId,
    ) -> BoxFuture<'_, Result<CustomerKey, VaultError>> {
        Box::pin(async move {
            match self.find(lookup).await? {
                Some(found) => Ok(found),
                None => self.create_customer(lookup, candidate).await,
            }
        })
    }

    fn key(&self, customer_id: CustomerId) -> BoxFuture<'_, Result<Option<DataKey>, VaultError>> {
        Box::pin(self.find_key(customer_id))
    }

    fn destroy(&self, customer_id: CustomerId) -> BoxFuture<'_, Result<Destruction, VaultError>> {
        Box::pin(self.destroy_customer(customer_id))
    }
}
