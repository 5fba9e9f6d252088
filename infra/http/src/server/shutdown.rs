//! The signal that a process is going down: begun once, seen by everyone who holds a clone.

use std::sync::Arc;

use tokio::sync::watch;

/// Says that the process is shutting down. Clones share the signal; endless answers such as event streams watch it to
/// end themselves, so that they do not use up the time in which other requests finish.
#[derive(Clone, Debug)]
pub struct Shutdown {
    sender: Arc<watch::Sender<bool>>,
}

impl Shutdown {
    /// A signal that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self { sender: Arc::new(watch::channel(false).0) }
    }

    /// Begins the shutdown. Doing so again changes nothing.
    pub fn begin(&self) {
        self.sender.send_replace(true);
    }

    /// Whether the shutdown has begun.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        *self.sender.borrow()
    }

    /// Waits until the shutdown begins.
    pub async fn begun(&self) {
        self.sender.subscribe().wait_for(|begun| *begun).await.expect("the sender lives as long as self");
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}
