//! Follows the log and has every paid order and every refund get its document.
//!
//! Invariants: the log is followed from its beginning at every start, so that no order is left without a document whatever was
//! lost before; what has one already costs a look. What can never succeed is parked and the next one goes on; what cannot now waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ticketflow_domain::Timestamp;
use ticketflow_domain::billing::{
    BillingCommand, BillingRejection, DocumentType, FolioStock, Issuer, Scheme, SeriesCode,
};
use ticketflow_event_store::{EventStore, Feed, FeedChunk, FeedError, Position};
use tokio::task::JoinHandle;

use crate::books::{Books, BooksError};
use crate::order_facts::{FactReader, FactsError};
use crate::sources::{Source, Sources};

/// Documents of one batch at most: some hundred kilobytes.
const BATCH: usize = 500;
/// First and longest pause after failures that follow each other.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// Below so many folios of a kind operators are warned: an hour of a large on-sale.
const LOW_STOCK: u64 = 10_000;

/// Whose documents, and by whose rules.
#[derive(Debug, Clone)]
pub struct BillingOptions {
    /// The name of the books.
    pub series: SeriesCode,
    /// By whose rules.
    pub scheme: Scheme,
    /// Whose.
    pub issuer: Issuer,
    /// What an order gets.
    pub receipt_type: DocumentType,
}

/// What billing does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looks at what was sold before the start.
    CatchingUp,
    /// Makes documents as orders are paid.
    Live,
    /// Something is missing that comes back by itself, or by an operator: the event store, or folios.
    Waiting,
    /// Somebody has to look at the error.
    Stopped,
}

/// How billing is doing.
#[derive(Debug, Clone)]
pub struct BillingStatus {
    /// What it does.
    pub phase: Phase,
    /// All orders and refunds up to here have their document, or are set aside.
    pub position: Position,
    /// What the last trouble was, while it lasts.
    pub last_error: Option<String>,
    /// Orders and refunds that wait for an operator.
    pub parked: usize,
    /// Folios by kind.
    pub stock: Vec<FolioStock>,
}

/// Billing at work. It ends when this is dropped.
pub struct BillingHandle {
    status: Arc<Mutex<BillingStatus>>,
    task: JoinHandle<()>,
}

impl BillingHandle {
    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> BillingStatus {
        lock(&self.status).clone()
    }

    /// What says how it is doing, as long as anybody asks.
    pub fn reporter(&self) -> impl Fn() -> BillingStatus + Send + Sync + 'static {
        let status = self.status.clone();
        move || lock(&status).clone()
    }

    /// Ends it. What was on its way is done or not; the next start sees which.
    pub async fn stop(mut self) {
        self.task.abort();
        // Ended, by that or by itself.
        let _ = (&mut self.task).await;
    }
}

