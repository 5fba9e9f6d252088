//! Events to row changes, without any I/O: what a run of batches leaves of every row.
//!
//! Invariant: the changes of a run are the same however it was cut into batches, because the last state of a row wins.
//! [`Fold`] keeps of every show what later events need: its plan, and 2 bits a seat for the counts of its zones.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ticketflow_domain::show::{SalesStatus, SeatRevision, SeatStatus, ShowEvent, ShowInfo};
use ticketflow_domain::{HashIds, HoldId, OrderId, SeatIndex, ShowId};
use ticketflow_event_store::{Batch, Category, CodecError, Head, Position, show_event};

use super::order_rows::OrderChanges;
use crate::seat_map::{CompactMap, StatusCounts};

/// A map by ids, which need no hashing to speak of.
pub(crate) type ById<K, V> = HashMap<K, V, HashIds>;

/// What a show is to the events that come.
#[derive(Debug, Clone)]
pub(crate) struct FoldedShow {
    /// What does not change.
    pub(crate) info: Arc<ShowInfo>,
    /// Of every seat.
    pub(crate) statuses: CompactMap,
    /// Seats by status.
    pub(crate) zones: Vec<StatusCounts>,
    /// As last set.
    pub(crate) sales: SalesStatus,
}

impl FoldedShow {
    fn new(info: Arc<ShowInfo>) -> Self {
        let zones = info.seating.zone_spans().iter().map(|zone| [zone.end - zone.first, 0, 0, 0]).collect();
        let statuses = CompactMap::all_available(info.seating.seat_count());
        Self { info, statuses, zones, sales: SalesStatus::Scheduled }
    }
}

/// The shows that were met so far. `None`: there are no rows of that show.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    shows: ById<ShowId, Option<FoldedShow>>,
}

/// A seat's row after the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeatChange {
    pub(crate) status: SeatStatus,
    pub(crate) revision: u32,
    pub(crate) hold_id: Option<HoldId>,
    pub(crate) order_id: Option<OrderId>,
    /// The row's order stays as it was before the run.
    pub(crate) keeps_order: bool,
}

/// A show's rows after the run.
#[derive(Debug)]
pub(crate) struct ShowChange {
    pub(crate) info: Arc<ShowInfo>,
    /// All its rows are new.
    pub(crate) is_new: bool,
    pub(crate) sales: SalesStatus,
    /// Of its last event.
    pub(crate) position: Position,
    /// The zones whose counts changed.
    pub(crate) zones: BTreeMap<u32, StatusCounts>,
    /// The seats that changed.
    pub(crate) seats: HashMap<u32, SeatChange>,
}

/// A live hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HoldRow {
    pub(crate) show_id: ShowId,
    pub(crate) customer_id: Option<ticketflow_domain::CustomerId>,
    pub(crate) seats: u32,
    pub(crate) total: i64,
    pub(crate) expires_at_ms: i64,
    pub(crate) payment: Option<HoldPayment>,
}

/// A hold that is being paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HoldPayment {
    pub(crate) order_id: OrderId,
    pub(crate) give_up_at_ms: i64,
}

/// What became of a hold in the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoldChange {
    /// Its row is new.
    Placed(HoldRow),
    /// Its row was there.
    Paying(HoldPayment),
    /// Its row was there.
    Ended,
}

/// What a run of batches leaves of every row.
#[derive(Debug, Default)]
pub(crate) struct RowChanges {
    /// How far the rows are after it.
    pub(crate) to: Option<Head>,
    /// Batches of the log in it.
    pub(crate) batches: u64,
    /// Events of the log in it.
    pub(crate) events: u64,
    /// Events and rows of new shows: what bounds a run.
    pub(crate) weight: u64,
    pub(crate) shows: ById<ShowId, ShowChange>,
    pub(crate) holds: ById<HoldId, HoldChange>,
    pub(crate) orders: OrderChanges,
}

impl Fold {
    /// The show whose rows have to be known before the batch can be applied.
    pub(crate) fn missing(&self, batch: &Batch<'_>) -> Option<ShowId> {
        let stream = batch.stream();
        let show_id = ShowId::from_bytes(stream.id);
        let unknown = stream.category == Category::Show && !self.shows.contains_key(&show_id);
        // The first event of a stream makes its show.
        (unknown && batch.first_revision() > 1).then_some(show_id)
    }

    /// Makes a show known, or that there are no rows of it.
    pub(crate) fn know(&mut self, show_id: ShowId, show: Option<FoldedShow>) {
        self.shows.insert(show_id, show);
    }

