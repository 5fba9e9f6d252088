//! Named snapshots: disposable caches beside the log, each bound to a position and to the chain hash there.
//!
//! Owns the folder `snapshots/`. Invariants: a snapshot is whole before it has its name (temporary file, sync, rename,
//! sync of the folder); it never claims a position that is not durable in the log; of each name the newest two are kept, so
//! that a damaged one has a predecessor. What the bytes mean is left to the owner of the name, but for a number at its end:
//! the version of the stored shape, before which those with lower numbers are removed.

use std::io;

use rkyv::util::AlignedVec;
use sha2::{Digest, Sha256};

use crate::disk::{Disk, DiskError, During, read_exact_at, write_all_at};
use crate::frame::ChainHash;
use crate::index::Head;
use crate::reader::ReadError;
use crate::stream::Position;

/// Folder of the snapshots.
pub(crate) const SNAPSHOT_DIR: &str = "snapshots";
/// The log's own snapshot.
pub(crate) const INDEX_NAME: &str = "index";

const MAGIC: [u8; 8] = *b"TKTSNAP\n";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 128;
const SUFFIX: &str = ".snapshot";
const UNFINISHED_SUFFIX: &str = ".new";
/// A file name stays readable and far below every file system's bound.
const MAX_NAME_BYTES: usize = 40;
/// The newest and the one before it.
const KEPT: usize = 2;

/// A snapshot as read.
#[derive(Debug)]
pub struct Snapshot {
    /// It holds what follows from the events up to here.
    pub position: Position,
    /// The log's chain hash at that position.
    pub chain_hash: ChainHash,
    /// The bytes, 16-byte aligned.
    pub bytes: AlignedVec<16>,
}

/// A snapshot as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// It holds what follows from the events up to here.
    pub position: Position,
    /// Its size; 0 if there was one of that position already.
    pub bytes: u64,
}

/// Why a snapshot was not written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The name is empty, too long, reserved, or has characters besides `a-z`, `0-9` and `-`.
    #[error("`{name}` cannot name a snapshot")]
    Name {
        /// The name.
        name: String,
    },
    /// It claims more than the log has.
    #[error("snapshot `{name}` claims position {position}, the log ends at {head}")]
    AheadOfLog {
        /// The name.
        name: String,
        /// What it claims.
        position: Position,
        /// What the log has.
        head: Position,
    },
    /// The disk failed. The log itself is not touched by this.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why a stored snapshot was skipped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotFault {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It is too short, foreign, or its header is damaged.
    #[error("has no valid header")]
    Header,
    /// A later version of the software wrote it.
    #[error("has version {0}, newer than this software")]
    Newer(u32),
    /// Its bytes do not have the stored hash.
    #[error("does not have the content it was written with")]
    Content,
    /// Its name says something else than its header.
    #[error("is named for another snapshot")]
    Misnamed,
    /// It claims a position after the end of the log.
    #[error("claims a position after the end of the log")]
    AheadOfLog,
    /// The log cannot be read where the snapshot ends, so that nothing says whether it belongs to it.
    #[error("cannot be compared with the log: {0}")]
    Unproven(String),
    /// Its chain hash is not the log's at that position: it belongs to another log.
    #[error("does not belong to this log")]
    Foreign,
}

/// A snapshot that was skipped, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedSnapshot {
    /// Its file, relative to the data folder.
    pub path: String,
    /// What is wrong with it.
    pub fault: SnapshotFault,
}

/// A snapshot file by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotFile {
    pub(crate) name: String,
    pub(crate) position: Position,
}

impl SnapshotFile {
    pub(crate) fn path(&self) -> String {
        format!("{SNAPSHOT_DIR}/{}-{:020}{SUFFIX}", self.name, self.position)
    }

    fn parse(file_name: &str) -> Option<Self> {
        let (name, digits) = file_name.strip_suffix(SUFFIX)?.rsplit_once('-')?;
        let position = (digits.len() == 20).then(|| digits.parse().ok()).flatten()?;
        Some(Self { name: name.to_owned(), position })
    }
}

/// Every snapshot file, oldest first within its name.
pub(crate) fn list(disk: &dyn Disk) -> Result<Vec<SnapshotFile>, DiskError> {
    let names = disk.list(SNAPSHOT_DIR).during("list", SNAPSHOT_DIR)?;
    Ok(names.iter().filter_map(|name| SnapshotFile::parse(name)).collect())
}

pub(crate) fn check_name(name: &str) -> Result<(), SnapshotError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let sound = (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(plain) && name != INDEX_NAME;
    if sound { Ok(()) } else { Err(SnapshotError::Name { name: name.to_owned() }) }
}

