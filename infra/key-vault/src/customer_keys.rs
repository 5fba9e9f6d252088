//! The port to customers' keys: kept in a file by one process, or on servers for many.

use futures_util::future::BoxFuture;

use crate::data_key::{CustomerId, DataKey};
use crate::lookup::RutLookup;
use crate::vault::{CustomerKey, Destruction, KeyVault, VaultError};

/// Customers' keys.
pub trait CustomerKeys: Send + Sync {
    /// What a RUT is filed under, given its number without the check digit.
    fn lookup(&self, rut_number: u32) -> RutLookup;

    /// The live customer of a RUT, or a new one with the id `candidate`. Durable when it answers; whoever asks at the same
    /// time for the same RUT, on whichever machine, gets the same customer.
    fn find_or_create(
        &self,
        lookup: RutLookup,
        candidate: CustomerId,
    ) -> BoxFuture<'_, Result<CustomerKey, VaultError>>;

    /// The key of a customer; `None` if it was destroyed or never made.
    fn key(&self, customer_id: CustomerId) -> BoxFuture<'_, Result<Option<DataKey>, VaultError>>;

    /// Destroys a customer's key and the way from RUT to customer for ever. Safe to repeat.
    fn destroy(&self, customer_id: CustomerId) -> BoxFuture<'_, Result<Destruction, VaultError>>;
}

impl CustomerKeys for KeyVault {
    fn lookup(&self, rut_number: u32) -> RutLookup {
        Self::lookup(self, rut_number)
    }

    fn find_or_create(
        &self,
        lookup: RutLookup,
        candidate: CustomerId,
    ) -> BoxFuture<'_, Result<CustomerKey, VaultError>> {
        Box::pin(Self::find_or_create(self, lookup, move || candidate))
    }

    fn key(&self, customer_id: CustomerId) -> BoxFuture<'_, Result<Option<DataKey>, VaultError>> {
        Box::pin(async move { Ok(Self::key(self, &customer_id).await) })
    }

    fn destroy(&self, customer_id: CustomerId) -> BoxFuture<'_, Result<Destruction, VaultError>> {
        Box::pin(Self::destroy(self, customer_id))
    }
}
