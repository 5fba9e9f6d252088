//! Why a server is not there.

use std::io;
use std::path::PathBuf;

/// Why a server could not be started or reached.
#[derive(Debug, thiserror::Error)]
pub enum TestbedError {
    /// This machine does not have the program; says how to get it. Reported as skipped, never as passed.
    #[error("{program} is not installed: {remedy}")]
    Missing {
        /// Which.
        program: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The operating system said no.
    #[error("cannot {action} {path}")]
    System {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("{program} failed: {output}")]
    Failed {
        /// Which.
        program: &'static str,
        /// What it said.
        output: String,
    },
    /// A server did not get ready, or ended.
    #[error("{server} was not ready within {seconds} s; its log ends with: {log}")]
    NotReady {
        /// Which.
        server: String,
        /// How long it was waited for.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// All ports that were tried are in use.
    #[error("no free port on 127.0.0.1")]
    NoPort,
}

/// Names what was tried in an error of the operating system.
pub(crate) trait Doing<T> {
    fn doing(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T, TestbedError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T, TestbedError> {
        self.map_err(|source| TestbedError::System { action, path: path.into(), source })
    }
}
