//! The row changes of random histories, applied to tables in memory, against the memory read models and the domain's own
//! state: the same whatever runs the history is cut into.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ticketflow_domain::show::TicketStatus;
use ticketflow_domain::{CustomerId, TicketId};
use ticketflow_event_store::{EmbeddedLog, LogOptions, SimDisk};

use super::*;
use crate::postgres::order_rows::SalesChange;
use crate::read_models::ReadModels;

#[path = "../../../tests/history/mod.rs"]
mod history;

use history::History;

#[derive(Debug, Clone, PartialEq)]
struct Order {
    show_id: ShowId,
    customer_id: CustomerId,
    total: i64,
    refunded: i64,
    captured: bool,
    position: Position,
    /// Id, seat, generation, status.
    tickets: Vec<(TicketId, u32, u32, TicketStatus)>,
}

/// Status, revision, hold, order.
type Seat = (SeatStatus, u32, Option<HoldId>, Option<OrderId>);

/// The tables, written as `write.rs` writes them.
#[derive(Debug, Default, PartialEq)]
struct Tables {
    shows: BTreeMap<ShowId, (SalesStatus, Position)>,
    zones: BTreeMap<(ShowId, u32), StatusCounts>,
    seats: BTreeMap<(ShowId, u32), Seat>,
    holds: BTreeMap<HoldId, HoldRow>,
    orders: BTreeMap<OrderId, Order>,
    sales: BTreeMap<(ShowId, u32, i64), SalesChange>,
}

impl Tables {
    fn write(&mut self, changes: &RowChanges) {
        for (order_id, update) in &changes.orders.updated {
            let Some(order) = self.orders.get_mut(order_id) else { continue };
            order.refunded += update.refunded;
            order.captured |= update.captured;
            order.position = order.position.max(update.position.unwrap_or(0));
            for ticket in &mut order.tickets {
                if update.refunded_tickets.contains(&ticket.0) {
                    ticket.3 = TicketStatus::Refunded;
                }
            }
        }
        for used in &changes.orders.admitted {
            let order_id = self.seats[&(used.show_id, used.seat.0)].3.expect("a used seat has an order");
            let order = self.orders.get_mut(&order_id).expect("its order is there");
            order.position = order.position.max(used.position);
            for ticket in order.tickets.iter_mut().filter(|ticket| ticket.0 == used.ticket_id) {
                ticket.3 = TicketStatus::Used;
            }
        }
        for (&show_id, show) in &changes.shows {
            self.shows.insert(show_id, (show.sales, show.position));
            self.zones.extend(show.zones.iter().map(|(&zone, &counts)| ((show_id, zone), counts)));
            if show.is_new {
                for seat in show.info.seating.seats() {
                    let row = show.new_seat(seat);
                    assert!(!row.keeps_order, "a new seat has no order to keep");
                    self.seats
                        .insert((show_id, seat.0), (row.status, row.revision, row.hold_id, row.order_id));
                }
            } else {
                for (&seat, row) in &show.seats {
                    let known = self.seats.get_mut(&(show_id, seat)).expect("the seat is there");
                    let order_id = if row.keeps_order { known.3 } else { row.order_id };
                    *known = (row.status, row.revision, row.hold_id, order_id);
                }
            }
        }
        for (hold_id, change) in &changes.holds {
            match change {
                HoldChange::Placed(row) => assert_eq!(self.holds.insert(*hold_id, *row), None),
                HoldChange::Paying(payment) => {
                    self.holds.get_mut(hold_id).expect("the hold is there").payment = Some(*payment);
                }
                HoldChange::Ended => drop(self.holds.remove(hold_id).expect("the hold is there")),
            }
        }
        for (&order_id, order) in &changes.orders.new {
            let tickets = order.tickets.iter();
            let row = Order {
                show_id: order.show_id,
                customer_id: order.customer_id,
                total: order.total,
                refunded: order.refunded,
                captured: order.captured,
                position: order.position,
                tickets: tickets.map(|t| (t.ticket_id, t.seat.0, t.generation, t.status)).collect(),
            };
            assert_eq!(self.orders.insert(order_id, row), None);
        }
        for (key, added) in &changes.orders.sales {
            let row = self.sales.entry(*key).or_default();
            row.sold += added.sold;
            row.sold_amount += added.sold_amount;
            row.refunded += added.refunded;
            row.refunded_amount += added.refunded_amount;
        }
    }

