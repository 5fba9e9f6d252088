//! The user that a server runs as where the caller is root, and the password of its clients.
//!
//! Invariant: no database server of the testbed runs as root; elsewhere it runs as whoever started it.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::{Doing, TestbedError};

/// A user and its group, or whoever runs this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerUser(Option<(u32, u32)>);

impl ServerUser {
    /// The user of this name where the caller is root.
    ///
    /// # Errors
    /// [`TestbedError::Missing`] with these texts where there is no such user.
    pub(crate) fn named(
        name: &str,
        program: &'static str,
        remedy: &'static str,
    ) -> Result<Self, TestbedError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self(None));
        }
        Ok(Self(Some(user_id(name).ok_or(TestbedError::Missing { program, remedy })?)))
    }

    /// Has the program run as this user.
    pub(crate) fn runs(self, command: &mut Command) {
        if let Some((user_id, group_id)) = self.0 {
            command.uid(user_id).gid(group_id);
        }
    }

    /// Makes the file or folder this user's.
    pub(crate) fn owns(self, path: &Path) -> Result<(), TestbedError> {
        let Some((user_id, group_id)) = self.0 else { return Ok(()) };
        chown(path, Some(user_id), Some(group_id)).doing("give away", path)
    }

    /// A new folder that only this user can enter.
    pub(crate) fn folder(self, prefix: &str, parent: &Path) -> Result<tempfile::TempDir, TestbedError> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent);
        let folder = folder.doing("make a folder in", parent)?;
        self.owns(folder.path())?;
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700))
            .doing("close", folder.path())?;
        Ok(folder)
    }
}

/// For a server's clients: whoever is on this machine can reach its port.
pub(crate) fn random_password() -> String {
    let mut password = [0; 16];
    getrandom::fill(&mut password).expect("the system has randomness");
    password.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// User and group id of a named user.
fn user_id(name: &str) -> Option<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut fields = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
