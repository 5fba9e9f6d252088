//! The wish of an operator, or of the system, that this process ends: SIGTERM or SIGINT.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Ends with the first SIGTERM or SIGINT from now on. To be called within a Tokio runtime.
///
/// # Errors
/// Whatever the operating system answers; then a signal ends the process at once, as without this.
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
