//! From the log back to the shows: at start all of them in one pass, later one by one; and the snapshots that shorten it.
//!
//! A snapshot is made of the log alone, never of the states that decide: the snapshot before, the events since, written
//! down. So making one holds up no command. None is trusted further than the log confirms it: one that does not read back
//! is passed over and the events are folded from the first.

use hashbrown::HashMap;
use rkyv::util::AlignedVec;
use ticketflow_domain::ShowId;
use ticketflow_event_store::{
    Category, CodecError, EmbeddedLog, Position, SnapshotError, StoredSnapshot, StreamId, push_snapshot_part,
    take_snapshot_part,
};

use crate::show_fold::{FoldError, ShowFold, ShowFoldSnapshot};

/// The name of the shows' snapshot in the log's folder. A changed stored shape takes the next number.
const SNAPSHOT_NAME: &str = "shows-3";

/// All shows, folded.
pub type Shows = HashMap<ShowId, ShowFold>;

/// Why a snapshot was not stored. Nothing is lost: the next start folds more events.
#[derive(Debug, thiserror::Error)]
pub enum StoreShowsError {
    /// The log does not fold.
    #[error("the shows cannot be folded")]
    Fold(#[from] FoldError),
    /// A show has no archived form.
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
pub fn load_shows(log: &EmbeddedLog) -> Result<Shows, FoldError> {
    let (mut shows, from) = snapshot(log);
    fold_up_to(log, &mut shows, from, log.head().position)?;
    Ok(shows)
}

/// Folds what comes after `from`, up to and with the batch that ends at `to`.
fn fold_up_to(log: &EmbeddedLog, shows: &mut Shows, from: Position, to: Position) -> Result<(), FoldError> {
    let mut reader = log.read_from(from + 1)?;
    while reader.next_position() <= to {
        let Some(batch) = reader.next_batch()? else { break };
        let stream = batch.stream();
        if stream.category == Category::Show {
            shows.entry(ShowId::from_bytes(stream.id)).or_default().apply(&batch)?;
        }
    }
    Ok(())
}

/// The shows of the newest usable snapshot and the position up to which it holds all events.
fn snapshot(log: &EmbeddedLog) -> (Shows, Position) {
    log.restore_snapshot(SNAPSHOT_NAME, shows_from).unwrap_or_default()
}

fn shows_from(mut bytes: &[u8]) -> Result<Shows, CodecError> {
    let mut shows = Shows::new();
    while let Some((id, show)) = take_snapshot_part::<([u8; 16], ShowFoldSnapshot)>(&mut bytes)? {
        shows.insert(ShowId::from_bytes(id), ShowFold::from_snapshot(show));
    }
    Ok(shows)
}

/// Stores a snapshot of all shows at the head of the log, unless there is one. Blocks on the disk.
///
/// # Errors
/// [`StoreShowsError`].
pub fn store_shows(log: &EmbeddedLog) -> Result<StoredSnapshot, StoreShowsError> {
    log.renew_snapshot(SNAPSHOT_NAME, |to| {
        let (mut shows, from) = snapshot(log);
        fold_up_to(log, &mut shows, from, to)?;
        let mut bytes = AlignedVec::new();
        for (show_id, show) in shows {
            if let Some(show) = show.into_snapshot() {
                push_snapshot_part(&mut bytes, &(show_id.to_bytes(), show))?;
            }
        }
        Ok(bytes)
    })
}

/// One show, folded from its stream. Blocks on the disk.
///
/// # Errors
/// [`FoldError`].
pub fn load_show(log: &EmbeddedLog, show_id: ShowId) -> Result<ShowFold, FoldError> {
    fold_stream(log, show_id, ShowFold::default())
}

/// The rest of a show's stream, folded onto what is known of it. Blocks on the disk.
///
/// # Errors
/// [`FoldError`].
pub(crate) fn fold_stream(
    log: &EmbeddedLog,
    show_id: ShowId,
    mut fold: ShowFold,
) -> Result<ShowFold, FoldError> {
    let stream = StreamId::new(Category::Show, show_id.to_bytes());
    let mut reader = log.read_stream(stream, fold.revision + 1)?;
    while let Some(batch) = reader.next_batch()? {
        fold.apply(&batch)?;
    }
    Ok(fold)
}
