//! Appending through calls that stay open.
//!
//! The client leaves Nagle's algorithm on, so that an append which opens a call of its own waits 40 ms for the server's
//! delayed acknowledgement. A call that is open already takes an append as one message, without that wait. The client ends a
//! call at the first refusal, with everything under way in it: so a call has one append at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kurrentdb::{BatchAppendClient, BatchAppendOptions, Error, EventData, StreamState};
use ticketflow_event_store::OfferError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::connection::Connection;
use crate::outcome::{call_had_ended, refusal};

/// Calls at a time, hence appends: servers take 100 calls on a connection, and feeds and questions need some.
const CALLS: usize = 32;
/// How long an answer may take before it counts as lost. A synced, replicated write takes milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// What is appended.
pub(crate) struct Write {
    pub(crate) stream: String,
    pub(crate) expected: StreamState,
    pub(crate) events: Vec<EventData>,
}

/// The open calls.
pub(crate) struct Calls {
    connection: Arc<Connection>,
    slots: Arc<Semaphore>,
    idle: Idle,
}

type Idle = Arc<Mutex<Vec<Call>>>;

struct Call {
    batches: BatchAppendClient,
    /// Of the client that opened it.
    number: u64,
}

impl Calls {
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        Self { connection, slots: Arc::new(Semaphore::new(CALLS)), idle: Idle::default() }
    }

    /// Appends all of it or nothing.
    pub(crate) async fn append(&self, write: Write) -> Result<(), OfferError> {
        let slot = tokio::time::timeout(ANSWER_WITHIN, self.slots.clone().acquire_owned()).await;
        let Ok(Ok(mut slot)) = slot else {
            return Err(OfferError::Unavailable("all calls wait for answers".to_owned()));
        };
        loop {
            let used = lock(&self.idle).pop();
            let fresh = used.is_none();
            let call = match used {
                Some(call) => call,
                None => self.open().await?,
            };
            let number = call.number;
            let answered = tokio::time::timeout(ANSWER_WITHIN, self.send(call, slot, &write)).await;
            let Ok(Ok((outcome, returned))) = answered else {
                self.connection.renew(number);
                return Err(OfferError::Unknown("no answer in time".to_owned()));
            };
            match outcome {
                Ok(()) => return Ok(()),
                // The server was gone in the meantime: nothing of this was sent, and the next call may be alive.
                Err(error) if call_had_ended(&error) && !fresh => slot = returned,
                Err(error) => {
                    self.connection.failed(number, &error);
                    return Err(if call_had_ended(&error) {
                        OfferError::Unavailable("the server ends the call".to_owned())
                    } else {
                        refusal(&error)
                    });
                }
            }
        }
    }

    /// Runs apart from who waits: a call whose answer is late is not used again before it comes, but kept, as the client
    /// has no way to give one up; it ends with its connection.
    fn send(
        &self,
        call: Call,
        slot: OwnedSemaphorePermit,
        write: &Write,
    ) -> oneshot::Receiver<(Result<(), Error>, OwnedSemaphorePermit)> {
        let (answer, receiver) = oneshot::channel();
        let idle = self.idle.clone();
        let (stream, expected, events) = (write.stream.clone(), write.expected, write.events.clone());
        tokio::spawn(async move {
            let outcome = call.batches.append_to_stream(stream, expected, events).await;
            if outcome.is_ok() {
                lock(&idle).push(call);
            }
            // Who no longer waits offers again.
            let _ = answer.send((outcome.map(|_| ()), slot));
        });
        receiver
    }

    async fn open(&self) -> Result<Call, OfferError> {
        let used = self.connection.client();
        let mut options = BatchAppendOptions::default().requires_leader(true);
        if let Some(credentials) = &self.connection.credentials {
            options = options.authenticated(credentials.clone());
        }
        let opened = tokio::time::timeout(ANSWER_WITHIN, used.client.batch_append(&options)).await;
        match opened {
            Ok(Ok(batches)) => Ok(Call { batches, number: used.number }),
            Ok(Err(error)) => {
                self.connection.failed(used.number, &error);
                Err(OfferError::Unavailable(error.to_string()))
            }
            Err(_) => {
                self.connection.renew(used.number);
                Err(OfferError::Unavailable("no connection in time".to_owned()))
            }
        }
    }
}

fn lock(idle: &Idle) -> MutexGuard<'_, Vec<Call>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
