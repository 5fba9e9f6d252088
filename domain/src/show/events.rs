//! What happened to a show. These types are the stored contract: names and fields are what is on disk.
//!
//! One struct per event type, archived on its own under a stable type tag and version; a changed meaning is a
//! new type with an upcaster, never an edit. Every event that touches seats carries each seat's revision after it.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::stored_list::StoredList;
use crate::ids::{CustomerId, HoldId, OrderId, RefundId, ShowId, TicketId};
use crate::money::Currency;
use crate::plan::{Plan, SeatIndex};
use crate::time::Timestamp;

/// A seat and its revision after the event that names it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct SeatRevision {
    /// Place in plan order.
    pub seat: SeatIndex,
    /// Count of events that touched the seat.
    pub revision: u32,
}

/// The seats of an event; two fit without an allocation.
pub type SeatRevisions = SmallVec<[SeatRevision; 2]>;

/// The tickets of an event; one fits without an allocation.
pub type TicketIds = SmallVec<[TicketId; 1]>;

/// A show was created with its plan; sales are not open.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct ShowCreated {
    /// The show.
    pub show_id: ShowId,
    /// As shown to buyers.
    pub name: String,
    /// As shown to buyers.
    pub venue: String,
    /// Curtain.
    pub starts_at: Timestamp,
    /// Of all prices.
    pub currency: Currency,
    /// When sales open by themselves.
    pub sales_open_at: Option<Timestamp>,
    /// Limit of one customer.
    pub max_seats_per_customer: Option<u32>,
    /// How long a hold lasts.
    pub hold_seconds: u32,
    /// Zones, rows, prices, geometry.
    pub plan: Plan,
    /// When.
    pub created_at: Timestamp,
}

/// Sales were opened by the organiser.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct SalesOpened {
    /// When.
    pub at: Timestamp,
}

/// Sales were closed by the organiser; holds that stand may still be paid.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct SalesClosed {
    /// When.
    pub at: Timestamp,
}

/// The show will not take place; every paid ticket is to be refunded.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct ShowCancelled {
    /// As told to buyers.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// The organiser took seats out of sale.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct SeatsBlocked {
    /// Now blocked.
    #[rkyv(with = StoredList)]
    pub seats: SeatRevisions,
    /// For the organiser.
    pub reason: String,
}

/// The organiser put blocked seats back on sale.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct SeatsUnblocked {
    /// Now available.
    #[rkyv(with = StoredList)]
    pub seats: SeatRevisions,
}

/// Seats were set aside for one buyer, all or none.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct SeatsHeld {
    /// The hold.
    pub hold_id: HoldId,
    /// Known only when the buyer is signed in.
    pub customer_id: Option<CustomerId>,
    /// Now held.
    #[rkyv(with = StoredList)]
    pub seats: SeatRevisions,
    /// Price of all seats in minor units.
    pub total: i64,
    /// The deadline.
    pub expires_at: Timestamp,
}

/// The buyer gave a hold back.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct HoldReleased {
    /// The hold, now ended.
    pub hold_id: HoldId,
    /// Now available.
    #[rkyv(with = StoredList)]
    pub seats: SeatRevisions,
}

/// A hold reached its deadline unpaid.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct HoldExpired {
    /// The hold, now ended.
    pub hold_id: HoldId,
    /// Now available.
    #[rkyv(with = StoredList)]
    pub seats: SeatRevisions,
}

/// The buyer's details are in and the gateway is about to be asked. Until an outcome is known the hold stands.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct PaymentStarted {
    /// The order to be, and the charge's key at the gateway.
    pub order_id: OrderId,
    /// What is being paid.
    pub hold_id: HoldId,
    /// Who buys.
    pub customer_id: CustomerId,
    /// Minor units.
    pub amount: i64,
    /// When.
    pub started_at: Timestamp,
    /// When the seats are released even if the charge is still unknown.
    pub give_up_at: Timestamp,
}

/// The charge is authorised and the seats are sold; the tickets are issued.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct OrderPaid {
    /// The order.
    pub order_id: OrderId,
    /// The hold, now ended.
    pub hold_id: HoldId,
    /// Who bought.
    pub customer_id: CustomerId,
    /// Now sold.
    #[rkyv(with = StoredList)]
    pub seats: SeatRevisions,
    /// One per seat, in the seats' order.
    #[rkyv(with = StoredList)]
    pub tickets: TicketIds,
    /// Minor units.
    pub total: i64,
    /// The gateway's name for the authorisation.
    pub payment_reference: String,
    /// When.
    pub paid_at: Timestamp,
}

