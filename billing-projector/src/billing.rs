//! Billing as a whole: what it is told, what it says of itself, and its parts at work.
//!
//! Invariant: selling never waits for it. What passes by itself is waited for, with pauses that grow to a bound; what does not stops
//! billing, says so, and stops nothing else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ticketflow_domain::Timestamp;
use ticketflow_domain::billing::{
    BillingCommand, BillingRejection, DocumentType, FolioStock, Issuer, Scheme, SeriesCode,
};
use ticketflow_event_store::{EventStore, FeedError, Position};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::books::BooksError;
use crate::buffer_reader::BufferReader;
use crate::follower::Follower;
use crate::letter::MailPorts;
use crate::order_facts::{FactReader, FactsError};
use crate::orders::{Lease, LeaseError, Orders};
use crate::outbox::Outbox;
use crate::shelf::Shelf;

/// First and longest pause after failures that follow each other.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// Threads that do not block. Drawing and disks have others, made as they are needed.
const THREADS: usize = 2;
/// How far they give way to others; 19 is the most.
const NICENESS: i32 = 10;
/// How long what another instance wrote is waited for before this one begins.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(10);
/// What is under way when billing is stopped may take so long: longer than a mail server has for an answer.
const STOPS_WITHIN: Duration = Duration::from_secs(15);

/// Whose documents, and by whose rules.
#[derive(Debug, Clone)]
pub struct BillingOptions {
    /// The name of the books that new orders go into.
    pub series: SeriesCode,
    /// By whose rules.
    pub scheme: Scheme,
    /// Whose.
    pub issuer: Issuer,
    /// What an order gets.
    pub receipt_type: DocumentType,
}

/// What billing needs.
pub struct BillingPorts {
    /// Where orders are read and documents are written down.
    pub store: EventStore,
    /// What is known of orders and shows.
    pub facts: FactReader,
    /// The durable buffer that orders come through; `None`: from the log itself, by the one process that has it.
    pub orders: Option<Orders>,
    /// How documents are mailed; `None`: they are not.
    pub mail: Option<MailPorts>,
    /// The time.
    pub now: fn() -> Timestamp,
}

/// What billing does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Another instance is at work; this one takes over when it ends.
    Standby,
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
    /// Why the last mails were not taken; `None` when they were.
    pub mail_error: Option<String>,
    /// Why orders do not come through the durable buffer; `None` when they do, or there is none.
    pub buffer_error: Option<String>,
}

/// What the parts of billing share.
pub(crate) struct Desk {
    pub(crate) ports: Arc<BillingPorts>,
    pub(crate) options: BillingOptions,
    shelf: tokio::sync::Mutex<Shelf>,
    pub(crate) status: Arc<Mutex<BillingStatus>>,
    /// Told when there are new documents.
    pub(crate) issued: Notify,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Desk {
    pub(crate) fn status(&self) -> MutexGuard<'_, BillingStatus> {
        lock(&self.status)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.ports.now)()
    }

    /// The books, with what others wrote into them: operators, mostly. Reads the disk if they did.
    pub(crate) async fn shelf(&self) -> Result<tokio::sync::MutexGuard<'_, Shelf>, BooksError> {
        let mut shelf = self.shelf.lock().await;
        shelf.refresh()?;
        Ok(shelf)
    }

    /// Comes to its end when billing is to stop.
    pub(crate) async fn stopped(&self) {
        // Whoever could say so is gone: the same.
        let _ = self.stopping.clone().wait_for(|stopping| *stopping).await;
    }
}

/// Billing at work. It ends when this is dropped.
pub struct BillingHandle {
    status: Arc<Mutex<BillingStatus>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    /// Threads of its own, which give way to those that sell. Taken when this is dropped.
    threads: Option<Runtime>,
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

    /// Ends it. What is on its way is finished first, within bounds; past those the next start sees what was done.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOPS_WITHIN, &mut self.task).await.is_err() {
            tracing::warn!(
                "billing did not end in time and is cut off; what is missing is done at the next start"
            );
        }
    }
}

impl Drop for BillingHandle {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

fn lock(status: &Mutex<BillingStatus>) -> MutexGuard<'_, BillingStatus> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a part of billing does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Interruption {
    #[error(transparent)]
    Books(#[from] BooksError),
    #[error(transparent)]
    Facts(#[from] FactsError),
    #[error("the log cannot be followed")]
    Feed(#[from] FeedError),
    #[error("reading ended by an error of this software")]
    Task(#[from] tokio::task::JoinError),
    #[error("the books refuse: {0}")]
    Refused(BillingRejection),
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

impl Interruption {
    /// Whether trying again may help.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Books(BooksError::Append(_))
            | Self::Refused(BillingRejection::NoFolioLeft(_))
            | Self::Lease(_) => true,
            Self::Books(_) | Self::Facts(_) | Self::Feed(_) | Self::Task(_) | Self::Refused(_) => false,
        }
    }
}

/// Pauses after failures that follow each other.
pub(crate) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(PAUSE.0)
    }
}

impl Pause {
    /// Waits, twice as long each time.
    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(PAUSE.1);
    }
}

