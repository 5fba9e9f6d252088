//! What may happen to a ticket: admitted once, refunded once, never both, and never refused what it is good for.

use std::collections::BTreeMap;

use super::Violation;
use super::history::{History, Operation, Outcome};
use super::story::{OrderStory, Stories, TicketStory};
use crate::journal::Action;

/// Judges every acknowledged ticket.
pub(crate) fn judge(history: &History, stories: &Stories<'_>, found: &mut Vec<Violation>) {
    let gates: BTreeMap<&str, &Operation> = history
        .operations
        .values()
        .filter_map(|operation| match &operation.action {
            Action::CheckIn { gate, .. } => Some((gate.as_str(), operation)),
            _ => None,
        })
        .collect();
    for (_, order) in stories.orders() {
        for ticket in &order.tickets {
            twice(order, ticket, "double_refund", &ticket.refunds, found);
            twice(order, ticket, "double_admission", &ticket.check_ins, found);
            used_and_refunded(order, ticket, found);
            refused_without_reason(order, ticket, found);
            for scan in &ticket.check_ins {
                first_use(order, ticket, scan, &gates, found);
            }
        }
    }
}

fn named(order: &OrderStory<'_>, ticket: &TicketStory<'_>) -> String {
    format!("ticket {} for seat {} of order {}", ticket.ticket, ticket.seat, order.order)
}

fn twice(
    order: &OrderStory<'_>,
    ticket: &TicketStory<'_>,
    kind: &'static str,
    operations: &[&Operation],
    found: &mut Vec<Violation>,
) {
    let done: Vec<&&Operation> =
        operations.iter().filter(|operation| operation.outcome() == Outcome::Done).collect();
    if let [first, second, ..] = done.as_slice() {
        let both = format!("{}: {}; {}", named(order, ticket), first.describe(), second.describe());
        found.push(Violation::new(kind, both));
    }
}

fn used_and_refunded(order: &OrderStory<'_>, ticket: &TicketStory<'_>, found: &mut Vec<Violation>) {
    let done = |operations: &[&Operation]| {
        operations.iter().position(|operation| operation.outcome() == Outcome::Done)
    };
    if let (Some(refund), Some(scan)) = (done(&ticket.refunds), done(&ticket.check_ins)) {
        let both = format!(
            "{}: {}; {}",
            named(order, ticket),
            ticket.refunds[refund].describe(),
            ticket.check_ins[scan].describe()
        );
        found.push(Violation::new("used_and_refunded", both));
    }
}

/// "Already used at gate G" must name a scan that was made and not refused.
fn first_use(
    order: &OrderStory<'_>,
    ticket: &TicketStory<'_>,
    scan: &Operation,
    gates: &BTreeMap<&str, &Operation>,
    found: &mut Vec<Violation>,
) {
    let Some(gate) = scan.refusal().and_then(|(_, _, _, facts)| facts.used_at_gate.as_deref()) else {
        return;
    };
    let first = gates.get(gate);
    let plausible = first.is_some_and(|first| {
        let same =
            matches!(&first.action, Action::CheckIn { ticket: scanned, .. } if scanned == ticket.ticket);
        same && first.outcome() != Outcome::Refused
    });
    if !plausible {
        let fact = first.map_or("nobody scanned there".to_owned(), |first| first.describe());
        let text =
            format!("{} is said to be used at {gate}, but {fact}: {}", named(order, ticket), scan.describe());
        found.push(Violation::new("wrong_first_use", text));
    }
}

/// A paid ticket that nothing else touched can be refunded and admitted.
fn refused_without_reason(order: &OrderStory<'_>, ticket: &TicketStory<'_>, found: &mut Vec<Violation>) {
    let all: Vec<&Operation> = ticket.refunds.iter().chain(&ticket.check_ins).copied().collect();
    for operation in &all {
        let first = all
            .iter()
            .all(|other| other.op == operation.op || other.invoked().line > operation.invoked().line);
        // A refund names several tickets; any of them may be the reason.
        let alone = match &operation.action {
            Action::Refund { tickets, .. } => tickets.len() == 1,
            _ => true,
        };
        if first && alone && operation.refused_at_once() {
            found.push(Violation::new(
                "lost_ticket",
                format!(
                    "{} was paid and untouched but refused: {}; {}",
                    named(order, ticket),
                    order.purchase.describe(),
                    operation.describe()
                ),
            ));
        }
    }
}
