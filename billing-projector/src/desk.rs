//! What the parts of billing have in common: the books, how billing is doing, how failures are waited out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ticketflow_backoff::Backoff;
use ticketflow_domain::Timestamp;
use ticketflow_domain::billing::{BillingCommand, BillingRejection};
use ticketflow_event_store::FeedError;
use ticketflow_telemetry::with_causes;
use tokio::sync::{Notify, watch};

use crate::billing::{BillingOptions, BillingPorts, BillingStatus, Phase};
use crate::books::BooksError;
use crate::fiscal::FolioError;
use crate::order_facts::FactsError;
use crate::orders::LeaseError;
use crate::shelf::Shelf;

/// What the parts of billing share.
pub(crate) struct Desk {
    pub(crate) ports: Arc<BillingPorts>,
    pub(crate) options: BillingOptions,
    pub(crate) shelf: tokio::sync::Mutex<Shelf>,
    pub(crate) status: Arc<Mutex<BillingStatus>>,
    /// Told when there are new documents to mail.
    pub(crate) issued: Notify,
    /// Told when there are new documents for the authority.
    pub(crate) to_submit: Notify,
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
        let shelf = self.shelf.lock().await;
        shelf.refresh()?;
        Ok(shelf)
    }

    async fn record(&self, books: usize, commands: &[BillingCommand]) -> Result<(), BooksError> {
        self.shelf().await?.record(books, commands, self.now()).await
    }

    /// Writes down what became of documents, by the place of their books. Until it is written, or billing is to stop: nothing else is sent
    /// before, or it would be sent again.
    pub(crate) async fn write_down(&self, record: BTreeMap<usize, Vec<BillingCommand>>) {
        let mut backoff = Backoff::default();
        for (books, commands) in record {
            loop {
                let Err(error) = self.record(books, &commands).await else { break };
                tracing::warn!(error = with_causes(&error), "what was sent cannot be written down yet");
                tokio::select! {
                    () = tokio::time::sleep(backoff.next_wait()) => {}
                    () = self.stopped() => return,
                }
            }
        }
    }

    /// Comes to its end when billing is to stop.
    pub(crate) async fn stopped(&self) {
        // Whoever could say so is gone: the same.
        let _ = self.stopping.clone().wait_for(|stopping| *stopping).await;
    }
}

pub(crate) fn lock(status: &Mutex<BillingStatus>) -> MutexGuard<'_, BillingStatus> {
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
    #[error("the first folios for tests cannot be loaded")]
    TestFolios(#[source] FolioError),
}

impl Interruption {
    /// Whether trying again may help.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Books(BooksError::Append(_))
            | Self::Refused(BillingRejection::NoFolioLeft(_))
            | Self::Lease(_) => true,
            Self::TestFolios(error) => error.passes(),
            Self::Books(_) | Self::Facts(_) | Self::Feed(_) | Self::Task(_) | Self::Refused(_) => false,
        }
    }
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
