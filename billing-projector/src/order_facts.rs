//! What an order or a refund is about, read from the log at its event's position: the show and the tickets with their seats.
//!
//! Invariant: nothing is kept of orders; the log is asked each time and answers the same for ever. Shows are kept, as they never
//! change once created.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ticketflow_domain::show::{SeatRevision, ShowCreated, ShowEvent, ShowInfo};
use ticketflow_domain::{OrderId, SeatIndex, ShowId, TicketId, Timestamp};
use ticketflow_event_store::{Category, CodecError, EmbeddedLog, Position, ReadError, StreamId, show_event};

/// Why facts could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// An event does not read back: a later version wrote it.
    #[error("the batch at position {position} holds an event that does not read back")]
    Event {
        /// Of the batch's first event.
        position: Position,
        /// Why.
        #[source]
        source: CodecError,
    },
    /// There is something else in the log, or nothing.
    #[error("there is no order and no refund at position {position} of the log")]
    NoSource {
        /// Where one was expected.
        position: Position,
    },
    /// The stream of a show does not begin with its creation.
    #[error("show {show_id} was never created")]
    UnknownShow {
        /// Which.
        show_id: ShowId,
    },
}

/// A ticket that was bought or given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketFacts {
    /// Its id.
    pub ticket_id: TicketId,
    /// Its seat; the show's seating knows its name and price.
    pub seat: SeatIndex,
    /// The seat's revision when it was sold or given back. For a ticket that was bought it is part of its code.
    pub revision: u32,
}

/// What an order or a refund is about.
#[derive(Debug, Clone)]
pub struct OrderFacts {
    /// The show.
    pub show: Arc<ShowInfo>,
    /// The order.
    pub order_id: OrderId,
    /// Bought, or given back, in the order of purchase.
    pub tickets: Vec<TicketFacts>,
    /// What was paid or is given back, minor units of the show's currency.
    pub amount: i64,
    /// What the buyer or the operator said about a refund; empty for an order.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Says what is known of a show elsewhere in the process.
pub type KnownShow = Arc<dyn Fn(ShowId) -> Option<Arc<ShowInfo>> + Send + Sync>;

/// Reads facts from a log. Clones share what they know of shows.
#[derive(Clone)]
pub struct FactReader {
    log: EmbeddedLog,
    shows: Arc<Mutex<HashMap<ShowId, Arc<ShowInfo>>>>,
    known_elsewhere: Option<KnownShow>,
}

impl FactReader {
    /// Reads from this log.
    #[must_use]
    pub fn new(log: EmbeddedLog) -> Self {
        Self { log, shows: Arc::default(), known_elsewhere: None }
    }

    /// Asks there about shows first: finding the beginning of a long stream reads all of it.
    #[must_use]
    pub fn with_known_shows(self, known_elsewhere: KnownShow) -> Self {
        Self { known_elsewhere: Some(known_elsewhere), ..self }
    }

    /// Learns of a show from its first event.
    pub(crate) fn learn(&self, created: &ShowCreated) {
        let mut shows = self.shows.lock().unwrap_or_else(PoisonError::into_inner);
        shows.entry(created.show_id).or_insert_with(|| Arc::new(ShowInfo::new(created)));
    }

    /// The order or refund whose event is at the position. Blocks on the disk.
    ///
    /// # Errors
    /// [`FactsError`].
    pub fn at(&self, position: Position) -> Result<OrderFacts, FactsError> {
        let missing = FactsError::NoSource { position };
        let Some(batch) = self.log.read_at(position)? else { return Err(missing) };
        let batch = batch.view();
        let index =
            position.checked_sub(batch.first_position()).and_then(|index| usize::try_from(index).ok());
        let (Category::Show, Some(index)) = (batch.stream().category, index) else { return Err(missing) };
        let show_id = ShowId::from_bytes(batch.stream().id);
        let Some(record) = batch.events().nth(index) else { return Err(missing) };
        let unreadable = |source| FactsError::Event { position: batch.first_position(), source };
        match show_event(record).map_err(unreadable)? {
            ShowEvent::OrderPaid(paid) => Ok(OrderFacts {
                show: self.show(show_id)?,
                order_id: paid.order_id,
                tickets: tickets(&paid.tickets, &paid.seats),
                amount: paid.total,
                reason: String::new(),
                at: paid.paid_at,
            }),
            ShowEvent::TicketsRefunded(refunded) => Ok(OrderFacts {
                show: self.show(show_id)?,
                order_id: refunded.order_id,
                tickets: tickets(&refunded.tickets, &refunded.seats),
                amount: refunded.amount,
                reason: refunded.reason,
                at: refunded.at,
            }),
            _ => Err(missing),
        }
    }

    /// A show, as it was created. Blocks on the disk the first time.
    ///
    /// # Errors
    /// [`FactsError`].
    pub fn show(&self, show_id: ShowId) -> Result<Arc<ShowInfo>, FactsError> {
        let learnt = self.shows.lock().unwrap_or_else(PoisonError::into_inner).get(&show_id).cloned();
        let known = learnt.or_else(|| self.known_elsewhere.as_ref().and_then(|known| known(show_id)));
        if let Some(show) = known {
            return Ok(show);
        }
        let unknown = FactsError::UnknownShow { show_id };
        let mut reader = self.log.read_stream(StreamId::new(Category::Show, show_id.to_bytes()), 1)?;
        let Some(batch) = reader.next_batch()? else { return Err(unknown) };
        let Some(record) = batch.events().next() else { return Err(unknown) };
        let unreadable = |source| FactsError::Event { position: batch.first_position(), source };
        let ShowEvent::ShowCreated(created) = show_event(record).map_err(unreadable)? else {
            return Err(unknown);
        };
        let show = Arc::new(ShowInfo::new(&created));
        let mut shows = self.shows.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(shows.entry(show_id).or_insert(show).clone())
    }
}

fn tickets(ids: &[TicketId], seats: &[SeatRevision]) -> Vec<TicketFacts> {
    let ticket = |(&ticket_id, seat): (&TicketId, &SeatRevision)| TicketFacts {
        ticket_id,
        seat: seat.seat,
        revision: seat.revision,
    };
    ids.iter().zip(seats).map(ticket).collect()
}
