//! The plan of a venue for one show: zones with numbered rows or with a capacity, prices and, where known, geometry.
//!
//! A plan never changes once its show exists. Seats are referred to by [`SeatIndex`], their place in plan order
//! (A-2 before A-10); [`Seating`] answers names, zones, rows and positions for an index and back. What a plan
//! file may contain is checked once, in [`spec`].

mod labels;
mod layout;
mod seating;
pub mod spec;

pub use labels::SeatLabels;
pub use seating::{GENERAL_ROW, RowSpan, SeatNumber, SeatPlace, Seating, ZoneSpan};
pub use spec::{InvalidPlan, PlanSpec};

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Seats of one show at most. The largest stadiums hold 130,000; the bound keeps a plan's memory and its event small.
pub const MAX_SEATS: usize = 200_000;

/// A seat's place in plan order, counted from 0. For general admission: one place of the zone's capacity.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
#[serde(transparent)]
pub struct SeatIndex(pub u32);

impl SeatIndex {
    /// For use as an index into per-seat tables.
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// A point on the plan in centimetres; y grows away from the stage. Written `[x, y]`.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
#[serde(from = "(i32, i32)", into = "(i32, i32)")]
pub struct Point {
    /// To the right, in centimetres.
    pub x: i32,
    /// Away from the stage, in centimetres.
    pub y: i32,
}

impl From<(i32, i32)> for Point {
    fn from((x, y): (i32, i32)) -> Self {
        Self { x, y }
    }
}

impl From<Point> for (i32, i32) {
    fn from(point: Point) -> Self {
        (point.x, point.y)
    }
}

impl PartialSchema for Point {
    fn schema() -> RefOr<Schema> {
        let pair = ArrayBuilder::new().items(i32::schema()).min_items(Some(2)).max_items(Some(2));
        pair.description(Some("A point on the plan in centimetres, `[x, y]`; y grows away from the stage."))
            .into()
    }
}

impl ToSchema for Point {}

/// A checked plan.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Plan {
    /// What the audience looks at; the best seats are nearest to it.
    pub focal_point: Point,
    /// In plan order; at least one.
    pub zones: Vec<Zone>,
    /// Shapes drawn behind the seats: stage, pitch, entrances.
    pub decor: Vec<Decor>,
}

/// A part of the venue with one price.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Zone {
    /// Unique in the plan.
    pub name: String,
    /// Of each seat, in minor units of the show's currency.
    pub price: i64,
    /// For drawing, `#rrggbb`.
    pub color: Option<String>,
    /// Numbered seats or a capacity.
    pub kind: ZoneKind,
}

/// How a zone is seated.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ZoneKind {
    /// Rows of numbered seats, in plan order; at least one.
    Numbered(Vec<Row>),
    /// General admission: places that nobody tells apart.
    General(GeneralAdmission),
}

/// A standing area, or seats without numbers.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct GeneralAdmission {
    /// Places.
    pub capacity: u32,
    /// The area on the plan; empty when unknown.
    pub outline: Vec<Point>,
}

/// A row of numbered seats.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Row {
    /// Unique in the zone.
    pub label: String,
    /// The seats' numbers from left to right.
    pub seats: RowSeats,
    /// Where the row runs: with as many points as seats each point is a seat, else the seats are spread evenly along
    /// the line through the points. Empty: laid out automatically.
    pub path: Vec<Point>,
}

/// The numbers of a row's seats.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
    utoipa::ToSchema,
)]
#[serde(untagged)]
pub enum RowSeats {
    /// Numbered 1 to this count.
    Count(u32),
    /// Labelled one by one; unique in the row.
    Labels(SeatLabels),
}

impl RowSeats {
    /// How many seats.
    pub fn len(&self) -> usize {
        match self {
            Self::Count(count) => *count as usize,
            Self::Labels(labels) => labels.len(),
        }
    }

    /// Whether the row has no seat; a checked plan has no such row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A shape drawn behind the seats.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Decor {
    /// Text in its middle; may be empty.
    pub label: String,
    /// Its corners in order.
    pub outline: Vec<Point>,
}
