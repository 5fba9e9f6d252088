//! Measures how fast a backlog of documents gets into MariaDB, on a server of its own with durable settings:
//! `cargo run --release -p ticketflow-billing-projector --example mariadb_bench -- [ORDERS]`

#![allow(clippy::unwrap_used, reason = "a measurement ends by panicking")]

#[path = "../../projections/tests/history/mod.rs"]
mod history;

use std::sync::Arc;
use std::time::{Duration, Instant};

use history::History;
use ticketflow_billing_projector::{
    BillingOptions, BillingPorts, Books, FactReader, Freshness, InvoicePorts, InvoiceTables,
    InvoiceTablesState, Phase, verify_invoices,
};
use ticketflow_domain::Timestamp;
use ticketflow_domain::billing::{BillingCommand, DocumentId, DocumentType, Issuer, Scheme};
use ticketflow_event_store::{EmbeddedLog, EventStore, LogOptions, RealDisk};
use ticketflow_testbed::MariaDb;

const PATIENCE: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(1);

fn now() -> Timestamp {
    Timestamp::from_millis(1_893_456_000_000)
}

async fn until(mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "not within {PATIENCE:?}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Gives everything its document, and mails it.
async fn bill(log: &EmbeddedLog) {
    let issuer = Issuer {
        name: "Teatro Caleta Clara SpA".into(),
        tax_id: "76.123.456-0".into(),
        activity: "Espectáculos".into(),
        address: "Costanera 12".into(),
        district: "Ñuñoa".into(),
        city: "Santiago".into(),
        resolution: String::new(),
        is_demo: true,
    };
    let series = "CALETA".parse().unwrap();
    let options =
        BillingOptions { series, scheme: Scheme::Plain, issuer, receipt_type: DocumentType::Receipt };
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
    let billing = ticketflow_billing_projector::start(ports, options).unwrap();
    until(|| billing.status().phase == Phase::Live && billing.status().position == log.head().position).await;
    billing.stop().await;
    let books = Books::open(log.clone().into(), Arc::default(), series).unwrap();
    let open: Vec<DocumentId> = books.state().open().map(|(document, _)| *document).collect();
    for documents in open.chunks(500) {
        let mail = |&document: &DocumentId| {
            let message_id = format!("<{}@caleta.example>", document.folio);
            BillingCommand::RecordMail { document, message_id }
        };
        books.carry_out(&documents.iter().map(mail).collect::<Vec<_>>(), now()).await.unwrap();
    }
}

fn main() {
    let orders = std::env::args().nth(1).map_or(10_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::new(folder.path()).unwrap());
    let (log, _) = EmbeddedLog::open(disk, LogOptions::default()).unwrap();
    let mut history = History::new(1, 1_000, 4).with_step_ms(2);
    while history.orders().count() < orders {
        history.append(&log, 5_000);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        bill(&log).await;
        let server = MariaDb::start().unwrap();
        let orders = history.orders().count();
        println!("{}; {orders} orders, {} events", server.version().unwrap(), log.head().position);
        measure(&server, &log, orders as f64).await;
        let order_id = history.orders().last().unwrap();
        read(&server, &log, order_id).await;
    });
}

fn start(server: &MariaDb, log: &EmbeddedLog) -> Arc<InvoiceTables> {
    let (urls, facts) = (server.url().parse().unwrap(), FactReader::new(log.clone()));
    InvoiceTables::start(InvoicePorts { urls, store: log.clone().into(), facts })
}

async fn measure(server: &MariaDb, log: &EmbeddedLog, orders: f64) {
    let begun = Instant::now();
    let tables = start(server, log);
    until(|| tables.status().state == InvoiceTablesState::Live).await;
    let drained = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let (urls, store) = (server.url().parse().unwrap(), EventStore::from(log.clone()));
    let verified = verify_invoices(&urls, &store, FactReader::new(log.clone()), |_| {}).await.unwrap();
    assert_eq!(verified.faults, Vec::<String>::new());
    let (documents, rows) = (verified.documents, verified.rows as f64);
    println!(
        "backlog with migrations: {drained:.2} s, {:.0} orders/s, {:.0} rows/s",
        orders / drained,
        rows / drained
    );
    println!("verified: {documents} documents, {rows} rows in {:.1?}", begun.elapsed());
    let begun = Instant::now();
    tables.rebuild().await.unwrap();
    println!("rebuild beside the live tables: {:.2} s", begun.elapsed().as_secs_f64());
    tables.stop().await;
}

async fn read(server: &MariaDb, log: &EmbeddedLog, order_id: ticketflow_domain::OrderId) {
    const READS: u32 = 2_000;
    let tables = start(server, log);
    until(|| tables.status().state == InvoiceTablesState::Live).await;
    let begun = Instant::now();
    for _ in 0..READS {
        let (documents, freshness) = tables.documents_of(order_id).await.unwrap();
        assert!(documents.is_some() && matches!(freshness, Freshness::Fresh { .. }));
    }
    println!("a read of an order's documents: {:.0?}", begun.elapsed() / READS);
    tables.stop().await;
}
