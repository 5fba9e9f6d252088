//! Billing as a whole: what it is told, what it says of itself, and its parts at work.
//!
//! Invariant: selling never waits for it. What passes by itself is waited for, with pauses that grow to a bound; what does not stops
//! billing, says so, and stops nothing else.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ticketflow_backoff::Backoff;
use ticketflow_billing_books::BillingBooks;
use ticketflow_domain::Timestamp;
use ticketflow_domain::billing::{BillingCommand, DocumentType, FolioStock, Issuer, Scheme, SeriesCode};
use ticketflow_event_store::{EventStore, Position};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::books::BooksError;
use crate::buffer_reader::BufferReader;
use crate::desk::{Desk, Interruption, enter, lock};
use crate::fiscal::{FiscalPorts, Submission, announce};
use crate::follower::Follower;
use crate::letter::MailPorts;
use crate::order_facts::FactReader;
use crate::orders::{Lease, Orders};
use crate::outbox::Outbox;
use crate::shelf::Shelf;

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
    /// The books of this process.
    pub books: Arc<BillingBooks>,
    /// What is known of orders and shows.
    pub facts: FactReader,
    /// The durable buffer that orders come through; `None`: from the log itself, by the one process that has it.
    pub orders: Option<Orders>,
    /// How documents are mailed; `None`: they are not.
    pub mail: Option<MailPorts>,
    /// How documents come before the authority; `None` where there is none.
    pub fiscal: Option<FiscalPorts>,
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
    /// Why the authority was not reached the last time; `None` when it was.
    pub authority_error: Option<String>,
    /// Documents that the authority was not given yet.
    pub unsubmitted: usize,
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

    /// Whether it is over: stopped, or ended by an error of this software.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
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
    let phase = if ports.orders.is_some() { Phase::Standby } else { Phase::CatchingUp };
    let status = Arc::new(Mutex::new(BillingStatus {
        phase,
        position: 0,
        last_error: None,
        parked: 0,
        stock: Vec::new(),
        mail_error: None,
        buffer_error: None,
        authority_error: None,
        unsubmitted: 0,
    }));
    announce();
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
    let mut backoff = Backoff::default();
    while !*stopping.borrow() {
        match turn(&ports, &options, &status, stopping.clone()).await {
            Ok(Ended::Lost) => lock(&status).position = 0,
            Ok(Ended::Done) => return,
            Err(error) if error.passes() => {
                enter(&status, Phase::Waiting, &error);
                tokio::time::sleep(backoff.next_wait()).await;
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
        to_submit: Notify::new(),
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
            async {
                if let Some(fiscal) = &ports.fiscal {
                    Submission::new(desk.clone(), fiscal.clone()).run().await;
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
    let (store, folded) = (ports.store.clone(), ports.books.clone());
    let shelf = tokio::task::spawn_blocking(move || Shelf::open(&store, &folded, series)).await??;
    let is_new = shelf.read().current().issuer().is_none();
    if is_new {
        let open = BillingCommand::OpenSeries { series, scheme, issuer };
        let opened = shelf.carry_out(&[open], (ports.now)()).await?;
        opened.into_iter().try_for_each(|answer| answer.map(drop)).map_err(Interruption::Refused)?;
    }
    if let Some(fiscal) = ports.fiscal.as_ref().filter(|_| options.issuer.is_demo) {
        fiscal.folios.load_first_test_ranges().await.map_err(Interruption::TestFolios)?;
    }
    Ok(shelf)
}