    /// What a session that starts here reads back of a show.
    fn folded(&self, infos: &BTreeMap<ShowId, Arc<ShowInfo>>, show_id: ShowId) -> Option<FoldedShow> {
        let (sales, _) = self.shows.get(&show_id)?;
        let mut show = FoldedShow::new(infos[&show_id].clone());
        for (zone, counts) in show.zones.iter_mut().zip(0..).map(|(counts, zone)| (zone, counts)) {
            *counts = self.zones[&(show_id, zone)];
        }
        for seat in show.info.seating.seats() {
            show.statuses.set(seat.as_usize(), self.seats[&(show_id, seat.0)].0);
        }
        show.sales = *sales;
        Some(show)
    }
}

/// A log with a random history, and who played it.
fn log_of(seed: u64, batches: usize) -> (EmbeddedLog, History) {
    let (log, _) = EmbeddedLog::open(Arc::new(SimDisk::new(seed)), LogOptions::default()).unwrap();
    let mut history = History::new(seed, 2, 3);
    history.append(&log, batches);
    (log, history)
}

/// Folds the log in runs; with each cut the fold may be forgotten, as after a lost connection.
fn tables_of(
    log: &EmbeddedLog,
    cut_after: impl Fn(Position) -> bool,
    forget: impl Fn(Position) -> bool,
) -> Tables {
    let (mut tables, mut fold, mut changes) = (Tables::default(), Fold::default(), RowChanges::default());
    let mut infos = BTreeMap::new();
    let mut reader = log.read_from(1).unwrap();
    while let Some(batch) = reader.next_batch().unwrap() {
        if let Some(show_id) = fold.missing(&batch) {
            let show = tables.folded(&infos, show_id);
            fold.know(show_id, show);
        }
        fold.apply(&mut changes, &batch).unwrap();
        infos.extend(changes.shows.iter().map(|(show_id, show)| (*show_id, show.info.clone())));
        let position = batch.last_position();
        assert_eq!(changes.to, Some(Head { position, chain_hash: batch.chain_hash() }));
        if cut_after(position) {
            tables.write(&std::mem::take(&mut changes));
            if forget(position) {
                fold = Fold::default();
            }
        }
    }
    tables.write(&changes);
    tables
}

