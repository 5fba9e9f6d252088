//! Any event may follow any other, as often as it likes, about seats and ids that never were: folding goes on.
//!
//! Nothing is asked of the state's sense here, only that folding, reading and snapshots never panic, that a show is
//! created once, and that the state stays as large as its plan.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use ticketflow_domain::show::*;
use ticketflow_domain::{
    Currency, CustomerId, HoldId, OrderId, RefundId, SeatIndex, ShowId, TicketId, Timestamp,
};

use super::config;
use crate::harness::small_theatre;

/// Seats of the small theatre.
const SEATS: usize = 42;

proptest! {
    #![proptest_config(config(512, concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/totality.txt")))]

    #[test]
    fn any_events_fold(first in prop::bool::weighted(0.95), events in vec(any_event(), 0..60)) {
        let mut state = ShowState::default();
        if first {
            state.evolve(&created(0));
        }
        for event in &events {
            let existed = state.info().cloned();
            state.evolve(event);
            if let Some(info) = existed {
                assert_eq!(state.info().map(|now| now.show_id), Some(info.show_id), "created twice");
            }
            read_everything(&state);
        }
        if let Some(snapshot) = state.clone().into_snapshot() {
            let read = super::world::restored(&state);
            assert_eq!(read.clone().into_snapshot(), Some(snapshot));
            read_everything(&read);
        }
    }
}

fn read_everything(state: &ShowState) {
    let seats = if state.info().is_some() { SEATS } else { 0 };
    assert_eq!(state.seats().count(), seats);
    let counted: u32 = [SeatStatus::Available, SeatStatus::Held, SeatStatus::Sold, SeatStatus::Blocked]
        .iter()
        .map(|&status| state.zone_counts().iter().map(|zone| zone.of(status)).sum::<u32>())
        .sum();
    assert_eq!(counted as usize, seats);
    for seat in [0, 1, 30, 41, 42, u32::MAX].map(SeatIndex) {
        assert_eq!(state.seat(seat).is_some(), seat.as_usize() < seats);
        let _ = state.ticket_of_seat(seat);
    }
    for (order, tickets) in state.orders() {
        assert!(state.order(order.id).is_some());
        assert!(tickets.len() <= 5);
    }
    let _ = (state.open_charges().count(), state.next_deadline(), state.sales());
    let _ = (state.holds().count(), state.payments().count());
}

fn created(n: u8) -> ShowEvent {
    ShowEvent::ShowCreated(Box::new(ShowCreated {
        show_id: ShowId::from_bytes([n; 16]),
        name: "Show".into(),
        venue: "Venue".into(),
        starts_at: Timestamp::from_millis(0),
        currency: Currency::CLP,
        sales_open_at: None,
        max_seats_per_customer: Some(2),
        hold_seconds: 5,
        plan: small_theatre(),
        created_at: Timestamp::from_millis(0),
    }))
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![4 => 0..9_i64, 1 => any::<i64>(), 1 => Just(i64::MAX), 1 => Just(i64::MIN)]
        .prop_map(Timestamp::from_millis)
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0..9_000_i64, 1 => any::<i64>(), 1 => Just(i64::MAX), 1 => Just(i64::MIN)]
}

fn seat() -> impl Strategy<Value = SeatRevision> {
    let index = prop_oneof![6 => 0..6_u32, 4 => 20..50_u32, 1 => any::<u32>(), 1 => Just(u32::MAX)];
    let revision = prop_oneof![4 => 0..9_u32, 1 => any::<u32>(), 1 => Just(u32::MAX)];
    (index, revision).prop_map(|(seat, revision)| SeatRevision { seat: SeatIndex(seat), revision })
}

fn seats() -> impl Strategy<Value = SeatRevisions> {
    vec(seat(), 0..5).prop_map(SeatRevisions::from_vec)
}

/// A few ids that meet again and again.
fn bytes() -> impl Strategy<Value = [u8; 16]> {
    (0..4_u8).prop_map(|n| [n; 16])
}

fn hold() -> impl Strategy<Value = HoldId> {
    bytes().prop_map(HoldId::from_bytes)
}

fn order() -> impl Strategy<Value = OrderId> {
    bytes().prop_map(OrderId::from_bytes)
}

fn customer() -> impl Strategy<Value = CustomerId> {
    bytes().prop_map(CustomerId::from_bytes)
}

