//! The plan file: what people and other systems write, and the checks that turn it into a [`Plan`].
//!
//! The same shape is the body of show creation. Every refusal names the zone, row or seat at fault. The format
//! is described for its users in `docs/plan-format.md`.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Decor, GeneralAdmission, MAX_SEATS, Plan, Point, Row, RowSeats, Zone, ZoneKind};
use crate::money::{Currency, MAX_PRICE, Money};

/// Characters in a zone's name.
const MAX_ZONE_NAME: usize = 64;
/// Characters in a row's label or a seat's number; together with the zone they make a seat's name.
const MAX_LABEL: usize = 16;
/// Zones of a plan.
const MAX_ZONES: usize = 500;
/// Shapes behind the seats.
const MAX_DECOR: usize = 200;
/// Points of one outline or row.
const MAX_POINTS: usize = 2_000;
/// Centimetres from the origin: ten kilometres, which keeps squared distances far inside an `i64`.
const MAX_COORDINATE: i32 = 1_000_000;

/// A plan as written in a file or a request.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanSpec {
    /// What the audience looks at; the middle of the stage edge when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal_point: Option<Point>,
    /// In plan order.
    pub zones: Vec<ZoneSpec>,
    /// Shapes behind the seats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decor: Vec<Decor>,
}

/// A zone as written: `rows` for numbered seats or `capacity` for general admission.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneSpec {
    /// Unique in the plan.
    pub name: String,
    /// Of one seat.
    pub price: PriceSpec,
    /// `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Numbered rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<RowSpec>>,
    /// General-admission places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// Area of a general-admission zone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outline: Vec<Point>,
}

/// A price as written: minor units, or an amount with its currency.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(
    untagged,
    expecting = "a price in minor units such as 25000, or {\"amount\": 25000, \"currency\": \"CLP\"}"
)]
pub enum PriceSpec {
    /// Minor units of the show's currency.
    Minor(i64),
    /// With the currency, which has to be the show's.
    Full(Money),
}

/// A row as written.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RowSpec {
    /// Unique in its zone.
    pub label: String,
    /// A count, or the seats' numbers one by one.
    pub seats: SeatsSpec,
    /// Where the row runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<Point>,
}

/// A row's seats as written.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(
    untagged,
    expecting = "a number of seats such as 24, or a list of seat numbers such as [\"1\", \"2\"]"
)]
pub enum SeatsSpec {
    /// Numbered 1 to this.
    Count(u32),
    /// Labelled one by one.
    Labels(Vec<String>),
}

/// Why a plan is refused; names the part at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPlan(String);

