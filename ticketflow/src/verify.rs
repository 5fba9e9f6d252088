//! `ticketflow verify`: proves a data folder. Exit code 0 only if everything holds.
//!
//! First the bytes, without changing any: checksums, positions, revisions, hash chain, snapshots. Then, if no server has the
//! folder open, the meaning: the invariants of every show and of all books event by event, the folded states, and that the read models equal
//! the fold.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use ticketflow_billing_projector::{FactReader, InvoiceUrls, verify_invoices};
use ticketflow_command_service::{ShowFold, load_shows};
use ticketflow_domain::ShowId;
use ticketflow_domain::billing::{BillingAudit, SeriesCode};
use ticketflow_domain::show::audit::Audit;
use ticketflow_event_store::{Category, EmbeddedLog, Head, VerifyReport, billing_event, show_event};
use ticketflow_projections::{FeedRunner, ReadModels, restore_models, verify_seat_map};

use crate::data_folder::DataFolder;
use crate::hexadecimal::hexadecimal;
use crate::invoices;
use crate::progress::Progress;
use crate::seat_map::database;

/// Options of `verify`.
#[derive(Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// A head noted outside, as POSITION:HASH: only with it a log that lost its end can be told from one that never had it
    #[arg(long, value_parser = parse_head)]
    expect: Option<Head>,
    /// A database of read models, which is compared with the fold of the log up to its checkpoint: postgres://...
    #[arg(long, env = "TICKETFLOW_SEAT_MAP", hide_env_values = true)]
    seat_map: Option<String>,
    /// A database of invoices, which is compared with the log up to its checkpoint: mysql://...
    #[arg(long, env = "TICKETFLOW_INVOICES", hide_env_values = true)]
    invoices: Option<String>,
    /// Prints the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize, Default)]
struct Report {
    holds: bool,
    position: u64,
    chain_hash: String,
    segments: usize,
    batches: u64,
    events: u64,
    streams: usize,
    snapshots: usize,
    unfinished_bytes: u64,
    shows: usize,
    /// Receipts and credit notes.
    documents: u64,
    /// How far the read models in the database are.
    #[serde(skip_serializing_if = "Option::is_none")]
    seat_map_position: Option<u64>,
    /// Batches that an operator had the database pass over.
    #[serde(skip_serializing_if = "Option::is_none")]
    seat_map_skipped: Option<usize>,
    /// How far the invoices in the database are.
    #[serde(skip_serializing_if = "Option::is_none")]
    invoices_position: Option<u64>,
    /// What was not checked, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    faults: Vec<String>,
}

fn parse_head(text: &str) -> Result<Head, &'static str> {
    let expected = "expected POSITION:HASH as `verify` prints them, the hash in 64 hexadecimal digits";
    let (position, hash) = text.split_once(':').ok_or(expected)?;
    let mut chain_hash = [0; 32];
    if hash.len() != 64 || !hash.is_ascii() {
        return Err(expected);
    }
    for (byte, digits) in chain_hash.iter_mut().zip(hash.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| expected)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| expected)?;
    }
    Ok(Head { position: position.parse().map_err(|_| expected)?, chain_hash })
}

