//! The port through which the log touches files.
//!
//! Owns the [`Disk`] and [`DiskFile`] traits, so that the same log runs on a real file system ([`crate::RealDisk`]) and on
//! a simulated one that tears, loses and fails ([`crate::SimDisk`]). A disk is rooted in one data folder; paths are
//! relative to it and use `/`. What must be durable before what is left to the callers.

use std::io;
use std::sync::Arc;

/// A data folder.
pub trait Disk: Send + Sync {
    /// Makes a folder unless it exists.
    ///
    /// # Errors
    /// Whatever the file system answers.
    fn create_dir(&self, path: &str) -> io::Result<()>;

    /// Names of the files in a folder, sorted.
    ///
    /// # Errors
    /// Whatever the file system answers; a missing folder is `NotFound`.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;

    /// Makes an empty file for reading and writing; an older file of that name is emptied.
    ///
    /// # Errors
    /// Whatever the file system answers.
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// Whatever the file system answers; a missing file is `NotFound`.
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file a new name, replacing a file that has it. Atomic; durable only after [`Disk::sync_dir`].
    ///
    /// # Errors
    /// Whatever the file system answers.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Whatever the file system answers.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes the names in a folder durable. The folder itself is `""`.
    ///
    /// # Errors
    /// Whatever the file system answers.
    fn sync_dir(&self, path: &str) -> io::Result<()>;

    /// Bytes that can still be written.
    ///
    /// # Errors
    /// Whatever the file system answers.
    fn free_space(&self) -> io::Result<u64>;

    /// Takes the exclusive lock of the data folder and writes this process's id into the lock file.
    ///
    /// # Errors
    /// [`LockError::Held`] when another holder lives, in this process or another.
    fn lock(&self, path: &str) -> Result<DiskLock, LockError>;
}

/// An open file. Every method may be called from several threads at once.
pub trait DiskFile: Send + Sync {
    /// Reads at a byte offset; returns how many bytes were read, 0 at the end of the file.
    ///
    /// # Errors
    /// Whatever the file system answers.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at a byte offset; may write less than asked.
    ///
    /// # Errors
    /// Whatever the file system answers.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Length in bytes.
    ///
    /// # Errors
    /// Whatever the file system answers.
    fn length(&self) -> io::Result<u64>;

    /// Makes the content durable, with the metadata that is needed to read it (`fdatasync`).
    ///
    /// # Errors
    /// Whatever the file system answers. After an error the state of the written bytes is unknown for good.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes content and all metadata durable (`fsync`).
    ///
    /// # Errors
    /// As [`DiskFile::sync_data`].
    fn sync_all(&self) -> io::Result<()>;
}

/// The held lock of a data folder; dropping it releases the lock.
pub struct DiskLock {
    _holder: Box<dyn Send + Sync>,
}

impl DiskLock {
    /// Wraps whatever releases the lock when it is dropped.
    pub fn new(holder: impl Send + Sync + 'static) -> Self {
        Self { _holder: Box::new(holder) }
    }
}

impl std::fmt::Debug for DiskLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DiskLock")
    }
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("the data folder is in use{}", .pid.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    Held {
        /// The holder's process id, as it wrote it into the lock file.
        pid: Option<u32>,
    },
    /// The lock file could not be used.
    #[error("cannot use the lock file")]
    Io(#[source] io::Error),
}

/// A failed file operation, with what was done to which file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {path}")]
pub struct DiskError {
    /// The verb.
    pub operation: &'static str,
    /// The file or folder, relative to the data folder.
    pub path: String,
    /// What the file system said.
    #[source]
    pub source: io::Error,
}

/// Names the operation and the file in an I/O error.
pub(crate) trait During<T> {
    fn during(self, operation: &'static str, path: &str) -> Result<T, DiskError>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, operation: &'static str, path: &str) -> Result<T, DiskError> {
        self.map_err(|source| DiskError { operation, path: path.to_owned(), source })
    }
}

/// Reads until the buffer is full; the end of the file before that is `UnexpectedEof`.
pub(crate) fn read_exact_at(file: &dyn DiskFile, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let count = file.read_at(buffer, offset)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[count..];
        offset += count as u64;
    }
    Ok(())
}

/// Writes everything in one call, or fails. Two calls could leave a sector that holds the end of the first and nothing of the second:
/// neither written nor missing, so that recovery would take an unfinished flush for damage.
pub(crate) fn write_at_once(file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    match file.write_at(bytes, offset)? {
        count if count == bytes.len() => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::WriteZero, "only a part of a flush was written")),
    }
}

/// Writes everything, going on after a short write.
pub(crate) fn write_all_at(file: &dyn DiskFile, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = file.write_at(bytes, offset)?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[count..];
        offset += count as u64;
    }
    Ok(())
}
