//! `ticketflow export`: the whole log as JSON lines, one batch a line, in order. `ticketflow import` makes the same log of it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use ticketflow_event_store::BatchJson;

use crate::data_folder::DataFolder;
use crate::progress::Progress;

/// Options of `export`.
#[derive(Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// File to write; standard output when left out
    #[arg(long)]
    output: Option<PathBuf>,
}

/// Writes every batch.
pub(crate) fn run(arguments: ExportArguments) -> Result<ExitCode> {
    arguments.folder.disk()?;
    let (log, _) = arguments.folder.open_log(|_| {})?;
    let head = log.head().position;
    let mut output: Box<dyn Write> = match &arguments.output {
        Some(path) => {
            Box::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?)
        }
        None => Box::new(std::io::stdout().lock()),
    };
    {
        let mut lines = BufWriter::new(&mut output);
        let mut progress = Progress::new("exporting", head);
        let mut reader = log.read_from(1)?;
        while let Some(batch) = reader.next_batch()? {
            serde_json::to_writer(&mut lines, &BatchJson::of(&batch)?)?;
            lines.write_all(b"\n")?;
            progress.set(batch.last_position(), head);
        }
        lines.flush().context("cannot write the export to its end")?;
        progress.finish();
    }
    log.close()?;
    eprintln!("exported {head} events");
    Ok(ExitCode::SUCCESS)
}
