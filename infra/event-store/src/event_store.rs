//! The event store as the services see it: one way to append and one log to read, wherever the truth is kept.
//!
//! Kept here, the log in the data folder is the truth and appends go straight into it. Kept by a server, the log in the data
//! folder is this machine's replica: appends go to the server and are answered when they have come back in its order. Reading
//! is the same either way, from the own disk.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::append::{Append, AppendError};
use crate::disk::DiskError;
use crate::log::{EmbeddedLog, PendingAppend};
use crate::replica::{Replica, ReplicaState};
use crate::reserve::StorageState;

/// Appends through a server under way: one a show that is busy, and buyers' details.
const APPENDS_UNDER_WAY: usize = 4_096;

/// Appends and reads events. Clones share it.
#[derive(Clone)]
pub struct EventStore {
    log: EmbeddedLog,
    replica: Option<Arc<Replica>>,
}

impl From<EmbeddedLog> for EventStore {
    fn from(log: EmbeddedLog) -> Self {
        Self::embedded(log)
    }
}

impl EventStore {
    /// The log in the data folder is the truth.
    #[must_use]
    pub fn embedded(log: EmbeddedLog) -> Self {
        Self { log, replica: None }
    }

    pub(crate) fn replicated(replica: Arc<Replica>) -> Self {
        Self { log: replica.log.clone(), replica: Some(replica) }
    }

    /// The log to read from: every durable batch, but for those that a server has and this replica not yet.
    #[must_use]
    pub fn log(&self) -> &EmbeddedLog {
        &self.log
    }

    /// Whether other processes may append to the same log.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.replica.is_some()
    }

    /// Appends a batch; see [`EmbeddedLog::append`]. To be called within a Tokio runtime.
    pub fn append(&self, append: Append) -> PendingAppend {
        let Some(replica) = &self.replica else { return self.log.append(append) };
        let (answer, receiver) = oneshot::channel();
        let Ok(permit) = replica.under_way.clone().try_acquire_owned() else {
            return PendingAppend::refused(AppendError::Unavailable);
        };
        let replica = replica.clone();
        tokio::spawn(async move {
            let outcome = replica.append(append).await;
            drop(permit);
            // Who dropped the pending append does not need the answer.
            let _ = answer.send(outcome);
        });
        PendingAppend::queued(receiver)
    }

    /// As [`Self::append`], and writes in the caller's thread where that is faster; see [`EmbeddedLog::append_here`].
    pub fn append_here(&self, append: Append) -> PendingAppend {
        if self.replica.is_some() { self.append(append) } else { self.log.append_here(append) }
    }

    /// Waits until [`Self::log`] has everything that was acknowledged to anyone before the call.
    ///
    /// # Errors
    /// [`AppendError::Unavailable`] when the server cannot be asked or this replica does not get there in time.
    pub async fn catch_up(&self, timeout: Duration) -> Result<(), AppendError> {
        match &self.replica {
            None => Ok(()),
            Some(replica) => replica.catch_up(timeout).await,
        }
    }

    /// Whether appends of normal urgency are taken.
    #[must_use]
    pub fn storage_state(&self) -> StorageState {
        self.log.storage_state()
    }

    /// How this replica stands to its server; `None` where the log itself is the truth.
    #[must_use]
    pub fn replica_state(&self) -> Option<ReplicaState> {
        self.replica.as_ref().map(|replica| replica.state())
    }

    /// For how long this replica has not heard of its server; `None` while it does, or where the log itself is the truth.
    #[must_use]
    pub fn cut_off_for(&self) -> Option<Duration> {
        match self.replica_state()? {
            ReplicaState::Following => None,
            ReplicaState::Lost { since, .. } | ReplicaState::Stopped { since, .. } => Some(since.elapsed()),
        }
    }

    /// Takes no more appends and closes the log in the data folder.
    ///
    /// # Errors
    /// As of [`EmbeddedLog::close`].
    pub async fn close(&self) -> Result<(), DiskError> {
        if let Some(replica) = &self.replica {
            replica.stop().await;
        }
        self.log.close()
    }

    pub(crate) const fn appends_under_way() -> usize {
        APPENDS_UNDER_WAY
    }
}
