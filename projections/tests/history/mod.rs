//! Random histories of shows, decided by the domain: whatever happens in them can happen. Equal seeds give equal histories.

#![allow(dead_code, reason = "whoever includes this uses a part of it")]
#![allow(clippy::unwrap_used, reason = "for tests and measurements, which end by panicking")]

use std::time::Duration;

use ticketflow_domain::plan::PlanSpec;
use ticketflow_domain::show::{
    Context, HoldSeats, PaymentFailure, SeatStatus, Selection, ShowCommand, ShowEvent, ShowState,
    StartPayment, decide,
};
use ticketflow_domain::{
    Currency, CustomerId, HoldId, OrderId, RefundId, SeatIndex, ShowId, TicketId, Timestamp,
};
use ticketflow_event_store::{
    Append, Appended, Category, EmbeddedLog, EncodedEvents, Expected, PendingAppend, StreamId, Urgency,
    push_show_event,
};

/// Between two looks at an append.
const LOOK: Duration = Duration::from_micros(50);
/// 2030-01-01T00:00:00Z.
const START_MS: i64 = 1_893_456_000_000;

/// What was decided together.
pub(crate) struct Decided {
    /// Of which show.
    pub(crate) show_id: ShowId,
    /// What happened.
    pub(crate) events: Vec<ShowEvent>,
    /// When.
    pub(crate) at: Timestamp,
}

/// A history that goes on.
pub(crate) struct History {
    random: u64,
    now_ms: i64,
    ids: u64,
    rows: u32,
    most_shows: usize,
    /// How much time passes at most with each step.
    step_ms: u64,
    shows: Vec<Played>,
}

struct Played {
    show_id: ShowId,
    state: ShowState,
    holds: Vec<HoldId>,
    paying: Vec<OrderId>,
    orders: Vec<OrderId>,
    blocked: Vec<String>,
}

impl History {
    /// Of shows with `rows` rows of 20 seats and as many places without numbers.
    pub(crate) fn new(seed: u64, rows: u32, most_shows: usize) -> Self {
        let random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        Self { random, now_ms: START_MS, ids: 0, rows, most_shows, step_ms: 20_000, shows: Vec::new() }
    }

    /// With so much time at most between two steps: holds end by themselves the more often.
    pub(crate) fn with_step_ms(mut self, step_ms: u64) -> Self {
        self.step_ms = step_ms;
        self
    }

    /// The shows so far.
    pub(crate) fn shows(&self) -> impl Iterator<Item = (ShowId, &ShowState)> {
        self.shows.iter().map(|show| (show.show_id, &show.state))
    }

    /// The paid orders so far.
    pub(crate) fn orders(&self) -> impl Iterator<Item = OrderId> {
        self.shows.iter().flat_map(|show| show.orders.iter().copied())
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as usize % bound.max(1)
    }

    /// A ULID of the present: the time, then a number that is spread over the last half.
    fn id(&mut self) -> [u8; 16] {
        self.ids += 1;
        let mixed = self.ids.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let high = (self.now_ms as u128) << 80 | u128::from(self.ids & 0xFFFF) << 64;
        (high | u128::from(mixed)).to_be_bytes()
    }

    /// The next batch.
    pub(crate) fn next(&mut self) -> Decided {
        loop {
            self.now_ms += self.below(self.step_ms as usize + 1) as i64;
            if self.shows.is_empty() || (self.shows.len() < self.most_shows && self.below(200) == 0) {
                return self.create();
            }
            let at = self.below(self.shows.len());
            let Some(command) = self.wish(at) else { continue };
            let context = Context { now: Timestamp::from_millis(self.now_ms) };
            match decide(&self.shows[at].state, &command, &context) {
                Ok(events) if !events.is_empty() => return self.happened(at, events),
                _ => {}
            }
        }
    }

