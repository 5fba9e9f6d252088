//! The three demo venues: a theatre, an arena and a stadium, each made by a pure function without input.
//!
//! The plan files under `ticketflow/plans` are the output of these functions (`cargo run -p ticketflow-venue-plans
//! --example make_demo_plans` writes them), and a test holds the two equal. Names and prices are Chilean and invented.

mod arena;
mod palette;
mod rows;
mod stadium;
mod theatre;
mod tier;

pub use arena::arena;
pub use stadium::stadium;
pub use theatre::theatre;

use ticketflow_domain::plan::spec::{PriceSpec, RowSpec, ZoneSpec};
use ticketflow_domain::plan::{Decor, PlanSpec, Point};

/// All demo plans with the name of their file, without its ending.
pub fn all() -> [(&'static str, PlanSpec); 3] {
    [("theatre", theatre()), ("arena", arena()), ("stadium", stadium())]
}

/// A zone of numbered rows, priced in whole pesos.
fn numbered(name: &str, price: i64, color: &str, rows: Vec<RowSpec>) -> ZoneSpec {
    ZoneSpec {
        name: name.into(),
        price: PriceSpec::Minor(price),
        color: Some(color.into()),
        rows: Some(rows),
        capacity: None,
        outline: Vec::new(),
    }
}

/// A general-admission zone, priced in whole pesos.
fn general(name: &str, price: i64, color: &str, capacity: u32, outline: Vec<Point>) -> ZoneSpec {
    ZoneSpec {
        name: name.into(),
        price: PriceSpec::Minor(price),
        color: Some(color.into()),
        rows: None,
        capacity: Some(capacity),
        outline,
    }
}

fn shape(label: &str, outline: Vec<Point>) -> Decor {
    Decor { label: label.into(), outline }
}

/// The rectangle between two opposite corners.
fn rectangle((left, top): (i32, i32), (right, bottom): (i32, i32)) -> Vec<Point> {
    [(left, top), (right, top), (right, bottom), (left, bottom)].map(Point::from).to_vec()
}
