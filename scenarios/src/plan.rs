//! Shows made for measuring and testing: plans with seat names of fixed width, created over the public API.
//!
//! Fixed width lets the load generator patch a seat name in place. The plan is known here by construction, so that the
//! checker need not believe the server about which seats exist and what they cost.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::http::{Client, Response};
use crate::seeded::Seeded;

/// First row and seat number: three digits from here on, so that all names have one width.
const FIRST_LABEL: usize = 100;
/// Rows and seats per row that three digits allow.
const MOST_LABELS: usize = 900;
/// The one zone of these plans.
const ZONE: &str = "P";
/// Bytes of a seat name such as `P-R100-100`.
pub const SEAT_NAME_LENGTH: usize = 10;
/// Currency of these shows.
pub const CURRENCY: &str = "CLP";
/// Far enough away that no sales window closes.
const STARTS_AT: &str = "2049-12-31T21:00:00Z";
/// A big plan may take a moment to be stored.
const OPERATOR_TIMEOUT: Duration = Duration::from_secs(60);

/// A rectangular plan of numbered seats at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    rows: usize,
    seats_per_row: usize,
    /// Price of every seat, minor units.
    pub price: i64,
}

impl Plan {
    /// A plan with exactly `seats` seats, in rows of 100 or fewer.
    ///
    /// # Errors
    /// When `seats` is zero, above 90,000, or above 100 and no multiple of 100.
    pub fn with_seats(seats: usize, price: i64) -> Result<Self> {
        let seats_per_row = seats.min(100);
        if seats == 0 || !seats.is_multiple_of(seats_per_row) || seats / seats_per_row > MOST_LABELS {
            bail!("a measuring plan has 1 to 100 seats, or a multiple of 100 up to 90,000; not {seats}");
        }
        Ok(Self { rows: seats / seats_per_row, seats_per_row, price })
    }

    /// Number of seats.
    pub fn seats(&self) -> usize {
        self.rows * self.seats_per_row
    }

    /// Writes the name of the seat with this index over `target`, which must be [`SEAT_NAME_LENGTH`] bytes long.
    pub fn write_seat_name(&self, index: usize, target: &mut [u8]) {
        target[..3].copy_from_slice(b"P-R");
        write_label(FIRST_LABEL + index / self.seats_per_row, &mut target[3..6]);
        target[6] = b'-';
        write_label(FIRST_LABEL + index % self.seats_per_row, &mut target[7..10]);
    }

    /// Name of the seat with this index, in plan order.
    pub fn seat_name(&self, index: usize) -> String {
        let mut name = [0_u8; SEAT_NAME_LENGTH];
        self.write_seat_name(index, &mut name);
        String::from_utf8_lossy(&name).into_owned()
    }

    fn document(&self, name: &str, hold_seconds: Option<u64>, price: &Value) -> Value {
        let numbers: Vec<String> =
            (0..self.seats_per_row).map(|seat| (FIRST_LABEL + seat).to_string()).collect();
        let rows: Vec<Value> = (0..self.rows)
            .map(|row| json!({"label": format!("R{}", FIRST_LABEL + row), "seats": numbers}))
            .collect();
        let mut document = json!({
            "name": name,
            "venue": "Measuring hall",
            "starts_at": STARTS_AT,
            "currency": CURRENCY,
            "zones": [{"name": ZONE, "price": price, "rows": rows}],
        });
        if let Some(seconds) = hold_seconds {
            document["hold_seconds"] = json!(seconds);
        }
        document
    }
}

fn write_label(number: usize, target: &mut [u8]) {
    target[0] = b'0' + (number / 100 % 10) as u8;
    target[1] = b'0' + (number / 10 % 10) as u8;
    target[2] = b'0' + (number % 10) as u8;
}

/// An amount as the contract writes it: a plain number of minor units or `{"amount", "currency"}`.
pub fn amount_of(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.get("amount")?.as_i64())
}

/// Reads the operator's bearer key that the server made in its data folder.
///
/// # Errors
/// When the file cannot be read or is empty.
pub fn read_operator_key(data: &Path) -> Result<String> {
    let path = data.join("operator.key");
    let key = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read the operator key {}", path.display()))?;
    let key = key.trim();
    if key.is_empty() {
        bail!("the operator key {} is empty", path.display());
    }
    Ok(key.to_owned())
}

