//! Measures the read models in PostgreSQL against a bare COPY of the same rows, in one run on a server of its own:
//! `cargo run --release -p ticketflow-projections --example postgres_bench -- [EVENTS] [EVENTS_PER_SECOND] [SECONDS]`

#![allow(clippy::unwrap_used, reason = "a measurement ends by panicking")]

#[path = "../tests/history/mod.rs"]
mod history;

use std::sync::Arc;
use std::time::{Duration, Instant};

use history::History;
use ticketflow_domain::Timestamp;
use ticketflow_event_store::{EmbeddedLog, LogOptions, RealDisk};
use ticketflow_projections::{PostgresPorts, PostgresProjection, ProjectionState, verify_seat_map};
use ticketflow_testbed::Postgres;

const TABLES: [&str; 7] = ["shows", "zones", "seats", "holds", "orders", "tickets", "sales"];
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two samples of the lag.
const SAMPLE: Duration = Duration::from_millis(5);

fn start(server: &Postgres, log: &EmbeddedLog) -> Arc<PostgresProjection> {
    let audit: ticketflow_projections::Audit =
        Arc::new(|_| Box::pin(async { Err("nothing is skipped here".to_owned()) }));
    let now = || Timestamp::from_millis(0);
    PostgresProjection::start(PostgresPorts { url: server.url(), store: log.clone().into(), audit, now })
        .unwrap()
}

async fn until_live(projection: &PostgresProjection, log: &EmbeddedLog) {
    assert!(projection.wait_for(log.head().position, PATIENCE).await, "{:?}", projection.status());
}

fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    let events = arguments.first().copied().unwrap_or(1_000_000);
    let rate = arguments.get(1).copied().unwrap_or(20_000);
    let seconds = arguments.get(2).copied().unwrap_or(20);
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::new(folder.path()).unwrap());
    let (log, _) = EmbeddedLog::open(disk, LogOptions::default()).unwrap();
    let mut history = History::new(1, 1_000, 4).with_step_ms(2);
    while log.head().position < events {
        history.append(&log, 10_000);
    }
    let server = Postgres::start().unwrap();
    println!("{}; {} events in the log", server.version().unwrap(), log.head().position);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(&server, &log, history, rate, seconds));
}

async fn measure(server: &Postgres, log: &EmbeddedLog, history: History, rate: u64, seconds: u64) {
    let projection = start(server, log);
    let begun = Instant::now();
    until_live(&projection, log).await;
    let first = log.head().position as f64 / begun.elapsed().as_secs_f64();
    println!("first build, durable commits: {first:.0} events/s");

    let begun = Instant::now();
    projection.rebuild().await.unwrap();
    let mut built = None;
    while let Some(ratio) = projection.status().rebuild_ratio {
        if ratio >= 1.0 {
            built.get_or_insert(begun.elapsed());
        }
        tokio::time::sleep(SAMPLE).await;
    }
    let (built, whole) = (built.unwrap_or(begun.elapsed()), begun.elapsed());
    assert_eq!(projection.status().last_error, None);
    let rebuild = log.head().position as f64 / built.as_secs_f64();
    println!(
        "rebuild beside the live tables: {rebuild:.0} events/s; {whole:.1?} with statistics, three digests and the swap"
    );

    let (rows, copied) = bare_copy(server);
    println!(
        "bare COPY of the {rows} rows that are left: {:.0} rows/s, {copied:.1?}",
        rows as f64 / copied.as_secs_f64()
    );
    println!(
        "ratio: the rebuild takes {:.1} x the time of the bare COPY",
        built.as_secs_f64() / copied.as_secs_f64()
    );

    live(&projection, log, history, rate, seconds).await;
    let verified = verify_seat_map(&server.url(), log, |_| {}).await.unwrap();
    println!("compared with the fold at position {}: {:?}", verified.position, verified.faults);
    projection.stop().await;
}

/// The rows of the live tables into empty tables with the same keys.
fn bare_copy(server: &Postgres) -> (u64, Duration) {
    let live = server.query("SELECT live_generation FROM ticketflow.projection").unwrap();
    server.query("CREATE SCHEMA bare").unwrap();
    let (mut rows, mut took) = (0, Duration::ZERO);
    for table in TABLES {
        let from = format!("ticketflow_seats_{live}.{table}");
        let file = server.folder().join(table);
        server.query(&format!("CREATE TABLE bare.{table} (LIKE {from} INCLUDING ALL)")).unwrap();
        server.query(&format!("COPY {from} TO '{}' (FORMAT binary)", file.display())).unwrap();
        let begun = Instant::now();
        server.query(&format!("COPY bare.{table} FROM '{}' (FORMAT binary)", file.display())).unwrap();
        took += begun.elapsed();
        rows += server.query(&format!("SELECT count(*) FROM bare.{table}")).unwrap().parse::<u64>().unwrap();
    }
    server.query("DROP SCHEMA bare CASCADE").unwrap();
    (rows, took)
}

/// Appends at a rate, and measures from an append's answer until its rows can be read.
async fn live(
    projection: &Arc<PostgresProjection>,
    log: &EmbeddedLog,
    mut history: History,
    rate: u64,
    seconds: u64,
) {
    let selling = {
        let log = log.clone();
        std::thread::spawn(move || {
            let (begun, mut appended) = (Instant::now(), 0_u64);
            while begun.elapsed() < Duration::from_secs(seconds) {
                let due = (begun.elapsed().as_secs_f64() * rate as f64) as u64;
                if appended < due {
                    appended += history.append(&log, 50) as u64;
                } else {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            appended as f64 / begun.elapsed().as_secs_f64()
        })
    };
    let mut lags = Vec::new();
    while !selling.is_finished() {
        let (position, since) = (log.head().position, Instant::now());
        let projection = projection.clone();
        lags.push(tokio::spawn(async move {
            assert!(projection.wait_for(position, PATIENCE).await);
            since.elapsed()
        }));
        tokio::time::sleep(SAMPLE).await;
    }
    let appended = selling.join().unwrap();
    let mut sorted = Vec::with_capacity(lags.len());
    for lag in lags {
        sorted.push(lag.await.unwrap());
    }
    sorted.sort_unstable();
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    println!(
        "live at {appended:.0} events/s for {seconds} s: lag p50 {:.1?}, p99 {:.1?}, at most {:.1?}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    assert_eq!(projection.status().state, ProjectionState::Live);
}
