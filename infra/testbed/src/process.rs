//! A server process: started, watched and ended by its id, never by its name.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Doing, TestbedError};

/// Between two looks at a server that is starting or ending.
const LOOK: Duration = Duration::from_millis(20);
/// So much of the end of a log is shown.
const LOG_BYTES: usize = 2_000;

/// A server's process while it runs. Killed when dropped.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    name: String,
    child: Child,
    log: PathBuf,
}

impl ServerProcess {
    /// Starts a command with its output in the file `log`, to which it is added.
    pub(crate) fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self, TestbedError> {
        let output = File::options().create(true).append(true).open(log).doing("open", log)?;
        let errors = output.try_clone().doing("open", log)?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = command.spawn().doing("start", command.get_program())?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` holds.
    pub(crate) fn wait_until(
        &mut self,
        limit: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Result<(), TestbedError> {
        let since = Instant::now();
        while !ready() {
            let ended = self.child.try_wait().doing("watch", &self.name)?.is_some();
            if ended || since.elapsed() > limit {
                let text = std::fs::read(&self.log).unwrap_or_default();
                let end = &text[text.len().saturating_sub(LOG_BYTES)..];
                return Err(TestbedError::NotReady {
                    server: self.name.clone(),
                    seconds: limit.as_secs(),
                    log: String::from_utf8_lossy(end).trim().to_owned(),
                });
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), TestbedError> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).map_err(Into::into).doing("signal", &self.name)
    }

    /// Asks it to end with a signal and waits; what has not ended by then is killed.
    pub(crate) fn stop(mut self, signal: Signal, limit: Duration) -> Result<(), TestbedError> {
        self.signal(signal)?;
        let since = Instant::now();
        while self.child.try_wait().doing("watch", &self.name)?.is_none() && since.elapsed() < limit {
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // A child that ended before was waited for, so that its id is not another's by now.
        if let Ok(None) = self.child.try_wait() {
            // SIGKILL ends a paused one too.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
