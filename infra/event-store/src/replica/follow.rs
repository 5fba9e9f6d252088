//! Following the server's order: each batch is checked and written into the replica's log.
//!
//! Invariants: batches enter the log in the server's order, none twice, none left out; a batch that the log has already is
//! compared with it; a batch whose writer had seen another history stops the replica.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, MissedTickBehavior};

use super::append::jittered;
use super::folder::{Place, store_place};
use super::heads::RecentHeads;
use super::{Replica, ReplicaState};
use crate::append::{Append, AppendError, Appended, Expected};
use crate::index::Head;
use crate::json::BatchJsonError;
use crate::log_server::{Cursor, Delivered, FollowError, Followed};
use crate::reader::ReadError;

/// Batches after which the place is stored: so many are compared again at the next start, in a fraction of a second.
const BATCHES_BETWEEN_PLACES: u32 = 2_000;
/// How often it is looked whether the feed brings what the server has.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Pauses before the server is tried again: the first and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Why a replica stops for good.
#[derive(Debug, thiserror::Error)]
enum Difference {
    #[error("the batch at {cursor} does not read back: {source}")]
    Batch { cursor: Cursor, source: BatchJsonError },
    #[error("the batch at {cursor} does not follow from the ones before: {source}")]
    Order { cursor: Cursor, source: AppendError },
    #[error("the batch at {cursor} is not the one that this replica has at position {position}")]
    OtherBatch { cursor: Cursor, position: u64 },
    #[error("the writer of the batch at {cursor} had seen another history up to position {position}")]
    OtherHistory { cursor: Cursor, position: u64 },
    #[error(
        "the replica's log cannot be read: {0}; end the process, remove the folders `log` and `snapshots`, and start it: the server has it all"
    )]
    Read(#[from] ReadError),
}

/// Says so when following ends by a panic: nothing comes any more, and nobody else would notice.
struct EndOfFollowing(Arc<Replica>);

impl Drop for EndOfFollowing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let reason = "following the server ended by an error of this software".to_owned();
            self.0.state.send_replace(ReplicaState::Stopped { since: Instant::now().into_std(), reason });
        }
    }
}

/// Writes what the server delivers into the log.
pub(super) struct Follower {
    replica: Arc<Replica>,
    /// Of the last batch that was written or compared, and the one before it.
    place: Place,
    before: Place,
    heads: RecentHeads,
    since_stored: u32,
}

impl Follower {
    pub(super) fn new(replica: Arc<Replica>, place: Place) -> Self {
        replica.compared.store(place.head.position, std::sync::atomic::Ordering::SeqCst);
        let mut heads = RecentHeads::default();
        heads.push(place.head);
        Self { replica, place, before: place, heads, since_stored: 0 }
    }

