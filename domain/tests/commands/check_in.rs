//! At the door: a ticket admits once, and every other answer says what became of it.

use ticketflow_domain::show::*;
use ticketflow_domain::{HoldId, OrderId, SeatIndex, TicketId};

use crate::harness::facts::*;
use crate::harness::wishes::*;
use crate::harness::{Story, plan, second};

/// Platea-A-1 and -2 (seats 0 and 1) sold in order 1 with tickets 1 and 2 at generation 2.
fn sold() -> Story {
    Story::on_sale()
        .given(hold(1, &["Platea-A-1", "Platea-A-2"]))
        .given(start_payment(1, 1, 1))
        .given(confirm(1, &[1, 2]))
}

#[test]
fn a_ticket_admits_once_and_the_second_scan_hears_of_the_first() {
    let used = |at, gate: &str| Rejection::AlreadyCheckedIn { first_used_at: second(at), gate: gate.into() };
    let story = sold()
        .at(second(50))
        .when(check_in(1, 0, 2, "Norte"))
        .then(&[checked_in(1, (0, 3), "Norte", second(50))])
        .at(second(51))
        .when(check_in(1, 0, 2, "Norte"))
        .then_rejected(used(50, "Norte"))
        .at(second(52))
        .when(check_in(1, 0, 2, "Sur"))
        .then_rejected(used(50, "Norte"))
        .when(check_in(2, 1, 2, "Sur"))
        .then(&[checked_in(2, (1, 3), "Sur", second(52))])
        .when(check_in(2, 1, 2, "Norte"))
        .then_rejected(used(52, "Sur"));
    assert_eq!(story.state.seat(SeatIndex(0)), Some((SeatStatus::Sold, 3)));
    assert_eq!(story.state.ticket_of_seat(SeatIndex(0)).unwrap().status, TicketStatus::Used);
}

#[test]
fn a_refunded_ticket_does_not_admit_neither_before_nor_after_its_seat_is_sold_again() {
    let refunded = || Rejection::TicketRefunded;
    let story = sold()
        .given(refund(1, 1, &[1]))
        .when(check_in(1, 0, 2, "N"))
        .then_rejected(refunded())
        .given(hold(2, &["Platea-A-1"]))
        .when(check_in(1, 0, 2, "N"))
        .then_rejected(refunded())
        .given(start_payment(2, 2, 2))
        .given(confirm(2, &[3]))
        .when(check_in(1, 0, 2, "N"))
        .then_rejected(refunded());
    story
        .given(check_in(3, 0, 5, "N"))
        .when(check_in(1, 0, 2, "N"))
        .then_rejected(refunded())
        .given(check_in(2, 1, 2, "N"));
}

#[test]
fn what_is_no_ticket_of_ours_is_unknown() {
    let unknown = || Rejection::TicketUnknown;
    sold()
        .when(check_in(1, 42, 2, "N"))
        .then_rejected(unknown())
        .when(check_in(1, u32::MAX, 2, "N"))
        .then_rejected(unknown())
        .when(check_in(1, 2, 2, "N"))
        .then_rejected(unknown())
        .when(check_in(9, 0, 2, "N"))
        .then_rejected(unknown())
        .when(check_in(1, 0, 3, "N"))
        .then_rejected(unknown())
        .when(check_in(1, 0, u32::MAX, "N"))
        .then_rejected(unknown())
        .when(check_in(2, 0, 2, "N"))
        .then_rejected(unknown());
}

#[test]
fn a_held_seat_admits_nobody() {
    Story::on_sale()
        .given(hold(1, &["Platea-A-1"]))
        .when(check_in(1, 0, 1, "N"))
        .then_rejected(Rejection::TicketUnknown);
}

#[test]
fn a_gate_has_1_to_64_characters_on_one_line() {
    for gate in ["", "   ", "a\tb", &"ñ".repeat(65)] {
        sold().when(check_in(1, 0, 2, gate)).then_invalid("a gate has 1 to 64 characters");
    }
    sold().given(check_in(1, 0, 2, &"ñ".repeat(64))).given(check_in(2, 1, 2, "1"));
}

#[test]
fn a_cancelled_show_admits_nobody_and_still_tells_who_was_in() {
    sold()
        .given(check_in(1, 0, 2, "N"))
        .given(cancel())
        .when(check_in(2, 1, 2, "N"))
        .then_rejected(Rejection::ShowCancelled)
        .when(check_in(1, 0, 2, "N"))
        .then_rejected(Rejection::AlreadyCheckedIn { first_used_at: second(0), gate: "N".into() });
}

#[test]
fn a_closed_show_admits() {
    sold().given(ShowCommand::CloseSales).given(check_in(1, 0, 2, "N"));
}

/// One order for each standing place, `count` of them; ticket and order n have the number n.
fn standing(count: u16) -> Story {
    let mut command = create_show();
    if let ShowCommand::CreateShow { plan: standing, .. } = &mut command {
        *standing = plan(serde_json::json!({"zones": [{"name": "Z", "price": 1, "capacity": count}]}));
    }
    let mut story = Story::blank().given(command).given(ShowCommand::OpenSales);
    for place in 0..count {
        let (hold_id, order_id) = (HoldId::from_bytes(wide(place)), OrderId::from_bytes(wide(place)));
        let selection = Selection::General { zone: "Z".into(), quantity: 1 };
        let tickets = [TicketId::from_bytes(wide(place))].into_iter().collect();
        story = story
            .given(ShowCommand::HoldSeats(HoldSeats { hold_id, customer_id: None, selection }))
            .given(ShowCommand::StartPayment(StartPayment { order_id, hold_id, customer_id: customer(1) }))
            .given(ShowCommand::ConfirmPayment { order_id, payment_reference: "a".into(), tickets });
    }
    story
}

fn wide(n: u16) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[14..].copy_from_slice(&n.to_be_bytes());
    bytes
}

fn check_in_wide(n: u16, gate: &str) -> ShowCommand {
    let (ticket_id, seat) = (TicketId::from_bytes(wide(n)), SeatIndex(u32::from(n)));
    ShowCommand::CheckIn { ticket_id, seat, generation: 2, gate: gate.to_owned() }
}

#[test]
fn a_thousand_gates_may_be_named_and_the_known_ones_go_on() {
    let mut story = standing(1_002);
    for n in 0..1_000 {
        story = story.given(check_in_wide(n, &format!("gate {n}")));
    }
    story
        .when(check_in_wide(1_000, "gate 1000"))
        .then_rejected(Rejection::TooManyGates { most: 1_000 })
        .given(check_in_wide(1_000, "gate 0"))
        .given(check_in_wide(1_001, "gate 999"))
        .when(check_in_wide(999, "gate 1"))
        .then_rejected(Rejection::AlreadyCheckedIn { first_used_at: second(0), gate: "gate 999".into() });
}
