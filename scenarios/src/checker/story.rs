//! Operations brought together by what they act on: a hold and its ends, an order and its tickets.
//!
//! The journal's clients act on a hold only after they were told its id, so every end of a hold is here.

use std::collections::BTreeMap;

use super::history::{History, Moment, Operation, Outcome};
use crate::journal::{Action, Facts};

/// The server's clock and ours may differ by this much, milliseconds, before an expiry is argued about.
pub(crate) const CLOCK_TOLERANCE_MS: u64 = 1000;
/// A hold may outlive its deadline by this much, milliseconds.
pub(crate) const EXPIRY_GRACE_MS: u64 = 5000;

/// A ticket and everything that was done with it.
pub(crate) struct TicketStory<'h> {
    pub(crate) ticket: &'h str,
    pub(crate) seat: &'h str,
    pub(crate) refunds: Vec<&'h Operation>,
    pub(crate) check_ins: Vec<&'h Operation>,
}

impl TicketStory<'_> {
    /// Refunds that were done, or may have been.
    pub(crate) fn refund(&self) -> Outcome {
        strongest(&self.refunds)
    }

    /// Scans that admitted, or may have.
    pub(crate) fn check_in(&self) -> Outcome {
        strongest(&self.check_ins)
    }
}

fn strongest(operations: &[&Operation]) -> Outcome {
    let has = |outcome| operations.iter().any(|operation| operation.outcome() == outcome);
    if has(Outcome::Done) {
        Outcome::Done
    } else if has(Outcome::Open) {
        Outcome::Open
    } else {
        Outcome::Refused
    }
}

/// An acknowledged order.
pub(crate) struct OrderStory<'h> {
    pub(crate) order: &'h str,
    pub(crate) purchase: &'h Operation,
    pub(crate) facts: &'h Facts,
    pub(crate) tickets: Vec<TicketStory<'h>>,
}

/// A hold that was asked for, whatever came of it.
pub(crate) struct HoldStory<'h> {
    pub(crate) operation: &'h Operation,
    pub(crate) show: &'h str,
    pub(crate) seats: &'h [String],
    pub(crate) releases: Vec<&'h Operation>,
    pub(crate) purchases: Vec<&'h Operation>,
    pub(crate) order: Option<OrderStory<'h>>,
}

/// How long something surely lasted: up to this line of the journal, and up to this moment of the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SureUntil {
    pub(crate) line: usize,
    pub(crate) at_ms: u64,
}

impl SureUntil {
    pub(crate) fn covers(&self, moment: Moment) -> bool {
        moment.line < self.line && moment.at_ms < self.at_ms
    }
}

impl HoldStory<'_> {
    /// From when on the hold is known to exist.
    pub(crate) fn acknowledged(&self) -> Option<(Moment, &Facts)> {
        self.operation.first_ok().map(|(moment, _, facts)| (moment, facts))
    }

    /// Up to when this seat surely belonged to the hold or to its order.
    pub(crate) fn sure_until(&self, seat: &str) -> SureUntil {
        let mut line = usize::MAX;
        let mut end_at = |operation: &Operation| line = line.min(operation.invoked().line);
        for release in self.releases.iter().filter(|release| release.outcome() != Outcome::Refused) {
            end_at(release);
        }
        // A purchase that was declined or left open may have released the seats.
        for purchase in self.purchases.iter().filter(|purchase| purchase.outcome() != Outcome::Done) {
            end_at(purchase);
        }
        if let Some(ticket) = self.ticket(seat) {
            for refund in ticket.refunds.iter().filter(|refund| refund.outcome() != Outcome::Refused) {
                end_at(refund);
            }
        }
        let deadline = self.acknowledged().and_then(|(_, facts)| facts.expires_at_ms);
        let at_ms = match deadline {
            Some(deadline) if self.order.is_none() => deadline.saturating_sub(CLOCK_TOLERANCE_MS),
            _ => u64::MAX,
        };
        SureUntil { line, at_ms }
    }

    pub(crate) fn ticket(&self, seat: &str) -> Option<&TicketStory<'_>> {
        self.order.as_ref()?.tickets.iter().find(|ticket| ticket.seat == seat)
    }

    /// Whether its only attempt was refused with this seat named as standing in the way.
    pub(crate) fn found_taken(&self, seat: &str) -> bool {
        let refusal = self.operation.refusal().filter(|_| self.operation.refused_at_once());
        refusal.is_some_and(|(_, _, _, facts)| facts.conflicting_seats.iter().any(|taken| taken == seat))
    }

    /// The last thing known about this seat in this story, for messages.
    pub(crate) fn latest(&self, seat: &str) -> String {
        let mut last = self.operation;
        let refunds = self.ticket(seat).map(|ticket| ticket.refunds.as_slice()).unwrap_or_default();
        for operation in self.releases.iter().chain(&self.purchases).chain(refunds) {
            if operation.invoked().line > last.invoked().line {
                last = operation;
            }
        }
        let order = self.order.as_ref().map(|order| format!(", order {}", order.order)).unwrap_or_default();
        format!("{}{order}", last.describe())
    }
}

