//! The vault's file on disk: made whole or not at all, readable by its owner alone, used by one process at a time.
//!
//! `VaultFile` is all the vault asks of a file; the tests put a failing, tearing one in its place.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::lookup::PEPPER_BYTES;
use crate::record::encode_header;

/// The mode of a new vault, and the widest one that is opened: nothing for group and others.
const FILE_MODE: u32 = 0o600;
const FOREIGN_MODE_BITS: u32 = 0o077;

/// Why a vault cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultOpenError {
    /// The file cannot be read, written or made.
    #[error("key vault {path}: cannot {operation}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// Not a plain file.
    #[error("key vault {path} is not a plain file")]
    NotAFile {
        /// Which file.
        path: PathBuf,
    },
    /// Others may read or write the file.
    #[error("key vault {path} has mode {mode:04o}: others may read it; run chmod 600 on it")]
    NotPrivate {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file belongs to somebody else.
    #[error("key vault {path} belongs to user {owner}, but this process runs as user {ours}")]
    ForeignOwner {
        /// Which file.
        path: PathBuf,
        /// User id of the owner.
        owner: u32,
        /// User id of this process.
        ours: u32,
    },
    /// Another process has the vault open.
    #[error("key vault {path} is in use by another process")]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// No vault at all.
    #[error("{path} is not a key vault")]
    NotAVault {
        /// Which file.
        path: PathBuf,
    },
    /// Written by a later version of this program.
    #[error("key vault {path} has layout version {version}, which this program does not know")]
    UnknownVersion {
        /// Which file.
        path: PathBuf,
        /// Version in its header.
        version: u32,
    },
    /// Damaged in a place that no crash can explain. Nothing was changed.
    #[error("key vault {path} is damaged at byte {offset}: {reason}; restore it from its own backup")]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// Where, in bytes from the start.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// No randomness for the secret of a new vault.
    #[error("no randomness for a new key vault")]
    Randomness(#[source] getrandom::Error),
}

/// What the vault asks of its file. Offsets and lengths are in bytes.
pub(crate) trait VaultFile: Send {
    fn len(&self) -> io::Result<u64>;
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn set_len(&mut self, length: u64) -> io::Result<()>;
    /// Returns once everything written, and the length, is on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

impl VaultFile for File {
    fn len(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        File::set_len(self, length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

fn io_error(path: &Path, operation: &'static str) -> impl FnOnce(io::Error) -> VaultOpenError {
    move |source| VaultOpenError::Io { path: path.to_owned(), operation, source }
}

/// Opens an existing vault file: private, ours, and not in use.
pub(crate) fn open_existing(path: &Path) -> Result<File, VaultOpenError> {
    // A symbolic link could point the keys anywhere; a pipe would block the open.
    let no_follow = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
    let opened = OpenOptions::new().read(true).write(true).custom_flags(no_follow).open(path);
    let file = opened.map_err(io_error(path, "open it"))?;
    let metadata = file.metadata().map_err(io_error(path, "look at it"))?;
    if !metadata.is_file() {
        return Err(VaultOpenError::NotAFile { path: path.to_owned() });
    }
    let ours = rustix::process::geteuid().as_raw();
    if metadata.uid() != ours {
        return Err(VaultOpenError::ForeignOwner { path: path.to_owned(), owner: metadata.uid(), ours });
    }
    if metadata.mode() & FOREIGN_MODE_BITS != 0 {
        return Err(VaultOpenError::NotPrivate { path: path.to_owned(), mode: metadata.mode() & 0o7777 });
    }
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(VaultOpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io_error(path, "lock it")(source)),
    }
}

/// Makes a new vault file with a fresh pepper, unless there is a file already. It appears under its name only when it is
/// whole and on the disk; of two processes that try at once, one wins and both go on with its file.
pub(crate) fn create_if_missing(path: &Path) -> Result<(), VaultOpenError> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let mut pepper = Zeroizing::new([0; PEPPER_BYTES]);
    getrandom::fill(&mut *pepper).map_err(VaultOpenError::Randomness)?;
    let draft = draft_path(path)?;
    let written = write_draft(&draft, &*encode_header(&pepper));
    // The link, unlike a rename, never replaces a vault that another process has made meanwhile.
    let linked = written.and_then(|()| match std::fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = std::fs::remove_file(&draft);
    linked.and(removed).and_then(|()| sync_folder(path)).map_err(io_error(path, "make it"))
}

fn draft_path(path: &Path) -> Result<PathBuf, VaultOpenError> {
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).map_err(VaultOpenError::Randomness)?;
    let mut name = OsString::from(path);
    name.push(format!(".{:016x}.new", u64::from_le_bytes(suffix)));
    Ok(PathBuf::from(name))
}

fn write_draft(draft: &Path, header: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(draft)?;
    file.write_all(header)?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