fn refund() -> impl Strategy<Value = RefundId> {
    bytes().prop_map(RefundId::from_bytes)
}

fn tickets() -> impl Strategy<Value = TicketIds> {
    vec(bytes().prop_map(TicketId::from_bytes), 0..5).prop_map(TicketIds::from_vec)
}

fn any_event() -> impl Strategy<Value = ShowEvent> {
    prop_oneof![1 => of_the_show(), 3 => of_holds(), 3 => of_payments(), 2 => of_tickets()]
}

fn of_the_show() -> impl Strategy<Value = ShowEvent> {
    prop_oneof![
        1 => (1..4_u8).prop_map(created),
        1 => time().prop_map(|at| ShowEvent::SalesOpened(SalesOpened { at })),
        1 => time().prop_map(|at| ShowEvent::SalesClosed(SalesClosed { at })),
        1 => time().prop_map(|at| ShowEvent::ShowCancelled(ShowCancelled { reason: String::new(), at })),
        3 => seats().prop_map(|seats| ShowEvent::SeatsBlocked(SeatsBlocked { seats, reason: "x".into() })),
        3 => seats().prop_map(|seats| ShowEvent::SeatsUnblocked(SeatsUnblocked { seats })),
    ]
}

fn of_holds() -> impl Strategy<Value = ShowEvent> {
    prop_oneof![
        3 => (hold(), option::of(customer()), seats(), amount(), time()).prop_map(
            |(hold_id, customer_id, seats, total, expires_at)| {
                ShowEvent::SeatsHeld(SeatsHeld { hold_id, customer_id, seats, total, expires_at })
            }
        ),
        1 => (hold(), seats())
            .prop_map(|(hold_id, seats)| ShowEvent::HoldReleased(HoldReleased { hold_id, seats })),
        1 => (hold(), seats()).prop_map(|(hold_id, seats)| ShowEvent::HoldExpired(HoldExpired { hold_id, seats })),
    ]
}

fn of_payments() -> impl Strategy<Value = ShowEvent> {
    prop_oneof![
        3 => (order(), hold(), customer(), amount(), time(), time()).prop_map(
            |(order_id, hold_id, customer_id, amount, started_at, give_up_at)| {
                ShowEvent::PaymentStarted(PaymentStarted {
                    order_id, hold_id, customer_id, amount, started_at, give_up_at,
                })
            }
        ),
        3 => (order(), hold(), customer(), seats(), tickets(), amount(), time()).prop_map(
            |(order_id, hold_id, customer_id, seats, tickets, total, paid_at)| {
                let payment_reference = "x".into();
                ShowEvent::OrderPaid(OrderPaid {
                    order_id, hold_id, customer_id, seats, tickets, total, payment_reference, paid_at,
                })
            }
        ),
        1 => (order(), hold(), seats(), any::<bool>()).prop_map(|(order_id, hold_id, seats, charge_unknown)| {
            let reason = PaymentFailure::Abandoned;
            ShowEvent::PaymentFailed(PaymentFailed { order_id, hold_id, seats, reason, charge_unknown })
        }),
        1 => (order(), time())
            .prop_map(|(order_id, at)| ShowEvent::PaymentCaptured(PaymentCaptured { order_id, at })),
        1 => (order(), time()).prop_map(|(order_id, at)| ShowEvent::ChargeVoided(ChargeVoided { order_id, at })),
    ]
}

fn of_tickets() -> impl Strategy<Value = ShowEvent> {
    prop_oneof![
        2 => (refund(), order(), tickets(), seats(), amount(), time()).prop_map(
            |(refund_id, order_id, tickets, seats, amount, at)| {
                let reason = String::new();
                ShowEvent::TicketsRefunded(TicketsRefunded {
                    refund_id, order_id, tickets, seats, amount, reason, at,
                })
            }
        ),
        1 => (refund(), order(), time()).prop_map(
            |(refund_id, order_id, at)| ShowEvent::RefundSettled(RefundSettled { refund_id, order_id, at })),
        2 => (bytes(), seat(), "[a-c]{0,2}", time()).prop_map(|(ticket, seat, gate, at)| {
            ShowEvent::TicketCheckedIn(TicketCheckedIn { ticket_id: TicketId::from_bytes(ticket), seat, gate, at })
        }),
    ]
}
