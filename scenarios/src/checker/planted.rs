//! The checker on hand-written histories: right ones pass, and each planted mistake is named with seat and facts.

use std::collections::BTreeMap;

use super::history::{History, HistoryError};
use super::observe::{Charge, Observation, ShownOrder, ShownShow};
use super::{CheckReport, judge};
use crate::journal::{Action, Facts, Record, TicketFact};

const PRICE: i64 = 10;
const DEADLINE_MS: u64 = 1_000_000;

/// A history under construction and what the server shows at its end. Line numbers and times grow by themselves.
#[derive(Clone)]
struct Case {
    records: Vec<Record>,
    seen: Observation,
}

impl Case {
    fn new() -> Self {
        let seats: Vec<String> = ["A", "B", "C", "D"].map(str::to_owned).to_vec();
        let shown = ShownShow {
            position: Some(900),
            seats: seats.iter().map(|seat| (seat.clone(), "available".to_owned())).collect(),
        };
        let seen = Observation {
            from_ms: 500_000,
            until_ms: 500_000,
            shows: BTreeMap::from([("S".to_owned(), shown)]),
            ..Observation::default()
        };
        Self { records: vec![Record::Show { show: "S".to_owned(), seats, price: PRICE }], seen }
    }

    fn invoke(mut self, op: u64, action: Action) -> Self {
        let at_ms = self.records.len() as u64;
        self.records.push(Record::Invoke { op, attempt: 1, client: 1, at_ms, key: format!("k{op}"), action });
        self
    }

    fn ok(mut self, op: u64, status: u16, facts: Facts) -> Self {
        let at_ms = self.records.len() as u64;
        self.records.push(Record::Ok { op, attempt: 1, at_ms, status, replayed: false, facts });
        self
    }

    fn fail(mut self, op: u64, status: u16, code: &str, facts: Facts) -> Self {
        let at_ms = self.records.len() as u64;
        self.records.push(Record::Fail { op, attempt: 1, at_ms, status, code: code.to_owned(), facts });
        self
    }

    fn unknown(mut self, op: u64) -> Self {
        let at_ms = self.records.len() as u64;
        self.records.push(Record::Unknown { op, attempt: 1, at_ms, reason: "connection lost".to_owned() });
        self
    }

    fn hold(self, op: u64, seats: &[&str]) -> Self {
        self.invoke(op, hold(seats)).ok(op, 201, hold_facts(op, seats)).show(seats, "held")
    }

    /// Purchase `op` of the hold made by operation `hold_op`.
    fn purchase(mut self, op: u64, hold_op: u64, seats: &[&str]) -> Self {
        let facts = order_facts(op, seats);
        let tickets = facts.tickets.iter().map(|t| (t.ticket.clone(), (t.seat.clone(), "PAID".to_owned())));
        let shown = ShownOrder { status: "PAID".to_owned(), total: facts.total, tickets: tickets.collect() };
        self.seen.orders.insert(format!("O{op}"), shown);
        self.invoke(op, purchase(hold_op)).ok(op, 201, facts).show(seats, "sold")
    }

    fn show(mut self, seats: &[&str], status: &str) -> Self {
        let shown = self.seen.shows.get_mut("S").expect("the one show");
        for seat in seats {
            shown.seats.insert((*seat).to_owned(), status.to_owned());
        }
        self
    }

    fn ticket(mut self, order: &str, ticket: &str, status: &str) -> Self {
        let shown = self.seen.orders.get_mut(order).expect("a shown order");
        shown.tickets.get_mut(ticket).expect("a shown ticket").1 = status.to_owned();
        if shown.tickets.values().all(|(_, status)| status == "REFUNDED") {
            shown.status = "REFUNDED".to_owned();
        }
        self
    }

    fn charge(mut self, key: &str, amount: i64, refunded: i64) -> Self {
        let charge = Charge { key: key.to_owned(), status: "captured".to_owned(), amount, refunded };
        self.seen.charges.get_or_insert_default().push(charge);
        self
    }

