//! A server process: started, watched and ended by its id, never by its name.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::error::{Doing, TestbedError};

/// Between two looks at a server that is starting or ending.
const LOOK: Duration = Duration::from_millis(20);
/// A server that has not ended by then is stuck.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// So much of the end of a log is shown.
const LOG_BYTES: usize = 2_000;

/// A server's process, which may be down. Killed when dropped.
#[derive(Debug)]
pub struct ServerProcess {
    name: String,
    log: PathBuf,
    /// What asks it to end as an operator does.
    stop_signal: Signal,
    child: Option<Child>,
}

impl ServerProcess {
    /// One that is down, and will have its output added to the file `log`.
    pub(crate) fn new(name: &str, log: PathBuf, stop_signal: Signal) -> Self {
        Self { name: name.to_owned(), log, stop_signal, child: None }
    }

    pub(crate) fn start(&mut self, command: &mut Command) -> Result<(), TestbedError> {
        let output = File::options().create(true).append(true).open(&self.log).doing("open", &self.log)?;
        let errors = output.try_clone().doing("open", &self.log)?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        self.child = Some(command.spawn().doing("start", command.get_program())?);
        Ok(())
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Waits until `ready` holds, where it runs. One that does not get ready is ended.
    pub(crate) fn wait_until(
        &mut self,
        limit: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Result<(), TestbedError> {
        let since = Instant::now();
        let Some(child) = &mut self.child else { return Ok(()) };
        while !ready() {
            let ended = child.try_wait().doing("watch", &self.name)?.is_some();
            if ended || since.elapsed() > limit {
                self.kill();
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

    fn signal(&self, signal: Signal) -> Result<(), TestbedError> {
        let Some(child) = &self.child else { return Ok(()) };
        kill_process(Pid::from_child(child), signal).map_err(Into::into).doing("signal", &self.name)
    }

    /// Stops it without ending it, and waits until it stands still: connections hang.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    pub fn pause(&self) -> Result<(), TestbedError> {
        self.signal(Signal::STOP)?;
        let Some(child) = &self.child else { return Ok(()) };
        // The signal is underway when `kill` returns. What has ended stands still too.
        let stands_still = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let waited = waitid(WaitId::Pid(Pid::from_child(child)), stands_still);
        waited.map(|_| ()).map_err(Into::into).doing("wait for", &self.name)
    }

    /// Lets it go on after [`Self::pause`].
    ///
    /// # Errors
    /// [`TestbedError::System`].
    pub fn resume(&self) -> Result<(), TestbedError> {
        self.signal(Signal::CONT)
    }

    /// Ends it as an operator does, and waits; what has not ended after 20 s is killed.
    ///
    /// # Errors
    /// [`TestbedError::System`].
    pub fn stop(&mut self) -> Result<(), TestbedError> {
        self.signal(self.stop_signal)?;
        let since = Instant::now();
        while let Some(child) = &mut self.child
            && child.try_wait().doing("watch", &self.name)?.is_none()
            && since.elapsed() < STOP_LIMIT
        {
            std::thread::sleep(LOOK);
        }
        self.kill();
        Ok(())
    }

    /// Kills it as a crash does; one that is paused too.
    pub fn kill(&mut self) {
        // A child that ended before was waited for, so that its id is not another's by now.
        if let Some(mut child) = self.child.take()
            && let Ok(None) = child.try_wait()
        {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
