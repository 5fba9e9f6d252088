//! What holds in every reachable state, each counted again from the ledger or from the state's own lists.

use std::collections::BTreeMap;

use ticketflow_domain::show::*;
use ticketflow_domain::{CustomerId, HoldId, SeatIndex};

use super::ledger::Owner;
use super::wishes::Pick;
use super::world::{World, customer};

/// Customers that wishes speak of.
pub(crate) const CUSTOMERS: Pick = 3;

/// Each seat has one owner, and status, revision and zone counts say the same as the ledger.
pub(crate) fn seats_have_one_owner(world: &World) {
    let mut owners = vec![Vec::new(); world.ledger.seats().len()];
    for (&id, hold) in world.state.holds() {
        for seat in &hold.seats {
            owners[seat.as_usize()].push(Owner::Hold(id));
        }
    }
    for (_, tickets) in world.state.orders() {
        for ticket in tickets.iter().filter(|ticket| ticket.status != TicketStatus::Refunded) {
            owners[ticket.seat.as_usize()].push(Owner::Ticket(ticket.id));
        }
    }
    let mut counts = vec![[0_u32; 4]; world.seating().zone_spans().len()];
    for (index, (&(owner, revision), found)) in world.ledger.seats().iter().zip(&owners).enumerate() {
        let seat = SeatIndex(index as u32);
        let status = match owner {
            Owner::Nobody => SeatStatus::Available,
            Owner::Organiser => SeatStatus::Blocked,
            Owner::Hold(_) => SeatStatus::Held,
            Owner::Ticket(_) => SeatStatus::Sold,
        };
        let owned = !matches!(owner, Owner::Nobody | Owner::Organiser);
        let expected: &[Owner] = if owned { &[owner] } else { &[] };
        assert_eq!(found, expected, "owners of {seat:?}");
        assert_eq!(world.state.seat(seat), Some((status, revision)), "{seat:?}");
        let ticket = world.state.ticket_of_seat(seat).map(|ticket| Owner::Ticket(ticket.id));
        assert_eq!(ticket, Some(owner).filter(|_| status == SeatStatus::Sold), "ticket of {seat:?}");
        counts[world.seating().zone_of(seat) as usize][status as usize] += 1;
    }
    let statuses = [SeatStatus::Available, SeatStatus::Held, SeatStatus::Sold, SeatStatus::Blocked];
    for (zone, counted) in world.state.zone_counts().iter().zip(&counts) {
        assert_eq!(&statuses.map(|status| zone.of(status)), counted);
    }
}

/// What was taken in less what was given back is the value of the live tickets, in all and order by order; what is
/// owed at the gateway is what the ledger says; whoever was admitted holds a used ticket.
pub(crate) fn money_and_tickets_agree(world: &World) {
    let price = |ticket: &Ticket| world.seating().price(ticket.seat);
    let mut value = 0;
    for (order, tickets) in world.state.orders() {
        let live = tickets.iter().filter(|ticket| ticket.status != TicketStatus::Refunded);
        let live: i64 = live.map(price).sum();
        assert_eq!(order.total - order.refunded, live, "{order:?}");
        assert_eq!(order.total, tickets.iter().map(price).sum::<i64>(), "{order:?}");
        value += live;
        for ticket in tickets {
            let used = ticket.status == TicketStatus::Used;
            assert_eq!(used, world.ledger.was_admitted(ticket.id), "{ticket:?}");
        }
    }
    assert_eq!(world.ledger.taken_in - world.ledger.given_back, value);
    let by_text = |mut charges: Vec<OpenCharge>| {
        charges.sort_by_key(|charge| format!("{charge:?}"));
        charges
    };
    assert_eq!(by_text(world.state.open_charges().collect()), by_text(world.ledger.open_charges()));
}

/// Holds are within their bounds, know their payments and back, and the next deadline is the earliest of all.
pub(crate) fn holds_and_payments_agree(world: &World) {
    let ends_at = |(_, hold): (&HoldId, &Hold)| {
        let payment = hold.paying.map(|order| world.state.payment(order).expect("the hold is being paid"));
        payment.map_or(hold.expires_at, |payment| payment.give_up_at)
    };
    assert_eq!(world.state.next_deadline(), world.state.holds().map(ends_at).min());
    for (id, hold) in world.state.holds() {
        assert!((1..=MAX_SEATS_PER_HOLD).contains(&hold.seats.len()), "{hold:?}");
        assert_eq!(hold.total, hold.seats.iter().map(|&seat| world.seating().price(seat)).sum::<i64>());
        let payments = world.state.payments().filter(|(_, payment)| payment.hold_id == *id);
        assert_eq!(payments.map(|(order, _)| *order).collect::<Vec<_>>(), Vec::from_iter(hold.paying));
    }
    for (order, payment) in world.state.payments() {
        let hold = world.state.hold(payment.hold_id).expect("a payment has its hold");
        assert_eq!((hold.paying, hold.customer_id), (Some(*order), Some(payment.customer_id)));
        assert_eq!((hold.total, world.state.order(*order)), (payment.amount, None));
    }
}

