//! From the log's feed to row changes, run by run: the loop that the live tables and a rebuild have in common.
//!
//! Invariant: what was gathered and not written is forgotten with this value, so that a lost connection leads back to the
//! checkpoint and nothing else.

use std::collections::HashMap;

use ticketflow_domain::billing::SeriesCode;
use ticketflow_event_store::{EmbeddedLog, Feed, FeedChunk, FeedError, Head, Position};

use super::changes::RowChanges;
use super::document_model::KnownIssuer;
use super::error::SessionError;
use super::fold::{Fold, FoldError};
use crate::order_facts::FactReader;

/// A run ends with the batch that reaches so many rows: a few megabytes.
const RUN_ROWS: usize = 8_000;

/// The feed, and the fold on top of rows that are at `at`.
pub(crate) struct Folding {
    feed: Feed,
    /// Read and not yet folded: a chunk and how many of its batches were.
    pending: Option<(FeedChunk, usize)>,
    /// Away only while a run is gathered; one that was given up leaves nothing to go on with.
    fold: Option<Fold>,
    log: EmbeddedLog,
    at: Head,
}

/// A run of batches, and what it ended at.
pub(crate) struct Gathered {
    pub(crate) changes: RowChanges,
    pub(crate) error: Option<FoldError>,
}

impl Folding {
    /// On top of rows that are at `at`, which is a position of this log.
    pub(crate) async fn start(
        facts: FactReader,
        log: &EmbeddedLog,
        at: Head,
        issuers: HashMap<SeriesCode, KnownIssuer>,
    ) -> Result<Self, SessionError> {
        let for_feed = log.clone();
        let feed = tokio::task::spawn_blocking(move || Feed::new(&for_feed, at.position + 1)).await;
        let feed = feed.map_err(SessionError::Task)?.map_err(FeedError::from)?;
        let fold = Some(Fold::new(facts, issuers, at));
        Ok(Self { feed, pending: None, fold, log: log.clone(), at })
    }

    /// How far the fold is.
    pub(crate) fn at(&self) -> Head {
        self.at
    }

    /// Events that the log has and the fold does not.
    pub(crate) fn behind(&self) -> u64 {
        self.log.head().position.saturating_sub(self.at.position)
    }

    /// Waits until there is something to gather; `false` when nothing will come any more. May be dropped while it waits.
    pub(crate) async fn ready(&mut self) -> Result<bool, SessionError> {
        if self.pending.is_none() {
            let Some(chunk) = self.feed.next().await? else { return Ok(false) };
            self.pending = Some((chunk, 0));
        }
        Ok(true)
    }

    /// Folds what [`Self::ready`] found, up to the limit of a run, and no batch that ends after `to`.
    pub(crate) async fn gather(&mut self, to: Position) -> Result<Gathered, SessionError> {
        let (Some((chunk, mut done)), Some(mut fold)) = (self.pending.take(), self.fold.take()) else {
            return Ok(Gathered { changes: RowChanges::default(), error: None });
        };
        let folding = tokio::task::spawn_blocking(move || {
            let mut changes = RowChanges::default();
            let mut error = None;
            let mut is_whole = true;
            for batch in chunk.batches().skip(done) {
                if changes.rows() >= RUN_ROWS || batch.last_position() > to {
                    is_whole = false;
                    break;
                }
                if let Err(failed) = fold.apply(&mut changes, &batch) {
                    error = Some(failed);
                    break;
                }
                done += 1;
            }
            let left = (!is_whole).then_some((chunk, done));
            (fold, left, Gathered { changes, error })
        });
        let (fold, left, gathered) = folding.await.map_err(SessionError::Task)?;
        self.at = fold.at();
        (self.fold, self.pending) = (Some(fold), left);
        Ok(gathered)
    }
}

/// Whether the log has this very history at the head of the rows. Blocks on the disk.
pub(crate) fn check_history(log: &EmbeddedLog, at: Head) -> Result<(), SessionError> {
    let position = at.position;
    let other = |reason| Err(SessionError::OtherHistory { position, reason });
    if at == Head::default() {
        return Ok(());
    }
    match log.read_at(position).map_err(FoldError::from)? {
        None => other("the log does not reach it"),
        Some(batch) if batch.view().last_position() != position => other("no batch of the log ends there"),
        Some(batch) if batch.view().chain_hash() != at.chain_hash => other("the log has another hash there"),
        Some(_) => Ok(()),
    }
}
