//! What the tables have to say: the fold of the log in memory, by the memory read models and not by the code that makes the
//! rows, digested like the rows.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};
use ticketflow_domain::show::{ShowEvent, TicketStatus};
use ticketflow_domain::{CustomerId, HoldId, OrderId, SeatIndex, ShowId, Timestamp};
use ticketflow_event_store::{Batch, Category, EmbeddedLog, Position, show_event};

use super::control::{Skipped, text};
use super::digest::{Digest, Digests, with_created};
use crate::feed_runner::FoldError;
use crate::orders::{OrderView, TicketView};
use crate::read_models::ReadModels;
use crate::seat_map::SeatMap;

const HOUR_MS: i64 = 3_600_000;

/// A hold that has not ended.
struct LiveHold {
    customer_id: Option<CustomerId>,
    seats: u32,
    total: i64,
    expires_at: Timestamp,
    /// The order that pays for it, and when that is given up.
    payment: Option<(OrderId, Timestamp)>,
}

/// Who has a seat.
#[derive(Clone, Copy)]
enum Owner {
    Hold(HoldId),
    Order(OrderId),
}

/// A fold of the log.
#[derive(Default)]
struct Reference {
    models: ReadModels,
    holds: BTreeMap<(ShowId, HoldId), LiveHold>,
    owners: HashMap<(ShowId, SeatIndex), Owner>,
    /// Who paid an order, and whether its charge is captured.
    payers: HashMap<OrderId, (CustomerId, bool)>,
    /// Sold, amount, refunded, amount; by zone and hour.
    sales: BTreeMap<(ShowId, u32, i64), [i64; 4]>,
}

