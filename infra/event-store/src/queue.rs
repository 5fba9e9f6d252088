//! The bounded queue between the callers of `append` and the writer.
//!
//! Invariants: pushing never waits for a disk; the queue holds at most so many batches and bytes, after that it answers
//! `Unavailable`; once closed it takes nothing more. The writer takes everything that waits in one exchange.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};

use tokio::sync::oneshot;

use crate::append::{Append, AppendError, Appended};

pub(crate) type Answer = Result<Appended, AppendError>;

/// A batch that waits, and where its answer goes.
pub(crate) struct Request {
    pub(crate) append: Append,
    pub(crate) frame_bytes: usize,
    pub(crate) answer: oneshot::Sender<Answer>,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    max_batches: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct State {
    requests: VecDeque<Request>,
    bytes: usize,
    thread_waits: bool,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(max_batches: usize, max_bytes: usize) -> Self {
        Self { state: Mutex::default(), filled: Condvar::new(), max_batches, max_bytes }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the queue")
    }

    /// Queues a request for the writer's thread, or refuses it at once.
    pub(crate) fn push(&self, request: Request) -> Result<(), AppendError> {
        let mut state = self.state();
        self.add(&mut state, request)?;
        // The thread is woken only when it sleeps: under load a push costs no system call.
        if std::mem::take(&mut state.thread_waits) {
            drop(state);
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Queues a request for the caller, who has the writer and will take it.
    pub(crate) fn push_own(&self, request: Request) -> Result<(), AppendError> {
        self.add(&mut self.state(), request)
    }

    fn add(&self, state: &mut State, request: Request) -> Result<(), AppendError> {
        let full =
            state.requests.len() >= self.max_batches || state.bytes + request.frame_bytes > self.max_bytes;
        if state.closed || full {
            return Err(AppendError::Unavailable);
        }
        state.bytes += request.frame_bytes;
        state.requests.push_back(request);
        Ok(())
    }

    /// Moves everything that waits to the end of `into`; says whether there was anything.
    pub(crate) fn take(&self, into: &mut VecDeque<Request>) -> bool {
        Self::drain(&mut self.state(), into)
    }

    /// Waits until there is something to take; `false` when the queue is closed and empty.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.state();
        loop {
            if !state.requests.is_empty() {
                return true;
            }
            if state.closed {
                return false;
            }
            state.thread_waits = true;
            state = self.filled.wait(state).expect("nothing panics while it holds the queue");
        }
    }

    /// Refuses everything from now on. What waits stays for the writer.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_all();
    }

    fn drain(state: &mut State, into: &mut VecDeque<Request>) -> bool {
        if state.requests.is_empty() {
            return false;
        }
        state.bytes = 0;
        if into.is_empty() {
            std::mem::swap(&mut state.requests, into);
        } else {
            into.append(&mut state.requests);
        }
        true
    }
}