/// A show that exists on the server and sells.
#[derive(Clone, Debug)]
pub struct Show {
    /// Its id.
    pub id: String,
    /// The plan it was made from.
    pub plan: Plan,
}

/// The organiser's side of the API: makes shows and opens them.
#[derive(Debug)]
pub struct Operator {
    client: Client,
    authorization: String,
    run: u64,
    made: u64,
}

impl Operator {
    /// An operator that presents this bearer key.
    pub fn new(address: SocketAddr, key: &str) -> Self {
        Self {
            client: Client::new(address, OPERATOR_TIMEOUT),
            authorization: format!("Bearer {key}"),
            run: Seeded::fresh_seed(),
            made: 0,
        }
    }

    /// Creates a show with this plan and opens its sale.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub fn create_open_show(&mut self, plan: Plan, hold_seconds: Option<u64>) -> Result<Show> {
        let name = format!("Measured show {}-{}", self.run, self.made);
        let plain = plan.document(&name, hold_seconds, &json!(plan.price));
        let mut answer = self.post("/v1/shows", &plain)?;
        if matches!(answer.status, 400 | 422) {
            // Servers that want the price as a money object.
            let money = json!({"amount": plan.price, "currency": CURRENCY});
            answer = self.post("/v1/shows", &plan.document(&name, hold_seconds, &money))?;
        }
        if answer.status != 201 {
            bail!("creating a show of {} seats gave {}: {}", plan.seats(), answer.status, answer.excerpt());
        }
        let created = answer.json();
        let id = created["show_id"].as_str().context("the created show has no show_id")?.to_owned();
        if created["seats_total"].as_u64() != Some(plan.seats() as u64) {
            bail!("a plan of {} seats became a show of {}", plan.seats(), created["seats_total"]);
        }
        let opened = self.post(&format!("/v1/shows/{id}/open"), &json!({}))?;
        if !matches!(opened.status, 200..=204) {
            bail!("opening show {id} gave {}: {}", opened.status, opened.excerpt());
        }
        Ok(Show { id, plan })
    }

    /// How many events the server has recorded; `None` where it does not say.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn events_recorded(&mut self) -> Result<Option<u64>> {
        let headers = [("Authorization", self.authorization.as_str())];
        let answer = self.client.send("GET", "/v1/ops/projections", &headers, None)?.json();
        Ok(answer["data"].as_array().and_then(|projections| projections.first()?["head"].as_u64()))
    }

    fn post(&mut self, path: &str, body: &Value) -> Result<Response> {
        self.made += 1;
        let key = format!("setup-{}-{}", self.run, self.made);
        let headers = [("Authorization", self.authorization.as_str()), ("Idempotency-Key", key.as_str())];
        self.client.send("POST", path, &headers, Some(body)).with_context(|| format!("POST {path}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn seat_names_are_distinct_and_match_the_document() {
        let plan = Plan::with_seats(45_000, 25_000).expect("a valid size");
        let names: HashSet<String> = (0..plan.seats()).map(|index| plan.seat_name(index)).collect();
        assert_eq!(names.len(), 45_000);
        let document = plan.document("n", None, &json!(1));
        let rows = document["zones"][0]["rows"].as_array().expect("rows");
        for row in rows {
            for seat in row["seats"].as_array().expect("seats") {
                let name =
                    format!("P-{}-{}", row["label"].as_str().expect("label"), seat.as_str().expect("number"));
                assert!(names.contains(&name), "{name}");
            }
        }
        assert_eq!(plan.seat_name(0), "P-R100-100");
        assert_eq!(plan.seat_name(44_999), "P-R549-199");
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for seats in [0, 150, 90_100] {
            assert!(Plan::with_seats(seats, 1).is_err(), "{seats}");
        }
        assert_eq!(Plan::with_seats(40, 1).expect("small plans are one row").seats(), 40);
    }

    #[test]
    fn amounts_are_read_in_both_shapes() {
        assert_eq!(amount_of(&json!(5)), Some(5));
        assert_eq!(amount_of(&json!({"amount": 7, "currency": "CLP"})), Some(7));
        assert_eq!(amount_of(&json!("5")), None);
    }
}
