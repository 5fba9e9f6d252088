//! The invariants of one show, checked event by event against a bookkeeping of its own.
//!
//! Deliberately naive and independent of [`super::ShowState`]: maps and owners instead of compact tables, so that the two
//! don't share a mistake. Used to prove a stored stream; selling never depends on it.

use std::collections::HashMap;
use std::fmt;

use super::events::*;
use super::seats::SeatStatus;
use super::state::{ShowInfo, ShowState};
use crate::ids::{HoldId, OrderId, RefundId, TicketId};
use crate::plan::SeatIndex;

/// An invariant that does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Position of the event that breaks it; 0 for the state at the end.
    pub position: u64,
    /// What is wrong, with the seat or order at fault.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at position {}: {}", self.position, self.what)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    Organiser,
    Hold(HoldId),
    Ticket(TicketId),
}

struct AuditedOrder {
    total: i64,
    refunded: i64,
    captured: bool,
    live: HashMap<TicketId, (SeatIndex, bool)>,
}

/// The bookkeeping of one show.
#[derive(Default)]
pub struct Audit {
    info: Option<ShowInfo>,
    seats: Vec<(Owner, u32)>,
    holds: HashMap<HoldId, (Vec<SeatIndex>, i64)>,
    payments: HashMap<OrderId, (HoldId, i64)>,
    orders: HashMap<OrderId, AuditedOrder>,
    refunds: HashMap<RefundId, bool>,
    position: u64,
    violations: Vec<Violation>,
}

impl Audit {
    /// Takes the next event of the stream, stored at `position`.
    pub fn observe(&mut self, event: &ShowEvent, position: u64) {
        self.position = position;
        if let ShowEvent::ShowCreated(event) = event {
            let info = ShowInfo::new(event);
            self.expect(self.info.is_none(), || "the show is created twice".to_owned());
            self.seats = vec![(Owner::Nobody, 0); info.seating.seat_count()];
            self.info = Some(info);
            return;
        }
        self.expect(self.info.is_some(), || "an event comes before the show is created".to_owned());
        self.count_revisions(event.seats());
        match event {
            ShowEvent::SeatsBlocked(event) => self.pass_all(&event.seats, Owner::Nobody, Owner::Organiser),
            ShowEvent::SeatsUnblocked(event) => self.pass_all(&event.seats, Owner::Organiser, Owner::Nobody),
            ShowEvent::SeatsHeld(event) => self.held(event),
            ShowEvent::HoldReleased(event) => self.freed(event.hold_id, &event.seats, None),
            ShowEvent::HoldExpired(event) => self.freed(event.hold_id, &event.seats, None),
            ShowEvent::PaymentStarted(event) => self.payment_started(event),
            ShowEvent::OrderPaid(event) => self.paid(event),
            ShowEvent::PaymentFailed(event) => self.freed(event.hold_id, &event.seats, Some(event.order_id)),
            ShowEvent::PaymentCaptured(event) => {
                let order = self.orders.get_mut(&event.order_id);
                let first = order.is_some_and(|order| !std::mem::replace(&mut order.captured, true));
                self.expect(first, || format!("{:?} is captured twice, or was never paid", event.order_id));
            }
            ShowEvent::ChargeVoided(event) => {
                let paid = self.orders.contains_key(&event.order_id);
                self.expect(!paid, || format!("the charge of the paid {:?} is voided", event.order_id));
            }
            ShowEvent::TicketsRefunded(event) => self.refunded(event),
            ShowEvent::RefundSettled(event) => {
                let open = self.refunds.insert(event.refund_id, true) == Some(false);
                self.expect(open, || format!("{:?} is settled twice, or was never made", event.refund_id));
            }
            ShowEvent::TicketCheckedIn(event) => self.checked_in(event),
            ShowEvent::ShowCreated(_)
            | ShowEvent::SalesOpened(_)
            | ShowEvent::SalesClosed(_)
            | ShowEvent::ShowCancelled(_) => {}
        }
    }

