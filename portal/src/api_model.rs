//! The API's documents as the portal reads them: only the fields that a page shows, everything else ignored, so that
//! the API can grow without the portal.

use serde::{Deserialize, Serialize};

/// An amount in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Money {
    pub(crate) amount: i64,
    pub(crate) currency: String,
}

/// Whether a show sells at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sales {
    Scheduled,
    Open,
    Closed,
    Cancelled,
    /// A state that a newer API added: shown like a closed sale.
    #[serde(other)]
    Other,
}

/// A show in the catalogue.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Show {
    pub(crate) show_id: String,
    pub(crate) name: String,
    pub(crate) venue: String,
    pub(crate) starts_at: String,
    pub(crate) currency: String,
    pub(crate) sales: Sales,
    #[serde(default)]
    pub(crate) sales_open_at: Option<String>,
    pub(crate) seats_total: u64,
    pub(crate) seats_available: u64,
    #[serde(default)]
    pub(crate) price_from: Option<Money>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ShowList {
    pub(crate) data: Vec<Show>,
    pub(crate) has_more: bool,
}

/// A show with its zones.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ShowDetail {
    #[serde(flatten)]
    pub(crate) show: Show,
    #[serde(default)]
    pub(crate) max_seats_per_customer: Option<u32>,
    pub(crate) zones: Vec<ZoneCounts>,
    pub(crate) plan_url: String,
}

/// What is left of a zone.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ZoneCounts {
    pub(crate) name: String,
    pub(crate) price: Money,
    #[serde(default)]
    pub(crate) color: Option<String>,
    #[serde(default)]
    pub(crate) general: bool,
    pub(crate) available: u64,
}

/// The plan's zones and rows; geometry is for the browser and skipped here.
#[derive(Debug, Deserialize)]
pub(crate) struct Plan {
    pub(crate) zones: Vec<PlanZone>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PlanZone {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) general: bool,
    /// The index of the zone's first place in plan order.
    #[serde(default)]
    pub(crate) first: usize,
    /// How many places.
    #[serde(default)]
    pub(crate) count: usize,
    #[serde(default)]
    pub(crate) rows: Vec<PlanRow>,
}

impl Plan {
    /// The name of a place, `{zone}-{row}-{number}`, by its index in plan order.
    pub(crate) fn seat_name(&self, index: usize) -> Option<String> {
        let zone = self.zones.iter().find(|zone| (zone.first..zone.first + zone.count).contains(&index))?;
        if zone.general {
            return Some(format!("{}-{GENERAL_ROW}-{}", zone.name, index - zone.first + 1));
        }
        let row = zone.rows.iter().find(|row| (row.first..row.first + row.seats.len()).contains(&index))?;
        Some(format!("{}-{}-{}", zone.name, row.label, row.seats.label(index - row.first)))
    }

    /// How many places.
    pub(crate) fn places(&self) -> usize {
        self.zones.iter().map(|zone| zone.count).sum()
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct PlanRow {
    pub(crate) label: String,
    /// The index of the row's first seat in plan order.
    pub(crate) first: usize,
    pub(crate) seats: SeatLabels,
}

/// A count means 1, 2, 3 and so on.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum SeatLabels {
    Count(usize),
    Labels(Vec<String>),
}

impl SeatLabels {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Count(count) => *count,
            Self::Labels(labels) => labels.len(),
        }
    }

    /// The number of the seat at `index` of its row.
    pub(crate) fn label(&self, index: usize) -> String {
        match self {
            Self::Count(_) => (index + 1).to_string(),
            Self::Labels(labels) => labels.get(index).cloned().unwrap_or_default(),
        }
    }
}

/// The row of places without a number, in names `{zone}-GA-{n}`.
pub(crate) const GENERAL_ROW: &str = "GA";

/// What a seat is to a buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeatStatus {
    Available,
    Held,
    Sold,
    Blocked,
}

/// Two bits a seat in plan order, least significant first.
#[derive(Debug, Clone)]
pub(crate) struct CompactMap(pub(crate) bytes::Bytes);