fn check(tables: &Tables, log: &EmbeddedLog, history: &History) {
    let models = ReadModels::default();
    let mut reader = log.read_from(1).unwrap();
    while let Some(batch) = reader.next_batch().unwrap() {
        models.apply(&batch).unwrap();
    }
    let (mut holds, mut orders) = (0, 0);
    for (show_id, state) in history.shows() {
        let map = models.show(show_id).unwrap();
        let (view, summary) = (map.view(), map.summary());
        assert_eq!(tables.shows[&show_id], (summary.sales, summary.position));
        for (zone, counts) in summary.zones.iter().enumerate() {
            assert_eq!(tables.zones[&(show_id, zone as u32)], *counts, "zone {zone}");
        }
        for seat in map.info.seating.seats() {
            let (status, revision, hold_id, order_id) = tables.seats[&(show_id, seat.0)];
            assert_eq!(
                (status, revision),
                (view.compact.get(seat.as_usize()), view.revisions[seat.as_usize()])
            );
            assert_eq!(hold_id.is_some(), status == SeatStatus::Held);
            assert_eq!(order_id.is_some(), status == SeatStatus::Sold);
            if let Some(hold_id) = hold_id {
                assert!(state.hold(hold_id).unwrap().seats.contains(&seat));
            }
            if let Some(order_id) = order_id {
                let (_, tickets) = state.order(order_id).unwrap();
                assert_eq!(state.ticket_of_seat(seat), tickets.iter().find(|ticket| ticket.seat == seat));
            }
        }
        for (hold_id, hold) in state.holds() {
            let row = &tables.holds[hold_id];
            assert_eq!((row.show_id, row.seats as usize, row.total), (show_id, hold.seats.len(), hold.total));
            let payment = state.payments().find(|(_, payment)| payment.hold_id == *hold_id);
            assert_eq!(row.payment.map(|payment| payment.order_id), payment.map(|(order_id, _)| *order_id));
            holds += 1;
        }
        for (order, tickets) in state.orders() {
            let (row, shown) = (&tables.orders[&order.id], models.order(order.id).unwrap());
            assert_eq!(
                (row.show_id, row.customer_id, row.captured),
                (show_id, order.customer_id, order.captured)
            );
            assert_eq!(
                (row.total, row.refunded, row.position),
                (shown.total, shown.refunded, shown.position)
            );
            let shown: Vec<_> =
                shown.tickets.iter().map(|t| (t.id, t.seat.0, t.generation, t.status)).collect();
            assert_eq!(row.tickets, shown);
            assert_eq!(row.tickets.len(), tickets.len());
            orders += 1;
        }
    }
    assert_eq!((tables.holds.len(), tables.orders.len()), (holds, orders));
    let sum = |of: fn(&SalesChange) -> i64| tables.sales.values().map(of).sum::<i64>();
    assert_eq!(sum(|row| row.sold_amount), tables.orders.values().map(|order| order.total).sum::<i64>());
    assert_eq!(
        sum(|row| row.refunded_amount),
        tables.orders.values().map(|order| order.refunded).sum::<i64>()
    );
    let tickets = tables.orders.values().flat_map(|order| &order.tickets);
    assert_eq!(sum(|row| row.sold), tickets.clone().count() as i64);
    let given_back = tickets.filter(|ticket| ticket.3 == TicketStatus::Refunded).count();
    assert_eq!(sum(|row| row.refunded), given_back as i64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn rows_equal_the_read_models_whatever_runs_they_are_written_in(seed in 1_u64.., runs in 1_u64..400) {
        let (log, history) = log_of(seed, 1_500);
        let at_once = tables_of(&log, |_| false, |_| false);
        check(&at_once, &log, &history);
        let hash = |position: Position| position.wrapping_mul(seed | 1) >> 7;
        let in_runs = tables_of(&log, |position| hash(position) % runs == 0, |position| hash(position) % 3 == 0);
        prop_assert_eq!(&in_runs, &at_once);
        let one_by_one = tables_of(&log, |_| true, |position| position % 5 == 0);
        prop_assert_eq!(&one_by_one, &at_once);
    }
}

#[test]
fn a_history_has_everything_in_it() {
    let (log, _) = log_of(7, 6_000);
    let mut seen = std::collections::BTreeSet::new();
    let mut reader = log.read_from(1).unwrap();
    while let Some(batch) = reader.next_batch().unwrap() {
        for record in batch.events() {
            let json = serde_json::to_value(show_event(record).unwrap()).unwrap();
            seen.insert(json["type"].as_str().unwrap().to_owned());
        }
    }
    for event in [
        "ShowCreated",
        "SalesOpened",
        "SalesClosed",
        "SeatsBlocked",
        "SeatsUnblocked",
        "SeatsHeld",
        "HoldReleased",
        "HoldExpired",
        "PaymentStarted",
        "OrderPaid",
        "PaymentFailed",
        "PaymentCaptured",
        "TicketsRefunded",
        "TicketCheckedIn",
    ] {
        assert!(seen.contains(event), "{event} is missing: {seen:?}");
    }
}
