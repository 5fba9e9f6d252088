//! Pages of the log for the log browser: oldest or newest first, of the whole log or of one stream, each event with the link
//! of its batch in the hash chain, checked anew.
//!
//! Blocks on the disk. A page reads what is on it, and for a stream its frames' headers from the end back to there.

use data_encoding::HEXLOWER;
use serde::Serialize;
use ticketflow_domain::Timestamp;
use ticketflow_event_store::{
    Batch, BatchJson, BatchJsonError, ChainHash, EmbeddedLog, EventJson, Position, ReadError, Revision,
    StreamId,
};
use utoipa::ToSchema;

/// The first look back for a position in a stream; every further one is twice as far.
const LOOK_BACK_EVENTS: u64 = 1_024;

/// Which events a page is to have.
pub(super) struct Wanted {
    pub(super) stream: Option<StreamId>,
    /// The first position.
    pub(super) from: Position,
    /// The position past the last.
    pub(super) before: Position,
    /// The first revision; of a stream only.
    pub(super) from_revision: Revision,
    pub(super) newest_first: bool,
    /// Events at most; at least 1.
    pub(super) limit: usize,
}

/// A page of the log.
#[derive(Serialize, ToSchema)]
#[schema(as = EventPage, example = json!({"data": [{
    "position": 2, "stream": "show-01KBN5Z3V0Q8W4R6T9Y2M7C1XD", "revision": 2,
    "recorded_at": "2027-05-01T14:59:02.118Z", "batch_id": "0c2f6d1e9a8b47533f1e5d7c9b0a2846",
    "chain_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "previous_chain_hash": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752", "chain_holds": true,
    "type": "SalesOpened", "data": {"at": "2027-05-01T14:59:02.118Z"}
}], "has_more": true}))]
pub(crate) struct EventsPage {
    /// In the order of the log, or the newest first where that was asked for.
    data: Vec<EventAnswer>,
    has_more: bool,
}

/// A stored event.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredEvent)]
struct EventAnswer {
    #[schema(value_type = u64)]
    position: Position,
    /// `show-...` or `customer-...`.
    stream: String,
    /// In its stream.
    revision: u64,
    /// When it was decided.
    recorded_at: Timestamp,
    /// Events decided together bear the same.
    batch_id: String,
    /// The link of the hash chain after its batch, hexadecimal.
    chain_hash: String,
    /// The link before its batch, as it is stored with the batch before; zeros at the start of the log.
    previous_chain_hash: String,
    /// Whether `chain_hash` is the hash of `previous_chain_hash` and the batch, computed for this answer.
    chain_holds: bool,
    #[serde(flatten)]
    #[schema(value_type = EventContent)]
    event: EventJson,
}

/// What an event says. The shapes of `data` are the events of the domain, one a `type`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape that every event has in common")]
struct EventContent {
    r#type: String,
    #[schema(value_type = Object)]
    data: (),
}

/// Why a page cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Json(#[from] BatchJsonError),
}

impl EventsPage {
    /// Reads a page; past the end of the log there is nothing. One event more than the limit is read, to know whether there
    /// is more.
    pub(super) fn read(log: &EmbeddedLog, wanted: &Wanted) -> Result<Self, PageError> {
        let mut page = Gathered { log, wanted, known_link: None, data: Vec::new() };
        match wanted.stream {
            Some(stream) => page.gather_stream(stream)?,
            None => page.gather_log()?,
        }
        let mut data = page.data;
        if wanted.newest_first {
            data.reverse();
        }
        let has_more = data.len() > wanted.limit;
        data.truncate(wanted.limit);
        Ok(Self { data, has_more })
    }
}

/// The events of a page in the order of the log.
struct Gathered<'a> {
    log: &'a EmbeddedLog,
    wanted: &'a Wanted,
    /// The link after the batch that was read last, and its last position.
    known_link: Option<(Position, ChainHash)>,
    data: Vec<EventAnswer>,
}