impl CompactMap {
    /// The state of a seat; a seat past the end of the map counts as blocked, for it cannot be sold.
    pub(crate) fn status(&self, index: usize) -> SeatStatus {
        match self.0.get(index / 4).map(|byte| byte >> ((index % 4) * 2) & 0b11) {
            Some(0) => SeatStatus::Available,
            Some(1) => SeatStatus::Held,
            Some(2) => SeatStatus::Sold,
            _ => SeatStatus::Blocked,
        }
    }
}

/// What a hold asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HoldRequest {
    Seats(Vec<String>),
    BestAvailable { zone: String, quantity: u32, together: bool },
    General { zone: String, quantity: u32 },
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Hold {
    pub(crate) hold_id: String,
    pub(crate) hold_token: String,
    pub(crate) seats: Vec<HeldSeat>,
    pub(crate) total: Money,
    pub(crate) expires_at: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct HeldSeat {
    pub(crate) seat: String,
    pub(crate) price: Money,
}

/// Sent, never kept: personal data passes through and is not written down, not even by `{:?}`.
#[derive(Serialize)]
pub(crate) struct Purchase<'a> {
    pub(crate) buyer: Buyer<'a>,
    pub(crate) payment: Payment<'a>,
}

#[derive(Serialize)]
pub(crate) struct Buyer<'a> {
    pub(crate) rut: &'a str,
    pub(crate) name: &'a str,
    pub(crate) email: &'a str,
    /// Of mails and documents: the page's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<&'a str>,
}

#[derive(Serialize)]
pub(crate) struct Payment<'a> {
    pub(crate) method: &'a str,
    pub(crate) token: &'a str,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PurchaseDone {
    pub(crate) order_id: String,
    /// Reads that are to show the order wait for it.
    #[serde(default)]
    pub(crate) position: Option<u64>,
}

/// A refund as carried out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RefundDone {
    /// Reads that are to show it wait for this.
    pub(crate) position: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Order {
    pub(crate) order_id: String,
    pub(crate) show_id: String,
    pub(crate) show_name: String,
    pub(crate) venue: String,
    pub(crate) starts_at: String,
    pub(crate) status: String,
    pub(crate) total: Money,
    #[serde(default)]
    pub(crate) refunded: Option<Money>,
    #[serde(default)]
    pub(crate) tickets: Vec<Ticket>,
    #[serde(default)]
    pub(crate) documents: Option<String>,
    #[serde(default)]
    pub(crate) receipt: Option<Document>,
    #[serde(default)]
    pub(crate) credit_notes: Vec<Document>,
    #[serde(default)]
    pub(crate) paid_at: Option<String>,
}

/// A receipt or a credit note.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Document {
    pub(crate) document_type: String,
    pub(crate) folio: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) ticket_id: String,
    pub(crate) seat: String,
    #[serde(default)]
    pub(crate) zone: Option<String>,
    #[serde(default)]
    pub(crate) row: Option<String>,
    #[serde(default)]
    pub(crate) number: Option<String>,
    pub(crate) price: Money,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) qr: Option<String>,
}

/// `reason` is for the organiser; no tickets means all of them.
#[derive(Debug, Serialize)]
pub(crate) struct Refund<'a> {
    pub(crate) tickets: Vec<&'a str>,
    pub(crate) reason: &'a str,
}

/// The members of a problem document that pages act on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProblemDocument {
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) conflicting_seats: Vec<String>,
    pub(crate) trace_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compact_map_is_read_least_significant_bits_first() {
        let map = CompactMap(bytes::Bytes::from_static(&[0b11_10_01_00, 0b01]));
        let read: Vec<_> = (0..5).map(|index| map.status(index)).collect();
        use SeatStatus::*;
        assert_eq!(read, [Available, Held, Sold, Blocked, Held]);
        assert_eq!(map.status(400), Blocked, "a seat the map does not know cannot be sold");
    }

    #[test]
    fn a_hold_request_is_written_as_the_contract_says() {
        let best = HoldRequest::BestAvailable { zone: "Platea".into(), quantity: 2, together: true };
        assert_eq!(
            serde_json::to_string(&best).unwrap(),
            r#"{"best_available":{"zone":"Platea","quantity":2,"together":true}}"#
        );
        let seats = HoldRequest::Seats(vec!["Platea-A-1".into()]);
        assert_eq!(serde_json::to_string(&seats).unwrap(), r#"{"seats":["Platea-A-1"]}"#);
    }
}
