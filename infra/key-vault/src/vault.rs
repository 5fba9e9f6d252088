//! The key vault: finds or makes the customer of a RUT, hands out data keys, destroys them.
//!
//! Lookups answer from memory; what changes the file goes through the one writer, which answers when it is on the disk.
//! A destroyed customer never comes back: the same RUT becomes a new customer with a new key.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use crate::customer_table::{CustomerTable, Kept, Standing};
use crate::data_key::{CustomerId, DataKey};
use crate::file::{VaultFile, VaultOpenError, create_if_missing, open_existing};
use crate::lookup::{Pepper, RutLookup};
use crate::recovery::{MAX_BATCH_RECORDS, recover};
use crate::writer::{Request, Shared, Writer};

/// Requests that wait for the writer: a few batches. Further requesters wait for room.
const QUEUE_REQUESTS: usize = 4 * MAX_BATCH_RECORDS;

/// An open vault. Share it in an `Arc`; dropping it finishes what waits and closes the file.
pub struct KeyVault {
    shared: Arc<Shared>,
    pepper: Pepper,
    /// Taken on drop: that is what ends the writer.
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
}

/// The customer of a RUT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerKey {
    /// Whose key it is.
    pub customer_id: CustomerId,
    /// The key.
    pub key: DataKey,
    /// Whether this very call made the customer. A caller that died before it heard so hears `false` next time.
    pub fresh: bool,
}

/// What a destruction found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destruction {
    /// The key is gone, now or since an earlier call.
    Destroyed,
    /// No such customer was ever made.
    Unknown,
}

/// Why the vault did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VaultError {
    /// The file took nothing and is as before; try again.
    #[error("the key vault cannot write")]
    Storage {
        /// What the operating system says.
        #[source]
        source: Arc<io::Error>,
    },
    /// Nobody knows what reached the disk. Keys are still handed out; changes need the vault to be opened afresh, which
    /// finds them done or not done.
    #[error("the key vault failed to sync and has to be opened afresh")]
    Broken {
        /// What the operating system says.
        #[source]
        source: Arc<io::Error>,
    },
    /// The id for a new customer belongs to another customer, perhaps a destroyed one.
    #[error("the id for a new customer is taken")]
    IdTaken,
    /// No randomness for a key.
    #[error("no randomness for a customer's key")]
    Randomness(#[source] getrandom::Error),
    /// More than four thousand million records.
    #[error("the key vault is full")]
    Full,
    /// The servers that keep the keys do not answer; try again.
    #[error("the servers with the customers' keys cannot be used: {reason}")]
    Unreachable {
        /// What the client says.
        reason: String,
    },
    /// An entry on the servers is not what this software writes.
    #[error("a {entry} entry with the customers' keys does not read back")]
    Malformed {
        /// Which kind.
        entry: &'static str,
    },
    /// An entry on the servers is of another vault than the one that is moved there.
    #[error(
        "the servers have another {entry} entry already: the bucket is of another installation, or has gone on since"
    )]
    Differs {
        /// Which kind.
        entry: &'static str,
    },
    /// The bucket would lose keys, or keep those that were destroyed.
    #[error("the bucket {bucket} is not fit to hold customers' keys: {reason}")]
    Unfit {
        /// Its name.
        bucket: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The writer has ended, which it does only if it panicked.
    #[error("the key vault's writer has ended")]
    WriterEnded,
}

impl KeyVault {
    /// Opens the vault at `path`. Reads the whole file; call it off the async threads.
    ///
    /// Refuses a file that others may read, that belongs to somebody else, that another process has open, or that is
    /// damaged in a way no crash explains. A batch that a crash tore before it was acknowledged is cut off.
    pub fn open(path: &Path) -> Result<Self, VaultOpenError> {
        Self::start(Box::new(open_existing(path)?), path)
    }

    /// Like [`KeyVault::open`], and makes an empty vault with a new secret if there is none. Where there is a log already, a
    /// missing vault means that its personal data can no longer be read: use `open` there.
    pub fn open_or_create(path: &Path) -> Result<Self, VaultOpenError> {
        create_if_missing(path)?;
        Self::open(path)
    }