/// Why a payment came to nothing.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum PaymentFailure {
    /// The gateway said no.
    Declined,
    /// The gateway's answer did not come in time.
    TimedOut,
    /// The gateway could not be reached.
    Unavailable,
    /// Nobody brought the payment to an end before its cap.
    Abandoned,
}

/// The payment came to nothing and the seats are available again.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct PaymentFailed {
    /// The order that did not come to be.
    pub order_id: OrderId,
    /// The hold, now ended.
    pub hold_id: HoldId,
    /// Now available.
    #[rkyv(with = StoredList)]
    pub seats: SeatRevisions,
    /// Why.
    pub reason: PaymentFailure,
    /// Whether the gateway may still have charged: the charge has to be voided there.
    pub charge_unknown: bool,
}

/// The authorised charge was captured.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct PaymentCaptured {
    /// The order.
    pub order_id: OrderId,
    /// When.
    pub at: Timestamp,
}

/// A charge without an order was closed at the gateway: voided, or known never to have been made.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct ChargeVoided {
    /// The order that did not come to be.
    pub order_id: OrderId,
    /// When.
    pub at: Timestamp,
}

/// Tickets were given back; their seats are available again and the money is owed.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct TicketsRefunded {
    /// The refund, and its key at the gateway.
    pub refund_id: RefundId,
    /// The order.
    pub order_id: OrderId,
    /// Now void.
    #[rkyv(with = StoredList)]
    pub tickets: TicketIds,
    /// Their seats, now available.
    #[rkyv(with = StoredList)]
    pub seats: SeatRevisions,
    /// Minor units.
    pub amount: i64,
    /// As given.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// The money of a refund went back.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct RefundSettled {
    /// The refund.
    pub refund_id: RefundId,
    /// Its order.
    pub order_id: OrderId,
    /// When.
    pub at: Timestamp,
}

/// A ticket was used at the door.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct TicketCheckedIn {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Its seat.
    pub seat: SeatRevision,
    /// Which door.
    pub gate: String,
    /// When.
    pub at: Timestamp,
}

/// Any event of a show's stream. Only in memory and in JSON: on disk each struct is archived by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[allow(missing_docs, reason = "each variant is its struct, which says what it is")]
pub enum ShowEvent {
    ShowCreated(Box<ShowCreated>),
    SalesOpened(SalesOpened),
    SalesClosed(SalesClosed),
    ShowCancelled(ShowCancelled),
    SeatsBlocked(SeatsBlocked),
    SeatsUnblocked(SeatsUnblocked),
    SeatsHeld(SeatsHeld),
    HoldReleased(HoldReleased),
    HoldExpired(HoldExpired),
    PaymentStarted(PaymentStarted),
    OrderPaid(OrderPaid),
    PaymentFailed(PaymentFailed),
    PaymentCaptured(PaymentCaptured),
    ChargeVoided(ChargeVoided),
    TicketsRefunded(TicketsRefunded),
    RefundSettled(RefundSettled),
    TicketCheckedIn(TicketCheckedIn),
}

impl ShowEvent {
    /// The seats that the event touches, with their revisions after it.
    pub fn seats(&self) -> &[SeatRevision] {
        match self {
            Self::SeatsBlocked(event) => &event.seats,
            Self::SeatsUnblocked(event) => &event.seats,
            Self::SeatsHeld(event) => &event.seats,
            Self::HoldReleased(event) => &event.seats,
            Self::HoldExpired(event) => &event.seats,
            Self::OrderPaid(event) => &event.seats,
            Self::PaymentFailed(event) => &event.seats,
            Self::TicketsRefunded(event) => &event.seats,
            Self::TicketCheckedIn(event) => std::slice::from_ref(&event.seat),
            Self::ShowCreated(_)
            | Self::SalesOpened(_)
            | Self::SalesClosed(_)
            | Self::ShowCancelled(_)
            | Self::PaymentStarted(_)
            | Self::PaymentCaptured(_)
            | Self::ChargeVoided(_)
            | Self::RefundSettled(_) => &[],
        }
    }
}