    fn judge(&self) -> CheckReport {
        judge(&History::of(&self.records).expect("a consistent journal"), &self.seen)
    }
}

fn text(value: &str) -> String {
    value.to_owned()
}

fn hold(seats: &[&str]) -> Action {
    Action::Hold { show: text("S"), seats: seats.iter().map(|seat| text(seat)).collect() }
}

fn hold_facts(op: u64, seats: &[&str]) -> Facts {
    Facts {
        hold: Some(format!("H{op}")),
        seats: seats.iter().map(|seat| (text(seat), PRICE)).collect(),
        total: Some(PRICE * seats.len() as i64),
        expires_at_ms: Some(DEADLINE_MS),
        position: Some(op),
        ..Facts::default()
    }
}

fn release(hold_op: u64) -> Action {
    Action::Release { show: text("S"), hold: format!("H{hold_op}") }
}

fn purchase(hold_op: u64) -> Action {
    Action::Purchase { show: text("S"), hold: format!("H{hold_op}"), token: text("tok_approved") }
}

fn order_facts(op: u64, seats: &[&str]) -> Facts {
    let ticket = |seat: &&str| TicketFact { ticket: format!("T{op}{seat}"), seat: text(seat) };
    Facts {
        order: Some(format!("O{op}")),
        total: Some(PRICE * seats.len() as i64),
        tickets: seats.iter().map(ticket).collect(),
        position: Some(op),
        ..Facts::default()
    }
}

fn refund(order: &str, tickets: &[&str]) -> Action {
    Action::Refund { order: text(order), tickets: tickets.iter().map(|ticket| text(ticket)).collect() }
}

fn check_in(op: u64, ticket: &str) -> Action {
    Action::CheckIn { show: text("S"), ticket: text(ticket), gate: format!("gate-{op}") }
}

fn none() -> Facts {
    Facts::default()
}

fn used_at(gate: &str) -> Facts {
    Facts { used_at_gate: Some(text(gate)), ..none() }
}

/// One order of two seats: op 1 holds A and B, op 2 buys them as O2.
fn sold() -> Case {
    Case::new().hold(1, &["A", "B"]).purchase(2, 1, &["A", "B"])
}

