//! How messages get into the stream exactly once: look where it ends, publish behind that, and after any doubt look again.
//!
//! Invariants: every publish names the sequence that it follows, so that a message gets in at its one place or not at all, whoever
//! sends it and however often; after a failure nothing is sent before the stream was read again. Publishes in flight, bytes read
//! and every wait are bounded.

use std::collections::VecDeque;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::publish::PublishAck;
use ticketflow_event_store::{EventStore, Feed, Position};
use ticketflow_telemetry::with_causes;
use tokio::task::JoinHandle;

use crate::options::RelayOptions;
use crate::orders_stream::{OrdersStream, StreamEnd, StreamFailure};
use crate::refusal::RelayRefusal;
use crate::source::{Outgoing, Source};
use crate::status::{Progress, RelayState, RelayStatus};

/// Enough to hide the way to the server and back; few enough that a failure repeats little.
const MOST_IN_FLIGHT: usize = 256;
/// A refund or a show may be large.
const MOST_BYTES_IN_FLIGHT: usize = 4 << 20;
/// First and longest wait after failures that follow each other without progress.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long the other relay's progress is watched before this one tries again.
const STANDBY_WATCH: Duration = Duration::from_millis(300);

/// Why a relay cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("the addresses of the NATS servers cannot be used")]
pub struct RelayStartError(#[source] async_nats::ConnectError);

/// Follows a log and publishes its messages.
pub struct Relay {
    source: Source,
    stream: OrdersStream,
    progress: Arc<Progress>,
    /// The stream is there, or was: it is made once.
    is_made: bool,
    /// Another relay published where this one wanted to.
    is_overtaken: bool,
    /// Interruptions since something last worked.
    failures: u32,
    /// The last sequence known to be in the stream.
    acknowledged: u64,
}

/// A relay at work. It ends when this is dropped.
pub struct RelayHandle {
    progress: Arc<Progress>,
    task: JoinHandle<()>,
}

impl RelayHandle {
    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> RelayStatus {
        self.progress.status()
    }

    /// What says how it is doing, as long as anybody asks.
    pub fn reporter(&self) -> impl Fn() -> RelayStatus + Send + Sync + 'static {
        let progress = self.progress.clone();
        move || progress.status()
    }

    /// Ends it. What is on the way may get into the stream or not; the next one sees which.
    pub async fn stop(mut self) {
        self.task.abort();
        // Ended, by that or by itself.
        let _ = (&mut self.task).await;
    }
}

impl Drop for RelayHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why publishing ended.
enum Interruption {
    /// What became of a message is not known.
    Unknown(String),
    /// Another message was at the place of one.
    Overtaken,
    /// The stream cannot be used for now.
    Unavailable(String),
    /// Until somebody has looked at it.
    Refused(RelayRefusal),
}