impl Gathered<'_> {
    fn gather_log(&mut self) -> Result<(), PageError> {
        let (head, more) = (self.log.head().position, self.wanted.limit as u64);
        let end = self.wanted.before.min(head.saturating_add(1));
        let first = match self.wanted.newest_first {
            true => end.saturating_sub(more + 1).max(self.wanted.from),
            false => self.wanted.from,
        };
        if first >= end {
            return Ok(());
        }
        let mut reader = self.log.read_from(first)?;
        while self.data.len() <= self.wanted.limit && reader.next_position() < end {
            let Some(batch) = reader.next_batch()? else { break };
            self.add(&batch, |position, _| position >= first && position < end)?;
        }
        Ok(())
    }

    fn gather_stream(&mut self, stream: StreamId) -> Result<(), PageError> {
        let Wanted { from, before, from_revision, newest_first, limit, .. } = *self.wanted;
        let last = if newest_first { self.revision_before(stream, before)? } else { Revision::MAX };
        let first = match newest_first {
            true => last.saturating_sub(limit as u64).max(from_revision),
            false => from_revision,
        };
        let mut reader = self.log.read_stream(stream, first)?;
        while self.data.len() <= limit {
            let Some(batch) = reader.next_batch()? else { break };
            if batch.first_position() >= before || batch.first_revision() > last {
                break;
            }
            self.add(&batch, |position, revision| {
                position >= from && position < before && revision >= first && revision <= last
            })?;
        }
        Ok(())
    }

    /// The last revision of a stream before a position.
    fn revision_before(&self, stream: StreamId, before: Position) -> Result<Revision, ReadError> {
        let newest = self.log.stream_revision(&stream);
        if before > self.log.head().position {
            return Ok(newest);
        }
        // Who pages names an event of the stream, whose revision its batch tells.
        if let Some(batch) = self.log.read_at(before)? {
            let batch = batch.view();
            if batch.stream() == stream {
                return Ok(batch.first_revision() + (before - batch.first_position()) - 1);
            }
        }
        let (mut back, mut found) = (LOOK_BACK_EVENTS, 0);
        while found == 0 {
            let first = newest.saturating_sub(back).max(1);
            let mut reader = self.log.read_stream(stream, first)?;
            while let Some(batch) = reader.next_batch()? {
                if batch.first_position() >= before {
                    break;
                }
                found = batch.last_revision();
            }
            if first == 1 {
                break;
            }
            back *= 2;
        }
        Ok(found)
    }

    /// Adds those events of a batch that are wanted by position and revision.
    fn add(
        &mut self,
        batch: &Batch<'_>,
        is_wanted: impl Fn(Position, Revision) -> bool,
    ) -> Result<(), PageError> {
        let previous = self.link_before(batch.first_position())?;
        self.known_link = Some((batch.last_position(), batch.chain_hash()));
        let (previous_chain_hash, chain_holds) = (HEXLOWER.encode(&previous), batch.follows(&previous));
        let batch = BatchJson::of(batch)?;
        for (index, event) in batch.events.into_iter().enumerate() {
            let (position, revision) = (batch.position + index as u64, batch.revision + index as u64);
            if is_wanted(position, revision) {
                self.data.push(EventAnswer {
                    position,
                    stream: batch.stream.clone(),
                    revision,
                    recorded_at: batch.recorded_at,
                    batch_id: batch.batch_id.clone(),
                    chain_hash: batch.chain_hash.clone(),
                    previous_chain_hash: previous_chain_hash.clone(),
                    chain_holds,
                    event,
                });
            }
        }
        Ok(())
    }

    /// The link that the batch at a position follows.
    fn link_before(&self, first_position: Position) -> Result<ChainHash, ReadError> {
        let before = first_position - 1;
        match self.known_link {
            Some((position, link)) if position == before => Ok(link),
            _ => {
                let batch = self.log.read_at(before)?;
                Ok(batch.map_or_else(ChainHash::default, |batch| batch.view().chain_hash()))
            }
        }
    }
}