    pub(crate) fn start(mut file: Box<dyn VaultFile>, path: &Path) -> Result<Self, VaultOpenError> {
        let recovered = recover(&mut *file, path)?;
        let shared =
            Arc::new(Shared { customers: RwLock::new(recovered.customers), broken: OnceLock::new() });
        let writer = Writer::new(file, Arc::clone(&shared), recovered.next_slot);
        let (sender, receiver) = mpsc::channel(QUEUE_REQUESTS);
        let thread = std::thread::Builder::new().name("key-vault".into()).spawn(move || writer.run(receiver));
        let thread = thread.map_err(|source| VaultOpenError::Io {
            path: path.to_owned(),
            operation: "start its writer",
            source,
        })?;
        Ok(Self { shared, pepper: recovered.pepper, requests: Some(sender), writer: Some(thread) })
    }

    /// What this vault files a RUT under, given its number without the check digit.
    pub fn lookup(&self, rut_number: u32) -> RutLookup {
        self.pepper.lookup(rut_number)
    }

    /// The live customer of a RUT, or a new one with the id that `mint` makes. Answers when it is on the disk; requests at
    /// the same time for the same RUT get the same customer, and one of them hears that it is fresh.
    pub async fn find_or_create(
        &self,
        lookup: RutLookup,
        mint: impl FnOnce() -> CustomerId + Send,
    ) -> Result<CustomerKey, VaultError> {
        if let Some((customer_id, key)) = self.customers().find(lookup) {
            return Ok(CustomerKey { customer_id, key, fresh: false });
        }
        let key = DataKey::generate().map_err(VaultError::Randomness)?;
        let candidate = mint();
        self.ask(|reply| Request::FindOrCreate { lookup, candidate, key, reply }).await?
    }

    /// The live customer of a RUT, if there is one.
    pub fn find(&self, lookup: RutLookup) -> Option<CustomerKey> {
        let (customer_id, key) = self.customers().find(lookup)?;
        Some(CustomerKey { customer_id, key, fresh: false })
    }

    /// The key of a customer; `None` if it was destroyed or never made. Answers from memory.
    pub async fn key(&self, customer_id: &CustomerId) -> Option<DataKey> {
        self.customers().key(customer_id)
    }

    /// Destroys a customer's key and the way from RUT to customer, in memory and on the disk, for ever.
    ///
    /// Safe to repeat. After an error the key may be gone from memory alone; the destruction is finished when the vault is
    /// opened afresh, unless the error was [`VaultError::Storage`], in which case nothing happened.
    pub async fn destroy(&self, customer_id: CustomerId) -> Result<Destruction, VaultError> {
        if self.customers().standing(&customer_id) == Standing::Unknown {
            return Ok(Destruction::Unknown);
        }
        self.ask(|reply| Request::Destroy { id: customer_id, reply }).await?
    }

    /// Whether changes are taken. `false` after a failed sync, until the vault is opened afresh.
    pub fn is_writable(&self) -> bool {
        self.shared.broken.get().is_none()
    }

    /// Number of customers ever made, destroyed ones included.
    pub fn customer_count(&self) -> u32 {
        self.customers().len()
    }

    /// What it files under, and all customers; for whoever moves the vault.
    pub(crate) fn contents(&self) -> (&Pepper, Vec<Kept>) {
        (&self.pepper, self.customers().contents().collect())
    }

    fn customers(&self) -> RwLockReadGuard<'_, CustomerTable> {
        self.shared.customers.read().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, VaultError> {
        let (reply, answer) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or(VaultError::WriterEnded)?;
        requests.send(request(reply)).await.map_err(|_| VaultError::WriterEnded)?;
        answer.await.map_err(|_| VaultError::WriterEnded)
    }
}

impl Drop for KeyVault {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the key vault's writer panicked");
        }
    }
}

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod tests;
