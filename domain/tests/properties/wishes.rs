//! Draws what people and machines may ask of a show: sensible, late, repeated and nonsensical things alike.
//!
//! A wish names holds, orders and tickets by a number that the world maps to those that ever were, so that any
//! sequence of wishes makes sense of some sort and shrinks well.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use ticketflow_domain::show::PaymentFailure;

/// A number that the world maps to one of the things that ever were.
pub(crate) type Pick = u8;

/// What is asked, and by how much the clock moved before.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) clock_ms: i64,
    pub(crate) wish: Wish,
}

/// What a buyer claims to have seen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seen {
    Nothing,
    Now,
    Before,
}

/// How the shell hands in tickets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tickets {
    OnePerSeat,
    OneTooFew,
    OneTooMany,
    AllTheSame,
}

#[derive(Debug, Clone)]
pub(crate) enum Wish {
    Create,
    Open,
    Close,
    Cancel,
    Block(Vec<Pick>),
    Unblock(Vec<Pick>),
    HoldNamed {
        seats: Vec<Pick>,
        seen: Seen,
        who: Option<Pick>,
        known_id: bool,
    },
    HoldBest {
        zone: Option<Pick>,
        quantity: u32,
        together: bool,
        who: Option<Pick>,
        known_id: bool,
    },
    HoldGeneral {
        zone: Pick,
        quantity: u32,
        who: Option<Pick>,
        known_id: bool,
    },
    Release(Pick),
    Expire,
    Start {
        hold: Pick,
        who: Pick,
        known_id: bool,
    },
    Confirm {
        order: Pick,
        tickets: Tickets,
    },
    Fail {
        order: Pick,
        reason: PaymentFailure,
        charge_unknown: bool,
    },
    Capture(Pick),
    Void(Pick),
    Refund {
        order: Pick,
        tickets: Vec<Pick>,
        known_id: bool,
    },
    RefundCancelled {
        count: u8,
        known_id: bool,
    },
    Settle(Pick),
    CheckIn {
        ticket: Pick,
        gate: Pick,
        forged: bool,
    },
    /// The process ends and comes back from its snapshot.
    Restart,
}

/// A show's terms: which plan, the customer limit, how long a hold lasts, when sales open by themselves.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) plan: usize,
    pub(crate) limit: Option<u32>,
    pub(crate) hold_seconds: u32,
    pub(crate) opens_after_ms: Option<i64>,
}

pub(crate) fn terms() -> impl Strategy<Value = Terms> {
    (0..super::world::PLANS, option::of(1..6_u32), 1..20_u32, option::of(0..3_000_i64)).prop_map(
        |(plan, limit, hold_seconds, opens_after_ms)| Terms { plan, limit, hold_seconds, opens_after_ms },
    )
}

pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = (clock(), wish()).prop_map(|(clock_ms, wish)| Step { clock_ms, wish });
    vec(step, 1..most)
}

/// Mostly a little later, at times much later or a little earlier.
fn clock() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(0), 8 => 1..900_i64, 2 => 900..8_000_i64, 1 => 300_000..310_000_i64, 1 => -2_500..0_i64]
}

/// Few numbers, so that things meet; the last thing that was made is the likeliest.
fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![3 => Just(0), 4 => 0..6_u8, 1 => any::<u8>()]
}

fn seats() -> impl Strategy<Value = Vec<Pick>> {
    prop_oneof![8 => vec(any::<u8>(), 1..4), 1 => vec(any::<u8>(), 0..13)]
}

fn quantity() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 1..4_u32, 2 => 0..12_u32, 1 => Just(u32::MAX)]
}

fn known_id() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.08)
}

fn who() -> impl Strategy<Value = Option<Pick>> {
    option::of(0..3_u8)
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        6 => sales(),
        8 => organiser(),
        34 => holding(),
        38 => paying(),
        16 => afterwards(),
        2 => Just(Wish::Restart),
    ]
}

fn sales() -> impl Strategy<Value = Wish> {
    prop_oneof![
        1 => Just(Wish::Create),
        20 => Just(Wish::Open),
        3 => Just(Wish::Close),
        1 => Just(Wish::Cancel),
    ]
}

fn organiser() -> impl Strategy<Value = Wish> {
    prop_oneof![
        2 => seats().prop_map(Wish::Block),
        3 => seats().prop_map(Wish::Unblock),
        2 => (0..4_u8, known_id()).prop_map(|(count, known_id)| Wish::RefundCancelled { count, known_id }),
    ]
}

fn holding() -> impl Strategy<Value = Wish> {
    let seen = prop_oneof![4 => Just(Seen::Nothing), 3 => Just(Seen::Now), 1 => Just(Seen::Before)];
    prop_oneof![
        3 => (seats(), seen, who(), known_id())
            .prop_map(|(seats, seen, who, known_id)| Wish::HoldNamed { seats, seen, who, known_id }),
        3 => (option::of(pick()), quantity(), any::<bool>(), who(), known_id()).prop_map(
            |(zone, quantity, together, who, known_id)| Wish::HoldBest { zone, quantity, together, who, known_id }),
        3 => (pick(), quantity(), who(), known_id())
            .prop_map(|(zone, quantity, who, known_id)| Wish::HoldGeneral { zone, quantity, who, known_id }),
        2 => pick().prop_map(Wish::Release),
        2 => Just(Wish::Expire),
    ]
}

fn paying() -> impl Strategy<Value = Wish> {
    let tickets = prop_oneof![
        16 => Just(Tickets::OnePerSeat),
        1 => Just(Tickets::OneTooFew),
        1 => Just(Tickets::OneTooMany),
        1 => Just(Tickets::AllTheSame),
    ];
    let reason = prop_oneof![
        Just(PaymentFailure::Declined),
        Just(PaymentFailure::TimedOut),
        Just(PaymentFailure::Unavailable),
        Just(PaymentFailure::Abandoned),
    ];
    prop_oneof![
        8 => (pick(), 0..3_u8, known_id()).prop_map(|(hold, who, known_id)| Wish::Start { hold, who, known_id }),
        8 => (pick(), tickets).prop_map(|(order, tickets)| Wish::Confirm { order, tickets }),
        2 => (pick(), reason, any::<bool>())
            .prop_map(|(order, reason, charge_unknown)| Wish::Fail { order, reason, charge_unknown }),
        2 => pick().prop_map(Wish::Capture),
        1 => pick().prop_map(Wish::Void),
    ]
}

fn afterwards() -> impl Strategy<Value = Wish> {
    prop_oneof![
        3 => (pick(), vec(pick(), 0..3), known_id())
            .prop_map(|(order, tickets, known_id)| Wish::Refund { order, tickets, known_id }),
        1 => pick().prop_map(Wish::Settle),
        4 => (pick(), 0..3_u8, prop::bool::weighted(0.1))
            .prop_map(|(ticket, gate, forged)| Wish::CheckIn { ticket, gate, forged }),
    ]
}
