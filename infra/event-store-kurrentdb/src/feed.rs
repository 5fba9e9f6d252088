//! All batches behind a position of `$all`, in order and without a gap, and where they end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use kurrentdb::{
    Error, Position, ReadAllOptions, StreamPosition, SubscribeToAllOptions, Subscription, SubscriptionEvent,
    SubscriptionFilter,
};
use ticketflow_event_store::{Cursor, FollowError, Followed};

use crate::assembly::{Assembly, cursor};
use crate::connection::Connection;

/// How long the question for the log's end may take.
const END_WITHIN: Duration = Duration::from_secs(5);

/// What a feed needs.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) connection: Arc<Connection>,
    /// Before the names of the log's streams, and of no others.
    pub(crate) prefix: String,
}

impl Source {
    fn filter(&self) -> SubscriptionFilter {
        SubscriptionFilter::on_stream_name().add_prefix(&self.prefix)
    }

    /// The last event of the log, as the leader has it. An append is one write, so it is the last of its batch.
    pub(crate) async fn end(&self) -> Result<Cursor, Error> {
        let used = self.connection.client();
        let mut options = ReadAllOptions::default()
            .position(StreamPosition::End)
            .backwards()
            .filter(self.filter())
            .max_count(1)
            .requires_leader(true)
            .deadline(END_WITHIN);
        if let Some(credentials) = &self.connection.credentials {
            options = options.authenticated(credentials.clone());
        }
        let read = async {
            let mut events = used.client.read_all(&options).await?;
            let last = events.next().await?.and_then(|resolved| resolved.event);
            Ok(last.as_ref().map(cursor).unwrap_or_default())
        };
        let end = tokio::time::timeout(END_WITHIN, read).await.unwrap_or(Err(Error::DeadlineExceeded));
        end.inspect_err(|error| self.connection.failed(used.number, error))
    }

    /// All batches behind `after`.
    pub(crate) fn follow(self, after: Cursor) -> BoxStream<'static, Result<Followed, FollowError>> {
        stream::unfold(State::Begin { source: self, after }, |state| async {
            let (result, state) = match state {
                State::Ended => return None,
                State::Begin { source, after } => match source.subscribe(after).await {
                    Ok(feed) => feed.advance().await,
                    Err(error) => (Err(error), State::Ended),
                },
                State::Running(feed) => feed.advance().await,
            };
            Some((result, state))
        })
        .boxed()
    }

    async fn subscribe(self, after: Cursor) -> Result<Feed, FollowError> {
        let position = if after == Cursor::default() {
            StreamPosition::Start
        } else {
            let end = self.end().await.map_err(|error| FollowError::Lost(error.to_string()))?;
            if end < after {
                return Err(FollowError::Damaged(format!("it ends at {end}, but it had {after}")));
            }
            StreamPosition::Position(Position { commit: after.0, prepare: after.1 })
        };
        let mut options =
            SubscribeToAllOptions::default().position(position).filter(self.filter()).requires_leader(true);
        if let Some(credentials) = &self.connection.credentials {
            options = options.authenticated(credentials.clone());
        }
        let used = self.connection.client();
        let subscription = used.client.subscribe_to_all(&options).await;
        let assembly = Assembly::new(self.prefix);
        Ok(Feed { connection: self.connection, number: used.number, subscription, assembly })
    }
}

enum State {
    Begin { source: Source, after: Cursor },
    Running(Box<Feed>),
    Ended,
}

struct Feed {
    connection: Arc<Connection>,
    number: u64,
    subscription: Subscription,
    assembly: Assembly,
}

impl Feed {
    async fn advance(mut self) -> (Result<Followed, FollowError>, State) {
        loop {
            let event = match self.subscription.next_subscription_event().await {
                Ok(SubscriptionEvent::EventAppeared(resolved)) => resolved.event,
                Ok(SubscriptionEvent::Confirmed(_)) => {
                    return (Ok(Followed::Listening), State::Running(Box::new(self)));
                }
                // How far the server has looked.
                Ok(_) => continue,
                Err(error) => {
                    self.connection.failed(self.number, &error);
                    return (Err(FollowError::Lost(error.to_string())), State::Ended);
                }
            };
            let Some(event) = event else { continue };
            match self.assembly.take(&event) {
                Ok(None) => {}
                Ok(Some(delivered)) => {
                    return (Ok(Followed::Batch(delivered)), State::Running(Box::new(self)));
                }
                Err(reason) => return (Err(FollowError::Damaged(reason)), State::Ended),
            }
        }
    }
}
