//! `ticketflow replay`: folds the log, or one show, up to a position and shows what was true then, and how fast it folds.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use ticketflow_command_service::ShowFold;
use ticketflow_domain::ShowId;
use ticketflow_domain::show::SeatStatus;
use ticketflow_event_store::{Category, EmbeddedLog};

use crate::data_folder::DataFolder;
use crate::progress::Progress;

/// Options of `replay`.
#[derive(Args)]
pub(crate) struct ReplayArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// Only this show
    #[arg(long)]
    show: Option<ShowId>,
    /// As of this position instead of now
    #[arg(long)]
    at: Option<u64>,
    /// Prints the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    position: u64,
    events: u64,
    seconds: f64,
    events_per_second: f64,
    shows: Vec<ShowReport>,
}

#[derive(Serialize)]
struct ShowReport {
    show_id: ShowId,
    name: String,
    revision: u64,
    available: u32,
    held: u32,
    sold: u32,
    blocked: u32,
    holds: usize,
    orders: usize,
}

/// Folds and reports. The batch that reaches beyond the position is left out whole: it was decided as one.
pub(crate) fn run(arguments: ReplayArguments) -> Result<ExitCode> {
    arguments.folder.disk()?;
    let (log, _) = arguments.folder.open_log(|_| {})?;
    let at = arguments.at.unwrap_or(u64::MAX).min(log.head().position);
    let begun = Instant::now();
    let (shows, events) = fold(&log, arguments.show, at)?;
    let seconds = begun.elapsed().as_secs_f64();
    log.close()?;
    let report = Report {
        position: at,
        events,
        seconds,
        events_per_second: events as f64 / seconds.max(f64::EPSILON),
        shows: shows.into_iter().filter_map(|(show_id, fold)| show_report(show_id, &fold)).collect(),
    };
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(ExitCode::SUCCESS)
}

fn fold(log: &EmbeddedLog, only: Option<ShowId>, at: u64) -> Result<(BTreeMap<ShowId, ShowFold>, u64)> {
    let mut shows: BTreeMap<ShowId, ShowFold> = BTreeMap::new();
    let mut events = 0;
    let mut progress = Progress::new("replaying", at);
    let mut reader = log.read_from(1)?;
    while let Some(batch) = reader.next_batch()? {
        if batch.last_position() > at {
            break;
        }
        let show_id = ShowId::from_bytes(batch.stream().id);
        if batch.stream().category == Category::Show && only.is_none_or(|only| only == show_id) {
            shows.entry(show_id).or_default().apply(&batch)?;
            events += u64::from(batch.event_count());
        }
        progress.set(batch.last_position(), at);
    }
    progress.finish();
    Ok((shows, events))
}

fn show_report(show_id: ShowId, fold: &ShowFold) -> Option<ShowReport> {
    let of = |status| fold.state.zone_counts().iter().map(|zone| zone.of(status)).sum();
    Some(ShowReport {
        show_id,
        name: fold.state.info()?.name.clone(),
        revision: fold.revision,
        available: of(SeatStatus::Available),
        held: of(SeatStatus::Held),
        sold: of(SeatStatus::Sold),
        blocked: of(SeatStatus::Blocked),
        holds: fold.state.holds().count(),
        orders: fold.state.orders().count(),
    })
}

fn print(report: &Report) {
    println!(
        "{} events up to position {} in {:.3} s: {:.0} events/s",
        report.events, report.position, report.seconds, report.events_per_second
    );
    println!(
        "{:<26} {:>9} {:>7} {:>7} {:>7} {:>7}  name",
        "show", "available", "held", "sold", "blocked", "orders"
    );
    for show in &report.shows {
        println!(
            "{:<26} {:>9} {:>7} {:>7} {:>7} {:>7}  {}",
            show.show_id.to_string(),
            show.available,
            show.held,
            show.sold,
            show.blocked,
            show.orders,
            show.name
        );
    }
}
