//! The simulator's file of charges: JSON lines, appended before a call is answered, replayed at start.
//!
//! Invariant: what the simulator has answered is in the file, so that a killed process comes back knowing every
//! charge it made, as a real gateway would. A line goes to the operating system with one write and is not synced:
//! it outlives the process, not the machine. A torn last line was never answered and is cut; a bad line before it
//! is corruption and refused. What the lines mean is the simulator's business.

use std::borrow::Cow;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// First line of every journal.
const HEADER: &[u8] = b"{\"format\":\"ticketflow simulated gateway charges\",\"version\":1}\n";
/// Longest line read back; keys are at most 128 characters, so that a longer line is none of ours.
const MAX_LINE_BYTES: u64 = 4096;

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("gateway journal {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// Another process uses the file.
    #[error("gateway journal {path} is in use by another process")]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// The file is no journal of this version, or is damaged.
    #[error("gateway journal {path}, line {line}: {reason}")]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// One fact, as a line of the file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line<'a> {
    #[serde(rename = "op")]
    pub(crate) operation: Operation,
    #[serde(borrow)]
    pub(crate) key: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) amount_minor: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<Cow<'a, str>>,
}

/// What a line records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    Authorized,
    Declined,
    Captured,
    Voided,
    Refunded,
}

/// The open file, locked against other processes for as long as it lives.
pub(crate) struct Journal {
    file: File,
    /// Length of the file up to the last whole line.
    length: u64,
    /// Set when a failed write could not be taken back: what follows would be appended to half a line.
    broken: bool,
    buffer: Vec<u8>,
}

impl Journal {
    /// Opens or creates the file and hands every line to `replay` in order; an error of `replay` is corruption.
    pub(crate) fn open(
        path: &Path,
        mut replay: impl FnMut(Line<'_>) -> Result<(), String>,
    ) -> Result<Self, JournalError> {
        let io_error = |source| JournalError::Io { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(io_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::InUse { path: path.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
        let length = read_lines(path, &file, &mut replay)?;
        if length < file.metadata().map_err(io_error)?.len() {
            tracing::warn!(path = %path.display(), length, "cut a half-written last line off the gateway journal");
        }
        file.set_len(length).map_err(io_error)?;
        file.seek(SeekFrom::Start(length)).map_err(io_error)?;
        let mut journal = Self { file, length, broken: false, buffer: Vec::new() };
        if length == 0 {
            journal.append_bytes(HEADER).map_err(io_error)?;
        }
        Ok(journal)
    }

    /// Appends one line. On an error the file is as before, or no further line is taken.
    pub(crate) fn append(&mut self, line: &Line<'_>) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        serde_json::to_writer(&mut buffer, line)?;
        buffer.push(b'\n');
        let written = self.append_bytes(&buffer);
        self.buffer = buffer;
        written
    }

    fn append_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier write failed half-way"));
        }
        if let Err(error) = self.file.write_all(bytes) {
            let taken_back = self
                .file
                .set_len(self.length)
                .and_then(|()| self.file.seek(SeekFrom::Start(self.length)).map(drop));
            self.broken = taken_back.is_err();
            return Err(error);
        }
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// Reads all whole lines; returns their length together.
fn read_lines(
    path: &Path,
    file: &File,
    replay: &mut impl FnMut(Line<'_>) -> Result<(), String>,
) -> Result<u64, JournalError> {
    let corrupt = |line, reason: String| JournalError::Corrupt { path: path.to_owned(), line, reason };
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut bytes = Vec::new();
    let mut length = 0;
    let mut number = 0;
    loop {
        bytes.clear();
        number += 1;
        let read = (&mut reader)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut bytes)
            .map_err(|source| JournalError::Io { path: path.to_owned(), source })?;
        if bytes.last() != Some(&b'\n') {
            if read as u64 == MAX_LINE_BYTES {
                return Err(corrupt(number, format!("longer than {MAX_LINE_BYTES} bytes")));
            }
            // A first line that is no beginning of ours belongs to somebody else's file, which is not ours to cut.
            if number == 1 && !HEADER.starts_with(&bytes) {
                return Err(corrupt(number, "not a gateway journal of this version".into()));
            }
            return Ok(length);
        }
        if number == 1 {
            if bytes != HEADER {
                return Err(corrupt(number, "not a gateway journal of this version".into()));
            }
        } else {
            let line = serde_json::from_slice(&bytes).map_err(|error| corrupt(number, error.to_string()))?;
            replay(line).map_err(|reason| corrupt(number, reason))?;
        }
        length += read as u64;
    }
}

#[cfg(test)]
impl Journal {
    /// A journal whose file refuses every write, as a full disk does.
    pub(crate) fn on_full_disk() -> Self {
        let file = OpenOptions::new().write(true).open("/dev/full").expect("Linux has /dev/full");
        Self { file, length: 0, broken: false, buffer: Vec::new() }
    }
}
