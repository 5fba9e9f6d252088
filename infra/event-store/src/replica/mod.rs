//! This machine's replica of a log that a server keeps.
//!
//! Follows the server's order and writes every batch into an embedded log in the own data folder, which gives it position
//! and chain hash. All replicas compute the same ones, and check on every batch that its writer had computed them too.
//! Invariants: the replica is a prefix of the server's log; a difference, however small, stops it for good. Reading is left
//! to the embedded log, the wire to the adapters of [`LogServer`].

mod append;
mod barrier;
mod folder;
mod follow;
mod heads;
mod opening;
mod unsynced_disk;
mod waiters;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::append::AppendError;
use crate::log::EmbeddedLog;
use crate::log_server::{Cursor, LogServer};
use crate::stream::Position;
use barrier::Barrier;
pub use folder::replica_identity;
pub use opening::{ReplicaError, open_replica};
use waiters::Waiters;

/// How a replica stands to its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicaState {
    /// Batches come as they are stored.
    Following,
    /// The server cannot be reached since then; it is tried again.
    Lost {
        /// When it was lost.
        since: Instant,
        /// What is in the way.
        reason: String,
    },
    /// The server's log is not the one that this replica has: nothing more is taken from it, and nothing appended.
    Stopped {
        /// When that was found.
        since: Instant,
        /// What differs.
        reason: String,
    },
}

pub(crate) struct Replica {
    pub(crate) log: EmbeddedLog,
    server: Arc<dyn LogServer>,
    /// Of the last batch in the log.
    reached: watch::Sender<Cursor>,
    state: watch::Sender<ReplicaState>,
    /// Up to where the log is known to be the server's.
    compared: AtomicU64,
    waiters: Waiters,
    barrier: Barrier,
    pub(crate) under_way: Arc<Semaphore>,
    following: Mutex<Option<JoinHandle<()>>>,
    stopping: watch::Sender<bool>,
}

impl Replica {
    pub(crate) fn state(&self) -> ReplicaState {
        self.state.borrow().clone()
    }

    fn is_stopped(&self) -> bool {
        matches!(*self.state.borrow(), ReplicaState::Stopped { .. })
    }

    fn compared_to(&self) -> Position {
        self.compared.load(Ordering::SeqCst)
    }

    /// Waits until the log has everything that was acknowledged to anyone before the call.
    pub(crate) async fn catch_up(&self, timeout: Duration) -> Result<(), AppendError> {
        let caught_up = async {
            let end = self.barrier.end(&*self.server).await.map_err(|error| {
                tracing::debug!(%error, "the end of the log cannot be asked for");
                AppendError::Unavailable
            })?;
            self.wait_for(end).await
        };
        tokio::time::timeout(timeout, caught_up).await.unwrap_or(Err(AppendError::Unavailable))
    }

    /// Waits until the log has the batch at a cursor, or something stops it from getting there.
    async fn wait_for(&self, cursor: Cursor) -> Result<(), AppendError> {
        let (mut reached, mut state) = (self.reached.subscribe(), self.state.subscribe());
        tokio::select! {
            there = reached.wait_for(|now| *now >= cursor) => match there {
                Ok(_) => Ok(()),
                Err(_) => Err(AppendError::Unavailable),
            },
            _ = state.wait_for(|state| matches!(state, ReplicaState::Stopped { .. })) => {
                Err(AppendError::Unavailable)
            }
        }
    }

    /// Ends following; what is under way is answered as unknown.
    pub(crate) async fn stop(&self) {
        self.under_way.close();
        self.stopping.send_replace(true);
        let following = self.following.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(following) = following {
            // A panic there was already reported by its own message.
            let _ = following.await;
        }
    }
}
