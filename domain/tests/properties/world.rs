//! A small venue and everything that ever was in it: turns wishes into commands and carries them out.

use ticketflow_domain::plan::{Plan, Seating};
use ticketflow_domain::show::*;
use ticketflow_domain::{
    Currency, CustomerId, HoldId, OrderId, RefundId, SeatIndex, ShowId, TicketId, Timestamp,
};

use super::ledger::Ledger;
use super::wishes::{Pick, Seen, Step, Terms, Tickets, Wish};
use crate::harness::{START_MS, plan};

/// How many venues there are to draw from.
pub(crate) const PLANS: usize = 3;

fn venue(index: usize) -> Plan {
    plan(match index {
        0 => serde_json::json!({"zones": [
            {"name": "Platea", "price": 700, "rows": [{"label": "A", "seats": 5}, {"label": "B", "seats": 4}]},
            {"name": "Palco", "price": 1_000, "rows": [{"label": "1", "seats": ["1", "2b"]}]},
            {"name": "Cancha", "price": 300, "capacity": 6},
        ]}),
        1 => serde_json::json!({"zones": [{"name": "Cancha", "price": 300, "capacity": 8}]}),
        _ => serde_json::json!({"zones": [
            {"name": "Norte", "price": 500, "capacity": 3},
            {"name": "Galería", "price": 0, "rows": [{"label": "A", "seats": 7}, {"label": "B", "seats": 6}, {"label": "C", "seats": 1}]},
        ]}),
    })
}

/// A show with its history.
pub(crate) struct World {
    pub(crate) state: ShowState,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<ShowEvent>,
    pub(crate) ledger: Ledger,
    pub(crate) terms: Terms,
    ids: u64,
    holds: Vec<HoldId>,
    orders: Vec<OrderId>,
    refunds: Vec<RefundId>,
}

/// What was asked and what came of it.
pub(crate) struct Done {
    pub(crate) command: ShowCommand,
    pub(crate) decided: Result<Vec<ShowEvent>, Rejection>,
}

/// The thing that the pick means: 0 the last one that was made, 1 the one before, and round again.
fn meant<T: Copy>(things: &[T], pick: Pick) -> Option<T> {
    let back = usize::from(pick) % things.len().max(1);
    things.len().checked_sub(back + 1).map(|index| things[index])
}

impl World {
    pub(crate) fn new(terms: Terms) -> Self {
        let plan = venue(terms.plan);
        let seats = Seating::new(plan.clone()).seat_count();
        let mut world = Self {
            state: ShowState::default(),
            now: Timestamp::from_millis(START_MS),
            events: Vec::new(),
            ledger: Ledger::new(seats),
            terms,
            ids: 0,
            holds: Vec::new(),
            orders: Vec::new(),
            refunds: Vec::new(),
        };
        world.carry_out(world.creation(plan)).expect("the terms are within bounds");
        world
    }

    fn creation(&self, plan: Plan) -> ShowCommand {
        ShowCommand::CreateShow {
            show_id: ShowId::from_bytes([1; 16]),
            name: "Show".into(),
            venue: "Venue".into(),
            starts_at: Timestamp::from_millis(START_MS + 1_000_000),
            currency: Currency::CLP,
            sales_open_at: self.terms.opens_after_ms.map(|after| Timestamp::from_millis(START_MS + after)),
            max_seats_per_customer: self.terms.limit,
            hold_seconds: Some(self.terms.hold_seconds),
            plan,
        }
    }

    pub(crate) fn seating(&self) -> &Seating {
        &self.state.info().expect("created").seating
    }

    /// Moves the clock, decides and folds.
    pub(crate) fn step(&mut self, step: &Step) -> Option<Done> {
        self.now = Timestamp::from_millis(self.now.as_millis() + step.clock_ms);
        let command = self.command(&step.wish)?;
        let decided = self.carry_out(command.clone());
        Some(Done { command, decided })
    }

    fn carry_out(&mut self, command: ShowCommand) -> Result<Vec<ShowEvent>, Rejection> {
        let events = decide(&self.state, &command, &Context { now: self.now })?;
        for event in &events {
            self.state.evolve(event);
            self.ledger.enter(event);
            match event {
                ShowEvent::SeatsHeld(event) => self.holds.push(event.hold_id),
                ShowEvent::PaymentStarted(event) => self.orders.push(event.order_id),
                ShowEvent::TicketsRefunded(event) => self.refunds.push(event.refund_id),
                _ => {}
            }
        }
        self.events.extend_from_slice(&events);
        Ok(events)
    }

