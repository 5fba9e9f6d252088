//! Appends records for many threads with one sync for all that are waiting.
//!
//! Invariant: when `append` returns, the record and everything before it is on disk. The thread that finds nobody
//! syncing does it for all; the others wait for it. A failed write is final: nothing later can claim to be on disk.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard};

use thiserror::Error;

use super::record::Record;

/// The journal cannot be trusted any more.
#[derive(Debug, Error)]
pub enum JournalError {
    /// It cannot be made, written or read.
    #[error("journal {path}")]
    File {
        /// Where it lies.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// An earlier write failed.
    #[error("journal {path}: an earlier write failed")]
    Failed {
        /// Where it lies.
        path: PathBuf,
    },
    /// A line is no record.
    #[error("journal {path}, line {line}")]
    Line {
        /// Where it lies.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    appended: u64,
    durable: u64,
    syncing: bool,
    failed: bool,
}

/// The open journal.
pub struct JournalWriter {
    path: PathBuf,
    file: File,
    state: Mutex<State>,
    synced: Condvar,
}

impl JournalWriter {
    /// Makes a new journal; an existing file is an error.
    ///
    /// # Errors
    /// [`JournalError::File`].
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let file =
            File::create_new(path).map_err(|source| JournalError::File { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file, state: Mutex::default(), synced: Condvar::new() })
    }

    /// Appends a record and waits until it is on disk.
    ///
    /// # Errors
    /// When this or an earlier write failed; the record may then be missing.
    pub fn append(&self, record: &Record) -> Result<(), JournalError> {
        let mut state = self.lock();
        // Written under the lock, so that line order is the order of these calls.
        serde_json::to_writer(&mut state.waiting, record).expect("records are plain data");
        state.waiting.push(b'\n');
        state.appended += 1;
        let mine = state.appended;
        while state.durable < mine {
            if state.failed {
                return Err(JournalError::Failed { path: self.path.clone() });
            }
            if state.syncing {
                state = self.synced.wait(state).expect("no thread panics while it holds the journal");
                continue;
            }
            state.syncing = true;
            let bytes = std::mem::take(&mut state.waiting);
            let reached = state.appended;
            drop(state);
            let written = (&self.file).write_all(&bytes).and_then(|()| self.file.sync_data());
            state = self.lock();
            state.syncing = false;
            match written {
                Ok(()) => state.durable = reached,
                Err(_) => state.failed = true,
            }
            self.synced.notify_all();
            if let Err(source) = written {
                return Err(JournalError::File { path: self.path.clone(), source });
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds the journal")
    }
}

/// Reads a journal. A last line without its line feed was never acknowledged to anyone and is left out.
///
/// # Errors
/// When the file cannot be read or a complete line is no record.
pub fn read_journal(path: &Path) -> Result<Vec<Record>, JournalError> {
    let file_error = |source| JournalError::File { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(file_error)?);
    let mut records = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line).map_err(file_error)?;
        if line.last() != Some(&b'\n') {
            return Ok(records);
        }
        let record = serde_json::from_slice(&line).map_err(|source| JournalError::Line {
            path: path.to_owned(),
            line: records.len() + 1,
            source,
        })?;
        records.push(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_threads_lose_no_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let journal = JournalWriter::create(&path).expect("a new journal");
        assert!(JournalWriter::create(&path).is_err(), "an existing journal is not overwritten");
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let journal = &journal;
                scope.spawn(move || {
                    for count in 0..20 {
                        journal.append(&Record::Run { seed: thread * 100 + count }).expect("on disk");
                    }
                });
            }
        });
        let mut seeds: Vec<u64> = read_journal(&path)
            .expect("readable")
            .into_iter()
            .map(|record| match record {
                Record::Run { seed } => seed,
                other => panic!("{other:?}"),
            })
            .collect();
        for thread in 0..8 {
            let own: Vec<u64> = seeds.iter().copied().filter(|seed| seed / 100 == thread).collect();
            assert!(own.is_sorted(), "each thread's lines keep their order");
        }
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 160);
    }

    #[test]
    fn a_torn_last_line_is_left_out_and_a_bad_one_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        std::fs::write(&path, "{\"record\":\"run\",\"seed\":1}\n{\"record\":\"ru").expect("written");
        assert_eq!(read_journal(&path).expect("readable"), [Record::Run { seed: 1 }]);
        std::fs::write(&path, "{\"record\":\"run\",\"seed\":1}\n{\"record\":\"ru\"}\n").expect("written");
        let error = read_journal(&path).expect_err("a bad line");
        assert!(error.to_string().ends_with("line 2"), "{error}");
    }
}
