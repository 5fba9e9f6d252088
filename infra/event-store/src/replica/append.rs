//! Appending through a server: offer, wait for the batch to come back, and settle what is unknown.
//!
//! Invariants: an append is answered with a place only when its batch was acknowledged by the server *and* has come back in
//! the server's order; with a conflict only when its batch is known to be absent. A repeated offer is guarded by the expected
//! revision and the batch id, so it can never store a second copy.

use std::time::{Duration, Instant};

use super::Replica;
use crate::append::{Append, AppendError, Appended, Expected};
use crate::batch_message::BatchMessage;
use crate::log_server::{Offer, OfferError};
use crate::stream::Revision;

/// How long an append goes on while the server surely wrote nothing: callers are to hear soon that selling is interrupted.
const UNAVAILABLE_AFTER: Duration = Duration::from_secs(2);
/// How long an append of unknown outcome is looked into: a cluster elects a leader in 4 to 9 s.
const UNKNOWN_AFTER: Duration = Duration::from_secs(20);
/// How long an acknowledged batch may take to come back before that counts as unknown.
const COMES_BACK_WITHIN: Duration = Duration::from_secs(20);
/// How long a refused append waits for the batch that was faster.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(10);
/// Pauses between tries: the first and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(250));
/// Times that an append to any revision is offered again at the revision that it then has.
const TRIES_AT_ANY_REVISION: usize = 10;

impl Replica {
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let revision = match append.expected {
            Expected::Revision(revision) => return self.append_at(&append, revision).await,
            Expected::Any => self.log.stream_revision(&append.stream),
        };
        let mut outcome = self.append_at(&append, revision).await;
        for _ in 1..TRIES_AT_ANY_REVISION {
            let Err(AppendError::Conflict { actual }) = outcome else { break };
            outcome = self.append_at(&append, actual).await;
        }
        outcome
    }

    async fn append_at(&self, append: &Append, expected: Revision) -> Result<Appended, AppendError> {
        if self.is_stopped() {
            return Err(AppendError::Unavailable);
        }
        let actual = self.log.stream_revision(&append.stream);
        if actual != expected {
            return Err(AppendError::Conflict { actual });
        }
        // What the server takes, every replica has to be able to write.
        if self.log.fitting_bytes(append).is_none() {
            return Err(AppendError::TooLarge);
        }
        let message = BatchMessage::of(append, expected, self.log.head()).map_err(|error| {
            tracing::error!(%error, "a batch has no JSON form; it is refused");
            AppendError::TooLarge
        })?;
        let offer = Offer { stream: append.stream, expected, batch_id: append.batch_id, message };
        self.settle(&offer).await
    }

    async fn settle(&self, offer: &Offer) -> Result<Appended, AppendError> {
        let mut waiter = self.waiters.wait_for(offer.batch_id);
        let began = Instant::now();
        let mut maybe_written = false;
        let mut pause = PAUSE.0;
        loop {
            match self.server.offer(offer).await {
                Ok(()) => {
                    let back = tokio::time::timeout(COMES_BACK_WITHIN, &mut waiter.appended).await;
                    return back.ok().and_then(Result::ok).ok_or(AppendError::Unknown);
                }
                Err(OfferError::Conflict) => {
                    // Whoever was faster is in the log by now, or we were ourselves by a try whose answer was lost.
                    if self.catch_up(CATCHES_UP_WITHIN).await.is_ok() {
                        if let Ok(appended) = waiter.appended.try_recv() {
                            return Ok(appended);
                        }
                        let actual = self.log.stream_revision(&offer.stream);
                        if actual != offer.expected {
                            return Err(AppendError::Conflict { actual });
                        }
                    }
                    // A cluster may refuse because of a batch that it has not stored yet, and perhaps never will.
                }
                Err(OfferError::TooLarge) if !maybe_written => return Err(AppendError::TooLarge),
                Err(OfferError::StorageFull(reason)) if !maybe_written => {
                    tracing::error!(reason, "the log server has no room");
                    return Err(AppendError::StorageLow);
                }
                Err(OfferError::TooLarge | OfferError::StorageFull(_)) => {}
                Err(OfferError::Unavailable(reason)) => tracing::debug!(reason, "an offer was not taken"),
                Err(OfferError::Unknown(reason)) => {
                    tracing::debug!(reason, "the outcome of an offer is unknown");
                    maybe_written = true;
                }
            }
            let (limit, verdict) = if maybe_written {
                (UNKNOWN_AFTER, AppendError::Unknown)
            } else {
                (UNAVAILABLE_AFTER, AppendError::Unavailable)
            };
            if began.elapsed() >= limit || self.is_stopped() {
                return Err(verdict);
            }
            // The batch may come back while we wait, which settles the matter.
            if let Ok(Ok(appended)) = tokio::time::timeout(jittered(pause), &mut waiter.appended).await {
                return Ok(appended);
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    }
}

/// Between nothing and the whole of a pause: replicas that failed together do not come again together.
pub(super) fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let share = RandomState::new().hash_one(0) as u32;
    pause.mul_f64(f64::from(share) / f64::from(u32::MAX))
}
