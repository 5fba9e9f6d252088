//! Snapshots of the read models, so that a start folds only what came after.
//!
//! Made of the log alone: the snapshot before, the events since, written down. Never trusted further than the log confirms
//! it; one that does not read back is passed over.

use rkyv::util::AlignedVec;
use ticketflow_billing_books::BooksPart;
use ticketflow_event_store::{
    CodecError, EmbeddedLog, SnapshotError, StoredSnapshot, push_snapshot_part, take_snapshot_part,
};

use crate::feed_runner::{FoldError, fold_up_to};
use crate::orders::StoredOrder;
use crate::read_models::ReadModels;
use crate::seat_map::StoredSeatMap;

/// The name of the read models' snapshot in the log's folder. A changed stored shape takes the next number.
const SNAPSHOT_NAME: &str = "read-models-2";
/// Orders in one part: so many are in memory twice while a snapshot is written or read.
const ORDERS_PER_PART: usize = 10_000;

/// A part of a stored snapshot, version 2.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
enum Part {
    /// A show.
    SeatMap(StoredSeatMap),
    /// Some orders, in the order of payment; their shows come before.
    Orders(Vec<StoredOrder>),
    /// Of the books.
    Books(BooksPart),
}

/// Why a snapshot was not stored. Nothing is lost: the next start folds more events.
#[derive(Debug, thiserror::Error)]
pub enum StoreModelsError {
    /// The log does not fold.
    #[error("the read models cannot be folded")]
    Fold(#[from] FoldError),
    /// A part has no archived form.
    #[error("the read models cannot be archived")]
    Codec(#[from] CodecError),
    /// The disk said no.
    #[error("the snapshot of the read models cannot be stored")]
    Snapshot(#[from] SnapshotError),
}

/// The read models of the newest usable snapshot, empty without one. Blocks on the disk.
#[must_use]
pub fn restore_models(log: &EmbeddedLog) -> ReadModels {
    let restored = log.restore_snapshot(SNAPSHOT_NAME, read);
    restored.map_or_else(ReadModels::default, |(models, position)| {
        models.reached(position);
        models
    })
}

fn read(mut bytes: &[u8]) -> Result<ReadModels, CodecError> {
    let models = ReadModels::default();
    while let Some(part) = take_snapshot_part(&mut bytes)? {
        match part {
            Part::SeatMap(map) => models.restore_map(map),
            Part::Orders(orders) => models.restore_orders(orders),
            Part::Books(part) => models.books().restore(part),
        }
    }
    Ok(models)
}

/// Stores a snapshot of the read models at the head of the log, unless there is one. Blocks on the disk.
///
/// # Errors
/// [`StoreModelsError`].
pub fn store_models(log: &EmbeddedLog) -> Result<StoredSnapshot, StoreModelsError> {
    log.renew_snapshot(SNAPSHOT_NAME, |to| {
        let models = restore_models(log);
        fold_up_to(log, &models, to)?;
        let mut bytes = AlignedVec::new();
        for map in models.shows() {
            push_snapshot_part(&mut bytes, &Part::SeatMap(map.to_stored()))?;
        }
        models.books().store(|part| push_snapshot_part(&mut bytes, &Part::Books(part)))?;
        let orders = models.into_orders();
        let mut stored = orders.stored();
        loop {
            let part: Vec<StoredOrder> = stored.by_ref().take(ORDERS_PER_PART).collect();
            if part.is_empty() {
                return Ok(bytes);
            }
            push_snapshot_part(&mut bytes, &Part::Orders(part))?;
        }
    })
}
