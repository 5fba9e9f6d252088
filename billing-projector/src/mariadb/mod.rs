//! The invoices in MariaDB: tables that a runner keeps at the head of the log, and what is read from them.
//!
//! Invariants: rows and checkpoint move in one transaction; one runner at a time; neither selling nor billing waits for the
//! database, which may be away for as long as it likes and is filled from the log when it returns. No personal data is in the
//! tables: who bought stays sealed, under a key of the vault, and is forgotten there.
//!
//! | question | answer |
//! |---|---|
//! | what is a row, and what does an event do to it | `invoice_rows`, `ticket_rows`, `document_model`, put together by `changes` |
//! | how does a batch of the log become changes | `fold`, run by run in `folding` |
//! | how do they get into the tables | `write`; which tables there are: `schema` and `migrations/` |
//! | who keeps them up to date | `session` |
//! | how are they built anew | `rebuild` |
//! | who reads them | `reads` over `connections` |
//! | are they right | `verify`, against `reference` |

mod changes;
mod connections;
mod document_model;
mod error;
mod fold;
mod folding;
mod invoice_rows;
mod reads;
mod rebuild;
mod reference;
mod schema;
mod session;
mod setting;
mod state;
mod tables;
mod ticket_rows;
mod verify;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::mysql::MySqlConnectOptions;
use ticketflow_domain::OrderId;
use ticketflow_domain::billing::OrderDocuments;
use ticketflow_event_store::{EventStore, Position};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::order_facts::FactReader;
use changes::RowChanges;
use error::SessionError;
pub use reads::{Freshness, ReadFailure};
pub use rebuild::RebuildError;
pub use setting::{InvalidInvoicesSetting, InvoiceUrls, InvoicesSetting};
use state::Wanted;
pub use state::{InvoiceTablesState, InvoiceTablesStatus};
pub use verify::{InvoicesVerified, VerifyInvoicesError, verify_invoices};

/// How long a stop waits for the database.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// Log lines at most in that time about a database that cannot be used.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(30);

/// What the tables of the invoices need.
pub struct InvoicePorts {
    /// Where they are.
    pub urls: InvoiceUrls,
    /// Whose log is folded.
    pub store: EventStore,
    /// Reads from the same log what documents are about.
    pub facts: FactReader,
}

/// The invoices in MariaDB.
pub struct InvoiceTables {
    primary: MySqlConnectOptions,
    store: EventStore,
    facts: FactReader,
    wanted: watch::Sender<Wanted>,
    /// Held while the live tables are written, or others are put in their place.
    turn: tokio::sync::Mutex<()>,
    /// One rebuild at a time.
    rebuilding: tokio::sync::Mutex<()>,
    reads: reads::InvoiceReads,
    status: Mutex<InvoiceTablesStatus>,
    complained: Mutex<Option<Instant>>,
    runner: Mutex<Option<JoinHandle<()>>>,
}

impl InvoiceTables {
    /// Starts to keep the tables at the head of the log, whether the database can be reached or not. To be called within a Tokio
    /// runtime.
    #[must_use]
    pub fn start(ports: InvoicePorts) -> Arc<Self> {
        let InvoicePorts { urls: InvoiceUrls { primary, replica }, store, facts } = ports;
        let status = InvoiceTablesStatus {
            state: InvoiceTablesState::Starting,
            position: 0,
            head: 0,
            rebuilding: None,
            last_error: None,
        };
        let tables = Arc::new(Self {
            reads: reads::InvoiceReads::new(primary.clone(), replica),
            primary,
            store,
            facts,
            wanted: watch::Sender::default(),
            turn: tokio::sync::Mutex::default(),
            rebuilding: tokio::sync::Mutex::default(),
            status: Mutex::new(status),
            complained: Mutex::default(),
            runner: Mutex::default(),
        });
        *lock(&tables.runner) = Some(tokio::spawn(session::run(tables.clone())));
        tables
    }

    /// Stops the runner, after the run that it is writing, and closes all connections. Bounded: a run that a database which hangs
    /// does not take is left to the next start, which finds the checkpoint in front of it.
    pub async fn stop(&self) {
        self.wanted.send_modify(|wanted| wanted.stop = true);
        let running = lock(&self.runner).take();
        if let Some(mut running) = running
            && tokio::time::timeout(STOP_LIMIT, &mut running).await.is_err()
        {
            running.abort();
            tracing::warn!("the database of the invoices does not answer; its connection is dropped");
        }
        self.reads.close();
        lock(&self.status).state = InvoiceTablesState::Stopped;
    }

    /// How they are doing.
    #[must_use]
    pub fn status(&self) -> InvoiceTablesStatus {
        let head = self.store.log().head().position;
        InvoiceTablesStatus { head, ..lock(&self.status).clone() }
    }

    /// The documents of an order, `None` while the tables know of no receipt, and of when that is: from the primary, or from the
    /// replica while the primary does not answer.
    ///
    /// # Errors
    /// [`ReadFailure`] when neither can be asked.
    pub async fn documents_of(
        &self,
        order_id: OrderId,
    ) -> Result<(Option<OrderDocuments>, Freshness), ReadFailure> {
        self.reads.documents_of(order_id).await
    }

    fn attached(&self, position: Position) {
        let mut status = lock(&self.status);
        (status.state, status.position, status.last_error) = (InvoiceTablesState::CatchingUp, position, None);
        drop(status);
        tracing::info!(position, "keeping the invoices in the database");
    }

    /// The tables have what the log has.
    fn near(&self) {
        lock(&self.status).state = InvoiceTablesState::Live;
    }

    fn reached(&self, position: Position, changes: &RowChanges, took: Duration) {
        lock(&self.status).position = position;
        metrics::gauge!("invoice_tables_position").set(position as f64);
        metrics::histogram!("invoice_tables_batch_seconds").record(took.as_secs_f64());
        metrics::counter!("invoice_tables_rows_total").increment(changes.rows() as u64);
    }

    fn unreachable(&self, error: &SessionError) {
        metrics::counter!("invoice_tables_errors_total").increment(1);
        let mut status = lock(&self.status);
        (status.state, status.last_error) = (InvoiceTablesState::Unreachable, Some(error.to_string()));
        drop(status);
        let mut complained = lock(&self.complained);
        if complained.is_none_or(|at| at.elapsed() > COMPLAINT_INTERVAL) {
            *complained = Some(Instant::now());
            tracing::warn!(%error, "the database of the invoices cannot be used now; trying again, billing goes on");
        }
    }

    /// Another process keeps the tables, which are at this position.
    fn stands_by(&self, position: Position) {
        let mut status = lock(&self.status);
        (status.state, status.position, status.last_error) = (InvoiceTablesState::Standby, position, None);
    }

    fn stopped(&self, error: &SessionError) {
        metrics::counter!("invoice_tables_errors_total").increment(1);
        tracing::error!(%error, "the invoices in the database have stopped; everything else goes on");
        let mut status = lock(&self.status);
        (status.state, status.last_error) = (InvoiceTablesState::Stopped, Some(error.to_string()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
