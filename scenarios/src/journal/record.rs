//! What a journal line says.
//!
//! The shapes are the journal's own: they name what a buyer or a door would write down, not what the server stores.

use serde::{Deserialize, Serialize};

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// First line: how to run it again.
    Run {
        /// Seed of every choice.
        seed: u64,
    },
    /// A show was made and acknowledged.
    Show {
        /// Its id.
        show: String,
        /// Names of its seats.
        seats: Vec<String>,
        /// Price of each, minor units.
        price: i64,
    },
    /// A request is about to be sent.
    Invoke {
        /// Number of the operation, unique in the journal.
        op: u64,
        /// First try is 1; later ones repeat the same request with the same key.
        attempt: u32,
        /// Which client.
        client: u32,
        /// When, milliseconds since 1970.
        at_ms: u64,
        /// Its idempotency key.
        key: String,
        /// What was asked; the same in every attempt.
        action: Action,
    },
    /// A success was received.
    Ok {
        /// The operation.
        op: u64,
        /// The attempt it answers.
        attempt: u32,
        /// When it was received.
        at_ms: u64,
        /// HTTP status.
        status: u16,
        /// Whether the server called it a remembered answer.
        replayed: bool,
        /// What it says.
        facts: Facts,
    },
    /// A definite refusal was received.
    Fail {
        /// The operation.
        op: u64,
        /// The attempt it answers.
        attempt: u32,
        /// When it was received.
        at_ms: u64,
        /// HTTP status.
        status: u16,
        /// The problem document's code.
        code: String,
        /// What it says beside that.
        facts: Facts,
    },
    /// No answer, or one that leaves the outcome open.
    Unknown {
        /// The operation.
        op: u64,
        /// The attempt.
        attempt: u32,
        /// When hope was given up.
        at_ms: u64,
        /// What happened instead of an answer.
        reason: String,
    },
    /// The server was killed and has come back.
    Restart {
        /// Which time.
        cycle: u32,
        /// When it was ready again.
        at_ms: u64,
    },
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// Hold these seats, all or none.
    Hold {
        /// In this show.
        show: String,
        /// Names.
        seats: Vec<String>,
    },
    /// Give a hold back.
    Release {
        /// In this show.
        show: String,
        /// The hold.
        hold: String,
    },
    /// Pay for a hold.
    Purchase {
        /// In this show.
        show: String,
        /// The hold.
        hold: String,
        /// Payment token: decides what the simulated gateway does.
        token: String,
    },
    /// Give tickets back for money.
    Refund {
        /// Of this order.
        order: String,
        /// Ticket ids.
        tickets: Vec<String>,
    },
    /// Enter with a ticket.
    CheckIn {
        /// In this show.
        show: String,
        /// Ticket id.
        ticket: String,
        /// A gate name that no other scan uses, so that "already used at ..." names one scan.
        gate: String,
    },
}

impl Action {
    /// One word for reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hold { .. } => "hold",
            Self::Release { .. } => "release",
            Self::Purchase { .. } => "purchase",
            Self::Refund { .. } => "refund",
            Self::CheckIn { .. } => "check-in",
        }
    }
}

/// A ticket as its order's answer named it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketFact {
    /// Its id.
    pub ticket: String,
    /// Its seat.
    pub seat: String,
}

/// What an answer says, as far as it matters here. Absent members were not in the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Id of the hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// Seats of a hold and their prices, minor units.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<(String, i64)>,
    /// Total of a hold or an order, minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    /// Deadline of a hold, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<u64>,
    /// Id of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Its tickets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tickets: Vec<TicketFact>,
    /// Position of the write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Seat of an admitted ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admitted_seat: Option<String>,
    /// Gate at which a refused ticket had been used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_at_gate: Option<String>,
    /// Seats that stood in the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicting_seats: Vec<String>,
}
