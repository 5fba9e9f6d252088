//! Billing as a whole: what it is told, what it says of itself, and its parts at work.
//!
//! Invariant: selling never waits for it. What passes by itself is waited for, with pauses that grow to a bound; what does not stops
//! billing, says so, and stops nothing else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ticketflow_domain::billing::{
    BillingCommand, DocumentId, DocumentType, FolioStock, Issuer, Scheme, SeriesCode,
};
use ticketflow_domain::{OrderId, Timestamp};
use ticketflow_event_store::{EventStore, Position};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::desk::{Desk, Interruption, Pause, enter, lock};
use crate::fiscal::{FiscalPorts, Submission, announce};
use crate::follower::Follower;
use crate::letter::MailPorts;
use crate::order_facts::FactReader;
use crate::outbox::Outbox;
use crate::shelf::Shelf;

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
    /// Looks at what was sold before the start.
    CatchingUp,
    /// Makes documents as orders are paid.
    Live,
    /// Something is missing that comes back by itself, or by an operator: the event store, or folios.
    Waiting,
    /// Somebody has to look at the error.
    Stopped,
}

/// A document that the authority did not take, or that could not be brought before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedDocument {
    /// Which.
    pub document: DocumentId,
    /// Of which order.
    pub order_id: OrderId,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// In the authority's words.
    pub reason: String,
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
    /// Why the authority was not reached the last time; `None` when it was.
    pub authority_error: Option<String>,
    /// Documents that the authority was not given yet.
    pub unsubmitted: usize,
    /// Documents that it did not take, the first thousand.
    pub refused: Vec<RefusedDocument>,
}

/// Billing at work. It ends when this is dropped.
pub struct BillingHandle {
    status: Arc<Mutex<BillingStatus>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    resubmission: Resubmission,
}

/// Has refused documents submitted again. Clones are the same.
#[derive(Clone, Default)]
pub struct Resubmission {
    wanted: Arc<AtomicBool>,
    told: Arc<Notify>,
}

impl Resubmission {
    /// All that are refused now, once each.
    pub fn ask(&self) {
        self.wanted.store(true, Ordering::SeqCst);
        self.told.notify_one();
    }
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

    /// What has refused documents submitted again.
    #[must_use]
    pub fn resubmission(&self) -> Resubmission {
        self.resubmission.clone()
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
    }
}

/// Starts to give documents to what the store has and gets. To be called within a Tokio runtime.
#[must_use]
pub fn start(ports: BillingPorts, options: BillingOptions) -> BillingHandle {
    let status = Arc::new(Mutex::new(BillingStatus {
        phase: Phase::CatchingUp,
        position: 0,
        last_error: None,
        parked: 0,
        stock: Vec::new(),
        mail_error: None,
        authority_error: None,
        unsubmitted: 0,
        refused: Vec::new(),
    }));
    announce();
    let (stop, stopping) = watch::channel(false);
    let resubmission = Resubmission::default();
    let task = tokio::spawn(run(ports, options, status.clone(), stopping, resubmission.clone()));
    BillingHandle { status, stop, task, resubmission }
}

async fn run(
    ports: BillingPorts,
    options: BillingOptions,
    status: Arc<Mutex<BillingStatus>>,
    stopping: watch::Receiver<bool>,
    resubmission: Resubmission,
) {
    let mut pause = Pause::default();
    let shelf = loop {
        match open(&ports, &options).await {
            Ok(shelf) => break shelf,
            Err(error) if error.passes() => {
                enter(&status, Phase::Waiting, &error);
                pause.wait().await;
                if *stopping.borrow() {
                    return;
                }
            }
            Err(error) => return enter(&status, Phase::Stopped, &error),
        }
    };
    let shelf = tokio::sync::Mutex::new(shelf);
    let (mail, fiscal) = (ports.mail.clone(), ports.fiscal.clone());
    let Resubmission { wanted, told } = resubmission;
    let desk = Arc::new(Desk {
        ports,
        options,
        shelf,
        status,
        issued: Notify::new(),
        to_submit: told,
        resubmit: wanted,
        stopping,
    });
    let mailing = async {
        if let Some(mail) = mail {
            Outbox::new(desk.clone(), mail).run().await;
        }
    };
    let submitting = async {
        if let Some(fiscal) = fiscal {
            Submission::new(desk.clone(), fiscal).run().await;
        }
    };
    tokio::join!(Follower::new(desk.clone()).run(), mailing, submitting);
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
    if let Some(fiscal) = ports.fiscal.as_ref().filter(|_| options.issuer.is_demo) {
        fiscal.folios.load_first_test_ranges().await.map_err(Interruption::TestFolios)?;
        shelf = tokio::task::spawn_blocking(move || shelf.refresh().map(|()| shelf)).await??;
    }
    Ok(shelf)
}
