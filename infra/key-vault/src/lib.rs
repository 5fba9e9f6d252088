//! The key vault: one data key per customer, and the sealing of personal data with it.
//!
//! Personal data is in the event log only as sealed with its customer's key, and which RUT belongs to which customer
//! is written down in the vault alone. The vault, a file for one process or a bucket on servers for many, is kept apart from the log and from its backups, so that
//! destroying one key there erases one person for ever. What is sealed, and who may open it, is decided by the callers.

mod bucket;
mod customer_keys;
mod customer_table;
mod data_key;
mod file;
mod lookup;
#[cfg(test)]
mod memory_file;
mod move_in;
mod record;
mod recovery;
mod seal;
mod vault;
mod writer;

pub use bucket::KeyBucket;
pub use customer_keys::CustomerKeys;
pub use data_key::{CustomerId, DataKey};
pub use file::VaultOpenError;
pub use lookup::RutLookup;
pub use seal::{Plaintext, SealContext, SealError, open, seal};
pub use vault::{CustomerKey, Destruction, KeyVault, VaultError};
