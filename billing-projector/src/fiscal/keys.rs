//! The fiscal keys of an installation: who signs, and the authorisations of folios with the keys that stamp documents.
//!
//! Invariants: they are in a folder that its owner alone can read (0700, files 0600), which several processes may share, and in the
//! memory of those that issue;
//! an authorisation's file is there before the books say that its folios may be used. No text of this file's making shows a key.

use std::fmt;
use std::fs::File;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::ToSpan;
use jiff::civil::Date;
use ticketflow_domain::Rut;
use ticketflow_domain::billing::SeriesCode;
use ticketflow_fiscal_chile::{
    Caf, DocumentType, PublicKey, RsaKey, SigningIdentity, TestCaf, test_caf, test_identity,
};

use super::key_files::{KeyFileError, lock_folder, open_folder, read, remove, write};

/// The sender's certificate and private key, in PEM.
const IDENTITY_FILE: &str = "sender.pem";
/// The key of the authority of one's own, which signs authorisations for tests.
const TEST_AUTHORITY_FILE: &str = "test-authority.pem";
/// As the authority's own keys.
const TEST_AUTHORITY_BITS: usize = 512;
/// Years that a test certificate holds.
const TEST_CERTIFICATE_YEARS: i32 = 10;
const AUTHORISATION_ENDING: &str = "xml";

/// An authorisation of folios with the key that came with it.
pub(crate) struct Authorisation {
    pub(crate) caf: Caf,
    pub(crate) key: RsaKey,
}

/// For whom keys for tests are made.
#[derive(Debug, Clone)]
pub struct TestIssuer {
    /// Its RUT.
    pub rut: Rut,
    /// Its name.
    pub name: String,
    /// Whose certificate it is.
    pub sender: Rut,
    /// In Chile.
    pub today: Date,
}

/// Who signs, and what with. `Debug` shows neither.
pub struct FiscalKeys {
    folder: PathBuf,
    identity: SigningIdentity,
    authorisations: RwLock<Vec<Arc<Authorisation>>>,
}

impl fmt::Debug for FiscalKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FiscalKeys(..)")
    }
}

