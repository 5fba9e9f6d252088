//! The secrets of an installation: operator key, hold tokens, ticket signatures. Made at first start, kept 0600.
//!
//! `operator.key` is a bearer key with the operator and organiser roles. `service.secret` holds the secret under which hold
//! tokens are made and the seed of the key that signs tickets. Neither is ever logged.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use crate::environment::random;

/// The name of the operator's key in the data folder.
pub const OPERATOR_KEY_FILE: &str = "operator.key";
const SERVICE_SECRET_FILE: &str = "service.secret";
/// Of an operator key given by the environment: a short one can be guessed.
const MIN_OPERATOR_KEY_CHARACTERS: usize = 16;

/// Secrets as read; `Debug` shows none.
#[derive(Clone)]
pub struct Secrets {
    /// Bearer key of operators and organisers.
    pub operator_key: String,
    /// Under which hold tokens are made.
    pub hold_token_secret: [u8; 32],
    /// Of the Ed25519 key that signs tickets.
    pub ticket_signing_seed: [u8; 32],
}

/// The random bytes behind the secrets of a data folder; `None` for what is not there.
pub struct StoredSecrets {
    /// Of the operator's key.
    pub operator: Option<[u8; 32]>,
    /// Of hold tokens and ticket signatures.
    pub service: Option<[u8; 64]>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secrets(..)")
    }
}

/// Why there are no secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file system said no.
    #[error("cannot read or write {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others could read the file.
    #[error(
        "{path} may be read by others (mode {mode:o}): run chmod 600 on it, and replace it if others had access"
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file does not hold what it should.
    #[error("{path} does not hold a key as written at first start")]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
    /// The key in the environment is too short.
    #[error("the operator key has to have {MIN_OPERATOR_KEY_CHARACTERS} visible ASCII characters or more")]
    WeakOperatorKey,
}

impl Secrets {
    /// Reads the secrets of a data folder, making those that are missing. An operator key handed in is used and not stored.
    ///
    /// # Errors
    /// [`SecretsError`].
    pub fn open(folder: &Path, operator_key: Option<String>) -> Result<Self, SecretsError> {
        let service = read_or_make::<64>(&folder.join(SERVICE_SECRET_FILE))?;
        let operator_key = match operator_key {
            Some(key) => check_operator_key(key)?,
            None => HEXLOWER.encode(&read_or_make::<32>(&folder.join(OPERATOR_KEY_FILE))?),
        };
        Ok(Self::of(operator_key, &service))
    }
}

impl Secrets {
    /// Secrets that all replicas share: `operator` and `service` are random bytes from where they are kept together. The
    /// operator's key is written into the data folder, where tools look for it.
    ///
    /// # Errors
    /// [`SecretsError`].
    pub fn shared(
        folder: &Path,
        operator_key: Option<String>,
        operator: &[u8; 32],
        service: &[u8; 64],
    ) -> Result<Self, SecretsError> {
        let operator_key = match operator_key {
            Some(key) => check_operator_key(key)?,
            None => {
                let path = folder.join(OPERATOR_KEY_FILE);
                let failed = |source| SecretsError::File { path: path.clone(), source };
                make(&path, operator).map_err(failed)?;
                HEXLOWER.encode(operator)
            }
        };
        Ok(Self::of(operator_key, service))
    }

    /// What a data folder has of the bytes for [`Self::shared`]; nothing is made.
    ///
    /// # Errors
    /// [`SecretsError`].
    pub fn stored(folder: &Path) -> Result<StoredSecrets, SecretsError> {
        Ok(StoredSecrets {
            operator: read_if_there(&folder.join(OPERATOR_KEY_FILE))?,
            service: read_if_there(&folder.join(SERVICE_SECRET_FILE))?,
        })
    }

    fn of(operator_key: String, service: &[u8; 64]) -> Self {
        Self {
            operator_key,
            hold_token_secret: service[..32].try_into().expect("half of 64 bytes"),
            ticket_signing_seed: service[32..].try_into().expect("half of 64 bytes"),
        }
    }
}

fn check_operator_key(key: String) -> Result<String, SecretsError> {
    let strong = key.len() >= MIN_OPERATOR_KEY_CHARACTERS && key.bytes().all(|byte| byte.is_ascii_graphic());
    if strong { Ok(key) } else { Err(SecretsError::WeakOperatorKey) }
}

/// The bytes written in hexadecimal in the file; made durable before use if the file is new.
fn read_or_make<const N: usize>(path: &Path) -> Result<[u8; N], SecretsError> {
    if let Some(secret) = read_if_there(path)? {
        return Ok(secret);
    }
    let secret = random::<N>();
    make(path, &secret).map_err(|source| SecretsError::File { path: path.to_owned(), source })?;
    Ok(secret)
}

fn read_if_there<const N: usize>(path: &Path) -> Result<Option<[u8; N]>, SecretsError> {
    match File::open(path) {
        Ok(file) => read(path, file).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SecretsError::File { path: path.to_owned(), source }),
    }
}

fn read<const N: usize>(path: &Path, mut file: File) -> Result<[u8; N], SecretsError> {
    let failed = |source| SecretsError::File { path: path.to_owned(), source };
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretsError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    let bytes = HEXLOWER.decode(text.trim().as_bytes()).ok();
    let bytes = bytes.and_then(|bytes| <[u8; N]>::try_from(bytes).ok());
    bytes.ok_or_else(|| SecretsError::Malformed { path: path.to_owned() })
}

/// Written beside and renamed, so that a crash leaves the file whole or absent.
fn make(path: &Path, secret: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{}", HEXLOWER.encode(secret))?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_only_for_their_owner() {
        let folder = tempfile::tempdir().unwrap();
        let first = Secrets::open(folder.path(), None).unwrap();
        let again = Secrets::open(folder.path(), None).unwrap();
        assert_eq!(first.operator_key, again.operator_key);
        assert_eq!(first.hold_token_secret, again.hold_token_secret);
        assert_ne!(first.hold_token_secret, first.ticket_signing_seed);
        let path = folder.path().join(OPERATOR_KEY_FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path).unwrap().trim(), first.operator_key);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Secrets::open(folder.path(), None), Err(SecretsError::Exposed { mode: 0o640, .. })));
    }

    #[test]
    fn a_damaged_file_and_a_weak_key_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            Secrets::open(folder.path(), Some("short".into())),
            Err(SecretsError::WeakOperatorKey)
        ));
        let given = "a-long-enough-key".to_owned();
        assert_eq!(Secrets::open(folder.path(), Some(given.clone())).unwrap().operator_key, given);
        assert!(!folder.path().join(OPERATOR_KEY_FILE).exists());
        std::fs::write(folder.path().join(SERVICE_SECRET_FILE), "zz").unwrap();
        let secret = folder.path().join(SERVICE_SECRET_FILE);
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(Secrets::open(folder.path(), None), Err(SecretsError::Malformed { .. })));
    }
}
