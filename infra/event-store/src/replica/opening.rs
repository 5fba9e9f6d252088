//! Opening a replica: its folder, its log, and everything that the server has had since.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, watch};

use super::barrier::Barrier;
use super::folder::{self, Content};
use super::follow::Follower;
use super::unsynced_disk::UnsyncedDisk;
use super::waiters::Waiters;
use super::{Replica, ReplicaState};
use crate::event_store::EventStore;
use crate::log::EmbeddedLog;
use crate::log_server::{Cursor, LogServer, ServerUnavailable};
use crate::options::LogOptions;
use crate::real_disk::RealDisk;
use crate::recovery::OpenError;
use crate::stream::Position;

/// Why a replica was not opened.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The data folder holds something else.
    #[error("{folder} {found}; the server's log is {wanted}: use another data folder")]
    OtherLog {
        /// The data folder.
        folder: PathBuf,
        /// What it holds.
        found: String,
        /// The identity of the server's log.
        wanted: String,
    },
    /// The folder cannot be used.
    #[error("cannot use the folder {folder}")]
    Folder {
        /// The data folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The log in the folder cannot be opened.
    #[error("cannot open the replica's log")]
    Log(#[from] OpenError),
    /// The server does not answer.
    #[error(transparent)]
    Server(#[from] ServerUnavailable),
    /// The server's log is not the one that this replica has.
    #[error("the replica cannot follow its server: {reason}")]
    Stopped {
        /// What differs.
        reason: String,
    },
    /// The server has less than the replica.
    #[error(
        "the server's log ends at {end}, before {cursor}, where this replica is: the server lost acknowledged events. \
         If that is meant, move the folders `log` and `snapshots` and the file `replica-of` out of {folder}"
    )]
    ServerLostEvents {
        /// The server's end.
        end: Cursor,
        /// The replica's.
        cursor: Cursor,
        /// The data folder.
        folder: PathBuf,
    },
}

/// Opens the replica in `folder` of the log that `server` keeps, and returns when it has everything that the server had at
/// the call; `progress` hears how far it is. Batches that only a power cut can have damaged are fetched again.
///
/// # Errors
/// [`ReplicaError`]; what the folder holds is as before then, but for batches that were added.
pub async fn open_replica(
    folder: &Path,
    server: Arc<dyn LogServer>,
    options: LogOptions,
    mut progress: impl FnMut(Position),
) -> Result<EventStore, ReplicaError> {
    let wanted = server.identity();
    let unusable = |source| ReplicaError::Folder { folder: folder.to_owned(), source };
    match folder::content(folder).map_err(unusable)? {
        Content::ReplicaOf(identity) if identity == wanted => {}
        Content::Nothing => folder::name(folder, &wanted).map_err(unusable)?,
        content => {
            let found = match content {
                Content::ReplicaOf(identity) => {
                    format!("is a replica of {identity} ({})", folder::identity_path(folder).display())
                }
                Content::OwnLog | Content::Nothing => "holds a log of its own".to_owned(),
            };
            return Err(ReplicaError::OtherLog { folder: folder.to_owned(), found, wanted });
        }
    }
    let log = open_log(folder, &options).map_err(unusable)??;
    let place = folder::stored_place(&log);
    let replica = Arc::new(Replica {
        reached: watch::Sender::new(place.cursor),
        state: watch::Sender::new(ReplicaState::Following),
        compared: AtomicU64::new(0),
        waiters: Waiters::default(),
        barrier: Barrier::default(),
        under_way: Arc::new(Semaphore::new(EventStore::appends_under_way())),
        following: Mutex::default(),
        stopping: watch::Sender::new(false),
        log,
        server,
    });
    let store = EventStore::replicated(replica.clone());
    let opened = catch_up(&replica, place, folder, &mut progress).await;
    if let Err(error) = opened {
        // The log is complete without its stored index.
        let _ = store.close().await;
        return Err(error);
    }
    Ok(store)
}

/// Opens the log; one that a power cut damaged is emptied.
fn open_log(folder: &Path, options: &LogOptions) -> io::Result<Result<EmbeddedLog, OpenError>> {
    let open = || {
        let disk = Arc::new(UnsyncedDisk(RealDisk::new(folder)?));
        Ok(EmbeddedLog::open(disk, options.clone()).map(|(log, _)| log))
    };
    match open()? {
        Err(
            error @ (OpenError::Corrupt { .. } | OpenError::LostEvents { .. } | OpenError::Segment { .. }),
        ) => {
            tracing::warn!(%error, folder = %folder.display(), "the replica is damaged; it is fetched anew");
            folder::empty(folder)?;
            open()
        }
        opened => Ok(opened),
    }
}

async fn catch_up(
    replica: &Arc<Replica>,
    place: folder::Place,
    folder: &Path,
    progress: &mut impl FnMut(Position),
) -> Result<(), ReplicaError> {
    let end = replica.server.end().await?;
    let lost = |end| ReplicaError::ServerLostEvents { end, cursor: place.cursor, folder: folder.to_owned() };
    if end < place.cursor {
        return Err(lost(end));
    }
    let local_head = replica.log.head();
    let follower = Follower::new(replica.clone(), place);
    let following = tokio::spawn(follower.run());
    *replica.following.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(following);
    let (mut reached, mut state) = (replica.reached.subscribe(), replica.state.subscribe());
    while *reached.borrow_and_update() < end {
        progress(replica.log.head().position);
        tokio::select! {
            moved = reached.changed() => if moved.is_err() { break },
            changed = state.changed() => if changed.is_err() { break },
        }
        if let ReplicaState::Stopped { reason, .. } = replica.state() {
            return Err(ReplicaError::Stopped { reason });
        }
    }
    // Every batch of the replica was compared on the way, unless the server does not have it.
    if replica.compared_to() < local_head.position {
        return Err(lost(end));
    }
    Ok(())
}
