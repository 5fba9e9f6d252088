//! Appends that wait for their batch to come back in the server's order.

use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;
use tokio::sync::oneshot;

use crate::append::Appended;

/// Waiting appends by batch id.
#[derive(Default)]
pub(crate) struct Waiters(Mutex<HashMap<[u8; 16], oneshot::Sender<Appended>>>);

/// The place of one waiting append; given up when dropped.
pub(crate) struct Waiter<'a> {
    waiters: &'a Waiters,
    batch_id: [u8; 16],
    pub(crate) appended: oneshot::Receiver<Appended>,
}

impl Waiters {
    pub(crate) fn wait_for(&self, batch_id: [u8; 16]) -> Waiter<'_> {
        let (sender, appended) = oneshot::channel();
        self.lock().insert(batch_id, sender);
        Waiter { waiters: self, batch_id, appended }
    }

    /// Tells who waits for this batch where it is.
    pub(crate) fn arrived(&self, batch_id: &[u8; 16], appended: Appended) {
        if let Some(waiter) = self.lock().remove(batch_id) {
            // Who gave up waiting finds out by reading.
            let _ = waiter.send(appended);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 16], oneshot::Sender<Appended>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.waiters.lock().remove(&self.batch_id);
    }
}