    /// Adds a batch to the run.
    ///
    /// # Errors
    /// [`CodecError`] for an event that does not read back; the run stays as it was.
    pub(crate) fn apply(&mut self, changes: &mut RowChanges, batch: &Batch<'_>) -> Result<(), CodecError> {
        let stream = batch.stream();
        if stream.category == Category::Show {
            let events: Vec<ShowEvent> = batch.events().map(show_event).collect::<Result<_, _>>()?;
            self.apply_show(changes, ShowId::from_bytes(stream.id), &events, batch.first_position());
        }
        changes.pass(batch);
        Ok(())
    }

    fn apply_show(
        &mut self,
        changes: &mut RowChanges,
        show_id: ShowId,
        events: &[ShowEvent],
        first: Position,
    ) {
        if let Some(ShowEvent::ShowCreated(created)) = events.first() {
            let show = FoldedShow::new(Arc::new(ShowInfo::new(created)));
            changes.weight += show.statuses.len() as u64;
            changes.shows.insert(show_id, ShowChange::new(&show, true, first));
            self.know(show_id, Some(show));
        }
        let Some(Some(show)) = self.shows.get_mut(&show_id) else { return };
        let change = changes.shows.entry(show_id).or_insert_with(|| ShowChange::new(show, false, first));
        for (event, position) in events.iter().zip(first..) {
            change.position = position;
            if let Some(sales) = sales_after(event) {
                (show.sales, change.sales) = (sales, sales);
            }
            if let Some((status, hold_id, order_id)) = seats_after(event) {
                let keeps_order = matches!(event, ShowEvent::TicketCheckedIn(_));
                for &seat in event.seats() {
                    change.set_seat(show, seat, status, hold_id, order_id, keeps_order);
                }
            }
            hold_after(&mut changes.holds, show_id, event);
            changes.orders.apply(show_id, &show.info.seating, event, position);
        }
    }
}

impl RowChanges {
    /// Counts a batch as done, whatever is in it.
    pub(crate) fn pass(&mut self, batch: &Batch<'_>) {
        self.to = Some(Head { position: batch.last_position(), chain_hash: batch.chain_hash() });
        self.batches += 1;
        self.events += u64::from(batch.event_count());
        self.weight += u64::from(batch.event_count());
    }

    /// Rows that are written.
    pub(crate) fn rows(&self) -> usize {
        let of_show = |change: &ShowChange| {
            let seats = if change.is_new { change.info.seating.seat_count() } else { change.seats.len() };
            1 + change.zones.len() + seats
        };
        self.shows.values().map(of_show).sum::<usize>() + self.holds.len() + self.orders.rows()
    }
}

impl ShowChange {
    fn new(show: &FoldedShow, is_new: bool, position: Position) -> Self {
        let all = if is_new { show.zones.as_slice() } else { &[] };
        Self {
            info: show.info.clone(),
            is_new,
            sales: show.sales,
            position,
            zones: all.iter().zip(0..).map(|(counts, zone)| (zone, *counts)).collect(),
            seats: HashMap::new(),
        }
    }

    fn set_seat(
        &mut self,
        show: &mut FoldedShow,
        seat: SeatRevision,
        status: SeatStatus,
        hold_id: Option<HoldId>,
        order_id: Option<OrderId>,
        keeps_order: bool,
    ) {
        if seat.seat.as_usize() >= show.statuses.len() {
            return;
        }
        let before = show.statuses.set(seat.seat.as_usize(), status);
        let zone = show.info.seating.zone_of(seat.seat);
        let counts = &mut show.zones[zone as usize];
        counts[before as usize] -= 1;
        counts[status as usize] += 1;
        self.zones.insert(zone, *counts);
        let mut change = SeatChange { status, revision: seat.revision, hold_id, order_id, keeps_order };
        if keeps_order && let Some(earlier) = self.seats.get(&seat.seat.0) {
            (change.order_id, change.keeps_order) = (earlier.order_id, earlier.keeps_order);
        }
        self.seats.insert(seat.seat.0, change);
    }

    /// The row of a seat of a new show.
    pub(crate) fn new_seat(&self, seat: SeatIndex) -> SeatChange {
        let untouched = SeatChange {
            status: SeatStatus::Available,
            revision: 0,
            hold_id: None,
            order_id: None,
            keeps_order: false,
        };
        self.seats.get(&seat.0).copied().unwrap_or(untouched)
    }
}

