//! Files with private keys: read only if nobody else can read them, written whole or not at all.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ticketflow_fiscal_chile::{CafError, CertificateError, KeyError};

/// Bytes of a file: certificates come with their chain.
const MAX_BYTES: u64 = 1 << 20;

/// Why the fiscal keys cannot be used. It names files, never what is in them.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file system said no.
    #[error("cannot read or write {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others could read it.
    #[error(
        "{path} may be read by others (mode {mode:o}): run chmod {wanted:o} on it, and replace the keys if others had access"
    )]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Those it is to have.
        wanted: u32,
    },
    /// There is nobody to sign as.
    #[error(
        "{path} is missing: put the sender's certificate and private key there, both in PEM (openssl pkcs12 -nodes), mode 600"
    )]
    NoCertificate {
        /// Where it is looked for.
        path: PathBuf,
    },
    /// It holds no certificate with its key.
    #[error("{path} does not hold a private key with its certificate in PEM")]
    Certificate {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: CertificateError,
    },
    /// It holds no key.
    #[error("{path} does not hold a private key")]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// It holds no authorisation.
    #[error("{path} does not hold an authorisation of folios")]
    Authorisation {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: CafError,
    },
    /// Documents would not come out as they did.
    #[error(
        "documents of the series {series} carry the activity code {kept}, and not {given}: another code needs another series"
    )]
    OtherActivityCode {
        /// Of which books.
        series: String,
        /// With which documents were made.
        kept: String,
        /// With which they are to be made now.
        given: u32,
    },
    /// No authorisation of one's own making can be made of this.
    #[error("no authorisation for tests can be made")]
    Test(#[source] CafError),
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> KeyFileError {
    move |source| KeyFileError::File { path: path.to_owned(), source }
}

/// The folder, made if it is missing, and refused if others can look into it.
pub(super) fn open_folder(path: &Path) -> Result<(), KeyFileError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_folder(path.parent().unwrap_or(Path::new("."))).map_err(failed(path))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(source) => return Err(KeyFileError::File { path: path.to_owned(), source }),
    }
    let mode = std::fs::metadata(path).map_err(failed(path))?.permissions().mode();
    check_mode(path, mode, 0o700)
}

fn check_mode(path: &Path, mode: u32, wanted: u32) -> Result<(), KeyFileError> {
    let mode = mode & 0o777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(KeyFileError::Exposed { path: path.to_owned(), mode, wanted })
    }
}

/// What is in a file; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, KeyFileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KeyFileError::File { path: path.to_owned(), source }),
    };
    let mode = file.metadata().map_err(failed(path))?.mode();
    check_mode(path, mode, 0o600)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(failed(path))?;
    Ok(Some(bytes))
}

/// Written beside and renamed, so that a crash leaves the file as it was or whole. Durable when this returns.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let unfinished = path.with_extension("new");
    let writing = || {
        // Another's leftover may have any mode.
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)?;
        sync_folder(path.parent().unwrap_or(Path::new(".")))
    };
    writing().map_err(failed(path))
}

/// Waits until nobody else has the folder, in this process or another. It is let go when the file is dropped.
pub(super) fn lock_folder(folder: &Path) -> Result<File, KeyFileError> {
    let path = folder.join("lock");
    let locking = || {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        file.lock()?;
        Ok(file)
    };
    locking().map_err(failed(&path))
}

/// Gone for good when this returns.
pub(super) fn remove(path: &Path) -> Result<(), KeyFileError> {
    let removing = || {
        std::fs::remove_file(path)?;
        sync_folder(path.parent().unwrap_or(Path::new(".")))
    };
    removing().map_err(failed(path))
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}
