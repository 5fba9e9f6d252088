//! Every acknowledged order is there, with its tickets, their states and its total; and the gateway agrees.

use std::collections::BTreeMap;

use super::Violation;
use super::history::{History, Outcome};
use super::observe::{Charge, Observation, ShownOrder};
use super::story::{HoldStory, OrderStory, Stories, TicketStory};

/// Charge states that mean the money was taken.
const TAKEN: [&str; 3] = ["captured", "refunded", "partially_refunded"];

/// Compares every acknowledged order with what is shown.
pub(crate) fn judge(stories: &Stories<'_>, seen: &Observation, found: &mut Vec<Violation>) {
    for (_, order) in stories.orders() {
        match seen.orders.get(order.order) {
            None => found.push(Violation::new(
                "lost_order",
                format!("order {} is not there: {}", order.order, order.purchase.describe()),
            )),
            Some(shown) => judge_order(order, shown, found),
        }
    }
}

fn judge_order(order: &OrderStory<'_>, shown: &ShownOrder, found: &mut Vec<Violation>) {
    let mut complain = |kind, text: String| {
        found.push(Violation::new(
            kind,
            format!("order {} {text}; {}", order.order, order.purchase.describe()),
        ));
    };
    if shown.total.is_some() && shown.total != order.facts.total {
        complain(
            "wrong_total",
            format!("shows total {:?}, {:?} was acknowledged", shown.total, order.facts.total),
        );
    }
    let refunds: Vec<Outcome> = order.tickets.iter().map(TicketStory::refund).collect();
    let untouched = refunds.iter().all(|refund| *refund == Outcome::Refused);
    if untouched && !matches!(shown.status.as_str(), "PAID" | "USED") {
        complain("lost_order", format!("shows {:?} though nothing of it was refunded", shown.status));
    }
    if refunds.iter().all(|refund| *refund == Outcome::Done) && shown.status == "PAID" {
        complain("lost_refund", "shows PAID though all of it was refunded".to_owned());
    }
    if shown.tickets.len() != order.tickets.len() {
        complain(
            "wrong_tickets",
            format!("shows {} tickets, {} were issued", shown.tickets.len(), order.tickets.len()),
        );
    }
    for ticket in &order.tickets {
        match shown.tickets.get(ticket.ticket) {
            Some((seat, status)) if seat == ticket.seat => judge_ticket(order, ticket, status, found),
            other => found.push(Violation::new(
                "wrong_tickets",
                format!(
                    "order {} shows {other:?} for ticket {} of seat {}: {}",
                    order.order,
                    ticket.ticket,
                    ticket.seat,
                    order.purchase.describe()
                ),
            )),
        }
    }
}

fn judge_ticket(order: &OrderStory<'_>, ticket: &TicketStory<'_>, status: &str, found: &mut Vec<Violation>) {
    let (refund, check_in) = (ticket.refund(), ticket.check_in());
    let allowed: &[&str] = match (refund, check_in) {
        (Outcome::Done, _) => &["REFUNDED"],
        (Outcome::Refused, Outcome::Done) => &["USED"],
        (Outcome::Open, Outcome::Done) => &["USED", "REFUNDED"],
        (Outcome::Open, Outcome::Open) => &["PAID", "USED", "REFUNDED"],
        (Outcome::Open, Outcome::Refused) => &["PAID", "REFUNDED"],
        (Outcome::Refused, Outcome::Open) => &["PAID", "USED"],
        (Outcome::Refused, Outcome::Refused) => &["PAID"],
    };
    if allowed.contains(&status) {
        return;
    }
    let kind = match (allowed[0], status) {
        ("REFUNDED", _) => "lost_refund",
        ("USED", _) => "lost_check_in",
        (_, "REFUNDED" | "USED") => "rejected_but_applied",
        _ => "wrong_ticket_state",
    };
    let touched: Vec<String> =
        ticket.refunds.iter().chain(&ticket.check_ins).map(|operation| operation.describe()).collect();
    found.push(Violation::new(
        kind,
        format!(
            "ticket {} for seat {} of order {} shows {status}, {allowed:?} would be right: {}; {}",
            ticket.ticket,
            ticket.seat,
            order.order,
            order.purchase.describe(),
            touched.join("; ")
        ),
    ));
}