impl Drop for BillingHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(status: &Mutex<BillingStatus>) -> MutexGuard<'_, BillingStatus> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a round of following ended.
#[derive(Debug, thiserror::Error)]
enum Interruption {
    #[error(transparent)]
    Books(#[from] BooksError),
    #[error(transparent)]
    Source(#[from] FactsError),
    #[error("the log cannot be followed")]
    Feed(#[from] FeedError),
    #[error("reading ended by an error of this software")]
    Task(#[from] tokio::task::JoinError),
    #[error("the books refuse: {0}")]
    Refused(BillingRejection),
}

impl Interruption {
    /// Whether trying again may help.
    fn passes(&self) -> bool {
        matches!(self, Self::Books(BooksError::Append(_)) | Self::Refused(BillingRejection::NoFolioLeft(_)))
    }
}

/// Billing.
pub struct Billing {
    store: EventStore,
    options: BillingOptions,
    now: fn() -> Timestamp,
    status: Arc<Mutex<BillingStatus>>,
}

impl Billing {
    /// Starts to give documents to what the store has and gets. To be called within a Tokio runtime.
    #[must_use]
    pub fn start(store: EventStore, options: BillingOptions, now: fn() -> Timestamp) -> BillingHandle {
        let status = Arc::new(Mutex::new(BillingStatus {
            phase: Phase::CatchingUp,
            position: 0,
            last_error: None,
            parked: 0,
            stock: Vec::new(),
        }));
        let billing = Self { store, options, now, status: status.clone() };
        BillingHandle { status, task: tokio::spawn(billing.run()) }
    }

    async fn run(self) {
        let mut pause = PAUSE.0;
        loop {
            let before = lock(&self.status).position;
            match self.follow().await {
                Ok(()) => return,
                Err(error) if error.passes() => {
                    tracing::warn!(%error, "billing waits; selling goes on");
                    self.enter(Phase::Waiting, Some(error.to_string()));
                    if lock(&self.status).position > before {
                        pause = PAUSE.0;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
                Err(error) => {
                    let text = with_causes(&error);
                    tracing::error!(error = text, "billing has stopped; selling goes on");
                    return self.enter(Phase::Stopped, Some(text));
                }
            }
        }
    }

    fn enter(&self, phase: Phase, error: Option<String>) {
        let mut status = lock(&self.status);
        (status.phase, status.last_error) = (phase, error);
    }

    /// From the beginning of the log, or from where this process had come, until something goes wrong or the log is closed.
    async fn follow(&self) -> Result<(), Interruption> {
        let (store, series) = (self.store.clone(), self.options.series);
        let mut books = tokio::task::spawn_blocking(move || Books::open(store, series)).await??;
        let BillingOptions { series, scheme, issuer, receipt_type } = self.options.clone();
        if books.state().issuer().is_none() {
            let open = BillingCommand::OpenSeries { series, scheme, issuer };
            let opened = books.carry_out(&[open], (self.now)()).await?;
            opened.into_iter().try_for_each(|answer| answer.map(drop)).map_err(Interruption::Refused)?;
        }
        let (log, from) = (self.store.log().clone(), lock(&self.status).position + 1);
        let mut feed = tokio::task::spawn_blocking({
            let log = log.clone();
            move || Feed::new(&log, from)
        })
        .await?
        .map_err(FactsError::from)?;
        let mut sources = Sources::new(FactReader::new(log), receipt_type);
        while let Some(chunk) = feed.next().await? {
            let reading = tokio::task::spawn_blocking(move || read(sources, &chunk));
            let (found, read_on) = reading.await?;
            sources = read_on;
            let (found, reached) = found?;
            for part in found.chunks(BATCH) {
                self.give_documents(&mut books, part).await?;
            }
            self.reached(&books, reached);
        }
        Ok(())
    }

    /// Gives each source its document; what cannot have one is parked.
    async fn give_documents(&self, books: &mut Books, sources: &[Source]) -> Result<(), Interruption> {
        let wanted: Vec<&Source> =
            sources.iter().filter(|source| !books.state().is_set_aside(source.position)).collect();
        let commands: Vec<BillingCommand> = wanted.iter().map(|source| source.command.clone()).collect();
        let answers = books.carry_out(&commands, (self.now)()).await?;
        let mut park = Vec::new();
        let mut missing = None;
        for (source, answer) in wanted.iter().zip(answers) {
            match answer {
                Ok(events) => metrics::counter!("billing_documents_total").increment(events.len() as u64),
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
        if !park.is_empty() {
            tracing::error!(
                count = park.len(),
                "orders or refunds cannot have a document; they wait for an operator"
            );
            books.carry_out(&park, (self.now)()).await?;
        }
        missing.map_or(Ok(()), |rejection| Err(Interruption::Refused(rejection)))
    }

    fn reached(&self, books: &Books, position: Position) {
        let stock: Vec<FolioStock> = books.state().stock((self.now)()).collect();
        for kind in &stock {
            let name = format!("{:?}", kind.document_type);
            metrics::gauge!("billing_folios_left", "document_type" => name).set(kind.left as f64);
        }
        let parked = books.state().parked().count();
        metrics::gauge!("billing_parked").set(parked as f64);
        let low = stock.iter().any(|kind| kind.left < LOW_STOCK);
        metrics::gauge!("billing_folios_low").set(if low { 1.0 } else { 0.0 });
        let head = self.store.log().head().position;
        let mut status = lock(&self.status);
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

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
