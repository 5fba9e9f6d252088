//! Mails as files in a folder, for development, demonstrations and whoever sends them by other means.
//!
//! A file is there whole or not at all, whatever ends the process: it is written under another name that starts with a dot, put
//! on disk, and then renamed. A mail that is written again replaces its file.

use crate::compose::Mail;
use crate::transport::{Accepted, OpenMailTransportError, SendMailError};
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How unfinished files begin and end: hidden from `*.eml`.
const UNFINISHED: (&str, &str) = (".", ".partial");
/// An unfinished file that is older was left by a process that ended: writing takes seconds.
const LEFTOVER_AGE: Duration = Duration::from_secs(3_600);
/// Mails name people: their files are the owner's alone, as `tempfile` makes files.
const FOLDER_MODE: u32 = 0o700;

/// A folder for mails.
pub(crate) struct MailFolder {
    path: PathBuf,
}

impl MailFolder {
    /// Makes the folder where it is missing, and takes away what processes that ended have left unfinished in it.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenMailTransportError> {
        let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path);
        let swept = made.and_then(|()| sweep(path));
        swept.map_err(|source| OpenMailTransportError::Folder { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a mail. Once it has returned, the file outlives a loss of power.
    pub(crate) async fn write(&self, mail: &Mail) -> Result<Accepted, SendMailError> {
        let folder = self.path.clone();
        let file = self.path.join(format!("{}.eml", mail.id));
        let (target, content) = (file.clone(), mail.content.clone());
        let written = tokio::task::spawn_blocking(move || replace(&folder, &target, &content)).await;
        let written = written.unwrap_or_else(|ended| Err(io::Error::other(ended)));
        written.map_err(|source| SendMailError::Unwritten { id: mail.id.clone(), source })?;
        Ok(Accepted { reply: file.display().to_string() })
    }
}

fn replace(folder: &Path, target: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(UNFINISHED.0).suffix(UNFINISHED.1).tempfile_in(folder)?;
    file.write_all(content)?;
    // Before the rename: after a loss of power the name must not lead to a file whose content was never on disk.
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    // The name too has to be on disk before the caller notes that the mail was sent.
    File::open(folder)?.sync_all()
}

fn sweep(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_unfinished = name.starts_with(UNFINISHED.0) && name.ends_with(UNFINISHED.1);
        let age = || entry.metadata().and_then(|about| about.modified()).ok()?.elapsed().ok();
        if is_unfinished && age().is_some_and(|age| age > LEFTOVER_AGE) {
            // Whoever swept it first has done what was to be done.
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}