/// Money taken and orders paid are the same set.
///
/// A charge belongs to an order when its key names the order, the hold or the purchase's idempotency key. Charges of
/// purchases that stayed open prove nothing. When no key names anything, sums are compared instead.
pub(crate) fn judge_charges(
    history: &History,
    stories: &Stories<'_>,
    charges: &[Charge],
    found: &mut Vec<Violation>,
) {
    let mut owners: BTreeMap<&str, &HoldStory<'_>> = BTreeMap::new();
    for hold in &stories.holds {
        let id = hold.acknowledged().and_then(|(_, facts)| facts.hold.as_deref());
        let order = hold.order.as_ref().map(|order| order.order);
        let keys = hold.purchases.iter().map(|purchase| purchase.key.as_str());
        owners.extend(keys.chain(id).chain(order).map(|name| (name, hold)));
    }
    let owner_of = |charge: &Charge| {
        let parts = charge.key.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
        parts.chain(charge.key.split([':', '/', '-', '_'])).find_map(|part| owners.get(part).copied())
    };
    let taken: Vec<&Charge> =
        charges.iter().filter(|charge| TAKEN.contains(&charge.status.as_str())).collect();
    if !taken.is_empty() && taken.iter().all(|charge| owner_of(charge).is_none()) {
        return compare_sums(history, stories, &taken, found);
    }
    let mut by_hold: BTreeMap<u64, &Charge> = BTreeMap::new();
    for charge in taken {
        let Some(hold) = owner_of(charge) else {
            found.push(Violation::new(
                "charge_without_order",
                format!("charge {charge:?} belongs to no purchase"),
            ));
            continue;
        };
        if let Some(other) = by_hold.insert(hold.operation.op, charge) {
            let text =
                format!("charges {other:?} and {charge:?} for one hold: {}", hold.operation.describe());
            found.push(Violation::new("double_charge", text));
        }
        let open = hold.purchases.iter().any(|purchase| purchase.outcome() == Outcome::Open);
        if hold.order.is_none() && !open && charge.refunded < charge.amount {
            let facts: Vec<String> = hold.purchases.iter().map(|purchase| purchase.describe()).collect();
            let text = format!("charge {charge:?} was taken without an order: {}", facts.join("; "));
            found.push(Violation::new("charge_without_order", text));
        }
    }
    for (hold, order) in stories.orders() {
        match by_hold.get(&hold.operation.op) {
            None => found.push(Violation::new(
                "order_without_charge",
                format!("order {} was paid without a charge: {}", order.order, order.purchase.describe()),
            )),
            Some(charge) => judge_amounts(hold, order, charge, found),
        }
    }
}

fn judge_amounts(hold: &HoldStory<'_>, order: &OrderStory<'_>, charge: &Charge, found: &mut Vec<Violation>) {
    if Some(charge.amount) != order.facts.total {
        let text = format!("order {} costs {:?}, charge {charge:?}", order.order, order.facts.total);
        found.push(Violation::new("wrong_total", text));
    }
    if order.tickets.iter().any(|ticket| ticket.refund() == Outcome::Open) {
        return;
    }
    let refunded = refunded_of(hold, order);
    if charge.refunded != refunded {
        let kind = if charge.refunded > refunded { "double_refund" } else { "lost_refund" };
        let text =
            format!("order {}: tickets worth {refunded} were refunded, charge {charge:?}", order.order);
        found.push(Violation::new(kind, text));
    }
}

fn refunded_of(hold: &HoldStory<'_>, order: &OrderStory<'_>) -> i64 {
    let price = |seat: &str| {
        let seats = hold.acknowledged().map(|(_, facts)| facts.seats.as_slice()).unwrap_or_default();
        seats.iter().find(|(name, _)| name == seat).map_or(0, |(_, price)| *price)
    };
    let refunded = order.tickets.iter().filter(|ticket| ticket.refund() == Outcome::Done);
    refunded.map(|ticket| price(ticket.seat)).sum()
}

fn compare_sums(history: &History, stories: &Stories<'_>, taken: &[&Charge], found: &mut Vec<Violation>) {
    let anything_open = history.operations.values().any(|operation| operation.outcome() == Outcome::Open);
    if anything_open {
        return;
    }
    let live = taken.iter().map(|charge| charge.amount - charge.refunded).sum::<i64>();
    let orders =
        stories.orders().map(|(hold, order)| order.facts.total.unwrap_or(0) - refunded_of(hold, order));
    let owed = orders.sum::<i64>();
    if live != owed {
        let text = format!("the gateway keeps {live}, live tickets are worth {owed}");
        let kind = if live > owed { "charge_without_order" } else { "order_without_charge" };
        found.push(Violation::new(kind, text));
    }
}
