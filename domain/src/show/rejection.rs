//! Why a show says no. A rejection is an answer, not a failure: nothing happened and nothing is recorded.

use crate::plan::SeatIndex;
use crate::time::Timestamp;

/// The rule that said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No such show.
    #[error("there is no such show")]
    ShowUnknown,
    /// The id is taken.
    #[error("a show with this id exists")]
    ShowAlreadyExists,
    /// The shell handed in an id that another hold, order, ticket or refund of the show bears.
    #[error("the id is in use")]
    IdTaken,
    /// A text or number of the show is out of bounds.
    #[error("{0}")]
    InvalidShow(&'static str),
    /// Sales have not opened.
    #[error("sales have not opened yet")]
    SalesNotOpen {
        /// When they will, if that is set.
        opens_at: Option<Timestamp>,
    },
    /// The organiser closed sales.
    #[error("sales are closed")]
    SalesClosed,
    /// The show was called off.
    #[error("the show is cancelled")]
    ShowCancelled,
    /// The plan has no seat of this name.
    #[error("there is no seat '{0}'")]
    SeatUnknown(String),
    /// The plan has no zone of this name.
    #[error("there is no zone '{0}'")]
    ZoneUnknown(String),
    /// The same seat twice in one command.
    #[error("seat '{0}' is named twice")]
    SeatNamedTwice(String),
    /// Nothing asked for.
    #[error("at least one seat has to be asked for")]
    NoSeat,
    /// More than one command may ask for.
    #[error("at most {most} seats may be asked for at once")]
    TooManySeats {
        /// The bound.
        most: usize,
    },
    /// Somebody else has them, or the organiser.
    #[error("some of the seats are not available")]
    SeatsUnavailable(Vec<SeatIndex>),
    /// They moved since the buyer looked.
    #[error("some of the seats changed since they were looked at")]
    SeatsMoved(Vec<SeatIndex>),
    /// The zone is too full.
    #[error("only {available} seats are left there")]
    NotEnoughSeats {
        /// Still free where it was asked for.
        available: u32,
    },
    /// Free, but not side by side.
    #[error("{quantity} seats side by side are no longer available")]
    NotTogether {
        /// Asked for.
        quantity: u32,
    },
    /// Places of general admission have no names to ask for.
    #[error("zone '{0}' is general admission: ask for a quantity")]
    ZoneIsGeneral(String),
    /// Numbered seats are not taken by quantity alone.
    #[error("zone '{0}' has numbered seats: name them or ask for the best available")]
    ZoneIsNumbered(String),
    /// The customer's limit for this show.
    #[error("a customer may have at most {limit} seats of this show")]
    CustomerLimit {
        /// The limit.
        limit: u32,
    },
    /// The hold expired, was given back, or its payment failed.
    #[error("the hold has ended; its seats may have gone to others")]
    HoldEnded,
    /// A payment of this hold is under way.
    #[error("a payment for this hold is under way")]
    PaymentUnderWay,
    /// No payment of that order is under way.
    #[error("no payment of this order is under way")]
    PaymentNotUnderWay,
    /// The shell handed in another number of tickets than the hold has seats.
    #[error("one ticket per seat is needed")]
    TicketCountMismatch,
    /// No such order.
    #[error("there is no such order")]
    OrderUnknown,
    /// The order has no such ticket, or the door was shown none of ours.
    #[error("there is no such ticket")]
    TicketUnknown,
    /// Already given back.
    #[error("the ticket was refunded")]
    TicketRefunded,
    /// Already used, so it can't be given back.
    #[error("the ticket was used")]
    TicketUsed,
    /// A second scan.
    #[error("the ticket was used before")]
    AlreadyCheckedIn {
        /// First scan.
        first_used_at: Timestamp,
        /// Where.
        gate: String,
    },
    /// Gate names are kept once per show, and somebody makes up a new one at every scan.
    #[error("at most {most} different gates may be used for a show")]
    TooManyGates {
        /// The bound.
        most: usize,
    },
}
