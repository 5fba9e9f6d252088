//! Tells the clients whether the server is up, and when to stop.

use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// What the clients should do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// The server is being killed, verified or started.
    Down,
    /// Work.
    Up,
    /// Resolve what is open, start nothing new.
    Settle,
}

/// One consistent view.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    pub(crate) phase: Phase,
    /// Counts server starts: a new one means a new connection.
    pub(crate) epoch: u32,
    pub(crate) address: SocketAddr,
    /// Shows that sell, oldest first.
    pub(crate) shows: Vec<std::sync::Arc<SellingShow>>,
    /// The run has failed: everybody out.
    pub(crate) abandoned: bool,
}

/// A show and the names of its seats.
#[derive(Debug, PartialEq)]
pub(crate) struct SellingShow {
    pub(crate) id: String,
    pub(crate) seats: Vec<String>,
}

/// The shared view.
pub(crate) struct Gate {
    view: Mutex<View>,
    changed: Condvar,
}

impl Gate {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let view = View { phase: Phase::Down, epoch: 0, address, shows: Vec::new(), abandoned: false };
        Self { view: Mutex::new(view), changed: Condvar::new() }
    }

    /// Changes the view and wakes everybody.
    pub(crate) fn change(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// The view as soon as the server is not down, or the run is abandoned.
    pub(crate) fn wait_while_down(&self) -> View {
        let view = self.lock();
        let waited = self.changed.wait_while(view, |view| view.phase == Phase::Down && !view.abandoned);
        waited.expect("no thread panics while it holds the view").clone()
    }

    /// Waits for any change, at most this long.
    pub(crate) fn wait_for_change(&self, limit: Duration) {
        let view = self.lock();
        drop(self.changed.wait_timeout(view, limit).expect("no thread panics while it holds the view"));
    }

    fn lock(&self) -> MutexGuard<'_, View> {
        self.view.lock().expect("no thread panics while it holds the view")
    }
}