/// Writes a snapshot and removes the ones that it makes superfluous.
pub(crate) fn write(disk: &dyn Disk, name: &str, at: Head, bytes: &[u8]) -> Result<(), DiskError> {
    let file = SnapshotFile { name: name.to_owned(), position: at.position };
    let path = file.path();
    let unfinished = format!("{SNAPSHOT_DIR}/{name}{UNFINISHED_SUFFIX}");
    let written = (|| {
        let target = disk.create(&unfinished).during("create", &unfinished)?;
        write_all_at(&*target, &header(name, at, bytes.len(), &Sha256::digest(bytes).into()), 0)
            .during("write", &unfinished)?;
        write_all_at(&*target, bytes, HEADER_BYTES as u64).during("write", &unfinished)?;
        // The content must be durable before the name is: a name promises a whole snapshot.
        target.sync_all().during("sync", &unfinished)?;
        disk.rename(&unfinished, &path).during("rename", &unfinished)?;
        disk.sync_dir(SNAPSHOT_DIR).during("sync", SNAPSHOT_DIR)
    })();
    if written.is_err() {
        // Best effort: what stays behind is emptied by the next try.
        let _ = disk.remove(&unfinished);
    }
    written?;
    let (same, others): (Vec<_>, Vec<_>) = list(disk)?.into_iter().partition(|other| other.name == name);
    // One that claims to be further is of a history that was lost: it must not count as one of those kept.
    let (kept, lost): (Vec<_>, Vec<_>) = same.into_iter().partition(|other| other.position <= at.position);
    let outdated = others.iter().filter(|other| is_outdated(&other.name, name));
    for other in kept.iter().rev().skip(KEPT).chain(&lost).chain(outdated) {
        let path = other.path();
        disk.remove(&path).during("remove", &path)?;
    }
    Ok(())
}

/// Whether one name is another's with a lower number: the same thing in a stored shape of before.
fn is_outdated(other: &str, name: &str) -> bool {
    let numbered = |name: &'_ str| {
        let (family, number) = name.rsplit_once('-')?;
        Some((family.to_owned(), number.parse::<u32>().ok()?))
    };
    let (Some((family, number)), Some((other_family, other_number))) = (numbered(name), numbered(other))
    else {
        return false;
    };
    family == other_family && other_number < number
}

/// The newest snapshot of a name that passes every check, and those that did not. `belongs` says whether the log once
/// ended as the snapshot says: a flush that was cut may have been in one, and others have taken its positions since.
pub(crate) fn latest(
    disk: &dyn Disk,
    name: &str,
    head: Position,
    belongs: impl Fn(Head) -> Result<bool, ReadError>,
) -> Result<(Option<Snapshot>, Vec<SkippedSnapshot>), DiskError> {
    let mut skipped = Vec::new();
    for file in list(disk)?.into_iter().rev().filter(|file| file.name == name) {
        match read(disk, &file) {
            Ok(snapshot) => {
                let at = Head { position: snapshot.position, chain_hash: snapshot.chain_hash };
                let fault = match (snapshot.position <= head).then(|| belongs(at)) {
                    Some(Ok(true)) => return Ok((Some(snapshot), skipped)),
                    Some(Ok(false)) => SnapshotFault::Foreign,
                    Some(Err(error)) => SnapshotFault::Unproven(error.to_string()),
                    None => SnapshotFault::AheadOfLog,
                };
                skipped.push(SkippedSnapshot { path: file.path(), fault });
            }
            Err(fault) => skipped.push(SkippedSnapshot { path: file.path(), fault }),
        }
    }
    Ok((None, skipped))
}

/// Reads and checks one snapshot.
pub(crate) fn read(disk: &dyn Disk, file: &SnapshotFile) -> Result<Snapshot, SnapshotFault> {
    let unreadable = |error: io::Error| SnapshotFault::Unreadable(error.to_string());
    let source = disk.open(&file.path()).map_err(unreadable)?;
    let length = usize::try_from(source.length().map_err(unreadable)?).map_err(|_| SnapshotFault::Header)?;
    let content_length = length.checked_sub(HEADER_BYTES).ok_or(SnapshotFault::Header)?;
    let mut found = [0; HEADER_BYTES];
    read_exact_at(&*source, &mut found, 0).map_err(unreadable)?;
    if found[0..8] != MAGIC {
        return Err(SnapshotFault::Header);
    }
    let version = u32::from_le_bytes(found[8..12].try_into().expect("a slice of 4"));
    if found[12..16] != crc32c::crc32c(&found[16..]).to_le_bytes() {
        return Err(if version > VERSION { SnapshotFault::Newer(version) } else { SnapshotFault::Header });
    }
    if version != VERSION {
        // The rest of the header is of our version, so the version itself is damaged.
        return Err(SnapshotFault::Header);
    }
    let number = |at: usize| u64::from_le_bytes(found[at..at + 8].try_into().expect("a slice of 8"));
    if number(24) != content_length as u64 {
        return Err(SnapshotFault::Header);
    }
    let mut bytes = AlignedVec::with_capacity(content_length);
    bytes.resize(content_length, 0);
    read_exact_at(&*source, &mut bytes, HEADER_BYTES as u64).map_err(unreadable)?;
    let at = Head { position: number(16), chain_hash: found[64..96].try_into().expect("a slice of 32") };
    let digest = Sha256::digest(&bytes).into();
    if found[32..64] != digest {
        return Err(SnapshotFault::Content);
    }
    if header(&file.name, at, content_length, &digest) != found || at.position != file.position {
        return Err(SnapshotFault::Misnamed);
    }
    Ok(Snapshot { position: at.position, chain_hash: at.chain_hash, bytes })
}

fn header(name: &str, at: Head, length: usize, digest: &[u8; 32]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[0..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[16..24].copy_from_slice(&at.position.to_le_bytes());
    header[24..32].copy_from_slice(&(length as u64).to_le_bytes());
    header[32..64].copy_from_slice(digest);
    header[64..96].copy_from_slice(&at.chain_hash);
    header[96..128].copy_from_slice(&Sha256::digest(name.as_bytes()));
    let checksum = crc32c::crc32c(&header[16..]);
    header[12..16].copy_from_slice(&checksum.to_le_bytes());
    header
}
