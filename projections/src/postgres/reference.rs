//! What the tables have to say: the fold of the log in memory, by the memory read models and not by the code that makes the
//! rows, digested like the rows.

use std::collections::{BTreeMap, HashSet};

use sha2::{Digest as _, Sha256};
use ticketflow_domain::show::{ShowEvent, TicketStatus};
use ticketflow_domain::{HoldId, OrderId, SeatIndex, ShowId, Timestamp};
use ticketflow_event_store::{Batch, Category, EmbeddedLog, Position, show_event};

use super::digest::{Digest, Digests};
use crate::feed_runner::FoldError;
use crate::orders::{OrderView, TicketView};
use crate::read_models::ReadModels;

const HOUR_MS: i64 = 3_600_000;

/// Seats, total, deadline, and the order that pays for it.
type LiveHold = (u32, i64, i64, Option<OrderId>);

/// A fold of the log.
#[derive(Default)]
struct Reference {
    models: ReadModels,
    holds: BTreeMap<(ShowId, HoldId), LiveHold>,
    /// Sold, amount, refunded, amount; by zone and hour.
    sales: BTreeMap<(ShowId, u32, i64), [i64; 4]>,
}

/// The digests that the rows have to have at a position, which is the end of a batch. Batches that were passed over are left
/// out. Blocks on the disk.
pub(crate) fn digests_at(
    log: &EmbeddedLog,
    to: Position,
    skipped: &HashSet<Position>,
    mut progress: impl FnMut(Position),
) -> Result<Digests, FoldError> {
    let mut reference = Reference::default();
    let mut reader = log.read_from(1)?;
    while reader.next_position() <= to {
        let Some(batch) = reader.next_batch()? else { break };
        if !skipped.contains(&batch.first_position()) {
            reference.apply(&batch)?;
        }
        progress(batch.last_position());
    }
    Ok(reference.digests())
}

impl Reference {
    fn apply(&mut self, batch: &Batch<'_>) -> Result<(), FoldError> {
        let position = batch.first_position();
        let event = |source| FoldError::Event { position, source };
        self.models.apply(batch).map_err(event)?;
        if batch.stream().category != Category::Show {
            return Ok(());
        }
        let show_id = ShowId::from_bytes(batch.stream().id);
        for record in batch.events() {
            match show_event(record).map_err(event)? {
                ShowEvent::SeatsHeld(held) => {
                    let hold = (held.seats.len() as u32, held.total, held.expires_at.as_millis(), None);
                    self.holds.insert((show_id, held.hold_id), hold);
                }
                ShowEvent::PaymentStarted(started) => {
                    if let Some(hold) = self.holds.get_mut(&(show_id, started.hold_id)) {
                        hold.3 = Some(started.order_id);
                    }
                }
                ShowEvent::HoldReleased(ended) => drop(self.holds.remove(&(show_id, ended.hold_id))),
                ShowEvent::HoldExpired(ended) => drop(self.holds.remove(&(show_id, ended.hold_id))),
                ShowEvent::PaymentFailed(failed) => drop(self.holds.remove(&(show_id, failed.hold_id))),
                ShowEvent::OrderPaid(paid) => {
                    self.holds.remove(&(show_id, paid.hold_id));
                    self.add_sales(show_id, paid.paid_at, paid.seats.iter().map(|seat| seat.seat), 0);
                }
                ShowEvent::TicketsRefunded(refunded) => {
                    self.add_sales(show_id, refunded.at, refunded.seats.iter().map(|seat| seat.seat), 2);
                }
                ShowEvent::ShowCreated(_)
                | ShowEvent::SalesOpened(_)
                | ShowEvent::SalesClosed(_)
                | ShowEvent::ShowCancelled(_)
                | ShowEvent::SeatsBlocked(_)
                | ShowEvent::SeatsUnblocked(_)
                | ShowEvent::PaymentCaptured(_)
                | ShowEvent::ChargeVoided(_)
                | ShowEvent::RefundSettled(_)
                | ShowEvent::TicketCheckedIn(_) => {}
            }
        }
        Ok(())
    }