/// Starts to give documents to what the store has and gets, on threads that give way to all others of the process.
///
/// # Errors
/// When the operating system has no threads to give.
pub fn start(ports: BillingPorts, options: BillingOptions) -> Result<BillingHandle, std::io::Error> {
    let threads = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("billing")
        .on_thread_start(give_way)
        .enable_all()
        .build()?;
    let status = Arc::new(Mutex::new(BillingStatus {
        phase: Phase::CatchingUp,
        position: 0,
        last_error: None,
        parked: 0,
        stock: Vec::new(),
        mail_error: None,
        buffer_error: None,
    }));
    let (stop, stopping) = watch::channel(false);
    let task = threads.spawn(run(ports, options, status.clone(), stopping));
    Ok(BillingHandle { status, stop, task, threads: Some(threads) })
}

fn give_way() {
    // On Linux this is of the calling thread. Without the right to it billing takes its share like all others.
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "a thread of billing keeps its priority");
    }
}

async fn run(
    ports: BillingPorts,
    options: BillingOptions,
    status: Arc<Mutex<BillingStatus>>,
    stopping: watch::Receiver<bool>,
) {
    let ports = Arc::new(ports);
    let mut pause = Pause::default();
    while !*stopping.borrow() {
        match turn(&ports, &options, &status, stopping.clone()).await {
            Ok(Ended::Lost) => lock(&status).position = 0,
            Ok(Ended::Done) => return,
            Err(error) if error.passes() => {
                enter(&status, Phase::Waiting, &error);
                pause.wait().await;
            }
            Err(error) => return enter(&status, Phase::Stopped, &error),
        }
    }
}

/// How a turn at issuing ended.
enum Ended {
    /// Another instance may go on: what it writes has to be seen before this one does anything.
    Lost,
    /// Billing was to stop, or somebody has to look at it.
    Done,
}

/// Issues and mails for as long as no other instance does.
async fn turn(
    ports: &Arc<BillingPorts>,
    options: &BillingOptions,
    status: &Arc<Mutex<BillingStatus>>,
    mut stopping: watch::Receiver<bool>,
) -> Result<Ended, Interruption> {
    let mut lease = None;
    if let Some(orders) = &ports.orders {
        lock(status).phase = Phase::Standby;
        lease = tokio::select! {
            lease = Lease::acquire(orders) => Some(lease?),
            _ = stopping.wait_for(|stopping| *stopping) => return Ok(Ended::Done),
        };
        lock(status).phase = Phase::CatchingUp;
        // What the one before wrote.
        ports.store.catch_up(CATCHES_UP_WITHIN).await.map_err(BooksError::Append)?;
    }
    let shelf = tokio::sync::Mutex::new(open(ports, options).await?);
    let desk = Arc::new(Desk {
        ports: ports.clone(),
        options: options.clone(),
        shelf,
        status: status.clone(),
        issued: Notify::new(),
        stopping,
    });
    let parts = async {
        tokio::join!(
            Follower::new(desk.clone()).run(),
            async {
                if let Some(orders) = &ports.orders {
                    BufferReader::new(desk.clone(), orders.clone()).run().await;
                }
            },
            async {
                if let Some(mail) = &ports.mail {
                    Outbox::new(desk.clone(), mail.clone()).run().await;
                }
            },
        );
    };
    let Some(mut lease) = lease else {
        parts.await;
        return Ok(Ended::Done);
    };
    tokio::select! {
        () = parts => {}
        () = lease.keep() => return Ok(Ended::Lost),
    }
    lease.release().await;
    Ok(Ended::Done)
}

/// Opens the books, and those of a new issuer.
async fn open(ports: &BillingPorts, options: &BillingOptions) -> Result<Shelf, Interruption> {
    let BillingOptions { series, scheme, issuer, .. } = options.clone();
    let store = ports.store.clone();
    let mut shelf = tokio::task::spawn_blocking(move || Shelf::open(&store, series)).await??;
    if shelf.current().issuer().is_none() {
        let open = BillingCommand::OpenSeries { series, scheme, issuer };
        let opened = shelf.carry_out(&[open], (ports.now)()).await?;
        opened.into_iter().try_for_each(|answer| answer.map(drop)).map_err(Interruption::Refused)?;
    }
    Ok(shelf)
}

/// Says what it waits for, or why it has stopped.
pub(crate) fn enter(status: &Mutex<BillingStatus>, phase: Phase, error: &Interruption) {
    let text = with_causes(error);
    match phase {
        Phase::Stopped => tracing::error!(error = text, "billing has stopped; selling goes on"),
        _ => tracing::warn!(error = text, "billing waits; selling goes on"),
    }
    let mut status = lock(status);
    (status.phase, status.last_error) = (phase, Some(text));
}

/// An error with what caused it, in a line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