/// Every hold of the journal, and which of them touch a seat.
pub(crate) struct Stories<'h> {
    pub(crate) holds: Vec<HoldStory<'h>>,
    pub(crate) by_seat: BTreeMap<(&'h str, &'h str), Vec<usize>>,
}

impl<'h> Stories<'h> {
    pub(crate) fn of(history: &'h History) -> Self {
        let mut releases: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
        let mut purchases: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
        let mut refunds: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
        let mut check_ins: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
        for operation in history.operations.values() {
            match &operation.action {
                Action::Hold { .. } => {}
                Action::Release { hold, .. } => releases.entry(hold).or_default().push(operation),
                Action::Purchase { hold, .. } => purchases.entry(hold).or_default().push(operation),
                Action::Refund { tickets, .. } => {
                    for ticket in tickets {
                        refunds.entry(ticket).or_default().push(operation);
                    }
                }
                Action::CheckIn { ticket, .. } => check_ins.entry(ticket).or_default().push(operation),
            }
        }
        let mut stories = Self { holds: Vec::new(), by_seat: BTreeMap::new() };
        for operation in history.operations.values() {
            let Action::Hold { show, seats } = &operation.action else { continue };
            let id = operation.first_ok().and_then(|(_, _, facts)| facts.hold.as_deref()).unwrap_or("");
            let of_hold = |map: &BTreeMap<&str, Vec<&'h Operation>>| map.get(id).cloned().unwrap_or_default();
            let purchases = of_hold(&purchases);
            let order = purchases.iter().find_map(|purchase| order_story(purchase, &refunds, &check_ins));
            for seat in seats {
                stories.by_seat.entry((show, seat)).or_default().push(stories.holds.len());
            }
            stories.holds.push(HoldStory {
                operation,
                show,
                seats,
                releases: of_hold(&releases),
                purchases,
                order,
            });
        }
        stories
    }

    /// Every acknowledged order.
    pub(crate) fn orders(&self) -> impl Iterator<Item = (&HoldStory<'h>, &OrderStory<'h>)> {
        self.holds.iter().filter_map(|hold| hold.order.as_ref().map(|order| (hold, order)))
    }
}

fn order_story<'h>(
    purchase: &'h Operation,
    refunds: &BTreeMap<&str, Vec<&'h Operation>>,
    check_ins: &BTreeMap<&str, Vec<&'h Operation>>,
) -> Option<OrderStory<'h>> {
    let (_, _, facts) = purchase.first_ok()?;
    let tickets = facts.tickets.iter().map(|ticket| TicketStory {
        ticket: &ticket.ticket,
        seat: &ticket.seat,
        refunds: refunds.get(ticket.ticket.as_str()).cloned().unwrap_or_default(),
        check_ins: check_ins.get(ticket.ticket.as_str()).cloned().unwrap_or_default(),
    });
    Some(OrderStory {
        order: facts.order.as_deref().unwrap_or(""),
        purchase,
        facts,
        tickets: tickets.collect(),
    })
}
