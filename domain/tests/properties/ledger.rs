//! A naive second book: enters every event and refuses those that could not have happened.
//!
//! It shares no code with the state; sets and maps of everything, nothing derived, nothing fast.

use std::collections::{BTreeMap, BTreeSet};

use ticketflow_domain::show::{OpenCharge, ShowEvent};
use ticketflow_domain::{HoldId, OrderId, RefundId, SeatIndex, TicketId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Nobody,
    Organiser,
    Hold(HoldId),
    Ticket(TicketId),
}

/// The book of one show.
pub(crate) struct Ledger {
    seats: Vec<(Owner, u32)>,
    issued: Vec<(TicketId, SeatIndex, u32)>,
    order_of: BTreeMap<TicketId, OrderId>,
    admitted: BTreeSet<TicketId>,
    refunded: BTreeSet<TicketId>,
    to_capture: BTreeSet<OrderId>,
    to_void: BTreeSet<OrderId>,
    to_refund: BTreeMap<RefundId, (OrderId, i64)>,
    forgotten: BTreeSet<OrderId>,
    pub(crate) taken_in: i64,
    pub(crate) given_back: i64,
}

impl Ledger {
    pub(crate) fn new(seats: usize) -> Self {
        Self {
            seats: vec![(Owner::Nobody, 0); seats],
            issued: Vec::new(),
            order_of: BTreeMap::new(),
            admitted: BTreeSet::new(),
            refunded: BTreeSet::new(),
            to_capture: BTreeSet::new(),
            to_void: BTreeSet::new(),
            to_refund: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            taken_in: 0,
            given_back: 0,
        }
    }

    /// Owner and revision of each seat.
    pub(crate) fn seats(&self) -> &[(Owner, u32)] {
        &self.seats
    }

    /// Every ticket ever issued with its seat and generation.
    pub(crate) fn issued(&self) -> &[(TicketId, SeatIndex, u32)] {
        &self.issued
    }

    pub(crate) fn tickets_of(&self, order: OrderId) -> Vec<TicketId> {
        self.order_of.iter().filter(|(_, of)| **of == order).map(|(ticket, _)| *ticket).collect()
    }

    pub(crate) fn was_admitted(&self, ticket: TicketId) -> bool {
        self.admitted.contains(&ticket)
    }

    pub(crate) fn owes_refund(&self, refund: RefundId) -> bool {
        self.to_refund.contains_key(&refund)
    }

    /// Whether nothing of a payment remains: it failed and its charge does not exist, or no longer.
    pub(crate) fn is_forgotten(&self, order: OrderId) -> bool {
        self.forgotten.contains(&order)
    }

    /// What is owed at the gateway.
    pub(crate) fn open_charges(&self) -> Vec<OpenCharge> {
        let captures = self.to_capture.iter().map(|&order_id| OpenCharge::Capture { order_id });
        let voids = self.to_void.iter().map(|&order_id| OpenCharge::Void { order_id });
        let refunds = self.to_refund.iter().map(|(&refund_id, &(order_id, amount))| OpenCharge::Refund {
            refund_id,
            order_id,
            amount,
        });
        captures.chain(voids).chain(refunds).collect()
    }

