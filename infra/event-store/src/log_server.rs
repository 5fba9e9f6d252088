//! The port to a server that keeps the log for many machines.
//!
//! Asked for is little: take a batch if its stream has the expected revision, give all batches in one order, and say where
//! that order ends. What is made of it (positions, the chain, unknown outcomes) is the replica's business, so that it is the
//! same on every server.

use std::fmt;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use crate::batch_message::BatchMessage;
use crate::stream::{Revision, StreamId};

/// Where a batch stands in a server's order, as that server counts; larger is later, zeros are before everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub u64, pub u64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.1 == 0 { write!(f, "{}", self.0) } else { write!(f, "{}/{}", self.0, self.1) }
    }
}

/// A batch to be taken.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Where to.
    pub stream: StreamId,
    /// How many events the stream must have.
    pub expected: Revision,
    /// The same in every try; the server may use it to recognise a repetition.
    pub batch_id: [u8; 16],
    /// What is stored.
    pub message: BatchMessage,
}

/// Why an offer was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// The stream has another revision, or is about to: perhaps by an earlier try of this very offer.
    #[error("the stream has another revision")]
    Conflict,
    /// More than the server stores in one piece. Nothing was written.
    #[error("the batch is larger than the server takes")]
    TooLarge,
    /// The server has no room. Nothing was written.
    #[error("the server has no room: {0}")]
    StorageFull(String),
    /// Nothing was written by this try.
    #[error("the server does not take batches now: {0}")]
    Unavailable(String),
    /// It may have been written, or still be.
    #[error("the answer of the server is missing: {0}")]
    Unknown(String),
}

/// The server cannot be asked now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log server cannot be reached: {0}")]
pub struct ServerUnavailable(pub String);

/// A batch of the server's order.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// Its place.
    pub cursor: Cursor,
    /// What was stored.
    pub message: BatchMessage,
}

/// What following brings.
#[derive(Debug, Clone)]
pub enum Followed {
    /// The server is there and gives what comes: said first, so that a log in which nothing happens is not taken for lost.
    Listening,
    /// The next batch.
    Batch(Delivered),
}

/// Why following ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// The connection was lost, or the server restarts: begin again behind the last batch.
    #[error("lost the log server: {0}")]
    Lost(String),
    /// What the server gives is not a log: going on would be wrong.
    #[error("the server's log is damaged: {0}")]
    Damaged(String),
}

/// A server that keeps the log.
pub trait LogServer: Send + Sync + 'static {
    /// Has a batch stored, durably and in all copies that the server promises, before it answers `Ok`. A repetition of an
    /// offer is either recognised or refused as a conflict, never stored twice.
    fn offer<'a>(&'a self, offer: &'a Offer) -> BoxFuture<'a, Result<(), OfferError>>;

    /// The last batch whose storing was acknowledged before the call, or a later one.
    fn end(&self) -> BoxFuture<'_, Result<Cursor, ServerUnavailable>>;

    /// All batches after `after`, in order and without a gap, then new ones as they are stored; [`Followed::Listening`] once
    /// the server takes part. Ends only with an error.
    fn follow(&self, after: Cursor) -> BoxStream<'static, Result<Followed, FollowError>>;

    /// Which log this is: the same text for as long as it is the same history.
    fn identity(&self) -> String;
}