    fn create(&mut self) -> Decided {
        let show_id = ShowId::from_bytes(self.id());
        let rows: Vec<_> =
            (0..self.rows).map(|row| serde_json::json!({"label": format!("R{row}"), "seats": 20})).collect();
        let zones = serde_json::json!({"zones": [
            {"name": "Platea", "price": 25_000, "rows": rows},
            {"name": "Cancha", "price": 10_000, "capacity": self.rows * 20},
        ]});
        let spec: PlanSpec = serde_json::from_value(zones).unwrap();
        let command = ShowCommand::CreateShow {
            show_id,
            name: format!("Función {}", self.shows.len()),
            venue: "Teatro".to_owned(),
            starts_at: Timestamp::from_millis(START_MS + 86_400_000 * (1 + self.below(30) as i64)),
            currency: Currency::CLP,
            sales_open_at: Some(Timestamp::from_millis(START_MS)),
            max_seats_per_customer: None,
            hold_seconds: Some(600),
            plan: spec.check(Currency::CLP).unwrap(),
        };
        let now = Timestamp::from_millis(self.now_ms);
        let events = decide(&ShowState::default(), &command, &Context { now }).unwrap();
        self.shows.push(Played {
            show_id,
            state: ShowState::default(),
            holds: Vec::new(),
            paying: Vec::new(),
            orders: Vec::new(),
            blocked: Vec::new(),
        });
        self.happened(self.shows.len() - 1, events)
    }

    fn some<T: Copy>(&mut self, at: usize, of: impl Fn(&Played) -> &Vec<T>) -> Option<T> {
        let count = of(&self.shows[at]).len();
        let chosen = self.below(count);
        of(&self.shows[at]).get(chosen).copied()
    }

    fn seat_names(&mut self, at: usize, wanted: usize) -> Vec<String> {
        let seats = self.shows[at].state.info().unwrap().seating.seat_count();
        let mut chosen: Vec<u32> = (0..wanted).map(|_| self.below(seats) as u32).collect();
        chosen.sort_unstable();
        chosen.dedup();
        let state = &self.shows[at].state;
        let free = |seat: &u32| {
            state.seat(SeatIndex(*seat)).is_some_and(|(status, _)| status == SeatStatus::Available)
        };
        let name = |seat| state.info().unwrap().seating.place(SeatIndex(seat)).to_string();
        chosen.into_iter().filter(free).map(name).collect()
    }

    fn wish(&mut self, at: usize) -> Option<ShowCommand> {
        Some(match self.below(100) {
            0 => ShowCommand::OpenSales,
            1 if self.below(10) == 0 => ShowCommand::CloseSales,
            2 if self.below(2_000) == 0 => ShowCommand::CancelShow { reason: "lluvia".to_owned() },
            3..=5 => {
                let seats = self.seat_names(at, 3);
                ShowCommand::BlockSeats { seats, reason: String::new() }
            }
            6..=8 => {
                let seats = std::mem::take(&mut self.shows[at].blocked);
                ShowCommand::UnblockSeats { seats }
            }
            9..=12 => ShowCommand::ExpireHolds,
            13..=18 => ShowCommand::ReleaseHold { hold_id: self.some(at, |show| &show.holds)? },
            19..=38 => {
                let hold_id = self.some(at, |show| &show.holds)?;
                let (order_id, customer_id) =
                    (OrderId::from_bytes(self.id()), CustomerId::from_bytes(self.id()));
                ShowCommand::StartPayment(StartPayment { order_id, hold_id, customer_id })
            }
            39..=56 => {
                let order_id = self.some(at, |show| &show.paying)?;
                let hold_id = self.shows[at].state.payment(order_id)?.hold_id;
                let count = self.shows[at].state.hold(hold_id)?.seats.len();
                let tickets = (0..count).map(|_| TicketId::from_bytes(self.id())).collect();
                ShowCommand::ConfirmPayment { order_id, payment_reference: "reference".to_owned(), tickets }
            }
            57..=58 => {
                let order_id = self.some(at, |show| &show.paying)?;
                let charge_unknown = self.below(2) == 0;
                ShowCommand::FailPayment { order_id, reason: PaymentFailure::TimedOut, charge_unknown }
            }
            59..=66 => ShowCommand::RecordCapture { order_id: self.some(at, |show| &show.orders)? },
            67..=70 => {
                let order_id = self.some(at, |show| &show.orders)?;
                let (_, tickets) = self.shows[at].state.order(order_id)?;
                let ticket = tickets.first()?.id;
                let all = self.below(2) == 0;
                let tickets = if all { Vec::new() } else { vec![ticket] };
                let refund_id = RefundId::from_bytes(self.id());
                ShowCommand::RefundTickets { refund_id, order_id, tickets, reason: String::new() }
            }
            71..=74 => {
                let order_id = self.some(at, |show| &show.orders)?;
                let chosen = self.below(4);
                let (_, tickets) = self.shows[at].state.order(order_id)?;
                let ticket = tickets.get(chosen)?;
                ShowCommand::CheckIn {
                    ticket_id: ticket.id,
                    seat: ticket.seat,
                    generation: ticket.generation,
                    gate: "Norte".to_owned(),
                }
            }
            _ => {
                let wanted = 1 + self.below(4);
                let selection = match self.below(4) {
                    0 => Selection::General { zone: "Cancha".to_owned(), quantity: wanted as u32 },
                    _ => Selection::Named {
                        seats: self.seat_names(at, wanted),
                        expected_revisions: Vec::new(),
                    },
                };
                let hold_id = HoldId::from_bytes(self.id());
                ShowCommand::HoldSeats(HoldSeats { hold_id, customer_id: None, selection })
            }
        })
    }

