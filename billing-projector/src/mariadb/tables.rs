//! The tables and their columns, and the text of a cell.
//!
//! Invariant: a cell is the text by which the database shows its value, so that writing, comparing and digesting need no second
//! notion of a row. What is in the rows is left to `invoice_rows` and `ticket_rows`; how columns are stored, to `migrations/`.

use ticketflow_domain::Timestamp;

/// The values of a row in the order of its table's columns; `None` is NULL.
pub(crate) type Cells = Vec<Option<String>>;

/// A table and its columns. Those that the database computes are left out.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [&'static str],
    /// The first so many are the key.
    pub(crate) key_columns: usize,
    /// The last so many change after the row was made.
    pub(crate) changing_columns: usize,
}

pub(crate) const ISSUERS: Table = Table {
    name: "issuers",
    columns: &["series", "scheme", "opened_at", "position", "issuer"],
    key_columns: 1,
    changing_columns: 0,
};

pub(crate) const INVOICES: Table = Table {
    name: "invoices",
    columns: &[
        "series",
        "document_type",
        "folio",
        "kind",
        "order_id",
        "customer_id",
        "show_id",
        "position",
        "source_position",
        "refund_id",
        "reference_type",
        "reference_folio",
        "annuls",
        "total",
        "net",
        "tax",
        "exempt",
        "currency",
        "issued_at",
        "document",
        "status",
        "track_id",
        "reason",
        "mailed_at",
    ],
    key_columns: 3,
    changing_columns: 4,
};

pub(crate) const DELIVERIES: Table = Table {
    name: "deliveries",
    columns: &["position", "series", "document_type", "folio", "what", "at", "detail"],
    key_columns: 1,
    changing_columns: 0,
};

pub(crate) const TICKETS: Table = Table {
    name: "tickets",
    columns: &["ticket_id", "order_id", "show_id", "seat", "zone", "price", "status", "used_at", "gate"],
    key_columns: 1,
    changing_columns: 3,
};

/// A text, as it is.
pub(crate) fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

/// A number.
pub(crate) fn number(value: u64) -> Option<String> {
    Some(value.to_string())
}

/// An amount in minor units.
pub(crate) fn signed(value: i64) -> Option<String> {
    Some(value.to_string())
}

/// As the database shows a time: UTC, without saying so.
pub(crate) fn datetime(at: Timestamp) -> String {
    at.to_string().replace('T', " ").trim_end_matches('Z').to_owned()
}
