//! The live holds of a show and the payments under way for them.
//!
//! 96 bytes a hold, 9 to 20 for the index by id, 16 for its deadline. Invariants: a hold is in one of the two lists of
//! deadlines, by its own deadline or, once it is being paid, by the payment's; a payment under way has its hold.

use ticketflow_row_table::{RowIndex, Slots, hash_of_random_id};

use super::deadlines::Deadlines;
use crate::ids::{CustomerId, HoldId, OrderId};
use crate::plan::SeatIndex;
use crate::time::Timestamp;

/// Seats set aside for a buyer.
#[derive(Debug, Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Whose, where known.
    pub customer_id: Option<CustomerId>,
    /// In the order asked for.
    pub seats: smallvec::SmallVec<[SeatIndex; 4]>,
    /// Price of all in minor units.
    pub total: i64,
    /// When it ends by itself, unless a payment is under way.
    pub expires_at: Timestamp,
    /// The payment under way.
    pub paying: Option<OrderId>,
}

impl Default for Hold {
    /// Empty, to be filled.
    fn default() -> Self {
        Self {
            id: HoldId::from_bytes([0; 16]),
            customer_id: None,
            seats: smallvec::SmallVec::new(),
            total: 0,
            expires_at: Timestamp::from_millis(0),
            paying: None,
        }
    }
}

/// A payment under way: started and without an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct PendingPayment {
    /// The order to be, and the charge's key at the gateway.
    pub order_id: OrderId,
    /// What is being paid.
    pub hold_id: HoldId,
    /// Who buys.
    pub customer_id: CustomerId,
    /// Minor units.
    pub amount: i64,
    /// When it started.
    pub started_at: Timestamp,
    /// When the seats are released at the latest.
    pub give_up_at: Timestamp,
}

const END_OF_TIME: Timestamp = Timestamp::from_millis(i64::MAX);

/// All live holds of a show.
#[derive(Debug, Clone, Default)]
pub(super) struct Holds {
    holds: Slots<Hold>,
    by_id: RowIndex,
    /// Of holds that are not being paid.
    deadlines: Deadlines,
    payments: Slots<PendingPayment>,
    by_order: RowIndex,
    /// Of payments.
    caps: Deadlines,
}

/// Whether the hold of a number has that id.
fn is_hold(holds: &Slots<Hold>, id: HoldId) -> impl Fn(u32) -> bool + '_ {
    move |number| holds.get(number).is_some_and(|hold| hold.id == id)
}

/// Whether the payment of a number is for that order.
fn is_payment(payments: &Slots<PendingPayment>, order_id: OrderId) -> impl Fn(u32) -> bool + '_ {
    move |number| payments.get(number).is_some_and(|payment| payment.order_id == order_id)
}

impl Holds {
    fn number(&self, id: HoldId) -> Option<u32> {
        self.by_id.find(hash_of_random_id(&id.to_bytes()), is_hold(&self.holds, id))
    }

    fn payment_number(&self, order_id: OrderId) -> Option<u32> {
        self.by_order.find(hash_of_random_id(&order_id.to_bytes()), is_payment(&self.payments, order_id))
    }

    pub(super) fn get(&self, id: HoldId) -> Option<&Hold> {
        self.holds.get(self.number(id)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Hold> {
        self.holds.iter()
    }

    pub(super) fn payment(&self, order_id: OrderId) -> Option<&PendingPayment> {
        self.payments.get(self.payment_number(order_id)?)
    }

    pub(super) fn payments(&self) -> impl Iterator<Item = &PendingPayment> {
        self.payments.iter()
    }

    /// When the next hold or payment runs out.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        [self.deadlines.first(), self.caps.first()].into_iter().flatten().min()
    }

    /// Holds that run out by that time, those without a payment first, each group in order of time.
    pub(super) fn due(&self, now: Timestamp) -> impl Iterator<Item = &Hold> {
        let unpaid = self.deadlines.due(now).filter_map(|number| self.holds.get(number));
        let paying = self.caps.due(now).filter_map(|number| self.get(self.payments.get(number)?.hold_id));
        unpaid.chain(paying)
    }

    /// Adds a hold without a payment and says whether it did. `fill` is given an empty one where it will stay: a hold made
    /// elsewhere and moved there makes a fold slower. Total: one with the id of a live hold is passed over.
    pub(super) fn insert(&mut self, id: HoldId, expires_at: Timestamp, fill: impl FnOnce(&mut Hold)) -> bool {
        let (number, hash) = (self.holds.next_number(), hash_of_random_id(&id.to_bytes()));
        if self.by_id.find_or_insert(hash, number, is_hold(&self.holds, id)) != number {
            return false;
        }
        let (_, hold) = self.holds.insert_empty();
        fill(hold);
        (hold.id, hold.expires_at, hold.paying) = (id, expires_at, None);
        self.deadlines.add(number, expires_at);
        true
    }

    /// Notes that a hold is being paid, and gives the hold with the customer it had before. Total: a payment for a hold
    /// that is not there or is being paid, or under the id of another payment, is passed over.
    pub(super) fn start_payment(&mut self, payment: PendingPayment) -> Option<(&Hold, Option<CustomerId>)> {
        let number = self.number(payment.hold_id)?;
        let hold = self.holds.get_mut(number).filter(|hold| hold.paying.is_none())?;
        let payment_number = self.payments.next_number();
        let hash = hash_of_random_id(&payment.order_id.to_bytes());
        let is_it = is_payment(&self.payments, payment.order_id);
        if self.by_order.find_or_insert(hash, payment_number, is_it) != payment_number {
            return None;
        }
        self.payments.insert(payment);
        self.deadlines.remove(number);
        self.caps.add(payment_number, payment.give_up_at);
        hold.paying = Some(payment.order_id);
        let before = hold.customer_id.replace(payment.customer_id);
        Some((hold, before))
    }

    /// Ends a hold and the payment of it.
    pub(super) fn end(&mut self, id: HoldId) -> Option<Hold> {
        let number = self.by_id.take(hash_of_random_id(&id.to_bytes()), is_hold(&self.holds, id))?;
        let hold = self.holds.remove(number)?;
        match hold.paying {
            None => self.deadlines.remove(number),
            Some(order_id) => self.end_payment(order_id),
        }
        Some(hold)
    }

    fn end_payment(&mut self, order_id: OrderId) {
        let is_it = is_payment(&self.payments, order_id);
        let Some(number) = self.by_order.take(hash_of_random_id(&order_id.to_bytes()), is_it) else { return };
        self.payments.remove(number);
        self.caps.remove(number);
    }

    /// Holds and payments in the order in which they run out, so that they end in the same order once they are read back.
    pub(super) fn into_parts(self) -> (Vec<Hold>, Vec<PendingPayment>) {
        let holds = self.due(END_OF_TIME).cloned().collect();
        let payments = self.caps.due(END_OF_TIME).filter_map(|number| self.payments.get(number));
        (holds, payments.copied().collect())
    }

    /// From what [`Holds::into_parts`] gave. Sorted, which leaves the order of equal times as it is, so that the place of each
    /// is beside the one before.
    pub(super) fn from_parts(mut holds: Vec<Hold>, mut payments: Vec<PendingPayment>) -> Self {
        let mut restored = Self::default();
        holds.sort_by_key(|hold| hold.expires_at);
        payments.sort_by_key(|payment| payment.give_up_at);
        for hold in holds {
            restored.insert(hold.id, hold.expires_at, |place| *place = hold);
        }
        for payment in payments {
            restored.start_payment(payment);
        }
        restored
    }
}
