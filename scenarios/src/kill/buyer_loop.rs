//! One client of the kill test: holds, buys, refunds, enters, repeats itself, and journals every step.
//!
//! Invariant: nothing is remembered as done before its answer is in the journal, and no operation is started while an
//! earlier one of this client is open.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::gate::{Gate, Phase, View};
use super::wire::{Attempt, Credentials, send};
use crate::http::Client;
use crate::journal::{Action, JournalWriter, Record, now_ms};
use crate::seeded::Seeded;

/// An answer that takes longer is no answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// Attempts after which an operation that the server answers with "open" stays open, unless said otherwise.
const MOST_OPEN_ANSWERS: u32 = 8;
/// Pause before asking again about an open operation, and while the server is gone.
const OPEN_PAUSE: Duration = Duration::from_millis(50);
/// Holds that a client keeps at once.
const MOST_HOLDS: usize = 3;
/// Earlier requests that a client may repeat.
const MOST_REPEATABLE: usize = 64;

struct LiveHold {
    show: String,
    hold: String,
    token: String,
}

struct LiveTicket {
    id: String,
    qr: String,
    refunded: bool,
    used: bool,
}

struct LiveOrder {
    show: String,
    order: String,
    tickets: Vec<LiveTicket>,
}

#[derive(Clone)]
struct Operation {
    op: u64,
    attempt: u32,
    key: String,
    action: Action,
    credentials: Credentials,
    open_answers: u32,
}

/// A client; `run` drives it on its own thread.
pub(crate) struct BuyerLoop<'a> {
    number: u32,
    gate: &'a Gate,
    journal: &'a JournalWriter,
    operations: &'a AtomicU64,
    authorization: String,
    run: u64,
    random: Seeded,
    client: Client,
    epoch: u32,
    holds: Vec<LiveHold>,
    orders: Vec<LiveOrder>,
    repeatable: Vec<Operation>,
    open: Option<Operation>,
    most_open_answers: u32,
}

