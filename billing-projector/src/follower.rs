//! Follows the log and has every paid order and every refund get its document.
//!
//! Invariants: the log is followed from its beginning at every start, so that no order is left without a document whatever was
//! lost before; what has one already costs a look. Where orders come through a durable buffer, the log is followed a little behind:
//! it finds what the buffer lost.

use std::sync::Arc;
use std::time::Duration;

use ticketflow_backoff::Backoff;
use ticketflow_event_store::{Feed, FeedChunk, Position};

use crate::billing::Phase;
use crate::desk::{Desk, Interruption, enter};
use crate::order_facts::FactsError;
use crate::sources::{Source, Sources};

/// Documents of one batch at most: some hundred kilobytes.
const BATCH: usize = 500;

/// How far the log is followed behind a durable buffer: an order takes milliseconds through it.
const BEHIND_BUFFER: Duration = Duration::from_secs(2);

/// The part of billing that follows the log.
pub(crate) struct Follower {
    desk: Arc<Desk>,
}

impl Follower {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    /// Until billing is to stop, or somebody has to look at why it cannot go on.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            let before = self.desk.status().position;
            let ended = tokio::select! {
                ended = self.follow() => ended,
                () = self.desk.stopped() => return,
            };
            match ended {
                Ok(()) => return,
                Err(error) if error.passes() => {
                    enter(&self.desk.status, Phase::Waiting, &error);
                    if self.desk.status().position > before {
                        backoff.reset();
                    }
                    tokio::time::sleep(backoff.next_wait()).await;
                }
                Err(error) => return enter(&self.desk.status, Phase::Stopped, &error),
            }
        }
    }

    /// From the beginning of the log, or from where this process had come, until something goes wrong or the log is closed.
    async fn follow(&self) -> Result<(), Interruption> {
        let (log, from) = (self.desk.ports.store.log().clone(), self.desk.status().position + 1);
        let mut feed = tokio::task::spawn_blocking({
            let log = log.clone();
            move || Feed::new(&log, from)
        })
        .await?
        .map_err(FactsError::from)?;
        let receipt_type = self.desk.options.receipt_type;
        let mut sources = Sources::new(log, self.desk.ports.facts.clone(), receipt_type);
        let has_buffer = self.desk.ports.orders.is_some();
        while let Some(chunk) = feed.next().await? {
            if has_buffer && self.desk.status().phase == Phase::Live {
                tokio::time::sleep(BEHIND_BUFFER).await;
            }
            let (found, read_on) = tokio::task::spawn_blocking(move || read(sources, &chunk)).await?;
            sources = read_on;
            let (found, reached) = found?;
            for part in found.chunks(BATCH) {
                self.desk.give_documents(part).await?;
            }
            self.desk.reached(reached).await?;
        }
        Ok(())
    }
}

type Found = Result<(Vec<Source>, Position), FactsError>;

fn read(sources: Sources, chunk: &FeedChunk) -> (Found, Sources) {
    let found = (|| {
        let (mut found, mut reached) = (Vec::new(), 0);
        for batch in chunk.batches() {
            found.extend(sources.of(&batch)?);
            reached = batch.last_position();
        }
        Ok((found, reached))
    })();
    (found, sources)
}