#[test]
fn right_histories_pass() {
    let refunded =
        |case: Case| case.invoke(3, refund("O2", &["T2A"])).ok(3, 201, none()).show(&["A"], "available");
    let unknown_hold = Case::new().invoke(1, hold(&["A", "B"])).unknown(1);
    let unknown_purchase = Case::new().hold(1, &["A"]).invoke(2, purchase(1)).unknown(2);
    let unknown_refund = || sold().invoke(3, refund("O2", &["T2A"])).unknown(3);
    let declined =
        Case::new().hold(1, &["A"]).invoke(2, purchase(1)).fail(2, 402, "payment_declined", none());
    let released =
        || Case::new().hold(1, &["A"]).invoke(2, release(1)).ok(2, 204, none()).show(&["A"], "available");
    let scanned = sold().invoke(3, check_in(3, "T2A")).ok(3, 200, none()).ticket("O2", "T2A", "USED");
    let cases = [
        ("nothing", Case::new()),
        ("held", Case::new().hold(1, &["A", "B"])),
        ("sold", sold()),
        ("released", released()),
        ("released and held again", released().hold(3, &["A"])),
        ("partly refunded", refunded(sold()).ticket("O2", "T2A", "REFUNDED")),
        (
            "refunded and sold again",
            refunded(sold()).ticket("O2", "T2A", "REFUNDED").hold(4, &["A"]).purchase(5, 4, &["A"]),
        ),
        ("an open hold that was done", unknown_hold.clone().show(&["A", "B"], "held")),
        ("an open hold that was not done", unknown_hold.clone()),
        (
            "an open hold settled as done",
            unknown_hold
                .clone()
                .invoke(1, hold(&["A", "B"]))
                .ok(1, 201, hold_facts(1, &["A", "B"]))
                .show(&["A", "B"], "held"),
        ),
        (
            "an open hold settled as refused",
            unknown_hold.invoke(1, hold(&["A", "B"])).fail(1, 409, "seats_unavailable", none()),
        ),
        ("an open purchase: sold", unknown_purchase.clone().show(&["A"], "sold")),
        ("an open purchase: held", unknown_purchase.clone()),
        ("an open purchase: free", unknown_purchase.show(&["A"], "available")),
        (
            "an open refund that was done",
            unknown_refund().ticket("O2", "T2A", "REFUNDED").show(&["A"], "available"),
        ),
        ("an open refund that was not done", unknown_refund()),
        ("declined and released", declined.clone().show(&["A"], "available")),
        ("declined and still held", declined),
        ("scanned", scanned.clone()),
        (
            "scanned twice",
            scanned.invoke(4, check_in(4, "T2A")).fail(4, 409, "already_used", used_at("gate-3")),
        ),
        (
            "a scan known by its own gate",
            sold()
                .invoke(3, check_in(3, "T2A"))
                .unknown(3)
                .invoke(3, check_in(3, "T2A"))
                .fail(3, 409, "already_used", used_at("gate-3"))
                .ticket("O2", "T2A", "USED"),
        ),
        ("charged", sold().charge("k2", 20, 0)),
        ("charged under the order's name", sold().charge("order:O2", 20, 0)),
        ("charged under a foreign name", sold().charge("c-1", 20, 0)),
        (
            "charged and voided",
            sold()
                .charge("k2", 20, 0)
                .hold(3, &["C"])
                .invoke(4, purchase(3))
                .fail(4, 402, "payment_declined", none())
                .charge("k4", 10, 10),
        ),
    ];
    for (name, case) in cases {
        let report = case.judge();
        assert!(report.violations.is_empty(), "{name}: {}", report.text());
    }
    let mut expired = Case::new().hold(1, &["A"]);
    (expired.seen.from_ms, expired.seen.until_ms) = (DEADLINE_MS + 10_000, DEADLINE_MS + 10_000);
    assert_eq!(expired.clone().show(&["A"], "available").judge().violations, []);
    assert_eq!(expired.judge().violations[0].kind, "resurrected_hold", "held long after its deadline");
}

