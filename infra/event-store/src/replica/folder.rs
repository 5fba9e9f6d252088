//! The data folder of a replica: whose replica it is, and how far it is in the server's order.
//!
//! Invariant: a folder is the replica of one history for good. The log of another history in it is refused, never mixed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::index::Head;
use crate::log::EmbeddedLog;
use crate::log_server::Cursor;
use crate::segment::LOG_DIR;
use crate::snapshots::{SNAPSHOT_DIR, SnapshotError};

/// Says whose replica the folder is.
const IDENTITY_FILE: &str = "replica-of";
/// The name of the snapshot that says how far the replica is.
const CURSOR_NAME: &str = "cursor";

/// What a folder holds.
pub(super) enum Content {
    Nothing,
    /// A log that belongs to no server.
    OwnLog,
    /// The replica of the log with this identity.
    ReplicaOf(String),
}

pub(super) fn content(folder: &Path) -> io::Result<Content> {
    match fs::read_to_string(folder.join(IDENTITY_FILE)) {
        Ok(identity) => Ok(Content::ReplicaOf(identity.trim_end().to_owned())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Err(_) if folder.join(LOG_DIR).exists() => Ok(Content::OwnLog),
        Err(_) => Ok(Content::Nothing),
    }
}

/// Makes the folder the replica of a log.
pub(super) fn name(folder: &Path, identity: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // Written beside and renamed: a crash leaves it whole or absent.
    let unfinished = folder.join("replica-of.new");
    fs::write(&unfinished, format!("{identity}\n"))?;
    fs::rename(unfinished, folder.join(IDENTITY_FILE))
}

/// Throws away what a power cut damaged; the server has it all.
pub(super) fn empty(folder: &Path) -> io::Result<()> {
    for name in [LOG_DIR, SNAPSHOT_DIR] {
        match fs::remove_dir_all(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whose replica the folder is, if it is one.
///
/// # Errors
/// Whatever the file system answers.
pub fn replica_identity(folder: &Path) -> io::Result<Option<String>> {
    Ok(match content(folder)? {
        Content::ReplicaOf(identity) => Some(identity),
        Content::Nothing | Content::OwnLog => None,
    })
}

/// A place in both orders: the server's and the log's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) cursor: Cursor,
    pub(super) head: Head,
}

/// Stores a place, from which the next start goes on.
pub(super) fn store_place(log: &EmbeddedLog, place: Place) -> Result<(), SnapshotError> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&place.cursor.0.to_le_bytes());
    bytes[8..].copy_from_slice(&place.cursor.1.to_le_bytes());
    log.write_snapshot(CURSOR_NAME, place.head, &bytes)
}

/// The newest stored place that fits the log; the beginning without one.
pub(super) fn stored_place(log: &EmbeddedLog) -> Place {
    let stored = log.latest_snapshot(CURSOR_NAME).ok().and_then(|(stored, _)| stored);
    let place = stored.and_then(|stored| {
        let (first, second) = stored.bytes.split_first_chunk::<8>()?;
        let second: &[u8; 8] = second.try_into().ok()?;
        Some(Place {
            cursor: Cursor(u64::from_le_bytes(*first), u64::from_le_bytes(*second)),
            head: Head { position: stored.position, chain_hash: stored.chain_hash },
        })
    });
    place.unwrap_or_default()
}

/// For messages.
pub(super) fn identity_path(folder: &Path) -> PathBuf {
    folder.join(IDENTITY_FILE)
}
