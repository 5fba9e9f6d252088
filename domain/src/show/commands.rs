//! What may be asked of a show. Ids are minted by the caller; the time and the limits arrive in the context.

use crate::ids::{CustomerId, HoldId, OrderId, RefundId, ShowId, TicketId};
use crate::money::Currency;
use crate::plan::{Plan, SeatIndex};
use crate::show::events::{PaymentFailure, TicketIds};
use crate::time::Timestamp;

/// A request to a show.
#[derive(Debug, Clone)]
pub enum ShowCommand {
    /// Makes the show.
    CreateShow {
        /// Of the show to be.
        show_id: ShowId,
        /// 1 to 200 characters.
        name: String,
        /// 1 to 200 characters.
        venue: String,
        /// Curtain.
        starts_at: Timestamp,
        /// Of all prices.
        currency: Currency,
        /// When sales open by themselves.
        sales_open_at: Option<Timestamp>,
        /// Limit of one customer, at least 1.
        max_seats_per_customer: Option<u32>,
        /// How long a hold lasts, 1 to [`super::MAX_HOLD_SECONDS`].
        hold_seconds: Option<u32>,
        /// Checked plan.
        plan: Plan,
    },
    /// Opens sales now.
    OpenSales,
    /// Closes sales.
    CloseSales,
    /// Calls the show off.
    CancelShow {
        /// As told to buyers.
        reason: String,
    },
    /// Takes available seats out of sale, all or none.
    BlockSeats {
        /// Seat names.
        seats: Vec<String>,
        /// For the organiser.
        reason: String,
    },
    /// Puts blocked seats back on sale, all or none.
    UnblockSeats {
        /// Seat names.
        seats: Vec<String>,
    },
    /// Sets seats aside for one buyer, all or none.
    HoldSeats(HoldSeats),
    /// Gives a hold back.
    ReleaseHold {
        /// The hold.
        hold_id: HoldId,
    },
    /// Ends holds whose deadline has passed and payments past their cap; bounded per command.
    ExpireHolds,
    /// Fixes buyer and amount before the gateway is asked.
    StartPayment(StartPayment),
    /// The charge is authorised: sell.
    ConfirmPayment {
        /// The order.
        order_id: OrderId,
        /// The gateway's name for the authorisation.
        payment_reference: String,
        /// One fresh id per seat.
        tickets: TicketIds,
    },
    /// The charge came to nothing, or its outcome did not come in time.
    FailPayment {
        /// The order that will not be.
        order_id: OrderId,
        /// Why.
        reason: PaymentFailure,
        /// Whether the gateway may have charged nevertheless.
        charge_unknown: bool,
    },
    /// The gateway captured the charge.
    RecordCapture {
        /// The order.
        order_id: OrderId,
    },
    /// The gateway voided the charge, or never had it.
    RecordVoid {
        /// The order that did not come to be.
        order_id: OrderId,
    },
    /// Gives tickets of an order back.
    RefundTickets {
        /// Fresh.
        refund_id: RefundId,
        /// The order.
        order_id: OrderId,
        /// Which; empty for all that are still live.
        tickets: Vec<TicketId>,
        /// As given.
        reason: String,
    },
    /// Gives back the tickets of a cancelled show, order by order; bounded by the ids handed in.
    RefundCancelledShow {
        /// One fresh id for each order to be refunded by this command.
        refund_ids: Vec<RefundId>,
    },
    /// The gateway paid a refund out.
    RecordRefundSettled {
        /// The refund.
        refund_id: RefundId,
    },
    /// Uses a ticket at the door. The signature was checked by the caller.
    CheckIn {
        /// The ticket.
        ticket_id: TicketId,
        /// Its seat.
        seat: SeatIndex,
        /// The seat's revision when it was sold: an older ticket of the same seat has another.
        generation: u32,
        /// Which door, 1 to 64 characters.
        gate: String,
    },
}

/// See [`ShowCommand::HoldSeats`].
#[derive(Debug, Clone)]
pub struct HoldSeats {
    /// Fresh.
    pub hold_id: HoldId,
    /// Known only when the buyer is signed in.
    pub customer_id: Option<CustomerId>,
    /// Which seats.
    pub selection: Selection,
}

/// Which seats a hold asks for.
#[derive(Debug, Clone)]
pub enum Selection {
    /// These.
    Named {
        /// Seat names, each once.
        seats: Vec<String>,
        /// The revision at which the buyer saw a seat; the hold is refused if it moved since.
        expected_revisions: Vec<(String, u32)>,
    },
    /// The best free ones.
    BestAvailable {
        /// In this zone; in any numbered zone when left out.
        zone: Option<String>,
        /// How many.
        quantity: u32,
        /// Only side by side in one row.
        together: bool,
    },
    /// Any places of a general-admission zone.
    General {
        /// The zone.
        zone: String,
        /// How many.
        quantity: u32,
    },
}

/// See [`ShowCommand::StartPayment`].
#[derive(Debug, Clone)]
pub struct StartPayment {
    /// Fresh.
    pub order_id: OrderId,
    /// What is being paid.
    pub hold_id: HoldId,
    /// Who buys.
    pub customer_id: CustomerId,
}
