//! A log on KurrentDB, as the port wants it.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use kurrentdb::StreamState;
use ticketflow_event_store::{
    Cursor, FollowError, Followed, LogServer, Offer, OfferError, ServerUnavailable,
};

use crate::address::KurrentAddress;
use crate::calls::{Calls, Write};
use crate::connection::{ConnectError, Connection};
use crate::feed::Source;
use crate::{events, genesis, sync_check};

/// A log on KurrentDB.
pub struct KurrentServer {
    source: Source,
    calls: Calls,
    identity: String,
}

impl KurrentServer {
    /// Connects, makes the log if there is none, and refuses servers that say that they do not sync. To be called within a
    /// Tokio runtime.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(address: &KurrentAddress) -> Result<Self, ConnectError> {
        let connection = Arc::new(Connection::new(address)?);
        // Before anything is made: a server that does not sync is not to hold even an empty log.
        sync_check::refuse_unsafe(address).await?;
        let calls = Calls::new(connection.clone());
        let identity = genesis::identity(&connection, &calls, address).await?;
        let source = Source { connection, prefix: format!("{}.", address.log) };
        // Whether `$all` may be read is found out now, not at the first question.
        source.end().await.map_err(|error| ConnectError::of(&error, address))?;
        Ok(Self { source, calls, identity })
    }

    async fn append(&self, offer: &Offer) -> Result<(), OfferError> {
        let events = events::encode(&offer.message).ok_or(OfferError::TooLarge)?;
        // The server counts from 0 and names the last event, revisions count events.
        let expected = match offer.expected.checked_sub(1) {
            None => StreamState::NoStream,
            Some(last) => StreamState::StreamRevision(last),
        };
        let stream = format!("{}{}", self.source.prefix, offer.stream);
        self.calls.append(Write { stream, expected, events }).await
    }
}

impl LogServer for KurrentServer {
    fn offer<'a>(&'a self, offer: &'a Offer) -> BoxFuture<'a, Result<(), OfferError>> {
        self.append(offer).boxed()
    }

    fn end(&self) -> BoxFuture<'_, Result<Cursor, ServerUnavailable>> {
        async { self.source.end().await.map_err(|error| ServerUnavailable(error.to_string())) }.boxed()
    }

    fn follow(&self, after: Cursor) -> BoxStream<'static, Result<Followed, FollowError>> {
        self.source.clone().follow(after)
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }
}
