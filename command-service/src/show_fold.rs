//! A show as folded from its stream: state, revision, and the memory of answered commands, always in step.
//!
//! The one place where stored batches become state: at start, after a lost race, in time travel and in proofs.

use ticketflow_domain::Timestamp;
use ticketflow_domain::show::{ShowSnapshot, ShowState};
use ticketflow_event_store::{
    Batch, CodecError, MetadataError, Position, ReadError, Revision, decode_commands, show_event,
};

use crate::idempotency::{IdempotencySnapshot, IdempotencyTable, RequestKey};

/// Events decoded before they are folded: a processor that writes and reads back an event would otherwise wait, each
/// time, for the memory that folding the one before has to fetch. So many stay in its nearest cache.
const DECODED_AT_ONCE: usize = 32;

/// A folded show.
#[derive(Debug, Clone, Default)]
pub struct ShowFold {
    /// What the show is.
    pub state: ShowState,
    /// Events folded so far.
    pub revision: Revision,
    /// Position of the last of them.
    pub position: Position,
    /// Commands answered lately.
    pub idempotency: IdempotencyTable,
}

/// Why a show cannot be folded. Selling it would be wrong: stop and say where.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// An event does not read back.
    #[error("the batch at position {position} holds an event that does not read back")]
    Event {
        /// Of the batch's first event.
        position: Position,
        /// Why.
        #[source]
        source: CodecError,
    },
    /// A batch's metadata does not read back.
    #[error("the metadata of the batch at position {position} does not read back")]
    Metadata {
        /// Of the batch's first event.
        position: Position,
        /// Why.
        #[source]
        source: MetadataError,
    },
}

impl ShowFold {
    /// Folds the next batch of the show's stream; one that was folded before is passed over.
    ///
    /// # Errors
    /// [`FoldError`]; the fold is then to be thrown away.
    pub fn apply(&mut self, batch: &Batch<'_>) -> Result<(), FoldError> {
        if batch.last_revision() <= self.revision {
            return Ok(());
        }
        let first = batch.first_position();
        let at = Timestamp::from_millis(batch.recorded_at_ms());
        let commands = decode_commands(batch.metadata());
        let mut commands =
            commands.map_err(|source| FoldError::Metadata { position: first, source })?.peekable();
        let mut records = batch.events();
        let mut events = Vec::with_capacity(records.len().min(DECODED_AT_ONCE));
        let mut index = 0;
        while records.len() > 0 {
            for record in records.by_ref().take(DECODED_AT_ONCE) {
                events
                    .push(show_event(record).map_err(|source| FoldError::Event { position: first, source })?);
            }
            for event in &events {
                let position = first + index as u64;
                self.idempotency.follow(event, position, at);
                while let Some(command) =
                    commands.next_if(|command| usize::from(command.first_event) <= index)
                {
                    let request = RequestKey { key: command.key, fingerprint: command.fingerprint };
                    self.idempotency.remember(request, event, position, at);
                }
                self.state.evolve(event);
                index += 1;
            }
            events.clear();
        }
        self.revision = batch.last_revision();
        self.position = batch.last_position();
        Ok(())
    }

    /// The stored shape; none before the show exists. Takes the fold, so that large lists move.
    #[must_use]
    pub fn into_snapshot(self) -> Option<ShowFoldSnapshot> {
        Some(ShowFoldSnapshot {
            state: self.state.into_snapshot()?,
            revision: self.revision,
            position: self.position,
            idempotency: self.idempotency.into_snapshot(),
        })
    }

    /// The fold from its stored shape.
    #[must_use]
    pub fn from_snapshot(snapshot: ShowFoldSnapshot) -> Self {
        Self {
            state: ShowState::from_snapshot(snapshot.state),
            revision: snapshot.revision,
            position: snapshot.position,
            idempotency: IdempotencyTable::from_snapshot(snapshot.idempotency),
        }
    }
}

/// Version 1 of a folded show's stored shape.
#[derive(Debug, Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct ShowFoldSnapshot {
    state: ShowSnapshot,
    revision: u64,
    position: u64,
    idempotency: IdempotencySnapshot,
}
