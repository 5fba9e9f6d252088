//! `ticketflow import`: makes a log from the JSON lines of an export, into an empty data folder; or moves a data folder to servers.
//!
//! The chain hash is compared at the end: an import that succeeds is the same log, event for event. How a folder moves is
//! left to `import_folder.rs`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use ticketflow_event_store::{BatchJson, EmbeddedLog};

use crate::data_folder::DataFolder;
use crate::hexadecimal::hexadecimal;
use crate::import_folder;
use crate::store::StoreArguments;

/// Batches on their way to the disk at a time.
const IN_FLIGHT: usize = 256;

/// Options of `import`.
#[derive(Args)]
pub(crate) struct ImportArguments {
    #[command(flatten)]
    store: StoreArguments,
    /// File to read; standard input when left out
    #[arg(long, conflicts_with = "from")]
    input: Option<PathBuf>,
    /// Data folder whose log, customers' keys and secrets move to the servers that --event-store names; it stays as it is
    #[arg(long)]
    from: Option<PathBuf>,
}

/// Appends every batch.
pub(crate) fn run(arguments: ImportArguments) -> Result<ExitCode> {
    match (arguments.from, arguments.store.is_embedded()) {
        (Some(from), false) => import_folder::run(&arguments.store, &DataFolder { data: from }),
        (None, true) => run_lines(&arguments.store.folder, arguments.input),
        (Some(_), true) => {
            bail!("--from needs --event-store with the servers; a data folder is copied with `cp -a`")
        }
        (None, false) => bail!(
            "an export has neither the customers' keys nor the secret that signs tickets: name the data folder that has, with --from"
        ),
    }
}

fn run_lines(folder: &DataFolder, input: Option<PathBuf>) -> Result<ExitCode> {
    folder.create()?;
    let (log, _) = folder.open_log(|_| {})?;
    if log.head().position > 0 {
        bail!("{} holds events already; import into an empty folder", folder.data.display());
    }
    let lines: Box<dyn BufRead> = match &input {
        Some(path) => {
            let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            Box::new(BufReader::new(file))
        }
        None => Box::new(BufReader::new(std::io::stdin().lock())),
    };
    let last = append(&log, lines)?;
    let hash = hexadecimal(&log.head().chain_hash);
    if let Some(last) = last {
        ensure!(hash == last, "the imported log has chain head {hash}, the export had {last}");
    }
    let events = log.head().position;
    log.close()?;
    eprintln!("imported {events} events; the chain hash equals the export's");
    Ok(ExitCode::SUCCESS)
}

/// Appends the batches in order and gives the chain hash of the last line.
fn append(log: &EmbeddedLog, lines: Box<dyn BufRead>) -> Result<Option<String>> {
    let mut pending = std::collections::VecDeque::new();
    let mut last = None;
    for (line, number) in lines.lines().zip(1..) {
        let line = line.with_context(|| format!("cannot read line {number}"))?;
        let batch: BatchJson =
            serde_json::from_str(&line).with_context(|| format!("line {number} is not a batch"))?;
        if pending.len() == IN_FLIGHT {
            settle(pending.pop_front())?;
        }
        let append = batch.to_append().with_context(|| format!("line {number}"))?;
        pending.push_back((number, batch.position, log.append(append)));
        last = Some(batch.chain_hash);
    }
    while !pending.is_empty() {
        settle(pending.pop_front())?;
    }
    Ok(last)
}

fn settle(pending: Option<(u64, u64, ticketflow_event_store::PendingAppend)>) -> Result<()> {
    let Some((number, position, append)) = pending else { return Ok(()) };
    let appended = append.wait().with_context(|| format!("cannot append line {number}"))?;
    ensure!(
        appended.first_position == position,
        "line {number} belongs at position {position}, not {}: lines are missing",
        appended.first_position
    );
    Ok(())
}