/// Checks the folder.
pub(crate) fn run(arguments: VerifyArguments) -> Result<ExitCode> {
    let disk = arguments.folder.disk()?;
    let mut progress = Progress::new("verifying the log", 0);
    let checked = ticketflow_event_store::verify(&*disk, arguments.expect, |so_far| {
        progress.set(so_far.bytes_done, so_far.bytes_total);
    })?;
    progress.finish();
    let mut report = report(&checked);
    if report.faults.is_empty() {
        match arguments.folder.open_log(|_| {}) {
            Ok((log, _)) => {
                check_meaning(&log, &mut report)?;
                if let Some(seat_map) = arguments.seat_map.as_deref().filter(|seat_map| *seat_map != "memory")
                {
                    check_seat_map(&log, seat_map, &mut report)?;
                }
                if let Some(invoices) = arguments.invoices.as_deref()
                    && let Some(urls) = invoices::database(invoices)?
                {
                    check_invoices(&log, &urls, &mut report)?;
                }
                log.close()?;
            }
            Err(error) => report.skipped = Some(format!("invariants and read models: {error:#}")),
        }
    }
    report.holds = report.faults.is_empty();
    print(&report, arguments.json)?;
    Ok(if report.holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(checked: &VerifyReport) -> Report {
    Report {
        position: checked.head.position,
        chain_hash: hexadecimal(&checked.head.chain_hash),
        segments: checked.segments,
        batches: checked.batches,
        events: checked.events,
        streams: checked.streams,
        snapshots: checked.snapshots,
        unfinished_bytes: checked.unfinished_bytes,
        faults: checked.fault.iter().map(ToString::to_string).collect(),
        ..Report::default()
    }
}

fn check_meaning(log: &EmbeddedLog, report: &mut Report) -> Result<()> {
    let models = Arc::new(ReadModels::default());
    let mut audits: HashMap<ShowId, Audit> = HashMap::new();
    let mut folds: HashMap<ShowId, ShowFold> = HashMap::new();
    let mut billing = BillingAudit::default();
    let mut progress = Progress::new("checking invariants", log.head().position);
    let mut reader = log.read_from(1)?;
    while let Some(batch) = reader.next_batch()? {
        let stream = batch.stream();
        models.apply(&batch)?;
        if stream.category == Category::Show {
            let show_id = ShowId::from_bytes(stream.id);
            let audit = audits.entry(show_id).or_default();
            for (record, position) in batch.events().zip(batch.first_position()..) {
                let event = show_event(record)?;
                audit.observe(&event, position);
                billing.observe_show(&event, position);
            }
            folds.entry(show_id).or_default().apply(&batch)?;
        }
        if stream.category == Category::Billing {
            let series = SeriesCode::from_bytes(stream.id).context("the books have a name")?;
            for (record, position) in batch.events().zip(batch.first_position()..) {
                billing.observe(series, &billing_event(record)?, position);
            }
        }
        progress.set(batch.last_position(), log.head().position);
    }
    progress.finish();
    let (documents, violations) = billing.finish();
    report.documents = documents;
    report.faults.extend(violations.iter().map(ToString::to_string));
    let mut through_snapshot = load_shows(log).context("folding through the snapshot")?;
    let models_through_snapshot = Arc::new(restore_models(log));
    FeedRunner::catch_up(log.clone(), models_through_snapshot.clone())
        .context("folding through the snapshot")?;
    let (books, books_through_snapshot) = (models.books().read(), models_through_snapshot.books().read());
    for (stream, _) in books_through_snapshot.iter().filter(|(stream, _)| books.revision(*stream) == 0) {
        report.faults.push(format!("{stream}: the snapshot has books that the events do not have"));
    }
    for (stream, books) in books.iter().filter(|(stream, books)| books_through_snapshot.of(*stream) != *books)
    {
        let issuer = books.issuer().map_or("nobody", |(issuer, _)| &issuer.name);
        report.faults.push(format!(
            "{stream}, the books of {issuer}: the snapshot leads to another state than the events"
        ));
    }
    drop((books, books_through_snapshot));
    for (show_id, audit) in audits {
        let fold = folds.remove(&show_id).unwrap_or_default();
        report
            .faults
            .extend(audit.finish(&fold.state).iter().map(|violation| format!("show {show_id} {violation}")));
        let models_differ =
            [&models, &models_through_snapshot].map(|models| compare_models(show_id, &fold, models));
        let other = through_snapshot.remove(&show_id).and_then(ShowFold::into_snapshot);
        if other != fold.into_snapshot() {
            report
                .faults
                .push(format!("show {show_id}: the snapshot leads to another state than the events"));
        }
        report.faults.extend(models_differ.into_iter().flatten());
        report.shows += 1;
    }
    Ok(())
}

/// Compares the read models in the database with the fold.
fn check_seat_map(log: &EmbeddedLog, seat_map: &str, report: &mut Report) -> Result<()> {
    let url = database(seat_map)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let head = log.head().position;
    let mut progress = Progress::new("comparing the database", head);
    let verified = runtime.block_on(verify_seat_map(&url, log, move |done| progress.set(done, head)));
    match verified {
        Ok(verified) => {
            report.seat_map_position = Some(verified.position);
            report.seat_map_skipped = Some(verified.skipped);
            report.faults.extend(verified.faults);
        }
        Err(error) => report.faults.push(format!("the read models in the database: {error}")),
    }
    Ok(())
}

/// Compares the invoices in the database with the log.
fn check_invoices(log: &EmbeddedLog, urls: &InvoiceUrls, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let head = log.head().position;
    let mut progress = Progress::new("comparing the invoices", head);
    let (store, facts) = (log.clone().into(), FactReader::new(log.clone()));
    let verifying = verify_invoices(urls, &store, facts, move |done| progress.set(done, head));
    match runtime.block_on(verifying) {
        Ok(verified) => {
            report.invoices_position = Some(verified.position);
            report.faults.extend(verified.faults);
        }
        Err(error) => report.faults.push(format!("the invoices in the database: {error}")),
    }
    Ok(())
}

/// Where the read models differ from the fold.
fn compare_models(show_id: ShowId, fold: &ShowFold, models: &ReadModels) -> Option<String> {
    let Some(map) = models.show(show_id) else {
        return Some(format!("show {show_id} is missing in the seat maps"));
    };
    let view = map.view();
    for ((status, revision), seat) in fold.state.seats().zip(0..) {
        if view.compact.get(seat) != status || view.revisions[seat] != revision {
            return Some(format!("show {show_id}: seat number {seat} differs between seat map and fold"));
        }
    }
    for (order, tickets) in fold.state.orders() {
        let shown = models.order(order.id);
        let same = shown.is_some_and(|shown| {
            shown.total == order.total
                && shown.refunded == order.refunded
                && shown.tickets.len() == tickets.len()
                && shown
                    .tickets
                    .iter()
                    .zip(tickets)
                    .all(|(one, other)| one.id == other.id && one.status == other.status)
        });
        if !same {
            return Some(format!("order {} differs between order page and fold", order.id));
        }
    }
    None
}

fn print(report: &Report, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(report)?);
        return Ok(());
    }
    println!(
        "events      {} in {} batches, {} streams, {} segments",
        report.events, report.batches, report.streams, report.segments
    );
    println!("chain head  position {} hash {}", report.position, report.chain_hash);
    println!("shows       {} checked, {} snapshots", report.shows, report.snapshots);
    println!("documents   {} checked", report.documents);
    if let Some(position) = report.seat_map_position {
        let skipped = report.seat_map_skipped.unwrap_or(0);
        println!("database    compared at position {position}, {skipped} batches passed over");
    }
    if let Some(position) = report.invoices_position {
        println!("invoices    compared at position {position}");
    }
    if report.unfinished_bytes > 0 {
        println!(
            "unfinished  {} bytes of a batch that was never acknowledged; the next start cuts them",
            report.unfinished_bytes
        );
    }
    if let Some(skipped) = &report.skipped {
        println!("SKIPPED     {skipped}");
    }
    for fault in &report.faults {
        println!("FAULT       {fault}");
    }
    println!(
        "{}",
        if report.holds { "everything that was checked holds" } else { "the data folder does NOT hold" }
    );
    Ok(())
}