impl<'a> BuyerLoop<'a> {
    pub(crate) fn new(
        number: u32,
        seed: u64,
        gate: &'a Gate,
        journal: &'a JournalWriter,
        operations: &'a AtomicU64,
        authorization: String,
    ) -> Self {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            number,
            gate,
            journal,
            operations,
            authorization,
            run: seed,
            random: Seeded::branch(seed, u64::from(number) + 1),
            client: Client::new(address, ANSWER_LIMIT),
            epoch: 0,
            holds: Vec::new(),
            orders: Vec::new(),
            repeatable: Vec::new(),
            open: None,
            most_open_answers: MOST_OPEN_ANSWERS,
        }
    }

    /// Asks so often about an operation that is answered with "open": where somebody answers while others are down.
    pub(crate) fn asking_up_to(self, most_open_answers: u32) -> Self {
        Self { most_open_answers, ..self }
    }

    /// Works until the run settles; returns how many operations stayed open.
    pub(crate) fn run(mut self) -> Result<u32> {
        let mut left_open = 0;
        loop {
            let view = self.gate.wait_while_down();
            if view.abandoned {
                return Ok(left_open);
            }
            if view.epoch != self.epoch {
                self.client.move_to(view.address);
                self.epoch = view.epoch;
            }
            let operation = match self.open.take() {
                Some(operation) if operation.open_answers >= self.most_open_answers => {
                    left_open += 1;
                    continue;
                }
                Some(operation) => operation,
                None if view.phase == Phase::Settle => return Ok(left_open),
                None => self.choose(&view),
            };
            self.attempt(operation, view.phase == Phase::Settle)?;
        }
    }

    fn attempt(&mut self, mut operation: Operation, settling: bool) -> Result<()> {
        operation.attempt += 1;
        if let Some(known) = self.repeatable.iter_mut().find(|known| known.op == operation.op) {
            known.attempt = operation.attempt;
        }
        let (op, attempt) = (operation.op, operation.attempt);
        self.journal.append(&Record::Invoke {
            op,
            attempt,
            client: self.number,
            at_ms: now_ms(),
            key: operation.key.clone(),
            action: operation.action.clone(),
        })?;
        let key = &operation.key;
        let outcome =
            send(&mut self.client, &self.authorization, key, &operation.action, &operation.credentials);
        let at_ms = now_ms();
        match outcome {
            Attempt::Ok { status, replayed, facts, answer } => {
                self.journal.append(&Record::Ok { op, attempt, at_ms, status, replayed, facts })?;
                self.succeeded(&operation, &answer);
            }
            Attempt::Fail { status, code, facts } => {
                self.journal.append(&Record::Fail { op, attempt, at_ms, status, code, facts })?;
            }
            Attempt::Unknown { reason, reached_server } => {
                self.journal.append(&Record::Unknown { op, attempt, at_ms, reason })?;
                // A killed server is waited for as long as it takes; one that answers "open" only so often. When all is
                // over nobody will start it again.
                operation.open_answers += u32::from(reached_server || settling);
                self.open = Some(operation);
                self.gate.wait_for_change(OPEN_PAUSE);
            }
        }
        Ok(())
    }

    fn succeeded(&mut self, operation: &Operation, answer: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if self.repeatable.iter().any(|known| known.op == operation.op) {
            // The repeated answer of something that this client has acted upon already.
            return;
        }
        match &operation.action {
            Action::Hold { show, .. } => self.holds.push(LiveHold {
                show: show.clone(),
                hold: text(&answer["hold_id"]),
                token: text(&answer["hold_token"]),
            }),
            Action::Purchase { show, .. } => {
                let tickets = answer["tickets"].as_array().map(Vec::as_slice).unwrap_or_default();
                let live = |ticket: &Value| LiveTicket {
                    id: text(&ticket["ticket_id"]),
                    qr: text(&ticket["qr"]),
                    refunded: false,
                    used: false,
                };
                self.orders.push(LiveOrder {
                    show: show.clone(),
                    order: text(&answer["order_id"]),
                    tickets: tickets.iter().map(live).collect(),
                });
            }
            Action::Release { .. } | Action::Refund { .. } | Action::CheckIn { .. } => {}
        }
        if !matches!(operation.action, Action::CheckIn { .. } | Action::Release { .. }) {
            if self.repeatable.len() == MOST_REPEATABLE {
                let oldest = self.random.below(MOST_REPEATABLE);
                self.repeatable.swap_remove(oldest);
            }
            self.repeatable.push(operation.clone());
        }
    }

    fn choose(&mut self, view: &View) -> Operation {
        let dice = self.random.below(100);
        match dice {
            0..8 if !self.repeatable.is_empty() => {
                let index = self.random.below(self.repeatable.len());
                let operation = self.repeatable[index].clone();
                return Operation { open_answers: 0, ..operation };
            }
            8..40 if !self.holds.is_empty() => return self.purchase(),
            40..52 if !self.holds.is_empty() => return self.release(),
            52..66 if !self.orders.is_empty() => return self.refund(),
            66..74 if !self.orders.is_empty() => return self.check_in(),
            _ if self.holds.len() >= MOST_HOLDS => return self.purchase(),
            _ => {}
        }
        let index =
            if self.random.chance(80) { view.shows.len() - 1 } else { self.random.below(view.shows.len()) };
        let show = &view.shows[index];
        let wanted = 1 + self.random.below(4);
        let start = self.random.below(show.seats.len());
        // Neighbours, so that holds of different clients overlap in part.
        let seats = (0..wanted.min(show.seats.len()))
            .map(|step| show.seats[(start + step) % show.seats.len()].clone());
        let action = Action::Hold { show: show.id.clone(), seats: seats.collect() };
        self.operation(action, Credentials::default())
    }

    fn purchase(&mut self) -> Operation {
        let hold = self.holds.swap_remove(self.random.below(self.holds.len()));
        let token = match self.random.below(100) {
            0..8 => "tok_decline",
            8..14 => "tok_lost_answer",
            14..20 => "tok_outage",
            _ => "tok_approved",
        };
        let buyer = self.random.next_u64() % 5000;
        let credentials = Credentials { hold_token: hold.token, buyer, ..Credentials::default() };
        self.operation(
            Action::Purchase { show: hold.show, hold: hold.hold, token: token.to_owned() },
            credentials,
        )
    }

    fn release(&mut self) -> Operation {
        let hold = self.holds.swap_remove(self.random.below(self.holds.len()));
        let credentials = Credentials { hold_token: hold.token, ..Credentials::default() };
        self.operation(Action::Release { show: hold.show, hold: hold.hold }, credentials)
    }

    /// Mostly of live tickets, sometimes of one that was refunded or used and must be refused.
    fn refund(&mut self) -> Operation {
        let index = self.random.below(self.orders.len());
        let all = self.random.chance(40);
        let careless = self.random.chance(15);
        let order = &mut self.orders[index];
        let mut tickets = Vec::new();
        for ticket in &mut order.tickets {
            if (all || tickets.is_empty()) && (careless || !(ticket.refunded || ticket.used)) {
                ticket.refunded = true;
                tickets.push(ticket.id.clone());
            }
        }
        let order = order.order.clone();
        if tickets.is_empty() {
            self.orders.swap_remove(index);
            return self.release_or_hold_nothing();
        }
        self.operation(Action::Refund { order, tickets }, Credentials::default())
    }

    fn check_in(&mut self) -> Operation {
        let index = self.random.below(self.orders.len());
        let order = &mut self.orders[index];
        let ticket_index = self.random.below(order.tickets.len());
        let Some(ticket) = order.tickets.get_mut(ticket_index) else { return self.release_or_hold_nothing() };
        ticket.used = true;
        let credentials = Credentials { qr: ticket.qr.clone(), ..Credentials::default() };
        let (show, ticket) = (order.show.clone(), ticket.id.clone());
        let mut operation =
            self.operation(Action::CheckIn { show, ticket, gate: String::new() }, credentials);
        if let Action::CheckIn { gate, .. } = &mut operation.action {
            // No two scans share a gate: "already used at gate-7" names operation 7.
            *gate = format!("gate-{}", operation.op);
        }
        operation
    }

    /// Something that is always possible: giving back what is not there must be refused.
    fn release_or_hold_nothing(&mut self) -> Operation {
        if !self.holds.is_empty() {
            return self.release();
        }
        let action = Action::Refund {
            order: "01J00000000000000000000000".to_owned(),
            tickets: vec!["01J00000000000000000000000".to_owned()],
        };
        self.operation(action, Credentials::default())
    }

    fn operation(&mut self, action: Action, credentials: Credentials) -> Operation {
        let op = self.operations.fetch_add(1, Ordering::Relaxed) + 1;
        Operation {
            op,
            attempt: 0,
            key: format!("kill-{}-{op}", self.run),
            action,
            credentials,
            open_answers: 0,
        }
    }
}