impl FiscalKeys {
    /// The keys in a folder. Blocks on the disk.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn open(folder: &Path) -> Result<Self, KeyFileError> {
        open_folder(folder)?;
        let path = folder.join(IDENTITY_FILE);
        let pem = read(&path)?.ok_or_else(|| KeyFileError::NoCertificate { path: path.clone() })?;
        let identity = SigningIdentity::from_pem(&String::from_utf8_lossy(&pem))
            .map_err(|source| KeyFileError::Certificate { path, source })?;
        let authorisations = RwLock::new(read_authorisations(folder)?);
        Ok(Self { folder: folder.to_owned(), identity, authorisations })
    }

    /// The same, with a certificate and an authority for tests where there are none. Blocks on the disk.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn open_for_tests(folder: &Path, issuer: &TestIssuer) -> Result<Self, KeyFileError> {
        open_folder(folder)?;
        // Instances that begin at the same moment are to be one issuer.
        let alone = lock_folder(folder)?;
        let path = folder.join(IDENTITY_FILE);
        if read(&path)?.is_none() {
            let until = issuer.today.saturating_add(TEST_CERTIFICATE_YEARS.years());
            let identity = test_identity(&random(), &issuer.name, issuer.sender, issuer.today, until)
                .map_err(|source| KeyFileError::Certificate { path: path.clone(), source })?;
            write(&path, identity.to_pem().as_bytes())?;
        }
        Self::test_authority(folder)?;
        drop(alone);
        Self::open(folder)
    }

    /// The key of the authority of one's own. Whoever has it is the authority, for tests.
    fn test_authority(folder: &Path) -> Result<RsaKey, KeyFileError> {
        open_folder(folder)?;
        let path = folder.join(TEST_AUTHORITY_FILE);
        if let Some(pem) = read(&path)? {
            return RsaKey::from_pem(&String::from_utf8_lossy(&pem))
                .map_err(|source| KeyFileError::Key { path, source });
        }
        let key = RsaKey::from_seed(&random(), TEST_AUTHORITY_BITS)
            .map_err(|source| KeyFileError::Key { path: path.clone(), source })?;
        write(&path, key.to_pem().as_bytes())?;
        Ok(key)
    }

    /// By what authorisations of that authority are known; its key is made where there is none. Blocks on the disk.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn test_authority_key(folder: &Path) -> Result<PublicKey, KeyFileError> {
        Self::test_authority(folder).map(|key| key.public_key())
    }

    /// An authorisation file by that authority, for demonstrations and tests. Blocks on the disk.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn make_test_range(
        folder: &Path,
        issuer: &TestIssuer,
        document_type: DocumentType,
        folios: RangeInclusive<u64>,
    ) -> Result<Vec<u8>, KeyFileError> {
        let caf = TestCaf {
            issuer: issuer.rut,
            issuer_name: &issuer.name,
            document_type,
            folios,
            authorised_on: issuer.today,
        };
        test_caf(&caf, &random(), &Self::test_authority(folder)?).map_err(KeyFileError::Test)
    }

    /// Holds the books to one activity code, which their credit notes carry: the first that is given. With another one the documents that
    /// were issued would not come out as they did. Blocks on the disk.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn settle_activity_code(&self, series: SeriesCode, given: u32) -> Result<(), KeyFileError> {
        let _alone = self.lock()?;
        let path = self.folder.join(format!("activity-code-{series}"));
        let Some(kept) = read(&path)? else { return write(&path, given.to_string().as_bytes()) };
        let kept = String::from_utf8_lossy(&kept).trim().to_owned();
        if kept == given.to_string() {
            Ok(())
        } else {
            Err(KeyFileError::OtherActivityCode { series: series.to_string(), kept, given })
        }
    }

    /// Where they are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Who signs.
    #[must_use]
    pub fn identity(&self) -> &SigningIdentity {
        &self.identity
    }

    /// Until the file is dropped nobody else brings folios in. Blocks while somebody does.
    pub(crate) fn lock(&self) -> Result<File, KeyFileError> {
        lock_folder(&self.folder)
    }

    /// Reads what other processes that have this folder brought in, or took out. Blocks on the disk.
    pub(crate) fn read_again(&self) -> Result<(), KeyFileError> {
        let read = read_authorisations(&self.folder)?;
        *self.authorisations.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// The authorisation of a folio, as far as it was read.
    pub(crate) fn of(
        &self,
        issuer: Rut,
        document_type: DocumentType,
        folio: u64,
    ) -> Option<Arc<Authorisation>> {
        let known = self.authorisations.read().unwrap_or_else(PoisonError::into_inner);
        let covers = |caf: &Caf| {
            caf.issuer() == issuer && caf.document_type() == document_type && caf.folios().contains(&folio)
        };
        known.iter().find(|authorisation| covers(&authorisation.caf)).cloned()
    }

    /// The same, with what another process that has this folder may have brought in. Blocks on the disk if nothing was read of it.
    pub(crate) fn find(
        &self,
        issuer: Rut,
        document_type: DocumentType,
        folio: u64,
    ) -> Result<Option<Arc<Authorisation>>, KeyFileError> {
        if let Some(found) = self.of(issuer, document_type, folio) {
            return Ok(Some(found));
        }
        self.read_again()?;
        Ok(self.of(issuer, document_type, folio))
    }

    /// Keeps an authorisation file whose folios are not in the books yet. What is left of another try at the same folios goes: it was never
    /// in the books either. Blocks on the disk.
    pub(crate) fn keep(&self, file: &[u8], authorisation: Authorisation) -> Result<(), KeyFileError> {
        let caf = &authorisation.caf;
        let path = self.path(caf);
        write(&path, file)?;
        let mut known = self.authorisations.write().unwrap_or_else(PoisonError::into_inner);
        let is_leftover = |other: &Caf| {
            other.issuer() == caf.issuer()
                && other.document_type() == caf.document_type()
                && other.folios().start() <= caf.folios().end()
                && caf.folios().start() <= other.folios().end()
        };
        for leftover in known.iter().map(|other| &other.caf).filter(|other| is_leftover(other)) {
            let leftover = self.path(leftover);
            if leftover != path {
                remove(&leftover)?;
            }
        }
        known.retain(|other| !is_leftover(&other.caf));
        known.push(Arc::new(authorisation));
        Ok(())
    }

    /// Forgets an authorisation that the books were asked to take and did not. Blocks on the disk.
    pub(crate) fn forget(&self, caf: &Caf) -> Result<(), KeyFileError> {
        remove(&self.path(caf))?;
        let mut known = self.authorisations.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|other| other.caf != *caf);
        Ok(())
    }

    fn path(&self, caf: &Caf) -> PathBuf {
        let (issuer, code, folios) = (caf.issuer().number(), caf.document_type().code(), caf.folios());
        let name =
            format!("folios-{issuer}-{code}-{}-{}.{AUTHORISATION_ENDING}", folios.start(), folios.end());
        self.folder.join(name)
    }
}

fn read_authorisations(folder: &Path) -> Result<Vec<Arc<Authorisation>>, KeyFileError> {
    let failed = |source| KeyFileError::File { path: folder.to_owned(), source };
    let mut authorisations = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_none_or(|ending| ending != AUTHORISATION_ENDING) {
            continue;
        }
        let Some(file) = read(&path)? else { continue };
        let (caf, key) = Caf::parse(&file).map_err(|source| KeyFileError::Authorisation { path, source })?;
        authorisations.push(Arc::new(Authorisation { caf, key }));
    }
    Ok(authorisations)
}

fn random() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the operating system has randomness once it has booted");
    seed
}
