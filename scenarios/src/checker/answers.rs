//! What the answers alone must satisfy: same key same answer, whole holds, right totals, growing positions.

use std::collections::{BTreeMap, BTreeSet};

use super::Violation;
use super::history::{Answer, History, Operation, Outcome};
use crate::journal::{Action, Facts};

/// Judges every operation by itself.
pub(crate) fn judge(history: &History, found: &mut Vec<Violation>) {
    let holds: BTreeMap<&str, &Operation> = history
        .operations
        .values()
        .filter_map(|operation| Some((operation.first_ok()?.2.hold.as_deref()?, operation)))
        .collect();
    for operation in history.operations.values() {
        same_answer(operation, found);
        let Some((_, _, facts)) = operation.first_ok() else { continue };
        match &operation.action {
            Action::Hold { show, seats } => whole_hold(history, operation, show, seats, facts, found),
            Action::Purchase { hold, .. } => {
                if let Some(hold_operation) = holds.get(hold.as_str()) {
                    right_order(hold_operation, operation, hold, facts, found);
                }
            }
            Action::Release { .. } | Action::Refund { .. } | Action::CheckIn { .. } => {}
        }
    }
    growing_positions(history, found);
    distinct_ids(history, found);
}

/// Once an operation was answered with success, its key gives that answer for ever.
fn same_answer(operation: &Operation, found: &mut Vec<Violation>) {
    let Some((first_moment, first_status, first_facts)) = operation.first_ok() else { return };
    for (moment, answer) in operation.answers().filter(|(moment, _)| moment.line > first_moment.line) {
        let problem = match answer {
            Answer::Ok { status, facts, .. } if *status != first_status || facts != first_facts => {
                format!("{status} {}", text(facts))
            }
            // Without the mark a client cannot tell a remembered answer from a second execution.
            Answer::Ok { replayed: false, .. } => "the same answer, but not marked as replayed".to_owned(),
            Answer::Fail { status, code, .. } => format!("{status} {code}"),
            Answer::Ok { .. } | Answer::Unknown { .. } => continue,
        };
        found.push(Violation::new(
            "different_replay",
            format!(
                "key {} answered {first_status} {} (line {}) and later {problem} (line {}): {}",
                operation.key,
                text(first_facts),
                first_moment.line,
                moment.line,
                operation.describe()
            ),
        ));
        return;
    }
}

fn text(facts: &Facts) -> String {
    serde_json::to_string(facts).expect("facts are plain data")
}

/// All seats that were asked for, at the plan's price, and the sum.
fn whole_hold(
    history: &History,
    operation: &Operation,
    show: &str,
    asked: &[String],
    facts: &Facts,
    found: &mut Vec<Violation>,
) {
    let got: BTreeSet<&str> = facts.seats.iter().map(|(seat, _)| seat.as_str()).collect();
    let wanted: BTreeSet<&str> = asked.iter().map(String::as_str).collect();
    if got != wanted || facts.seats.len() != asked.len() {
        found.push(Violation::new(
            "partial_hold",
            format!("seats {wanted:?} were asked for, {got:?} were acknowledged: {}", operation.describe()),
        ));
    }
    if facts.hold.is_none() || facts.expires_at_ms.is_none() {
        let what = "the acknowledged hold names no id or no deadline";
        found.push(Violation::new("incomplete_answer", format!("{what}: {}", operation.describe())));
    }
    let Some(made) = history.shows.get(show) else { return };
    let sum = made.price * asked.len() as i64;
    if facts.total != Some(sum) || facts.seats.iter().any(|(_, price)| *price != made.price) {
        found.push(Violation::new(
            "wrong_total",
            format!(
                "{} seats {wanted:?} at {} each are {sum}, the answer says {:?} with prices {:?}: {}",
                asked.len(),
                made.price,
                facts.total,
                facts.seats,
                operation.describe()
            ),
        ));
    }
}