    fn happened(&mut self, at: usize, events: Vec<ShowEvent>) -> Decided {
        let show = &mut self.shows[at];
        let ended = |holds: &mut Vec<HoldId>, ended: HoldId| holds.retain(|hold| *hold != ended);
        for event in &events {
            show.state.evolve(event);
            match event {
                ShowEvent::SeatsHeld(event) => show.holds.push(event.hold_id),
                ShowEvent::HoldReleased(event) => ended(&mut show.holds, event.hold_id),
                ShowEvent::HoldExpired(event) => ended(&mut show.holds, event.hold_id),
                ShowEvent::PaymentStarted(event) => show.paying.push(event.order_id),
                ShowEvent::PaymentFailed(event) => {
                    show.paying.retain(|order| *order != event.order_id);
                    ended(&mut show.holds, event.hold_id);
                }
                ShowEvent::OrderPaid(event) => {
                    show.paying.retain(|order| *order != event.order_id);
                    ended(&mut show.holds, event.hold_id);
                    show.orders.push(event.order_id);
                }
                ShowEvent::SeatsBlocked(event) => {
                    let seating = &show.state.info().unwrap().seating;
                    let names = event.seats.iter().map(|seat| seating.place(seat.seat).to_string());
                    show.blocked.extend(names);
                }
                _ => {}
            }
        }
        Decided { show_id: show.show_id, events, at: Timestamp::from_millis(self.now_ms) }
    }

    /// Appends so many batches, durable when this returns. Says how many events they had.
    pub(crate) fn append(&mut self, log: &EmbeddedLog, batches: usize) -> usize {
        let mut events = 0;
        let mut pending: Vec<PendingAppend> = Vec::new();
        for _ in 0..batches {
            let decided = self.next();
            events += decided.events.len();
            pending.push(log.append(self.encode(&decided)));
            if pending.len() == 500 {
                wait_for_all(&mut pending);
            }
        }
        wait_for_all(&mut pending);
        events
    }

    /// A batch as the log takes it.
    pub(crate) fn encode(&mut self, decided: &Decided) -> Append {
        let mut events = EncodedEvents::new();
        decided.events.iter().for_each(|event| push_show_event(&mut events, event).unwrap());
        Append {
            stream: StreamId::new(Category::Show, decided.show_id.to_bytes()),
            expected: Expected::Any,
            batch_id: self.id(),
            recorded_at_ms: decided.at.as_millis(),
            metadata: Vec::new(),
            events,
            urgency: Urgency::Essential,
        }
    }
}

fn wait_for_all(pending: &mut Vec<PendingAppend>) {
    for append in pending.drain(..) {
        durable(append);
    }
}

/// Waits until an append is durable; looks again and again, because a thread of a runtime may not block.
pub(crate) fn durable(mut append: PendingAppend) -> Appended {
    loop {
        match append.try_wait() {
            Some(appended) => return appended.unwrap(),
            None => std::thread::sleep(LOOK),
        }
    }
}