#[test]
fn planted_mistakes_are_named_with_seat_and_facts() {
    let replayed = |facts: Facts| Case::new().hold(1, &["A"]).invoke(1, hold(&["A"])).ok(1, 201, facts);
    let wrong_price = Facts { total: Some(11), ..hold_facts(1, &["A"]) };
    let half = Facts { seats: vec![(text("A"), PRICE)], ..hold_facts(1, &["A", "B"]) };
    let backwards = Facts { position: Some(1), ..hold_facts(9, &["B"]) };
    let dear = Facts { total: Some(30), ..order_facts(2, &["A"]) };
    let mut gone = sold();
    gone.seen.orders.clear();
    let mut behind = Case::new().hold(5, &["A"]);
    behind.seen.shows.get_mut("S").expect("the one show").position = Some(4);
    let released = || Case::new().hold(1, &["A"]).invoke(2, release(1)).ok(2, 204, none());
    let refunded = || {
        sold()
            .invoke(3, refund("O2", &["T2A"]))
            .ok(3, 201, none())
            .ticket("O2", "T2A", "REFUNDED")
            .show(&["A"], "available")
    };
    let scanned = || sold().invoke(3, check_in(3, "T2A")).ok(3, 200, none()).ticket("O2", "T2A", "USED");
    let turned_away = |status, code| {
        Case::new()
            .hold(1, &["A"])
            .invoke(2, purchase(1))
            .fail(2, status, code, none())
            .show(&["A"], "available")
    };
    let declined =
        Case::new().hold(1, &["A"]).invoke(2, purchase(1)).fail(2, 402, "payment_declined", none());
    // Name, history, kind, and words that the message must hold.
    let cases: Vec<(&str, Case, &str, Vec<&str>)> = vec![
        (
            "acknowledged hold lost",
            Case::new().hold(1, &["A"]).show(&["A"], "available"),
            "lost_hold",
            vec!["seat A", "available", "201"],
        ),
        ("live hold turned away", turned_away(410, "hold_expired"), "lost_hold", vec!["A", "201", "410"]),
        (
            "order's seat free",
            sold().show(&["B"], "available"),
            "lost_order",
            vec!["seat B", "order O2", "201"],
        ),
        ("order gone", gone, "lost_order", vec!["order O2", "201"]),
        (
            "one seat held twice",
            Case::new().hold(1, &["A"]).hold(2, &["A"]),
            "two_owners",
            vec!["seat A", "op 1", "op 2"],
        ),
        (
            "a sold seat sold again",
            sold().hold(3, &["B"]).purchase(4, 3, &["B"]),
            "two_owners",
            vec!["seat B", "O2", "O4"],
        ),
        ("sold to nobody", Case::new().show(&["C"], "sold"), "ghost", vec!["seat C", "sold", "nobody"]),
        (
            "sold after a release",
            released().show(&["A"], "sold"),
            "ghost_order",
            vec!["seat A", "release", "204"],
        ),
        ("declined but sold", declined.show(&["A"], "sold"), "rejected_but_applied", vec!["seat A", "402"]),
        (
            "refused but held",
            Case::new()
                .invoke(1, hold(&["A"]))
                .fail(1, 409, "seats_unavailable", none())
                .show(&["A"], "held"),
            "rejected_but_applied",
            vec!["seat A", "held", "409"],
        ),
        ("released but held", released().show(&["A"], "held"), "resurrected_hold", vec!["seat A", "204"]),
        (
            "released but still in the way of others",
            released()
                .invoke(5, hold(&["A"]))
                .fail(5, 409, "seats_unavailable", Facts { conflicting_seats: vec![text("A")], ..none() })
                .show(&["A"], "held"),
            "resurrected_hold",
            vec!["seat A", "release", "204"],
        ),
        (
            "other answer to the same key",
            replayed(Facts { hold: Some(text("H7")), ..hold_facts(1, &["A"]) }),
            "different_replay",
            vec!["k1", "H1", "H7"],
        ),
        (
            "refusal after success",
            Case::new().hold(1, &["A"]).invoke(1, hold(&["A"])).fail(1, 409, "seats_unavailable", none()),
            "different_replay",
            vec!["k1", "201", "409"],
        ),
        ("executed again", replayed(hold_facts(1, &["A"])), "different_replay", vec!["not marked"]),
        (
            "half a hold acknowledged",
            Case::new().invoke(1, hold(&["A", "B"])).ok(1, 201, half).show(&["A", "B"], "held"),
            "partial_hold",
            vec!["\"B\"", "op 1"],
        ),
        (
            "half of an open hold",
            Case::new().invoke(1, hold(&["A", "B"])).unknown(1).show(&["A"], "held"),
            "partial_hold",
            vec!["seat A", "seat B"],
        ),
        (
            "refund without effect",
            refunded().ticket("O2", "T2A", "PAID"),
            "lost_refund",
            vec!["seat A", "O2", "PAID", "refund"],
        ),
        (
            "refunded twice",
            refunded().invoke(4, refund("O2", &["T2A"])).ok(4, 201, none()),
            "double_refund",
            vec!["seat A", "op 3", "op 4"],
        ),
        (
            "refused refund with effect",
            sold()
                .invoke(3, refund("O2", &["T2A", "T2B"]))
                .fail(3, 422, "rule", none())
                .ticket("O2", "T2A", "REFUNDED"),
            "rejected_but_applied",
            vec!["seat A", "422"],
        ),
        (
            "admitted twice",
            scanned().invoke(4, check_in(4, "T2A")).ok(4, 200, none()),
            "double_admission",
            vec!["seat A", "op 3", "op 4"],
        ),
        (
            "refunded and admitted",
            refunded().invoke(4, check_in(4, "T2A")).ok(4, 200, none()),
            "used_and_refunded",
            vec!["seat A", "refund", "check-in"],
        ),
        (
            "scan forgotten",
            scanned().ticket("O2", "T2A", "PAID"),
            "lost_check_in",
            vec!["seat A", "check-in"],
        ),
        (
            "used where nobody scanned",
            sold().invoke(3, check_in(3, "T2A")).fail(3, 409, "already_used", used_at("gate-77")),
            "wrong_first_use",
            vec!["T2A", "gate-77"],
        ),
        (
            "paid ticket refused",
            sold().invoke(3, check_in(3, "T2A")).fail(3, 422, "forged", none()),
            "lost_ticket",
            vec!["seat A", "422"],
        ),
        (
            "position backwards",
            Case::new().hold(5, &["A"]).invoke(9, hold(&["B"])).ok(9, 201, backwards).show(&["B"], "held"),
            "position_backwards",
            vec!["op 9", "op 5"],
        ),
        ("map behind acknowledged", behind, "position_backwards", vec!["show S", "behind"]),
        (
            "wrong sum of a hold",
            Case::new().invoke(1, hold(&["A"])).ok(1, 201, wrong_price).show(&["A"], "held"),
            "wrong_total",
            vec!["\"A\"", "11"],
        ),
        (
            "order dearer than its hold",
            Case::new().hold(1, &["A"]).purchase(2, 1, &["A"]).invoke(2, purchase(1)).ok(2, 201, dear),
            "different_replay",
            vec!["k2", "30"],
        ),
        (
            "one hold id for two",
            Case::new()
                .hold(1, &["A"])
                .invoke(2, hold(&["B"]))
                .ok(2, 201, Facts { hold: Some(text("H1")), ..hold_facts(2, &["B"]) })
                .show(&["B"], "held"),
            "id_given_twice",
            vec!["H1", "op 1", "op 2"],
        ),
        (
            "charged without order",
            sold()
                .charge("k2", 20, 0)
                .hold(3, &["C"])
                .invoke(4, purchase(3))
                .fail(4, 402, "payment_declined", none())
                .charge("k4", 10, 0),
            "charge_without_order",
            vec!["k4", "402"],
        ),
        (
            "order without charge",
            sold().hold(3, &["C"]).purchase(4, 3, &["C"]).charge("k2", 20, 0),
            "order_without_charge",
            vec!["order O4"],
        ),
        (
            "charged twice",
            sold().charge("k2", 20, 0).charge("O2", 20, 0),
            "double_charge",
            vec!["k2", "op 1"],
        ),
        ("money back twice", refunded().charge("k2", 20, 20), "double_refund", vec!["O2", "10", "20"]),
        (
            "sums differ",
            sold().charge("c-1", 20, 0).charge("c-2", 20, 0),
            "charge_without_order",
            vec!["40", "20"],
        ),
    ];
    for (name, case, kind, words) in cases {
        let report = case.judge();
        let hit = report.violations.iter().find(|violation| violation.kind == kind);
        let message = &hit.unwrap_or_else(|| panic!("{name}: {}", report.text())).message;
        for word in words {
            assert!(message.contains(word), "{name}: {word:?} is missing in: {message}");
        }
    }
}

#[test]
fn a_journal_that_contradicts_itself_is_refused() {
    let answer = Case::new().ok(1, 201, none());
    assert_eq!(
        History::of(&answer.records).err(),
        Some(HistoryError::AnswerWithoutRequest { line: 2, op: 1 })
    );
    let changed = Case::new().invoke(1, hold(&["A"])).unknown(1).invoke(1, hold(&["B"]));
    assert_eq!(History::of(&changed.records).err(), Some(HistoryError::ChangedAction { line: 4, op: 1 }));
}
