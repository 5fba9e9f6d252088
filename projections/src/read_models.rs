//! The memory read models together: seat maps by show, orders by id, what was issued for them, and how far they are.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ticketflow_billing_books::BillingBooks;
use ticketflow_domain::billing::OrderDocuments;
use ticketflow_domain::show::{ShowEvent, ShowInfo};
use ticketflow_domain::{OrderId, ShowId};
use ticketflow_event_store::{Batch, Category, CodecError, Position, show_event};
use tokio::sync::watch;

use crate::orders::{OrderView, Orders, StoredOrder};
use crate::seat_map::{SeatMap, StoredSeatMap};

/// All read models of one process. Folded by one runner, read by many.
pub struct ReadModels {
    shows: RwLock<HashMap<ShowId, Arc<SeatMap>>>,
    orders: RwLock<Orders>,
    books: Arc<BillingBooks>,
    position: watch::Sender<Position>,
}

impl Default for ReadModels {
    fn default() -> Self {
        Self {
            shows: RwLock::default(),
            orders: RwLock::default(),
            books: Arc::default(),
            position: watch::Sender::new(0),
        }
    }
}

impl ReadModels {
    /// Folds the next batch of the log.
    ///
    /// # Errors
    /// [`CodecError`] for an event that does not read back; the models stay as they were.
    pub fn apply(&self, batch: &Batch<'_>) -> Result<(), CodecError> {
        let stream = batch.stream();
        match stream.category {
            Category::Show => {
                let events: Vec<ShowEvent> = batch.events().map(show_event).collect::<Result<_, _>>()?;
                self.apply_show(ShowId::from_bytes(stream.id), &events, batch.first_position());
            }
            Category::Billing => self.books.fold(batch)?,
            Category::Customer | Category::Ops => {}
        }
        Ok(())
    }

    /// The books of all issuers, which others in this process may write into: they can be ahead of the rest.
    pub fn books(&self) -> &Arc<BillingBooks> {
        &self.books
    }

    /// What was issued for an order; `None` while it has no receipt.
    pub fn documents(&self, id: OrderId) -> Option<OrderDocuments> {
        self.books.documents(id)
    }

    fn apply_show(&self, show_id: ShowId, events: &[ShowEvent], first: Position) {
        let touches_orders = |event: &ShowEvent| {
            matches!(
                event,
                ShowEvent::OrderPaid(_) | ShowEvent::TicketsRefunded(_) | ShowEvent::TicketCheckedIn(_)
            )
        };
        if events.iter().any(touches_orders) {
            let mut orders = self.orders.write().unwrap_or_else(PoisonError::into_inner);
            for (event, position) in events.iter().zip(first..) {
                orders.apply(show_id, event, position);
            }
        }
        if let Some(ShowEvent::ShowCreated(created)) = events.first() {
            let map = Arc::new(SeatMap::new(Arc::new(ShowInfo::new(created)), first));
            self.shows.write().unwrap_or_else(PoisonError::into_inner).insert(show_id, map);
        }
        if let Some(map) = self.show(show_id) {
            map.apply(events, first);
        }
    }

    /// Adds a stored seat map.
    pub(crate) fn restore_map(&self, stored: StoredSeatMap) {
        let map = Arc::new(SeatMap::from_stored(stored));
        self.shows.write().unwrap_or_else(PoisonError::into_inner).insert(map.info.show_id, map);
    }

    /// Adds stored orders, which must come in the order in which they were paid.
    pub(crate) fn restore_orders(&self, stored: Vec<StoredOrder>) {
        let mut orders = self.orders.write().unwrap_or_else(PoisonError::into_inner);
        for order in stored {
            orders.restore(order);
        }
    }

    /// The orders, taken out.
    pub(crate) fn into_orders(self) -> Orders {
        self.orders.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes known how far the models are; readers that wait for it go on.
    pub fn reached(&self, position: Position) {
        self.position.send_replace(position);
    }

    /// How far the models are.
    pub fn position(&self) -> Position {
        *self.position.borrow()
    }

    /// Waits until the models have reached a position; `false` when they did not in time.
    pub async fn wait_for(&self, position: Position, timeout: Duration) -> bool {
        if self.position() >= position {
            return true;
        }
        let mut reached = self.position.subscribe();
        let reached = reached.wait_for(|now| *now >= position);
        matches!(tokio::time::timeout(timeout, reached).await, Ok(Ok(_)))
    }

    /// The seat map of a show.
    pub fn show(&self, show_id: ShowId) -> Option<Arc<SeatMap>> {
        self.shows.read().unwrap_or_else(PoisonError::into_inner).get(&show_id).cloned()
    }

    /// All shows, the next to start first.
    pub fn shows(&self) -> Vec<Arc<SeatMap>> {
        let shows = self.shows.read().unwrap_or_else(PoisonError::into_inner);
        let mut shows: Vec<Arc<SeatMap>> = shows.values().cloned().collect();
        shows.sort_unstable_by_key(|map| (map.info.starts_at, map.info.show_id));
        shows
    }

    /// A paid order.
    pub fn order(&self, id: OrderId) -> Option<OrderView> {
        self.orders.read().unwrap_or_else(PoisonError::into_inner).get(id)
    }

    /// The show of a paid order.
    pub fn show_of_order(&self, id: OrderId) -> Option<ShowId> {
        self.orders.read().unwrap_or_else(PoisonError::into_inner).show_of(id)
    }
}