/// Nothing is left that should have ended by now.
pub(crate) fn nothing_outlives_its_deadline(world: &World) {
    for (_, hold) in world.state.holds() {
        let payment = hold.paying.and_then(|order| world.state.payment(order));
        let ends_at = payment.map_or(hold.expires_at, |payment| payment.give_up_at);
        assert!(ends_at > world.now, "{hold:?} outlives {ends_at:?}");
    }
}

/// Seats that each customer holds or owns.
fn seats_by_customer(world: &World) -> BTreeMap<CustomerId, usize> {
    let mut seats = BTreeMap::new();
    for (_, hold) in world.state.holds() {
        if let Some(customer) = hold.customer_id {
            *seats.entry(customer).or_default() += hold.seats.len();
        }
    }
    for (order, tickets) in world.state.orders() {
        let live = tickets.iter().filter(|ticket| ticket.status != TicketStatus::Refunded);
        *seats.entry(order.customer_id).or_default() += live.count();
    }
    seats
}

/// Nobody has more than the limit.
pub(crate) fn limits_are_kept(world: &World) {
    let Some(limit) = world.terms.limit else { return };
    for (customer, seats) in seats_by_customer(world) {
        assert!(seats <= limit as usize, "{customer:?} has {seats} of {limit}");
    }
    assert!(world.state.holds().all(|(_, hold)| hold.seats.len() <= limit as usize));
}

/// For every zone and quantity: a hold is granted exactly when a naive look at the seats says so, and the answer is
/// the same from the state that was folded from scratch and from the one read from a snapshot.
pub(crate) fn answers_agree(world: &World, others: &[&ShowState]) {
    for zone in 0..world.seating().zone_spans().len() {
        for quantity in 1..=4 {
            for selection in selections(world, zone, quantity) {
                for who in (0..CUSTOMERS).map(Some).chain([None]) {
                    let answer = ask(world, &world.state, &selection, who);
                    assert_eq!(
                        answer.is_ok(),
                        is_to_be_granted(world, zone, quantity, &selection, who),
                        "{selection:?} {who:?}: {answer:?}"
                    );
                    for other in others {
                        assert_eq!(ask(world, other, &selection, who), answer);
                    }
                }
            }
        }
    }
}

fn selections(world: &World, zone: usize, quantity: u32) -> Vec<Selection> {
    let name = world.seating().plan().zones[zone].name.clone();
    if world.seating().zone_spans()[zone].general {
        return vec![Selection::General { zone: name, quantity }];
    }
    let best = |together| Selection::BestAvailable { zone: Some(name.clone()), quantity, together };
    vec![best(true), best(false)]
}

fn ask(
    world: &World,
    state: &ShowState,
    selection: &Selection,
    who: Option<Pick>,
) -> Result<Vec<ShowEvent>, Rejection> {
    let hold_id = HoldId::from_bytes([0xAA; 16]);
    let hold = HoldSeats { hold_id, customer_id: who.map(customer), selection: selection.clone() };
    decide(state, &ShowCommand::HoldSeats(hold), &Context { now: world.now })
}

fn is_to_be_granted(
    world: &World,
    zone: usize,
    quantity: u32,
    selection: &Selection,
    who: Option<Pick>,
) -> bool {
    let has = who.and_then(|who| seats_by_customer(world).get(&customer(who)).copied()).unwrap_or(0);
    let over = world.terms.limit.is_some_and(|limit| has + quantity as usize > limit as usize);
    let free = |seat: u32| world.ledger.seats()[seat as usize].0 == Owner::Nobody;
    let span = &world.seating().zone_spans()[zone];
    let fits = match selection {
        Selection::BestAvailable { together: true, .. } => (span.first_row..span.end_row).any(|row| {
            let row = world.seating().row_spans()[row as usize];
            (row.first..row.end).any(|from| from + quantity <= row.end && (from..from + quantity).all(free))
        }),
        _ => (span.first..span.end).filter(|&seat| free(seat)).count() >= quantity as usize,
    };
    world.state.sales_open(world.now) && fits && !over
}