/// One ticket per seat of the hold, and the hold's total.
fn right_order(
    hold_operation: &Operation,
    purchase: &Operation,
    hold: &str,
    facts: &Facts,
    found: &mut Vec<Violation>,
) {
    let Some((_, _, held)) = hold_operation.first_ok() else { return };
    let order = facts.order.as_deref().unwrap_or("without an id");
    if facts.total != held.total {
        found.push(Violation::new(
            "wrong_total",
            format!(
                "order {order} costs {:?}, its hold {hold} {:?}: {}; {}",
                facts.total,
                held.total,
                purchase.describe(),
                hold_operation.describe()
            ),
        ));
    }
    let sold: BTreeSet<&str> = facts.tickets.iter().map(|ticket| ticket.seat.as_str()).collect();
    let seats: BTreeSet<&str> = held.seats.iter().map(|(seat, _)| seat.as_str()).collect();
    if sold != seats || facts.tickets.len() != held.seats.len() {
        found.push(Violation::new(
            "wrong_tickets",
            format!(
                "order {order} has tickets for {sold:?}, its hold {hold} was for {seats:?}: {}",
                purchase.describe()
            ),
        ));
    }
}

/// A write that was asked for after another had been acknowledged lies behind it.
fn growing_positions(history: &History, found: &mut Vec<Violation>) {
    struct Write<'h> {
        invoked: usize,
        acknowledged: usize,
        position: u64,
        operation: &'h Operation,
    }
    let mut by_show: BTreeMap<&str, Vec<Write<'_>>> = BTreeMap::new();
    for operation in history.operations.values() {
        let (Action::Hold { show, .. } | Action::Purchase { show, .. }) = &operation.action else { continue };
        let Some((moment, _, facts)) = operation.first_ok() else { continue };
        let Some(position) = facts.position else { continue };
        let invoked = operation.invoked().line;
        by_show.entry(show).or_default().push(Write {
            invoked,
            acknowledged: moment.line,
            position,
            operation,
        });
    }
    for writes in by_show.values_mut() {
        writes.sort_by_key(|write| write.acknowledged);
        // Highest position acknowledged up to each line; the writes are searched by the line of their request.
        let mut highest: Vec<(usize, u64, &Operation)> = Vec::with_capacity(writes.len());
        for write in writes.iter() {
            let above = highest.last().filter(|(_, position, _)| *position > write.position).copied();
            let (position, operation) = above.map_or((write.position, write.operation), |(_, p, o)| (p, o));
            highest.push((write.acknowledged, position, operation));
        }
        for write in writes.iter() {
            let before = highest.partition_point(|(line, _, _)| *line < write.invoked);
            if let Some((_, position, earlier)) = before.checked_sub(1).map(|index| &highest[index])
                && *position > write.position
            {
                found.push(Violation::new(
                    "position_backwards",
                    format!(
                        "position {} after position {position}: {}; earlier {}",
                        write.position,
                        write.operation.describe(),
                        earlier.describe()
                    ),
                ));
            }
        }
    }
}

/// Two operations never get the same hold, order or ticket.
fn distinct_ids(history: &History, found: &mut Vec<Violation>) {
    let mut seen: BTreeMap<&str, &Operation> = BTreeMap::new();
    for operation in history.operations.values().filter(|operation| operation.outcome() == Outcome::Done) {
        let Some((_, _, facts)) = operation.first_ok() else { continue };
        let own = match &operation.action {
            Action::Hold { .. } => facts.hold.as_deref().into_iter().collect(),
            Action::Purchase { .. } => {
                let tickets = facts.tickets.iter().map(|ticket| ticket.ticket.as_str());
                facts.order.as_deref().into_iter().chain(tickets).collect::<Vec<_>>()
            }
            _ => continue,
        };
        for id in own {
            if let Some(other) = seen.insert(id, operation) {
                let both = format!("{id} was given to two: {}; {}", other.describe(), operation.describe());
                found.push(Violation::new("id_given_twice", both));
            }
        }
    }
}