    /// Sixteen bytes that no id had before.
    fn fresh(&mut self) -> [u8; 16] {
        self.ids += 1;
        let mut bytes = [0xEE; 16];
        // Counted down: the order of ids is not that of their making.
        bytes[8..].copy_from_slice(&(u64::MAX - self.ids).to_be_bytes());
        bytes
    }

    fn hold_id(&mut self, known: bool) -> HoldId {
        let fresh = HoldId::from_bytes(self.fresh());
        meant(&self.holds, 0).filter(|_| known).unwrap_or(fresh)
    }

    fn refund_id(&mut self, known: bool) -> RefundId {
        let fresh = RefundId::from_bytes(self.fresh());
        // A settled refund is no longer remembered: only ids that are still owed are tried again.
        meant(&self.refunds, 0).filter(|id| known && self.ledger.owes_refund(*id)).unwrap_or(fresh)
    }

    fn order_id(&mut self, known: bool) -> OrderId {
        let fresh = OrderId::from_bytes(self.fresh());
        // A payment that failed for certain is no longer remembered, as its charge does not exist.
        meant(&self.orders, 1).filter(|id| known && !self.ledger.is_forgotten(*id)).unwrap_or(fresh)
    }

    fn any_hold(&mut self, pick: Pick) -> HoldId {
        meant(&self.holds, pick).unwrap_or(HoldId::from_bytes([0; 16]))
    }

    fn any_order(&mut self, pick: Pick) -> OrderId {
        meant(&self.orders, pick).unwrap_or(OrderId::from_bytes([0; 16]))
    }

    fn seat_names(&self, picks: &[Pick]) -> Vec<String> {
        let count = self.seating().seat_count();
        let name = |pick: &Pick| match usize::from(*pick) % (count + 1) {
            index if index < count => self.seating().place(SeatIndex(index as u32)).to_string(),
            _ => "Platea-Z-99".into(),
        };
        picks.iter().map(name).collect()
    }

    fn zone_name(&self, pick: Pick) -> String {
        let zones = &self.seating().plan().zones;
        zones.get(usize::from(pick) % (zones.len() + 1)).map_or("Nowhere".into(), |zone| zone.name.clone())
    }

    fn named(&self, picks: &[Pick], seen: Seen) -> Selection {
        let seats = self.seat_names(picks);
        let revision = |name: &String| {
            let current = self.seating().find(name).and_then(|seat| self.state.seat(seat));
            let current = current.map_or(0, |(_, revision)| revision);
            match seen {
                Seen::Nothing => None,
                Seen::Now => Some((name.clone(), current)),
                Seen::Before => Some((name.clone(), current.wrapping_sub(1))),
            }
        };
        Selection::Named { expected_revisions: seats.iter().filter_map(revision).collect(), seats }
    }

    fn hold(&mut self, who: Option<Pick>, known_id: bool, selection: Selection) -> ShowCommand {
        let hold_id = self.hold_id(known_id);
        ShowCommand::HoldSeats(HoldSeats { hold_id, customer_id: who.map(customer), selection })
    }

    fn command(&mut self, wish: &Wish) -> Option<ShowCommand> {
        Some(match wish {
            Wish::Create => self.creation(venue(0)),
            Wish::Open => ShowCommand::OpenSales,
            Wish::Close => ShowCommand::CloseSales,
            Wish::Cancel => ShowCommand::CancelShow { reason: "storm".into() },
            Wish::Block(seats) => {
                ShowCommand::BlockSeats { seats: self.seat_names(seats), reason: "camera".into() }
            }
            Wish::Unblock(seats) => ShowCommand::UnblockSeats { seats: self.seat_names(seats) },
            Wish::HoldNamed { seats, seen, who, known_id } => {
                self.hold(*who, *known_id, self.named(seats, *seen))
            }
            Wish::HoldBest { zone, quantity, together, who, known_id } => {
                let zone = zone.map(|pick| self.zone_name(pick));
                let (quantity, together) = (*quantity, *together);
                self.hold(*who, *known_id, Selection::BestAvailable { zone, quantity, together })
            }
            Wish::HoldGeneral { zone, quantity, who, known_id } => {
                let selection = Selection::General { zone: self.zone_name(*zone), quantity: *quantity };
                self.hold(*who, *known_id, selection)
            }
            Wish::Release(pick) => ShowCommand::ReleaseHold { hold_id: self.any_hold(*pick) },
            Wish::Expire => ShowCommand::ExpireHolds,
            Wish::Restart => {
                self.state = restored(&self.state);
                return None;
            }
            wish => self.money_command(wish),
        })
    }

