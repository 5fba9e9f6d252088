//! What lies where in a data folder, and how its log is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use ticketflow_event_store::{EmbeddedLog, FatalError, LogOptions, OpenReport, RealDisk};

/// Which data folder.
#[derive(Args, Clone)]
pub(crate) struct DataFolder {
    /// Folder of the event log, the keys and the simulator's charges
    #[arg(long, default_value = "./data", env = "TICKETFLOW_DATA", global = true)]
    pub data: PathBuf,
}

impl DataFolder {
    /// The customers' keys: outside the log and its backups.
    pub(crate) fn vault(&self) -> PathBuf {
        self.data.join("vault").join("customers.keys")
    }

    /// The keys of an issuer of fiscal documents: outside the log and its backups.
    pub(crate) fn fiscal(&self) -> PathBuf {
        self.data.join("fiscal")
    }

    /// What the payment simulator charged.
    pub(crate) fn charges(&self) -> PathBuf {
        self.data.join("gateway").join("charges.jsonl")
    }

    /// Mails, where no server is named.
    pub(crate) fn mail(&self) -> PathBuf {
        self.data.join("mail")
    }

    /// The folder, made if it is missing.
    pub(crate) fn create(&self) -> Result<()> {
        for folder in [self.data.clone(), self.data.join("vault"), self.data.join("gateway")] {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        Ok(())
    }

    /// The folder's disk, if there is a log in it.
    pub(crate) fn disk(&self) -> Result<Arc<RealDisk>> {
        if !self.data.join("log").is_dir() {
            bail!("{} holds no event log", self.data.display());
        }
        disk(&self.data)
    }

    /// The log, which no other process has open. `on_fatal` is called when it can take no more appends.
    pub(crate) fn open_log(&self, on_fatal: fn(&FatalError)) -> Result<(EmbeddedLog, OpenReport)> {
        let options = LogOptions { fatal: Arc::new(on_fatal), ..LogOptions::default() };
        EmbeddedLog::open(disk(&self.data)?, options)
            .with_context(|| format!("cannot open the event log in {}", self.data.display()))
    }
}

fn disk(folder: &Path) -> Result<Arc<RealDisk>> {
    let disk = RealDisk::new(folder);
    Ok(Arc::new(disk.with_context(|| format!("cannot use the folder {}", folder.display()))?))
}
