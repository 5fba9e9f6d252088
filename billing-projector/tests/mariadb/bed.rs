//! Servers of the test's own, a log with sales and books in it, and the tables between the two.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ticketflow_billing_projector::{
    BillingHandle, BillingOptions, BillingPorts, Books, FactReader, InvoicePorts, InvoiceTables,
    InvoiceTablesState, InvoiceUrls, InvoicesVerified, Phase, verify_invoices,
};
use ticketflow_domain::Timestamp;
use ticketflow_domain::billing::{
    BillingCommand, DocumentId, DocumentType, Issuer, LoadFolioRange, Scheme, SeriesCode,
};
use ticketflow_event_store::{EmbeddedLog, LogOptions, SimDisk};
use ticketflow_testbed::{MariaDb, TestbedError};

use crate::history::History;

/// Past this a wait has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(1_893_456_000_123)
}

/// A server, or what is missing.
pub(crate) fn started<T>(server: Result<T, TestbedError>) -> Option<T> {
    match server {
        Ok(server) => Some(server),
        Err(TestbedError::Missing { program, remedy }) => {
            println!("SKIPPED: {program} is missing; {remedy}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Runs a test on threads of its own.
pub(crate) fn play<T, F: Future<Output = ()>>(server: Result<T, TestbedError>, play: impl FnOnce(T) -> F) {
    let Some(server) = started(server) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(play(server));
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(LOOK).await;
    }
}

pub(crate) fn log() -> EmbeddedLog {
    EmbeddedLog::open(Arc::new(SimDisk::new(1)), LogOptions::default()).unwrap().0
}

/// The log and who plays it.
pub(crate) fn sold(seed: u64, batches: usize) -> (EmbeddedLog, History) {
    let (log, mut history) = (log(), History::new(seed, 3, 4));
    history.append(&log, batches);
    (log, history)
}

pub(crate) fn series() -> SeriesCode {
    "CALETA".parse().unwrap()
}

pub(crate) fn issuer(name: &str) -> Issuer {
    Issuer {
        name: name.into(),
        tax_id: "76.123.456-0".into(),
        activity: "Espectáculos".into(),
        address: "Costanera 12".into(),
        district: "Ñuñoa".into(),
        city: "Santiago".into(),
        resolution: String::new(),
        is_demo: true,
    }
}

/// Billing at work on the log, by the rules of Chile, with folios for everything.
pub(crate) async fn office(log: &EmbeddedLog) -> BillingHandle {
    office_of(log, issuer("Teatro Caleta Clara SpA")).await
}

pub(crate) async fn office_of(log: &EmbeddedLog, issuer: Issuer) -> BillingHandle {
    let scheme = Scheme::Chile;
    let books = Books::open(log.clone().into(), Arc::default(), series()).unwrap();
    let mut commands = vec![BillingCommand::OpenSeries { series: series(), scheme, issuer: issuer.clone() }];
    for document_type in [DocumentType::TaxedReceipt, DocumentType::FiscalCreditNote] {
        commands.push(BillingCommand::LoadFolioRange(LoadFolioRange {
            document_type,
            first: 1,
            last: 1_000_000,
            expires_at: None,
            authorisation: String::new(),
        }));
    }
    // A second office finds them open, and the folios loaded.
    books.carry_out(&commands, now()).await.unwrap();
    let options =
        BillingOptions { series: series(), scheme, issuer, receipt_type: DocumentType::TaxedReceipt };
    let facts = FactReader::new(log.clone());
    let ports = BillingPorts {
        store: log.clone().into(),
        books: Arc::default(),
        facts,
        orders: None,
        mail: None,
        fiscal: None,
        now,
    };
    ticketflow_billing_projector::start(ports, options).unwrap()
}

/// Until everything has its document.
pub(crate) async fn billed(log: &EmbeddedLog, billing: &BillingHandle) {
    until("everything has its document", async || {
        let status = billing.status();
        assert_ne!(status.phase, Phase::Stopped, "{status:?}");
        status.phase == Phase::Live && status.position == log.head().position
    })
    .await;
}

/// Gives all that was sold its documents.
pub(crate) async fn bill(log: &EmbeddedLog) {
    let billing = office(log).await;
    billed(log, &billing).await;
    billing.stop().await;
}

/// A step with some of the open documents: submitted, accepted, refused, submitted again, mailed; others are left alone.
pub(crate) async fn deliver(log: &EmbeddedLog, round: u64) {
    let books = Books::open(log.clone().into(), Arc::default(), series()).unwrap();
    let step = |(document, progress): (&DocumentId, &ticketflow_domain::billing::DocumentProgress)| {
        let document = *document;
        let message_id = format!("<{}@caleta.example>", document.folio);
        Some(match (document.folio + round) % 5 {
            0 if progress.refusal.is_some() && document.folio % 2 == 0 => BillingCommand::Reopen { document },
            0 if progress.track_id.is_none() || progress.refusal.is_some() => {
                BillingCommand::RecordSubmission {
                    document,
                    track_id: format!("T{}-{round}", document.folio),
                }
            }
            1 => BillingCommand::RecordVerdict { document, refusal: None },
            2 => {
                BillingCommand::RecordVerdict { document, refusal: Some(format!("\"reparo\" n.º {round}")) }
            }
            3 => BillingCommand::RecordMail { document, message_id },
            _ => return None,
        })
    };
    let commands: Vec<BillingCommand> = books.state().open().take(300).filter_map(step).collect();
    books.carry_out(&commands, now()).await.unwrap();
}

pub(crate) fn urls(server: &MariaDb) -> InvoiceUrls {
    server.url().parse().unwrap()
}

pub(crate) fn start(urls: InvoiceUrls, log: &EmbeddedLog) -> Arc<InvoiceTables> {
    let facts = FactReader::new(log.clone());
    InvoiceTables::start(InvoicePorts { urls, store: log.clone().into(), facts })
}

/// Until the tables have what the log has.
pub(crate) async fn caught_up(tables: &InvoiceTables, log: &EmbeddedLog) {
    let since = Instant::now();
    until("the tables catch up", async || {
        let status = tables.status();
        assert_ne!(status.state, InvoiceTablesState::Stopped, "{status:?}");
        assert!(since.elapsed() < PATIENCE / 2, "{status:?}");
        status.position == log.head().position && status.state == InvoiceTablesState::Live
    })
    .await;
}

pub(crate) async fn until_state(tables: &InvoiceTables, state: InvoiceTablesState) {
    let since = Instant::now();
    until("the state", async || {
        let status = tables.status();
        assert!(since.elapsed() < PATIENCE / 2, "not {state:?}: {status:?}");
        status.state == state
    })
    .await;
}

pub(crate) async fn verified(server: &MariaDb, log: &EmbeddedLog) -> InvoicesVerified {
    let facts = FactReader::new(log.clone());
    verify_invoices(&urls(server), &log.clone().into(), facts, |_| {}).await.unwrap()
}

/// The tables say what the log says, and it is worth comparing.
pub(crate) async fn all_is_well(server: &MariaDb, log: &EmbeddedLog) {
    let verified = verified(server, log).await;
    assert_eq!(verified.faults, Vec::<String>::new());
    assert!(verified.documents > 0, "{verified:?}");
}