    fn money_command(&mut self, wish: &Wish) -> ShowCommand {
        match wish {
            Wish::Start { hold, who, known_id } => {
                let (order_id, hold_id) = (self.order_id(*known_id), self.any_hold(*hold));
                ShowCommand::StartPayment(StartPayment { order_id, hold_id, customer_id: customer(*who) })
            }
            Wish::Confirm { order, tickets } => {
                let order_id = self.any_order(*order);
                let tickets = self.tickets(order_id, *tickets);
                ShowCommand::ConfirmPayment { order_id, payment_reference: "auth".into(), tickets }
            }
            Wish::Fail { order, reason, charge_unknown } => ShowCommand::FailPayment {
                order_id: self.any_order(*order),
                reason: *reason,
                charge_unknown: *charge_unknown,
            },
            Wish::Capture(order) => ShowCommand::RecordCapture { order_id: self.any_order(*order) },
            Wish::Void(order) => ShowCommand::RecordVoid { order_id: self.any_order(*order) },
            Wish::Refund { order, tickets, known_id } => {
                let order_id = self.any_order(*order);
                let of_order: Vec<TicketId> = self.ledger.tickets_of(order_id);
                let tickets = tickets.iter().filter_map(|pick| meant(&of_order, *pick)).collect();
                let refund_id = self.refund_id(*known_id);
                ShowCommand::RefundTickets { refund_id, order_id, tickets, reason: "ill".into() }
            }
            Wish::RefundCancelled { count, known_id } => {
                let refund_ids = (0..*count).map(|_| self.refund_id(*known_id)).collect();
                ShowCommand::RefundCancelledShow { refund_ids }
            }
            Wish::Settle(refund) => {
                let refund_id = meant(&self.refunds, *refund).unwrap_or(RefundId::from_bytes([0; 16]));
                ShowCommand::RecordRefundSettled { refund_id }
            }
            Wish::CheckIn { ticket, gate, forged } => self.check_in(*ticket, *gate, *forged),
            other => unreachable!("{other:?} is no matter of money or doors"),
        }
    }

    fn tickets(&mut self, order_id: OrderId, tickets: Tickets) -> TicketIds {
        let hold = self.state.payment(order_id).and_then(|payment| self.state.hold(payment.hold_id));
        let seats = hold.map_or(1, |hold| hold.seats.len());
        let count = match tickets {
            Tickets::OnePerSeat | Tickets::AllTheSame => seats,
            Tickets::OneTooFew => seats - 1,
            Tickets::OneTooMany => seats + 1,
        };
        let mut ids: TicketIds = (0..count).map(|_| TicketId::from_bytes(self.fresh())).collect();
        if matches!(tickets, Tickets::AllTheSame) {
            ids.fill(TicketId::from_bytes(self.fresh()));
        }
        ids
    }

    fn check_in(&self, ticket: Pick, gate: Pick, forged: bool) -> ShowCommand {
        let nobodys = (TicketId::from_bytes([0; 16]), SeatIndex(0), 0);
        let (ticket_id, seat, generation) = meant(self.ledger.issued(), ticket).unwrap_or(nobodys);
        let generation = generation + u32::from(forged);
        ShowCommand::CheckIn { ticket_id, seat, generation, gate: format!("gate {gate}") }
    }
}

pub(crate) fn customer(n: Pick) -> CustomerId {
    CustomerId::from_bytes([n; 16])
}

/// The state as it comes back from the bytes of its snapshot.
pub(crate) fn restored(state: &ShowState) -> ShowState {
    let snapshot = state.clone().into_snapshot().expect("created");
    let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(&snapshot).expect("a snapshot is plain data");
    let read = rkyv::from_bytes::<ShowSnapshot, rkyv::rancor::Error>(&bytes).expect("just written");
    assert_eq!(read, snapshot);
    ShowState::from_snapshot(read)
}