    /// Compares the bookkeeping with the folded state and gives all violations found.
    pub fn finish(mut self, state: &ShowState) -> Vec<Violation> {
        self.position = 0;
        let mut states = state.seats();
        let seats = std::mem::take(&mut self.seats);
        for (seat, (owner, revision)) in seats.iter().enumerate() {
            let status = match owner {
                Owner::Nobody => SeatStatus::Available,
                Owner::Organiser => SeatStatus::Blocked,
                Owner::Hold(_) => SeatStatus::Held,
                Owner::Ticket(_) => SeatStatus::Sold,
            };
            let folded = states.next();
            let name = self.seat_name(SeatIndex(seat as u32));
            self.expect(folded == Some((status, *revision)), || {
                format!("seat {name} is {status:?} at revision {revision}, the folded state has {folded:?}")
            });
        }
        drop(states);
        for (order_id, order) in std::mem::take(&mut self.orders) {
            let value: i64 = order.live.values().map(|(seat, _)| self.price(*seat)).sum();
            self.expect(order.total - order.refunded == value, || {
                let (total, refunded) = (order.total, order.refunded);
                format!("{order_id:?}: {total} paid less {refunded} refunded is not the {value} of its live tickets")
            });
            let folded =
                state.order(order_id).map(|(order, _)| (order.total, order.refunded, order.captured));
            let booked = (order.total, order.refunded, order.captured);
            self.expect(folded == Some(booked), || {
                format!(
                    "{order_id:?} has total, refunded, captured {booked:?}, the folded state has {folded:?}"
                )
            });
        }
        self.violations
    }

    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(Violation { position: self.position, what: what() });
        }
    }

    fn seat_name(&self, seat: SeatIndex) -> String {
        let known = self.info.as_ref().filter(|info| seat.as_usize() < info.seating.seat_count());
        known.map_or_else(|| format!("{seat:?}"), |info| info.seating.place(seat).to_string())
    }

    fn price(&self, seat: SeatIndex) -> i64 {
        let known = self.info.as_ref().filter(|info| seat.as_usize() < info.seating.seat_count());
        known.map_or(0, |info| info.seating.price(seat))
    }

    fn count_revisions(&mut self, seats: &[SeatRevision]) {
        for touched in seats {
            let before = self.seats.get_mut(touched.seat.as_usize());
            let before = before.map(|(_, revision)| std::mem::replace(revision, touched.revision));
            let name = self.seat_name(touched.seat);
            self.expect(before.map(|before| before + 1) == Some(touched.revision), || {
                format!("seat {name} goes from revision {before:?} to {}", touched.revision)
            });
        }
    }

    fn pass(&mut self, seat: SeatIndex, from: Owner, to: Owner) {
        let Some((owner, _)) = self.seats.get_mut(seat.as_usize()) else { return };
        let before = std::mem::replace(owner, to);
        let name = self.seat_name(seat);
        self.expect(before == from, || {
            format!("seat {name} passes from {from:?} to {to:?} but was {before:?}'s")
        });
    }

    fn pass_all(&mut self, seats: &[SeatRevision], from: Owner, to: Owner) {
        for seat in seats {
            self.pass(seat.seat, from, to);
        }
    }

    fn held(&mut self, event: &SeatsHeld) {
        self.pass_all(&event.seats, Owner::Nobody, Owner::Hold(event.hold_id));
        let seats: Vec<SeatIndex> = event.seats.iter().map(|seat| seat.seat).collect();
        let price: i64 = seats.iter().map(|&seat| self.price(seat)).sum();
        self.expect(price == event.total, || {
            format!("{:?} costs {} and not {price}", event.hold_id, event.total)
        });
        let before = self.holds.insert(event.hold_id, (seats, event.total));
        self.expect(before.is_none(), || format!("{:?} is made twice", event.hold_id));
    }

    /// Ends a hold; gives its seats back where the event does not name exactly those.
    fn end_hold(&mut self, hold_id: HoldId, named: &[SeatRevision]) {
        let seats = self.holds.remove(&hold_id).map(|(seats, _)| seats);
        let same = seats.is_some_and(|seats| seats.iter().eq(named.iter().map(|seat| &seat.seat)));
        self.expect(same, || format!("{hold_id:?} ends without having been live, or with other seats"));
    }

    fn freed(&mut self, hold_id: HoldId, seats: &[SeatRevision], payment: Option<OrderId>) {
        self.end_hold(hold_id, seats);
        self.pass_all(seats, Owner::Hold(hold_id), Owner::Nobody);
        let paying = self.payments.iter().find(|(_, (hold, _))| *hold == hold_id).map(|(order, _)| *order);
        self.expect(paying == payment, || {
            format!("{hold_id:?} ends with payment {payment:?}, under way is {paying:?}")
        });
        if let Some(order_id) = payment {
            self.payments.remove(&order_id);
        }
    }

    fn payment_started(&mut self, event: &PaymentStarted) {
        let total = self.holds.get(&event.hold_id).map(|(_, total)| *total);
        self.expect(total == Some(event.amount), || {
            format!("{:?} pays {} for a hold of {total:?}", event.order_id, event.amount)
        });
        let twice = self.payments.values().any(|(hold, _)| *hold == event.hold_id);
        self.expect(!twice, || format!("{:?} is paid twice at a time", event.hold_id));
        self.payments.insert(event.order_id, (event.hold_id, event.amount));
    }

    fn paid(&mut self, event: &OrderPaid) {
        let payment = self.payments.remove(&event.order_id);
        self.expect(payment == Some((event.hold_id, event.total)), || {
            format!("{:?} is paid with {} where {payment:?} was under way", event.order_id, event.total)
        });
        self.end_hold(event.hold_id, &event.seats);
        self.expect(event.tickets.len() == event.seats.len(), || {
            format!(
                "{:?} has {} tickets for {} seats",
                event.order_id,
                event.tickets.len(),
                event.seats.len()
            )
        });
        let mut live = HashMap::new();
        for (&ticket, seat) in event.tickets.iter().zip(&event.seats) {
            self.pass(seat.seat, Owner::Hold(event.hold_id), Owner::Ticket(ticket));
            live.insert(ticket, (seat.seat, false));
        }
        let order = AuditedOrder { total: event.total, refunded: 0, captured: false, live };
        let before = self.orders.insert(event.order_id, order);
        self.expect(before.is_none(), || format!("{:?} is paid twice", event.order_id));
    }

    fn refunded(&mut self, event: &TicketsRefunded) {
        let mut amount = 0;
        for (ticket, seat) in event.tickets.iter().zip(&event.seats) {
            let order = self.orders.get_mut(&event.order_id);
            let was = order.and_then(|order| order.live.remove(ticket));
            self.expect(was == Some((seat.seat, false)), || {
                format!("{ticket:?} is refunded and was {was:?} (seat, used) in its order")
            });
            self.pass(seat.seat, Owner::Ticket(*ticket), Owner::Nobody);
            amount += self.price(seat.seat);
        }
        self.expect(amount == event.amount && event.tickets.len() == event.seats.len(), || {
            format!("{:?} gives back {} for tickets of {amount}", event.refund_id, event.amount)
        });
        if let Some(order) = self.orders.get_mut(&event.order_id) {
            order.refunded += event.amount;
        }
        let before = self.refunds.insert(event.refund_id, false);
        self.expect(before.is_none(), || format!("{:?} is made twice", event.refund_id));
    }

    fn checked_in(&mut self, event: &TicketCheckedIn) {
        let ticket = event.ticket_id;
        self.pass(event.seat.seat, Owner::Ticket(ticket), Owner::Ticket(ticket));
        let mut orders = self.orders.values_mut();
        let used = orders
            .find_map(|order| order.live.get_mut(&ticket))
            .map(|(_, used)| std::mem::replace(used, true));
        self.expect(used == Some(false), || format!("{ticket:?} is admitted and was {used:?} (used) before"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use crate::plan::PlanSpec;
    use crate::show::{Context, HoldSeats, Selection, ShowCommand, StartPayment, decide};
    use crate::time::Timestamp;
    use crate::{CustomerId, ShowId};

    fn sold() -> (Vec<ShowEvent>, ShowState) {
        let spec: PlanSpec = serde_json::from_value(
            serde_json::json!({"zones": [{"name": "P", "price": 7, "rows": [{"label": "A", "seats": 3}]}]}),
        )
        .unwrap();
        let (hold_id, order_id) = (HoldId::from_bytes([2; 16]), OrderId::from_bytes([3; 16]));
        let seats = vec!["P-A-1".to_owned(), "P-A-2".to_owned()];
        let commands = [
            ShowCommand::CreateShow {
                show_id: ShowId::from_bytes([1; 16]),
                name: "n".into(),
                venue: "v".into(),
                starts_at: Timestamp::from_millis(0),
                currency: Currency::CLP,
                sales_open_at: None,
                max_seats_per_customer: None,
                hold_seconds: None,
                plan: spec.check(Currency::CLP).unwrap(),
            },
            ShowCommand::OpenSales,
            ShowCommand::HoldSeats(HoldSeats {
                hold_id,
                customer_id: None,
                selection: Selection::Named { seats, expected_revisions: vec![] },
            }),
            ShowCommand::StartPayment(StartPayment {
                order_id,
                hold_id,
                customer_id: CustomerId::from_bytes([4; 16]),
            }),
            ShowCommand::ConfirmPayment {
                order_id,
                payment_reference: "r".into(),
                tickets: [TicketId::from_bytes([5; 16]), TicketId::from_bytes([6; 16])].into_iter().collect(),
            },
            ShowCommand::RecordCapture { order_id },
            ShowCommand::RefundTickets {
                refund_id: RefundId::from_bytes([7; 16]),
                order_id,
                tickets: vec![TicketId::from_bytes([5; 16])],
                reason: String::new(),
            },
        ];
        let (mut events, mut state) = (Vec::new(), ShowState::default());
        for command in commands {
            for event in decide(&state, &command, &Context { now: Timestamp::from_millis(1) }).unwrap() {
                state.evolve(&event);
                events.push(event);
            }
        }
        (events, state)
    }

    fn audit(events: &[ShowEvent], state: &ShowState) -> Vec<Violation> {
        let mut audit = Audit::default();
        for (event, position) in events.iter().zip(1..) {
            audit.observe(event, position);
        }
        audit.finish(state)
    }

    #[test]
    fn a_right_history_has_no_violation() {
        let (events, state) = sold();
        assert_eq!(audit(&events, &state), []);
    }

    #[test]
    fn every_lost_or_repeated_event_is_found() {
        let (events, state) = sold();
        // Opening sales (1) owns no seat and no money; it is left to the state.
        for index in [0, 2, 3, 4, 5, 6] {
            let mut lost = events.clone();
            lost.remove(index);
            assert!(!audit(&lost, &state).is_empty(), "lost {index}");
            let mut repeated = events.clone();
            repeated.insert(index, events[index].clone());
            assert!(!audit(&repeated, &state).is_empty(), "repeated {index}");
        }
    }
}