    /// Enters an event: each seat moves by one revision, from an owner who may part with it.
    pub(crate) fn enter(&mut self, event: &ShowEvent) {
        let mut touched = BTreeSet::new();
        for seat in event.seats() {
            assert!(touched.insert(seat.seat), "{event:?} names a seat twice");
            let (_, revision) = &mut self.seats[seat.seat.as_usize()];
            *revision += 1;
            assert_eq!(seat.revision, *revision, "{event:?} moves a seat by other than one revision");
        }
        match event {
            ShowEvent::SeatsBlocked(_) => self.hand_over(event, Owner::Nobody, Owner::Organiser),
            ShowEvent::SeatsUnblocked(_) => self.hand_over(event, Owner::Organiser, Owner::Nobody),
            ShowEvent::SeatsHeld(held) => {
                let hold = Owner::Hold(held.hold_id);
                assert!(self.seats.iter().all(|(owner, _)| *owner != hold), "{event:?} is held already");
                self.hand_over(event, Owner::Nobody, hold);
            }
            ShowEvent::HoldReleased(ended) => self.free_all(event, ended.hold_id),
            ShowEvent::HoldExpired(ended) => self.free_all(event, ended.hold_id),
            ShowEvent::PaymentFailed(failed) => {
                self.free_all(event, failed.hold_id);
                self.enter_failure(failed.order_id, failed.charge_unknown);
            }
            ShowEvent::OrderPaid(paid) => {
                self.free_all(event, paid.hold_id);
                assert!(self.to_capture.insert(paid.order_id), "{event:?} is paid twice");
                self.taken_in += paid.total;
                for (seat, &ticket) in paid.seats.iter().zip(&paid.tickets) {
                    self.seats[seat.seat.as_usize()].0 = Owner::Ticket(ticket);
                    self.issued.push((ticket, seat.seat, seat.revision));
                    assert_eq!(
                        self.order_of.insert(ticket, paid.order_id),
                        None,
                        "{event:?} reuses a ticket"
                    );
                }
                assert_eq!(paid.seats.len(), paid.tickets.len());
            }
            ShowEvent::TicketsRefunded(given) => {
                for (seat, &ticket) in given.seats.iter().zip(&given.tickets) {
                    assert_eq!(self.seats[seat.seat.as_usize()].0, Owner::Ticket(ticket), "{event:?}");
                    self.seats[seat.seat.as_usize()].0 = Owner::Nobody;
                    assert_eq!(self.order_of[&ticket], given.order_id);
                    assert!(!self.admitted.contains(&ticket), "{event:?} gives back what was used");
                    assert!(self.refunded.insert(ticket), "{event:?} gives back twice");
                }
                assert_eq!(given.seats.len(), given.tickets.len());
                self.given_back += given.amount;
                let owed = self.to_refund.insert(given.refund_id, (given.order_id, given.amount));
                assert_eq!(owed, None, "{event:?} forgets what is owed");
            }
            ShowEvent::TicketCheckedIn(scan) => {
                assert_eq!(
                    self.seats[scan.seat.seat.as_usize()].0,
                    Owner::Ticket(scan.ticket_id),
                    "{event:?}"
                );
                assert!(self.admitted.insert(scan.ticket_id), "{event:?} admits twice");
            }
            ShowEvent::PaymentCaptured(fact) => assert!(self.to_capture.remove(&fact.order_id), "{event:?}"),
            ShowEvent::ChargeVoided(fact) => {
                assert!(self.to_void.remove(&fact.order_id), "{event:?}");
                self.forgotten.insert(fact.order_id);
            }
            ShowEvent::RefundSettled(fact) => assert!(self.to_refund.remove(&fact.refund_id).is_some()),
            ShowEvent::ShowCreated(_)
            | ShowEvent::SalesOpened(_)
            | ShowEvent::SalesClosed(_)
            | ShowEvent::ShowCancelled(_)
            | ShowEvent::PaymentStarted(_) => {}
        }
    }

    fn enter_failure(&mut self, order: OrderId, charge_unknown: bool) {
        assert!(!self.to_capture.contains(&order) && self.tickets_of(order).is_empty(), "{order:?} was paid");
        if charge_unknown {
            assert!(self.to_void.insert(order), "{order:?} fails twice");
        } else {
            self.forgotten.insert(order);
        }
    }

    fn hand_over(&mut self, event: &ShowEvent, from: Owner, to: Owner) {
        for seat in event.seats() {
            let (owner, _) = &mut self.seats[seat.seat.as_usize()];
            assert_eq!(*owner, from, "{event:?}");
            *owner = to;
        }
    }

    /// The seats of the event are all the seats of the hold.
    fn free_all(&mut self, event: &ShowEvent, hold: HoldId) {
        self.hand_over(event, Owner::Hold(hold), Owner::Nobody);
        let left = self.seats.iter().filter(|(owner, _)| *owner == Owner::Hold(hold)).count();
        assert_eq!(left, 0, "{event:?} leaves seats of the hold behind");
    }
}
