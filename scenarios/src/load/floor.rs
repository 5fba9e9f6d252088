//! The machine's own floor: what one durable write and one round trip cost without any server of ours.
//!
//! Measured in the same process and on the same disk as the run it is compared with, because both figures move from
//! machine to machine and from minute to minute.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;

use super::histogram::Histogram;

/// One append, as a log would write it.
const APPEND_BYTES: usize = 4096;
/// Appends and round trips measured.
const ROUNDS: usize = 1000;

/// Medians of the two parts, microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Floor {
    /// `fdatasync` of a 4 KiB append to a preallocated file.
    pub fdatasync_us: f64,
    /// One small message to another thread over loopback TCP and back.
    pub round_trip_us: f64,
}

impl Floor {
    /// What one durable answer over TCP costs at least.
    pub fn total_us(&self) -> f64 {
        self.fdatasync_us + self.round_trip_us
    }
}

/// Measures the floor, writing a temporary file into `folder`.
///
/// # Errors
/// When the file or a loopback socket cannot be used.
pub fn measure(folder: &Path) -> Result<Floor> {
    Ok(Floor { fdatasync_us: fdatasync(folder)?, round_trip_us: round_trip()? })
}

fn fdatasync(folder: &Path) -> Result<f64> {
    let file: File =
        tempfile::tempfile_in(folder).with_context(|| format!("writing to {}", folder.display()))?;
    let page = [0x5a_u8; APPEND_BYTES];
    // Preallocated and written once, so that no append has to change the file's metadata.
    for round in 0..ROUNDS {
        file.write_all_at(&page, (round * APPEND_BYTES) as u64)?;
    }
    file.sync_all()?;
    let mut times = Histogram::default();
    for round in 0..ROUNDS {
        let started = Instant::now();
        file.write_all_at(&page, (round * APPEND_BYTES) as u64)?;
        file.sync_data()?;
        times.record(started.elapsed().as_nanos() as u64);
    }
    Ok(times.quantile(500) as f64 / 1000.0)
}

fn round_trip() -> Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let echo = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut bytes = [0_u8; 512];
        loop {
            let count = stream.read(&mut bytes)?;
            if count == 0 {
                return Ok(());
            }
            stream.write_all(&bytes[..count])?;
        }
    });
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let message = [0x5a_u8; 256];
    let mut back = [0_u8; 256];
    let mut times = Histogram::default();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        stream.write_all(&message)?;
        stream.read_exact(&mut back)?;
        times.record(started.elapsed().as_nanos() as u64);
    }
    drop(stream);
    echo.join().expect("the echo thread does not panic").context("echo thread")?;
    Ok(times.quantile(500) as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_are_measured() {
        let folder = tempfile::tempdir().expect("a folder");
        let floor = measure(folder.path()).expect("a floor");
        assert!(floor.fdatasync_us > 0.0 && floor.round_trip_us > 0.0, "{floor:?}");
        assert!(measure(&folder.path().join("missing")).is_err());
    }
}