    fn add_sales(
        &mut self,
        show_id: ShowId,
        at: Timestamp,
        seats: impl Iterator<Item = SeatIndex>,
        column: usize,
    ) {
        let Some(map) = self.models.show(show_id) else { return };
        let hour_ms = at.as_millis().div_euclid(HOUR_MS) * HOUR_MS;
        for seat in seats {
            let row = self.sales.entry((show_id, map.info.seating.zone_of(seat), hour_ms)).or_default();
            row[column] += 1;
            row[column + 1] += map.info.seating.price(seat);
        }
    }

    fn digests(self) -> Digests {
        let mut digests = Digests::new();
        for map in self.models.shows() {
            let (view, summary) = (map.view(), map.summary());
            let parts = digests.entry(map.info.show_id).or_default();
            let mut show = Rows::default();
            show.small(summary.sales as i16).big(summary.position as i64);
            let mut zones = Rows::default();
            for count in summary.zones.iter().flatten() {
                zones.integer(*count as i32);
            }
            let mut seats = Rows::default();
            for (seat, &revision) in view.revisions.iter().enumerate() {
                seats.small(view.compact.get(seat) as i16).big(i64::from(revision));
            }
            (parts[0], parts[1], parts[2]) = (show.digest(), zones.digest(), seats.digest());
        }
        self.add_holds(&mut digests);
        self.add_sales_digests(&mut digests);
        let mut orders: Vec<(OrderId, OrderView)> = self.models.into_orders().views().collect();
        orders.sort_unstable_by_key(|(order_id, order)| (order.show_id, *order_id));
        for of_show in orders.chunk_by(|one, other| one.1.show_id == other.1.show_id) {
            let mut rows = Rows::default();
            of_show.iter().for_each(|(order_id, order)| rows.order(*order_id, order));
            digests.entry(of_show[0].1.show_id).or_default()[4] = rows.digest();
        }
        digests
    }

    fn add_holds(&self, digests: &mut Digests) {
        let holds: Vec<_> = self.holds.iter().collect();
        for of_show in holds.chunk_by(|one, other| one.0.0 == other.0.0) {
            let mut rows = Rows::default();
            for ((_, hold_id), (seats, total, expires_at_ms, order_id)) in of_show {
                rows.id(hold_id.to_bytes()).integer(*seats as i32).big(*total).big(*expires_at_ms);
                if let Some(order_id) = order_id {
                    rows.id(order_id.to_bytes());
                }
            }
            digests.entry(of_show[0].0.0).or_default()[3] = rows.digest();
        }
    }

    fn add_sales_digests(&self, digests: &mut Digests) {
        let sales: Vec<_> = self.sales.iter().collect();
        for of_show in sales.chunk_by(|one, other| one.0.0 == other.0.0) {
            let mut rows = Rows::default();
            for ((_, zone, hour_ms), counts) in of_show {
                rows.integer(*zone as i32).big(*hour_ms);
                for &count in *counts {
                    rows.big(count);
                }
            }
            digests.entry(of_show[0].0.0).or_default()[5] = rows.digest();
        }
    }
}

/// Values in the binary form that the database digests.
#[derive(Default)]
struct Rows(Sha256);

impl Rows {
    fn small(&mut self, value: i16) -> &mut Self {
        self.0.update(value.to_be_bytes());
        self
    }

    fn integer(&mut self, value: i32) -> &mut Self {
        self.0.update(value.to_be_bytes());
        self
    }

    fn big(&mut self, value: i64) -> &mut Self {
        self.0.update(value.to_be_bytes());
        self
    }

    fn id(&mut self, id: [u8; 16]) -> &mut Self {
        self.0.update(id);
        self
    }

    fn order(&mut self, order_id: OrderId, order: &OrderView) {
        self.id(order_id.to_bytes()).big(order.total).big(order.refunded);
        self.big(order.paid_at.as_millis()).big(order.position as i64);
        for TicketView { id, seat, generation, status } in &order.tickets {
            let status = match status {
                TicketStatus::Paid => 0,
                TicketStatus::Used => 1,
                TicketStatus::Refunded => 2,
            };
            self.id(id.to_bytes()).integer(seat.0 as i32).big(i64::from(*generation)).small(status);
        }
    }

    fn digest(self) -> Digest {
        self.0.finalize().into()
    }
}