impl From<StreamFailure> for Interruption {
    fn from(failure: StreamFailure) -> Self {
        match failure {
            StreamFailure::Unavailable(why) => Self::Unavailable(why),
            StreamFailure::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<RelayRefusal> for Interruption {
    fn from(refusal: RelayRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A publish whose acknowledgement is awaited.
struct InFlight {
    position: Position,
    sequence: u64,
    bytes: usize,
    ack: Pin<Box<dyn Future<Output = Result<PublishAck, PublishError>> + Send>>,
}

impl Relay {
    /// Starts relaying what the store has and gets. The servers need not be there yet. To be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`RelayStartError`] where an address is none.
    pub async fn start(
        store: impl Into<EventStore>,
        options: RelayOptions,
    ) -> Result<RelayHandle, RelayStartError> {
        let store = store.into();
        let stream = OrdersStream::connect(&options).await.map_err(RelayStartError)?;
        let progress = Arc::new(Progress::new(store.log().clone()));
        let relay = Self {
            source: Source::new(store),
            stream,
            progress: progress.clone(),
            is_made: false,
            is_overtaken: false,
            failures: 0,
            acknowledged: 0,
        };
        Ok(RelayHandle { progress, task: tokio::spawn(relay.run()) })
    }

    async fn run(mut self) {
        loop {
            let interruption = match self.session().await {
                Ok(()) => return,
                Err(interruption) => interruption,
            };
            match interruption {
                Interruption::Refused(refusal) => {
                    return self.progress.enter(RelayState::Stopped, Some(with_causes(&refusal)));
                }
                Interruption::Overtaken => {
                    self.is_overtaken = true;
                    self.progress.lost_race();
                    self.progress.enter(RelayState::Standby, None);
                    continue;
                }
                // Looked into at once; only if that fails as well is it trouble.
                Interruption::Unknown(why) if self.failures == 0 => {
                    self.progress.recovered();
                    tracing::info!(%why, "what became of a message is not known; the stream is asked");
                }
                Interruption::Unknown(why) | Interruption::Unavailable(why) => {
                    self.progress.enter(RelayState::Waiting, Some(why));
                    tokio::time::sleep(wait_after(self.failures)).await;
                }
            }
            self.failures = self.failures.saturating_add(1);
        }
    }

    /// Publishes from where the stream ends, until something goes wrong or the log is closed.
    async fn session(&mut self) -> Result<(), Interruption> {
        if !self.is_made {
            self.stream.make().await?;
            self.is_made = true;
        }
        let end = match self.is_overtaken {
            true => self.stand_by().await?,
            false => self.stream.end().await?,
        };
        self.is_overtaken = false;
        if end.sequence < self.acknowledged {
            let (had, has) = (self.acknowledged, end.sequence);
            tracing::error!(had, has, "the stream has lost acknowledged messages; they are published again");
        }
        self.acknowledged = end.sequence;
        self.progress.reached(end.position());
        let feed = self.follow(&end).await?;
        self.publish(feed, end).await
    }

    /// Watches the other relay until the stream moves no more.
    async fn stand_by(&mut self) -> Result<StreamEnd, StreamFailure> {
        let mut end = self.stream.end().await?;
        loop {
            self.progress.reached(end.position());
            tokio::time::sleep(at_random(STANDBY_WATCH)).await;
            let now = self.stream.end().await?;
            if now == end {
                return Ok(end);
            }
            end = now;
        }
    }

    /// The log behind the stream's end. It is read on a blocking thread.
    async fn follow(&mut self, end: &StreamEnd) -> Result<Feed, Interruption> {
        if !self.source.wait_for(end.position()).await {
            return Err(Interruption::Unavailable("this process is behind the event store".to_owned()));
        }
        let (mut source, last) = (self.source.take(), end.last.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let feed = source.follow(last.as_ref());
            (source, feed)
        });
        let (source, feed) = reading.await.map_err(|error| Interruption::Unavailable(error.to_string()))?;
        self.source = source;
        Ok(feed?)
    }

    async fn publish(&mut self, mut feed: Feed, end: StreamEnd) -> Result<(), Interruption> {
        let (mut sequence, mut reached) = (end.sequence, end.position());
        let mut unsent: VecDeque<Outgoing> = VecDeque::new();
        let mut in_flight: VecDeque<InFlight> = VecDeque::new();
        let mut bytes_in_flight = 0;
        let mut is_closed = false;
        loop {
            while in_flight.len() < MOST_IN_FLIGHT
                && bytes_in_flight < MOST_BYTES_IN_FLIGHT
                && let Some(outgoing) = unsent.pop_front()
            {
                let (position, bytes) = (outgoing.message.position, outgoing.message.body.len());
                let ack = self.stream.publish(outgoing, sequence).await;
                let ack = ack.map_err(|error| interruption(&error, position, bytes))?.into_future();
                sequence += 1;
                bytes_in_flight += bytes;
                in_flight.push_back(InFlight { position, sequence, bytes, ack });
            }
            let open = in_flight.front().map(|first| first.position);
            self.progress.reached(open.map_or(reached, |position| position - 1));
            if open.is_none() && self.progress.is_at_head(reached) {
                self.works();
            }
            if is_closed && open.is_none() {
                return Ok(());
            }
            tokio::select! {
                biased;
                ack = first_ack(&mut in_flight), if open.is_some() => {
                    let Some(first) = in_flight.pop_front() else { continue };
                    bytes_in_flight -= first.bytes;
                    self.acknowledge(&first, ack)?;
                }
                chunk = self.source.next(&mut feed, reached), if unsent.is_empty() && !is_closed => {
                    match chunk? {
                        Some(chunk) => {
                            unsent.extend(chunk.messages);
                            reached = chunk.reached;
                        }
                        None => is_closed = true,
                    }
                }
            }
        }
    }

    /// Takes an acknowledgement for what it says, and anything else for a reason to ask the stream.
    fn acknowledge(
        &mut self,
        publish: &InFlight,
        ack: Result<PublishAck, PublishError>,
    ) -> Result<(), Interruption> {
        let ack = ack.map_err(|error| interruption(&error, publish.position, publish.bytes))?;
        // It was there before: from a try whose acknowledgement was lost, or from another relay.
        if ack.duplicate || ack.sequence != publish.sequence {
            return Err(Interruption::Overtaken);
        }
        self.acknowledged = publish.sequence;
        self.progress.published();
        self.works();
        Ok(())
    }

    fn works(&mut self) {
        self.failures = 0;
        self.progress.enter(RelayState::Live, None);
    }
}

/// The acknowledgement of the publish that is longest in flight. May be dropped while it waits.
async fn first_ack(in_flight: &mut VecDeque<InFlight>) -> Result<PublishAck, PublishError> {
    match in_flight.front_mut() {
        Some(first) => first.ack.as_mut().await,
        None => std::future::pending().await,
    }
}

/// What an error says about the message that it is about. Codes differ with the server's version and the number of copies.
fn interruption(error: &PublishError, position: Position, bytes: usize) -> Interruption {
    let source = std::error::Error::source(error);
    let code = source.and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>());
    match error.kind() {
        PublishErrorKind::WrongLastSequence => Interruption::Overtaken,
        PublishErrorKind::Other
            if code
                .is_some_and(|code| code.error_code() == ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT) =>
        {
            Interruption::Overtaken
        }
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => Interruption::Unknown(error.to_string()),
        PublishErrorKind::MaxPayloadExceeded => {
            Interruption::Refused(RelayRefusal::TooLarge { position, bytes })
        }
        // Among them: no stream while a cluster elects, and no space left.
        PublishErrorKind::StreamNotFound
        | PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::MaxAckPending
        | PublishErrorKind::Other => Interruption::Unavailable(error.to_string()),
    }
}

/// Longer after each failure, and never the same for two relays.
fn wait_after(failures: u32) -> Duration {
    at_random(FIRST_WAIT.saturating_mul(1 << failures.min(10)).min(LONGEST_WAIT))
}

/// Between a half and the whole.
fn at_random(longest: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    longest / 2 + longest.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_their_bound() {
        for failures in 0..40 {
            let longest = (FIRST_WAIT * 2u32.pow(failures.min(10))).min(LONGEST_WAIT);
            let wait = wait_after(failures);
            assert!(wait >= longest / 2 && wait <= longest, "{failures}: {wait:?}");
        }
    }

    #[test]
    fn an_error_says_whether_to_ask_watch_wait_or_stop() {
        let of = |kind| interruption(&PublishError::new(kind), 7, 100);
        assert!(matches!(of(PublishErrorKind::TimedOut), Interruption::Unknown(_)));
        assert!(matches!(of(PublishErrorKind::WrongLastSequence), Interruption::Overtaken));
        assert!(matches!(of(PublishErrorKind::StreamNotFound), Interruption::Unavailable(_)));
        assert!(matches!(
            of(PublishErrorKind::MaxPayloadExceeded),
            Interruption::Refused(RelayRefusal::TooLarge { position: 7, bytes: 100 })
        ));
        for (code, overtaken) in [(10_164, true), (10_047, false)] {
            let text = format!("{{\"code\": 400, \"err_code\": {code}, \"description\": \"no\"}}");
            let source: async_nats::jetstream::Error = serde_json::from_str(&text).expect("an error");
            let error = PublishError::with_source(PublishErrorKind::Other, source);
            assert_eq!(matches!(interruption(&error, 7, 100), Interruption::Overtaken), overtaken, "{code}");
        }
    }
}
