//! From the log back to the shows: at start all of them in one pass, later one by one.
//!
//! Snapshots shorten the way and are never trusted further than the log confirms them: a snapshot that does not read back
//! is passed over and the events are folded from the first.

use hashbrown::HashMap;

use ticketflow_domain::ShowId;
use ticketflow_event_store::{
    Category, CodecError, EmbeddedLog, Head, Position, SnapshotError, StreamId, from_snapshot_bytes,
    snapshot_bytes,
};

use crate::show_fold::{FoldError, ShowFold, ShowFoldSnapshot};

/// The name of the shows' snapshot in the log's folder. A changed stored shape takes the next number.
const SNAPSHOT_NAME: &str = "shows-1";

/// Why a snapshot was not stored. Nothing is lost: the next start folds more events.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreSnapshotError {
    /// It has no archived form.
    #[error("the shows cannot be archived")]
    Codec(#[from] CodecError),
    /// The disk said no.
    #[error("the snapshot of the shows cannot be stored")]
    Snapshot(#[from] SnapshotError),
}

/// All shows, folded to the head of the log. Blocks on the disk.
///
/// # Errors
/// [`FoldError`]: the service must not start.
pub fn load_shows(log: &EmbeddedLog) -> Result<HashMap<ShowId, ShowFold>, FoldError> {
    let (mut shows, from) = snapshot(log);
    let mut reader = log.read_from(from + 1)?;
    while let Some(batch) = reader.next_batch()? {
        let stream = batch.stream();
        if stream.category == Category::Show {
            shows.entry(ShowId::from_bytes(stream.id)).or_default().apply(&batch)?;
        }
    }
    Ok(shows)
}

/// The shows of the newest usable snapshot and the position up to which it holds all events.
fn snapshot(log: &EmbeddedLog) -> (HashMap<ShowId, ShowFold>, Position) {
    let stored = match log.latest_snapshot(SNAPSHOT_NAME) {
        Ok((stored, skipped)) => {
            for skipped in skipped {
                tracing::warn!(path = skipped.path, fault = %skipped.fault, "a snapshot was skipped");
            }
            stored
        }
        Err(error) => {
            tracing::warn!(%error, "the snapshots cannot be read; folding all events");
            None
        }
    };
    let Some(stored) = stored else { return (HashMap::new(), 0) };
    match from_snapshot_bytes::<Vec<([u8; 16], ShowFoldSnapshot)>>(&stored.bytes) {
        Ok(shows) => {
            let shows =
                shows.into_iter().map(|(id, show)| (ShowId::from_bytes(id), ShowFold::from_snapshot(show)));
            (shows.collect(), stored.position)
        }
        Err(error) => {
            tracing::warn!(%error, "the snapshot does not read back; folding all events");
            (HashMap::new(), 0)
        }
    }
}

/// Stores a snapshot of shows, each folded at least up to `at`. Blocks on the disk.
///
/// # Errors
/// [`StoreSnapshotError`].
pub(crate) fn store_shows(
    log: &EmbeddedLog,
    at: Head,
    shows: Vec<(ShowId, ShowFoldSnapshot)>,
) -> Result<(), StoreSnapshotError> {
    let shows: Vec<_> = shows.into_iter().map(|(id, show)| (id.to_bytes(), show)).collect();
    let bytes = snapshot_bytes(&shows)?;
    Ok(log.write_snapshot(SNAPSHOT_NAME, at, &bytes)?)
}

/// One show, folded from its stream. Blocks on the disk.
///
/// # Errors
/// [`FoldError`].
pub fn load_show(log: &EmbeddedLog, show_id: ShowId) -> Result<ShowFold, FoldError> {
    let mut fold = ShowFold::default();
    let mut reader = log.read_stream(StreamId::new(Category::Show, show_id.to_bytes()), 1)?;
    while let Some(batch) = reader.next_batch()? {
        fold.apply(&batch)?;
    }
    Ok(fold)
}