/// The digests that the rows have to have at a position, which is the end of a batch. Batches that were passed over are left
/// out. Blocks on the disk.
pub(crate) fn digests_at(
    log: &EmbeddedLog,
    to: Position,
    skipped: &Skipped,
    mut progress: impl FnMut(Position),
) -> Result<Digests, FoldError> {
    let mut reference = Reference::default();
    let mut reader = log.read_from(1)?;
    while reader.next_position() <= to {
        let Some(batch) = reader.next_batch()? else { break };
        if !skipped.contains(&batch) {
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
        if batch.stream().category != Category::Show {
            return self.models.apply(batch).map_err(event);
        }
        let show_id = ShowId::from_bytes(batch.stream().id);
        // Without the batch that made it, which was passed over, there is no show.
        if batch.first_revision() > 1 && self.models.show(show_id).is_none() {
            return Ok(());
        }
        self.models.apply(batch).map_err(event)?;
        for record in batch.events() {
            let record = show_event(record).map_err(event)?;
            self.set_owners(show_id, &record);
            match record {
                ShowEvent::SeatsHeld(held) => {
                    let hold = LiveHold {
                        customer_id: held.customer_id,
                        seats: held.seats.len() as u32,
                        total: held.total,
                        expires_at: held.expires_at,
                        payment: None,
                    };
                    self.holds.insert((show_id, held.hold_id), hold);
                }
                ShowEvent::PaymentStarted(started) => {
                    if let Some(hold) = self.holds.get_mut(&(show_id, started.hold_id)) {
                        hold.payment = Some((started.order_id, started.give_up_at));
                    }
                }
                ShowEvent::HoldReleased(ended) => drop(self.holds.remove(&(show_id, ended.hold_id))),
                ShowEvent::HoldExpired(ended) => drop(self.holds.remove(&(show_id, ended.hold_id))),
                ShowEvent::PaymentFailed(failed) => drop(self.holds.remove(&(show_id, failed.hold_id))),
                ShowEvent::OrderPaid(paid) => {
                    self.holds.remove(&(show_id, paid.hold_id));
                    self.payers.insert(paid.order_id, (paid.customer_id, false));
                    self.add_sales(show_id, paid.paid_at, paid.seats.iter().map(|seat| seat.seat), 0);
                }
                ShowEvent::PaymentCaptured(captured) => {
                    if let Some((_, is_captured)) = self.payers.get_mut(&captured.order_id) {
                        *is_captured = true;
                    }
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
                | ShowEvent::ChargeVoided(_)
                | ShowEvent::RefundSettled(_)
                | ShowEvent::TicketCheckedIn(_) => {}
            }
        }
        Ok(())
    }

    fn set_owners(&mut self, show_id: ShowId, event: &ShowEvent) {
        let owner = match event {
            ShowEvent::SeatsHeld(held) => Some(Owner::Hold(held.hold_id)),
            ShowEvent::OrderPaid(paid) => Some(Owner::Order(paid.order_id)),
            // Whoever has a ticket keeps the seat.
            ShowEvent::TicketCheckedIn(_) => return,
            _ => None,
        };
        for seat in event.seats() {
            match owner {
                Some(owner) => drop(self.owners.insert((show_id, seat.seat), owner)),
                None => drop(self.owners.remove(&(show_id, seat.seat))),
            }
        }
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
            let parts = digests.entry(map.info.show_id).or_default();
            (parts[0], parts[1], parts[2]) = (show(&map), zones(&map), self.seats(&map));
        }
        self.add_holds(&mut digests);
        self.add_sales_digests(&mut digests);
        let payers = self.payers;
        let mut orders: Vec<(OrderId, OrderView)> = self.models.into_orders().views().collect();
        orders.sort_unstable_by_key(|(order_id, order)| (order.show_id, *order_id));
        for of_show in orders.chunk_by(|one, other| one.1.show_id == other.1.show_id) {
            let mut rows = Rows::default();
            of_show.iter().for_each(|(order_id, order)| rows.order(*order_id, payers[order_id], order));
            digests.entry(of_show[0].1.show_id).or_default()[4] = rows.digest();
        }
        digests
    }

    fn seats(&self, map: &SeatMap) -> Digest {
        let (view, seating, mut rows) = (map.view(), &map.info.seating, Rows::default());
        for (&revision, seat) in view.revisions.iter().zip((0..).map(SeatIndex)) {
            rows.small(seating.zone_of(seat) as i16).small(view.compact.get(seat.as_usize()) as i16);
            rows.big(i64::from(revision)).big(seating.price(seat));
            let (hold_id, order_id) = match self.owners.get(&(map.info.show_id, seat)) {
                Some(Owner::Hold(hold_id)) => (Some(hold_id.to_bytes()), None),
                Some(Owner::Order(order_id)) => (None, Some(order_id.to_bytes())),
                None => (None, None),
            };
            rows.id(hold_id.unwrap_or_default()).id(order_id.unwrap_or_default());
        }
        rows.digest()
    }

    fn add_holds(&self, digests: &mut Digests) {
        let holds: Vec<_> = self.holds.iter().collect();
        for of_show in holds.chunk_by(|one, other| one.0.0 == other.0.0) {
            let mut rows = Rows::default();
            for ((_, hold_id), hold) in of_show {
                rows.id(hold_id.to_bytes()).integer(hold.seats as i32).big(hold.total);
                rows.big(hold.expires_at.as_millis());
                rows.id(hold.customer_id.map(CustomerId::to_bytes).unwrap_or_default());
                let (order_id, give_up_at_ms) = hold
                    .payment
                    .map_or_else(Default::default, |(order_id, at)| (order_id.to_bytes(), at.as_millis()));
                rows.id(order_id).big(give_up_at_ms);
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

fn show(map: &SeatMap) -> Digest {
    let (info, summary, mut row) = (&map.info, map.summary(), Rows::default());
    row.small(summary.sales as i16).big(summary.position as i64).big(info.starts_at.as_millis());
    row.text(&info.name).text(&info.venue).bytes(info.currency.as_str().as_bytes());
    with_created(row.digest(), info)
}

fn zones(map: &SeatMap) -> Digest {
    let (seating, summary, mut rows) = (&map.info.seating, map.summary(), Rows::default());
    let zones = seating.plan().zones.iter().zip(seating.zone_spans());
    for (counts, (zone, span)) in summary.zones.iter().zip(zones) {
        for &count in counts {
            rows.integer(count as i32);
        }
        rows.big(zone.price).flag(span.general).text(&zone.name);
    }
    rows.digest()
}

/// Values in the binary form that the database digests.
#[derive(Default)]
struct Rows(Sha256);

impl Rows {
    fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.0.update(value);
        self
    }

    /// Its length and itself, as the database takes it.
    fn text(&mut self, value: &str) -> &mut Self {
        let value = text(value);
        self.integer(value.len() as i32).bytes(value.as_bytes())
    }

    fn flag(&mut self, value: bool) -> &mut Self {
        self.bytes(&[u8::from(value)])
    }

    fn small(&mut self, value: i16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    fn integer(&mut self, value: i32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    fn big(&mut self, value: i64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    fn id(&mut self, id: [u8; 16]) -> &mut Self {
        self.bytes(&id)
    }

    fn order(&mut self, order_id: OrderId, (payer, is_captured): (CustomerId, bool), order: &OrderView) {
        self.id(order_id.to_bytes()).id(payer.to_bytes()).big(order.total).big(order.refunded);
        self.flag(is_captured).big(order.paid_at.as_millis()).big(order.position as i64);
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
