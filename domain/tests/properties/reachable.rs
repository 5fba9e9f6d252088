//! Random commands with a moving clock: after each of them every invariant holds, nothing depends on how the state
//! came to be (folded on, folded from scratch, read from a snapshot), and saying it again yields no second fact.

use proptest::prelude::*;
use ticketflow_domain::show::*;

use super::wishes::{Step, Terms, steps, terms};
use super::world::{Done, World, restored};
use super::{config, invariants};

proptest! {
    #![proptest_config(config(256, concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/reachable.txt")))]

    #[test]
    fn every_reachable_state_keeps_the_invariants((terms, steps) in (terms(), steps(60))) {
        play(terms, &steps);
    }
}

fn play(terms: Terms, steps: &[Step]) {
    let mut world = World::new(terms);
    for step in steps {
        let before = world.state.clone().into_snapshot();
        if let Some(done) = world.step(step) {
            let changed = done.decided.as_ref().is_ok_and(|events| !events.is_empty());
            assert_eq!(
                changed,
                world.state.clone().into_snapshot() != before,
                "{:?}: {:?}",
                done.command,
                done.decided
            );
            said_again_yields_nothing(&world, &done);
            if matches!(done.command, ShowCommand::ExpireHolds) {
                invariants::nothing_outlives_its_deadline(&world);
            }
            events_survive_their_stored_shape(&done);
        }
        invariants::seats_have_one_owner(&world);
        invariants::money_and_tickets_agree(&world);
        invariants::holds_and_payments_agree(&world);
        invariants::limits_are_kept(&world);
        the_way_to_the_state_leaves_no_trace(&world);
    }
}

/// A command that was accepted brings no event when it comes a second time; most say so without a rejection.
fn said_again_yields_nothing(world: &World, done: &Done) {
    let again = decide(&world.state, &done.command, &Context { now: world.now });
    match &done.decided {
        Err(why) => assert_eq!(again.as_ref(), Err(why), "{:?}", done.command),
        Ok(_) if must_be_silent(&done.command) => assert_eq!(again, Ok(vec![]), "{:?}", done.command),
        Ok(_) => assert!(again.is_err(), "{:?} is accepted twice: {again:?}", done.command),
    }
}

/// Commands whose repeat is an acceptance without a fact; the others name a fresh id or burn a ticket.
fn must_be_silent(command: &ShowCommand) -> bool {
    match command {
        ShowCommand::OpenSales
        | ShowCommand::CloseSales
        | ShowCommand::CancelShow { .. }
        | ShowCommand::BlockSeats { .. }
        | ShowCommand::UnblockSeats { .. }
        | ShowCommand::ReleaseHold { .. }
        | ShowCommand::ExpireHolds
        | ShowCommand::ConfirmPayment { .. }
        | ShowCommand::FailPayment { .. }
        | ShowCommand::RecordCapture { .. }
        | ShowCommand::RecordVoid { .. }
        | ShowCommand::RecordRefundSettled { .. }
        | ShowCommand::RefundCancelledShow { .. } => true,
        ShowCommand::CreateShow { .. }
        | ShowCommand::HoldSeats(_)
        | ShowCommand::StartPayment(_)
        | ShowCommand::RefundTickets { .. }
        | ShowCommand::CheckIn { .. } => false,
    }
}

/// Folded from scratch and read from the bytes of a snapshot, the state is the same and answers the same.
fn the_way_to_the_state_leaves_no_trace(world: &World) {
    let mut folded = ShowState::default();
    for event in &world.events {
        folded.evolve(event);
    }
    let read = restored(&world.state);
    for other in [&folded, &read] {
        assert_eq!(other.clone().into_snapshot(), world.state.clone().into_snapshot());
        assert_eq!(other.zone_counts(), world.state.zone_counts());
        assert_eq!(other.next_deadline(), world.state.next_deadline());
        let expire = |state| decide(state, &ShowCommand::ExpireHolds, &Context { now: world.now });
        assert_eq!(expire(other), expire(&world.state));
    }
    invariants::answers_agree(world, &[&folded, &read]);
}

fn events_survive_their_stored_shape(done: &Done) {
    for event in done.decided.iter().flatten() {
        let text = serde_json::to_string(event).expect("plain data");
        assert_eq!(&serde_json::from_str::<ShowEvent>(&text).expect("just written"), event);
    }
}
