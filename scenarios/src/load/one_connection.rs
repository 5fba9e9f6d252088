//! Workload `one-connection`: sequential holds beside the machine's own floor.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::floor::{Floor, measure};
use super::holds::holds;
use super::options::LoadOptions;
use super::recorder::RunReport;

/// Result of `one-connection`.
#[derive(Clone, Debug, Serialize)]
pub struct OneConnectionReport {
    /// Sequential holds.
    pub run: RunReport,
    /// The floor before and after the run.
    pub floor: [Floor; 2],
    /// Median hold over the mean of both floors (write plus round trip).
    pub ratio: f64,
}

impl OneConnectionReport {
    /// For people.
    pub fn text(&self) -> String {
        let parts = |floor: &Floor| format!("{:.0} + {:.0} us", floor.fdatasync_us, floor.round_trip_us);
        format!(
            "{}  floor (fdatasync + round trip): {} before, {} after; median hold is {:.2} x that\n",
            self.run.text(),
            parts(&self.floor[0]),
            parts(&self.floor[1]),
            self.ratio
        )
    }
}

/// Holds one after the other on one connection. Uses `seconds`, `seats_per_show`, `data` (the floor is measured on its
/// disk).
///
/// # Errors
/// When the server cannot be reached, the show cannot be made or the folder is not writable.
pub fn one_connection(options: &LoadOptions) -> Result<OneConnectionReport> {
    let folder = if options.data.is_dir() { options.data.as_path() } else { Path::new(".") };
    let alone = LoadOptions { connections: 1, rate_per_second: None, shows: 4, ..options.clone() };
    let before = measure(folder)?;
    let run = holds(&alone)?;
    let after = measure(folder)?;
    let floor_us = (before.total_us() + after.total_us()) / 2.0;
    Ok(OneConnectionReport { ratio: run.lane("hold").p50_us / floor_us, run, floor: [before, after] })
}
