//! Follows the log and has every paid order and every refund get its document.
//!
//! Invariants: the log is followed from its beginning at every start, so that no order is left without a document whatever was
//! lost before; what has one already costs a look. What can never succeed is parked and the next one goes on; what cannot now waits.

use std::sync::Arc;

use ticketflow_domain::billing::{BillingCommand, BillingRejection, FolioStock};
use ticketflow_event_store::{Feed, FeedChunk, Position};

use crate::billing::Phase;
use crate::desk::{Desk, Interruption, Pause, enter};
use crate::fiscal::LOW_STOCK;
use crate::order_facts::FactsError;
use crate::shelf::Shelf;
use crate::sources::{Source, Sources};

/// Documents of one batch at most: some hundred kilobytes.
const BATCH: usize = 500;

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
        let mut pause = Pause::default();
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
                        pause = Pause::default();
                    }
                    pause.wait().await;
                    if let Err(error) = self.refresh().await {
                        return enter(&self.desk.status, Phase::Stopped, &error);
                    }
                }
                Err(error) => return enter(&self.desk.status, Phase::Stopped, &error),
            }
        }
    }

    /// Others may have loaded the folios that are missing.
    async fn refresh(&self) -> Result<(), Interruption> {
        let desk = self.desk.clone();
        Ok(tokio::task::spawn_blocking(move || desk.shelf.blocking_lock().refresh()).await??)
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
        while let Some(chunk) = feed.next().await? {
            let (found, read_on) = tokio::task::spawn_blocking(move || read(sources, &chunk)).await?;
            sources = read_on;
            let (found, reached) = found?;
            for part in found.chunks(BATCH) {
                self.give_documents(part).await?;
            }
            self.reached(&*self.desk.shelf.lock().await, reached);
        }
        Ok(())
    }

    /// Gives each source its document; what cannot have one is parked.
    async fn give_documents(&self, sources: &[Source]) -> Result<(), Interruption> {
        let mut shelf = self.desk.shelf.lock().await;
        let wanted: Vec<&Source> =
            sources.iter().filter(|source| !shelf.is_set_aside(source.position)).collect();
        let commands: Vec<BillingCommand> = wanted.iter().map(|source| source.command.clone()).collect();
        let answers = shelf.carry_out(&commands, self.desk.now()).await?;
        let mut park = Vec::new();
        let mut missing = None;
        let mut issued = 0;
        for (source, answer) in wanted.iter().zip(answers) {
            match answer {
                Ok(events) => issued += events.len(),
                // An operator passed over it a moment ago.
                Err(BillingRejection::Skipped(_)) => {}
                Err(none_left @ BillingRejection::NoFolioLeft(_)) => missing = Some(none_left),
                // What follows from an order that waits for folios waits as well.
                Err(BillingRejection::ReceiptMissing(_)) if missing.is_some() => {}
                Err(rejection) => park.push(BillingCommand::Park {
                    source_position: source.position,
                    order_id: source.order_id,
                    error: rejection.to_string(),
                    attempts: 1,
                }),
            }
        }
        if issued > 0 {
            metrics::counter!("billing_documents_total").increment(issued as u64);
            self.desk.issued.notify_one();
            self.desk.to_submit.notify_one();
        }
        if !park.is_empty() {
            tracing::error!(
                count = park.len(),
                "orders or refunds cannot have a document; they wait for an operator"
            );
            shelf.carry_out(&park, self.desk.now()).await?;
        }
        missing.map_or(Ok(()), |rejection| Err(Interruption::Refused(rejection)))
    }

    fn reached(&self, shelf: &Shelf, position: Position) {
        let stock: Vec<FolioStock> = shelf.current().stock(self.desk.now()).collect();
        for kind in &stock {
            let name = format!("{:?}", kind.document_type);
            metrics::gauge!("billing_folios_left", "document_type" => name).set(kind.left as f64);
        }
        let parked = shelf.all().map(|books| books.parked().count()).sum();
        metrics::gauge!("billing_parked").set(parked as f64);
        let low = stock.iter().any(|kind| kind.left < LOW_STOCK);
        metrics::gauge!("billing_folios_low").set(if low { 1.0 } else { 0.0 });
        let head = self.desk.ports.store.log().head().position;
        let mut status = self.desk.status();
        (status.position, status.parked, status.stock, status.last_error) = (position, parked, stock, None);
        if position >= head || status.phase == Phase::Waiting {
            status.phase = Phase::Live;
        }
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