fn sales_after(event: &ShowEvent) -> Option<SalesStatus> {
    match event {
        ShowEvent::SalesOpened(_) => Some(SalesStatus::Open),
        ShowEvent::SalesClosed(_) => Some(SalesStatus::Closed),
        ShowEvent::ShowCancelled(_) => Some(SalesStatus::Cancelled),
        ShowEvent::ShowCreated(_)
        | ShowEvent::SeatsBlocked(_)
        | ShowEvent::SeatsUnblocked(_)
        | ShowEvent::SeatsHeld(_)
        | ShowEvent::HoldReleased(_)
        | ShowEvent::HoldExpired(_)
        | ShowEvent::PaymentStarted(_)
        | ShowEvent::OrderPaid(_)
        | ShowEvent::PaymentFailed(_)
        | ShowEvent::PaymentCaptured(_)
        | ShowEvent::ChargeVoided(_)
        | ShowEvent::TicketsRefunded(_)
        | ShowEvent::RefundSettled(_)
        | ShowEvent::TicketCheckedIn(_) => None,
    }
}

/// What the seats of an event are after it, and whose.
fn seats_after(event: &ShowEvent) -> Option<(SeatStatus, Option<HoldId>, Option<OrderId>)> {
    match event {
        ShowEvent::SeatsBlocked(_) => Some((SeatStatus::Blocked, None, None)),
        ShowEvent::SeatsHeld(event) => Some((SeatStatus::Held, Some(event.hold_id), None)),
        ShowEvent::OrderPaid(event) => Some((SeatStatus::Sold, None, Some(event.order_id))),
        ShowEvent::TicketCheckedIn(_) => Some((SeatStatus::Sold, None, None)),
        ShowEvent::SeatsUnblocked(_)
        | ShowEvent::HoldReleased(_)
        | ShowEvent::HoldExpired(_)
        | ShowEvent::PaymentFailed(_)
        | ShowEvent::TicketsRefunded(_) => Some((SeatStatus::Available, None, None)),
        ShowEvent::ShowCreated(_)
        | ShowEvent::SalesOpened(_)
        | ShowEvent::SalesClosed(_)
        | ShowEvent::ShowCancelled(_)
        | ShowEvent::PaymentStarted(_)
        | ShowEvent::PaymentCaptured(_)
        | ShowEvent::ChargeVoided(_)
        | ShowEvent::RefundSettled(_) => None,
    }
}

fn hold_after(holds: &mut ById<HoldId, HoldChange>, show_id: ShowId, event: &ShowEvent) {
    let ended = match event {
        ShowEvent::SeatsHeld(event) => {
            let row = HoldRow {
                show_id,
                customer_id: event.customer_id,
                seats: event.seats.len() as u32,
                total: event.total,
                expires_at_ms: event.expires_at.as_millis(),
                payment: None,
            };
            holds.insert(event.hold_id, HoldChange::Placed(row));
            return;
        }
        ShowEvent::PaymentStarted(event) => {
            let payment =
                HoldPayment { order_id: event.order_id, give_up_at_ms: event.give_up_at.as_millis() };
            match holds.get_mut(&event.hold_id) {
                Some(HoldChange::Placed(row)) => row.payment = Some(payment),
                Some(HoldChange::Ended) => {}
                Some(HoldChange::Paying(_)) | None => {
                    holds.insert(event.hold_id, HoldChange::Paying(payment));
                }
            }
            return;
        }
        ShowEvent::HoldReleased(event) => event.hold_id,
        ShowEvent::HoldExpired(event) => event.hold_id,
        ShowEvent::OrderPaid(event) => event.hold_id,
        ShowEvent::PaymentFailed(event) => event.hold_id,
        ShowEvent::ShowCreated(_)
        | ShowEvent::SalesOpened(_)
        | ShowEvent::SalesClosed(_)
        | ShowEvent::ShowCancelled(_)
        | ShowEvent::SeatsBlocked(_)
        | ShowEvent::SeatsUnblocked(_)
        | ShowEvent::PaymentCaptured(_)
        | ShowEvent::ChargeVoided(_)
        | ShowEvent::TicketsRefunded(_)
        | ShowEvent::RefundSettled(_)
        | ShowEvent::TicketCheckedIn(_) => return,
    };
    // A hold that began and ended in the run never had a row.
    if !matches!(holds.remove(&ended), Some(HoldChange::Placed(_))) {
        holds.insert(ended, HoldChange::Ended);
    }
}

#[cfg(test)]
mod tests;
