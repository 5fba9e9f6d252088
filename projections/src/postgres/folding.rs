//! From the log's feed to row changes, run by run: the loop that the live tables and a rebuild have in common.
//!
//! Invariant: what was gathered and not written is forgotten with this value, so that a lost connection leads back to the
//! checkpoint and nothing else.

use sqlx::postgres::PgConnection;
use ticketflow_event_store::{EmbeddedLog, Feed, FeedChunk, Head, Position};

use super::control::{self, QUERY_LIMIT, Skipped, within};
use super::error::{Poison, SessionError};
use super::load;
use super::rows::{Fold, RowChanges};

/// The feed, and the fold on top of rows that are at `at`.
pub(crate) struct Folding {
    feed: Feed,
    /// Read and not yet folded: a chunk and how many of its batches were.
    pending: Option<(FeedChunk, usize)>,
    fold: Fold,
    skipped: Skipped,
    log: EmbeddedLog,
    /// How far the fold is.
    at: Head,
}

/// A run of batches, and what it ended at.
pub(crate) struct Gathered {
    pub(crate) changes: RowChanges,
    pub(crate) poison: Option<Poison>,
    /// The id of the last batch in it.
    pub(crate) last_id: [u8; 16],
}

/// Where a run ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// Events and rows of new shows; the batch that reaches it is the last.
    pub(crate) weight: u64,
    /// No batch that ends after this.
    pub(crate) to: Position,
}

impl Folding {
    /// On top of rows that are at `at`, which is a position of this log.
    pub(crate) async fn start(
        log: &EmbeddedLog,
        at: Head,
        connection: &mut PgConnection,
    ) -> Result<Self, SessionError> {
        let skipped = control::skipped(connection).await?;
        let for_feed = log.clone();
        let feed = tokio::task::spawn_blocking(move || Feed::new(&for_feed, at.position + 1)).await;
        let feed = feed.map_err(ticketflow_event_store::FeedError::Task)??;
        Ok(Self { feed, pending: None, fold: Fold::default(), skipped, log: log.clone(), at })
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

    /// Folds what is there without waiting for more, up to the limit. `connection` sees the rows at [`Self::at`].
    pub(crate) async fn gather(
        &mut self,
        connection: &mut PgConnection,
        limit: Limit,
    ) -> Result<Gathered, SessionError> {
        let (mut changes, mut last_id) = (RowChanges::default(), [0; 16]);
        while changes.weight < limit.weight {
            let Some((chunk, done)) = &mut self.pending else {
                if self.behind() == 0 || !self.ready().await? {
                    break;
                }
                continue;
            };
            let mut limited = false;
            for batch in chunk.batches().skip(*done) {
                limited = changes.weight >= limit.weight || batch.last_position() > limit.to;
                if limited {
                    break;
                }
                if let Some(show_id) = self.fold.missing(&batch) {
                    let show = within(QUERY_LIMIT, load::folded_show(connection, show_id)).await?;
                    self.fold.know(show_id, show);
                }
                if self.skipped.contains(&batch) {
                    changes.pass(&batch);
                } else if let Err(error) = self.fold.apply(&mut changes, &batch) {
                    self.at = changes.to.unwrap_or(self.at);
                    return Ok(Gathered { changes, poison: Some(Poison::codec(&batch, &error)), last_id });
                }
                last_id = batch.batch_id();
                *done += 1;
            }
            self.at = changes.to.unwrap_or(self.at);
            if limited {
                break;
            }
            self.pending = None;
        }
        Ok(Gathered { changes, poison: None, last_id })
    }
}

/// Whether the log has this very history at the head of the rows. Blocks on the disk.
pub(crate) fn check_history(log: &EmbeddedLog, at: Head) -> Result<(), SessionError> {
    let position = at.position;
    let other = |reason| Err(SessionError::OtherHistory { position, reason });
    if at == Head::default() {
        return Ok(());
    }
    match log.read_at(position)? {
        None => other("the log does not reach it"),
        Some(batch) if batch.view().last_position() != position => other("no batch of the log ends there"),
        Some(batch) if batch.view().chain_hash() != at.chain_hash => other("the log has another hash there"),
        Some(_) => Ok(()),
    }
}