impl InvalidPlan {
    fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl PlanSpec {
    /// Checks every rule and lays out nothing: geometry that is left out stays out.
    pub fn check(self, currency: Currency) -> Result<Plan, InvalidPlan> {
        if self.zones.is_empty() {
            return Err(InvalidPlan::new("a plan needs at least one zone"));
        }
        bound("zones", self.zones.len(), MAX_ZONES)?;
        bound("decor shapes", self.decor.len(), MAX_DECOR)?;
        for shape in &self.decor {
            check_points(&format!("decor '{}'", shape.label), &shape.outline)?;
        }
        check_points("focal_point", self.focal_point.as_slice())?;
        let mut names = HashSet::new();
        let mut seats_total = 0;
        let mut zones = Vec::with_capacity(self.zones.len());
        for spec in self.zones {
            let zone = spec.check(currency)?;
            if !names.insert(zone.name.clone()) {
                return Err(InvalidPlan::new(format!("zone '{}' appears twice", zone.name)));
            }
            seats_total += match &zone.kind {
                ZoneKind::Numbered(rows) => rows.iter().map(|row| row.seats.len()).sum(),
                ZoneKind::General(area) => area.capacity as usize,
            };
            bound("seats", seats_total, MAX_SEATS)?;
            zones.push(zone);
        }
        Ok(Plan { focal_point: self.focal_point.unwrap_or(Point { x: 0, y: 0 }), zones, decor: self.decor })
    }
}

impl ZoneSpec {
    fn check(self, currency: Currency) -> Result<Zone, InvalidPlan> {
        let name = check_text("zone name", self.name, MAX_ZONE_NAME)?;
        let price = match self.price {
            PriceSpec::Minor(amount) => amount,
            PriceSpec::Full(money) if money.currency == currency => money.amount,
            PriceSpec::Full(money) => {
                let other = money.currency;
                return Err(InvalidPlan::new(format!(
                    "zone '{name}' is priced in {other}, the show in {currency}"
                )));
            }
        };
        if !(0..=MAX_PRICE).contains(&price) {
            return Err(InvalidPlan::new(format!(
                "the price of zone '{name}' is not between 0 and {MAX_PRICE}"
            )));
        }
        if self.color.as_deref().is_some_and(|color| !is_color(color)) {
            return Err(InvalidPlan::new(format!("the color of zone '{name}' is not of the form #rrggbb")));
        }
        let kind = match (self.rows, self.capacity) {
            (Some(rows), None) => ZoneKind::Numbered(check_rows(&name, rows)?),
            (None, Some(capacity)) => {
                if capacity == 0 || capacity as usize > MAX_SEATS {
                    let reason = format!("the capacity of zone '{name}' is not between 1 and {MAX_SEATS}");
                    return Err(InvalidPlan::new(reason));
                }
                check_points(&format!("zone '{name}'"), &self.outline)?;
                ZoneKind::General(GeneralAdmission { capacity, outline: self.outline })
            }
            _ => return Err(InvalidPlan::new(format!("zone '{name}' needs either rows or a capacity"))),
        };
        Ok(Zone { name, price, color: self.color, kind })
    }
}

fn check_rows(zone: &str, specs: Vec<RowSpec>) -> Result<Vec<Row>, InvalidPlan> {
    if specs.is_empty() {
        return Err(InvalidPlan::new(format!("zone '{zone}' has no row")));
    }
    bound("rows of a zone", specs.len(), MAX_SEATS)?;
    let mut labels = HashSet::new();
    let mut rows = Vec::with_capacity(specs.len());
    for spec in specs {
        let label = check_label("row label", spec.label)?;
        if !labels.insert(label.clone()) {
            return Err(InvalidPlan::new(format!("row '{label}' of zone '{zone}' appears twice")));
        }
        check_points(&format!("row '{label}' of zone '{zone}'"), &spec.path)?;
        if spec.path.len() == 1 && !matches!(spec.seats, SeatsSpec::Count(1)) {
            let single = matches!(&spec.seats, SeatsSpec::Labels(labels) if labels.len() == 1);
            if !single {
                return Err(InvalidPlan::new(format!(
                    "the path of row '{label}' of zone '{zone}' needs two points or more"
                )));
            }
        }
        let seats = check_seats(zone, &label, spec.seats)?;
        rows.push(Row { label, seats, path: spec.path });
    }
    Ok(rows)
}

fn check_seats(zone: &str, row: &str, spec: SeatsSpec) -> Result<RowSeats, InvalidPlan> {
    let count = match &spec {
        SeatsSpec::Count(count) => *count as usize,
        SeatsSpec::Labels(labels) => labels.len(),
    };
    if count == 0 {
        return Err(InvalidPlan::new(format!("row '{row}' of zone '{zone}' has no seat")));
    }
    bound(&format!("seats in row '{row}' of zone '{zone}'"), count, MAX_SEATS)?;
    match spec {
        SeatsSpec::Count(count) => Ok(RowSeats::Count(count)),
        SeatsSpec::Labels(labels) => {
            let mut seen = HashSet::new();
            let mut checked = Vec::with_capacity(labels.len());
            for label in labels {
                let label = check_label("seat number", label)?;
                if !seen.insert(label.clone()) {
                    let reason = format!("seat '{label}' of row '{row}' in zone '{zone}' appears twice");
                    return Err(InvalidPlan::new(reason));
                }
                checked.push(label);
            }
            Ok(RowSeats::Labels(checked.into_iter().collect()))
        }
    }
}

fn check_text(what: &str, text: String, longest: usize) -> Result<String, InvalidPlan> {
    let length = text.chars().count();
    if length == 0 || length > longest {
        return Err(InvalidPlan::new(format!(
            "a {what} has 1 to {longest} characters, this one has {length}"
        )));
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err(InvalidPlan::new(format!("{what} {text:?} has outer spaces or control characters")));
    }
    Ok(text)
}

/// Rows and seats bear no hyphen, so that a seat's name `{zone}-{row}-{number}` is read back without doubt.
fn check_label(what: &str, text: String) -> Result<String, InvalidPlan> {
    let text = check_text(what, text, MAX_LABEL)?;
    if text.contains('-') {
        Err(InvalidPlan::new(format!("{what} '{text}' contains a hyphen")))
    } else {
        Ok(text)
    }
}

fn check_points(what: &str, points: &[Point]) -> Result<(), InvalidPlan> {
    bound(&format!("points of {what}"), points.len(), MAX_POINTS)?;
    let inside = |value: i32| (-MAX_COORDINATE..=MAX_COORDINATE).contains(&value);
    if points.iter().all(|point| inside(point.x) && inside(point.y)) {
        Ok(())
    } else {
        Err(InvalidPlan::new(format!("{what} has a point more than {MAX_COORDINATE} cm from the origin")))
    }
}

fn bound(what: &str, count: usize, most: usize) -> Result<(), InvalidPlan> {
    if count > most {
        Err(InvalidPlan::new(format!("{what}: at most {most} are allowed, not {count}")))
    } else {
        Ok(())
    }
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: serde_json::Value) -> Result<Plan, String> {
        let spec: PlanSpec = serde_json::from_value(json).map_err(|error| error.to_string())?;
        spec.check(Currency::CLP).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_by_count_by_label_and_general_admission_are_taken() {
        let plan = check(serde_json::json!({"zones": [
            {"name": "Platea-Alta", "price": 25000, "rows": [{"label": "A", "seats": 24}, {"label": "B", "seats": ["1", "2b"]}]},
            {"name": "Cancha", "price": {"amount": 9000, "currency": "CLP"}, "capacity": 500, "color": "#00ff7f"},
        ]}));
        assert_eq!(plan.unwrap().zones.len(), 2);
    }

    #[test]
    fn every_fault_is_named() {
        let row = |seats: serde_json::Value| serde_json::json!([{"label": "A", "seats": seats}]);
        let zone = |price: serde_json::Value, rows: serde_json::Value| serde_json::json!({"zones": [{"name": "Z", "price": price, "rows": rows}]});
        for (json, expected) in [
            (serde_json::json!({"zones": []}), "at least one zone"),
            (serde_json::json!({"zones": [{"name": "Z", "price": 1}]}), "either rows or a capacity"),
            (
                serde_json::json!({"zones": [{"name": "Z", "price": 1, "capacity": 5, "rows": []}]}),
                "either rows or a capacity",
            ),
            (
                serde_json::json!({"zones": [{"name": "Z", "price": 1, "capacity": 0}]}),
                "capacity of zone 'Z'",
            ),
            (
                serde_json::json!({"zones": [{"name": "Z", "price": 1, "capacity": 1}, {"name": "Z", "price": 1, "capacity": 1}]}),
                "appears twice",
            ),
            (serde_json::json!({"zones": [{"name": "", "price": 1, "capacity": 1}]}), "zone name"),
            (serde_json::json!({"zones": [{"name": "a\u{7}", "price": 1, "capacity": 1}]}), "control"),
            (zone(1.into(), row(0.into())), "no seat"),
            (zone(1.into(), row(300_000.into())), "at most 200000"),
            (zone(1.into(), row((-3).into())), "number of seats"),
            (zone(1.into(), row(2.5.into())), "number of seats"),
            (zone(1.into(), row(serde_json::json!(["1", "1"]))), "appears twice"),
            (zone(1.into(), row(serde_json::json!(["1-2"]))), "hyphen"),
            (zone((-1).into(), row(3.into())), "price of zone 'Z'"),
            (zone(1.5.into(), row(3.into())), "a price in minor units"),
            (zone(serde_json::json!({"amount": 5, "currency": "EUR"}), row(3.into())), "priced in EUR"),
            (zone(1.into(), serde_json::json!([])), "no row"),
            (
                serde_json::json!({"zones": [{"name": "Z", "price": 1, "capacity": 1, "x": 1}]}),
                "unknown field",
            ),
        ] {
            let error = check(json.clone()).expect_err(&json.to_string());
            assert!(error.contains(expected), "{json}: {error}");
        }
    }
}