    pub(super) async fn run(mut self) {
        let _ended = EndOfFollowing(self.replica.clone());
        let mut stopping = self.replica.stopping.subscribe();
        tokio::select! {
            () = self.follow() => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
        self.store_place();
    }

    async fn follow(&mut self) {
        let mut pause = PAUSE.0;
        loop {
            let mut batches = self.replica.server.follow(self.place.cursor);
            let mut look = tokio::time::interval_at(Instant::now() + LOOK_INTERVAL, LOOK_INTERVAL);
            look.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The server's end at the last look, and the own place then.
            let mut looked = None;
            let reason = loop {
                let followed = tokio::select! {
                    biased;
                    followed = batches.next() => followed,
                    _ = look.tick() => {
                        // A feed that says nothing of what is there has come to a standstill.
                        if looked.is_some_and(|(end, place)| place == self.place.cursor && end > place) {
                            break "the server's feed stands still".to_owned();
                        }
                        let end = tokio::time::timeout(LOOK_INTERVAL, self.replica.server.end()).await;
                        looked = end.ok().and_then(Result::ok).map(|end| (end, self.place.cursor));
                        continue;
                    }
                };
                match followed {
                    Some(Ok(Followed::Listening)) => {}
                    Some(Ok(Followed::Batch(delivered))) => {
                        if let Err(difference) = self.take(delivered).await {
                            return self.stop(&difference);
                        }
                    }
                    Some(Err(FollowError::Lost(reason))) => break reason,
                    Some(Err(error @ FollowError::Damaged(_))) => return self.stop(&error),
                    None => break "the server ended the feed".to_owned(),
                }
                pause = PAUSE.0;
                self.found();
            };
            self.lost(reason);
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    async fn take(&mut self, delivered: Delivered) -> Result<(), Difference> {
        let cursor = delivered.cursor;
        if cursor <= self.place.cursor {
            return Ok(());
        }
        let unreadable = |source| Difference::Batch { cursor, source };
        let append = delivered.message.to_append().map_err(unreadable)?;
        self.check_seen(cursor, delivered.message.seen_head().map_err(unreadable)?)?;
        let batch_id = append.batch_id;
        let (head, appended) = if self.place.head.position < self.replica.log.head().position {
            (self.compare(cursor, &append)?, None)
        } else {
            let (head, appended) = self.write(cursor, append).await?;
            (head, Some(appended))
        };
        self.before = std::mem::replace(&mut self.place, Place { cursor, head });
        self.heads.push(head);
        self.replica.compared.store(head.position, std::sync::atomic::Ordering::SeqCst);
        // Before anybody hears that the batch is here: whoever then looks for the own one finds it.
        if let Some(appended) = appended {
            self.replica.waiters.arrived(&batch_id, appended);
        }
        self.replica.reached.send_replace(cursor);
        self.since_stored += 1;
        if self.since_stored >= BATCHES_BETWEEN_PLACES {
            self.store_place();
        }
        Ok(())
    }

    /// The writer's history must be ours.
    fn check_seen(&self, cursor: Cursor, seen: Head) -> Result<(), Difference> {
        let ours = match self.heads.at(seen.position) {
            Some(head) => Some(head),
            None if seen == Head::default() => return Ok(()),
            None => self.replica.log.read_at(seen.position)?.map(|batch| {
                let batch = batch.view();
                Head { position: batch.last_position(), chain_hash: batch.chain_hash() }
            }),
        };
        let ours = ours.filter(|ours| *ours == seen && seen.position <= self.place.head.position);
        match ours {
            Some(_) => Ok(()),
            None => Err(Difference::OtherHistory { cursor, position: seen.position }),
        }
    }

    async fn write(&self, cursor: Cursor, append: Append) -> Result<(Head, Appended), Difference> {
        let log = &self.replica.log;
        let appended = log.append_here(append).await;
        let appended = appended.map_err(|source| Difference::Order { cursor, source })?;
        // Nobody else writes into this log.
        Ok((log.head(), appended))
    }

    /// The log has a batch there already, from an earlier run: it must be this one.
    fn compare(&self, cursor: Cursor, append: &Append) -> Result<Head, Difference> {
        let position = self.place.head.position + 1;
        let other = Difference::OtherBatch { cursor, position };
        let Some(batch) = self.replica.log.read_at(position)? else { return Err(other) };
        let batch = batch.view();
        let same = batch.batch_id() == append.batch_id
            && batch.stream() == append.stream
            && Expected::Revision(batch.first_revision() - 1) == append.expected
            && batch.metadata() == append.metadata
            && batch.events().eq(append.events.records());
        if same {
            Ok(Head { position: batch.last_position(), chain_hash: batch.chain_hash() })
        } else {
            Err(other)
        }
    }

    /// The place before the last batch is stored, so that the next start has one batch to compare at least.
    fn store_place(&mut self) {
        self.since_stored = 0;
        if self.before.head.position > 0
            && let Err(error) = store_place(&self.replica.log, self.before)
        {
            tracing::warn!(%error, "how far the replica is cannot be stored; the next start compares more");
        }
    }

    fn found(&self) {
        let modified = self.replica.state.send_if_modified(|state| {
            let was_lost = matches!(state, ReplicaState::Lost { .. });
            if was_lost {
                *state = ReplicaState::Following;
            }
            was_lost
        });
        if modified {
            tracing::info!("following the log server again");
        }
    }

    fn lost(&self, reason: String) {
        self.replica.state.send_if_modified(|state| {
            let news = matches!(state, ReplicaState::Following);
            if news {
                tracing::warn!(reason, "lost the log server; trying again");
                *state = ReplicaState::Lost { since: Instant::now().into_std(), reason };
            }
            news
        });
    }

    fn stop(&self, difference: &dyn std::error::Error) {
        let reason = difference.to_string();
        tracing::error!(reason, "the replica stops for good: it is not of the history that the server has");
        self.replica.state.send_replace(ReplicaState::Stopped { since: Instant::now().into_std(), reason });
    }
}
