//! A horseshoe theatre of some 1,200 seats: two stalls, boxes along both sides, a balcony.
//!
//! Seats of a row are numbered through from left to right across its two aisles; each block between aisles is a row of
//! its own, so that nobody is seated together across an aisle.

use ticketflow_domain::plan::spec::{RowSpec, SeatsSpec};
use ticketflow_domain::plan::{Decor, PlanSpec, Point};

use super::palette::{BLUE, BRICK, GOLD, GREEN};
use super::rows::letter;
use super::tier::{Piece, Sector, Spacing, rounded};
use super::{numbered, shape};

/// The rows bend around a point this far behind the stage edge.
const CENTRE_BEHIND_CM: f64 = 1_400.0;
/// From the middle of the house to its sides, seen from that point.
const HALF_ANGLE: f64 = 29.0;
/// Share of a row's length in each side block.
const SIDE_SHARE: f64 = 0.26;
const SPACING: Spacing = Spacing { seat: 54.0, row: 95.0, aisle: 120.0 };

/// Boxes on each side.
const BOXES_A_SIDE: u32 = 7;
/// From one box to the next along the wall.
const BOX_PITCH_CM: f64 = 250.0;
/// Between the stalls' edge and the boxes.
const BOX_DISTANCE_CM: f64 = 230.0;

/// The theatre.
pub fn theatre() -> PlanSpec {
    let boxes: Vec<SideBox> = [-1.0, 1.0]
        .into_iter()
        .flat_map(|side| (0..BOXES_A_SIDE).map(move |index| SideBox { side, index }))
        .collect();
    let mut decor = vec![shape("Escenario", stage())];
    decor.extend(boxes.iter().map(SideBox::wall));
    PlanSpec {
        focal_point: Some(Point { x: 0, y: 0 }),
        zones: vec![
            numbered("Platea Baja", 48_000, GOLD, blocks(300.0, 12, 0)),
            numbered("Platea Alta", 36_000, BRICK, blocks(1_590.0, 7, 12)),
            numbered("Palcos", 42_000, BLUE, boxes.iter().map(SideBox::row).collect()),
            numbered("Balcón", 22_000, GREEN, blocks(2_480.0, 5, 0)),
        ],
        decor,
    }
}

/// Rows of three blocks, the nearest so far from the stage edge, lettered on from `first_letter`.
fn blocks(from_stage: f64, count: u32, first_letter: u32) -> Vec<RowSpec> {
    let piece = house_arc();
    let sectors = [(0.0, SIDE_SHARE), (SIDE_SHARE, 1.0 - SIDE_SHARE), (1.0 - SIDE_SHARE, 1.0)];
    let mut rows = Vec::new();
    for row in 0..count {
        let mut number = 0;
        for ((from, to), block) in sectors.into_iter().zip(["izquierda", "centro", "derecha"]) {
            let (seats, path) =
                Sector { piece, from, to }.row(from_stage + f64::from(row) * SPACING.row, &SPACING);
            let labels = (number + 1..=number + seats).map(|seat| seat.to_string()).collect();
            number += seats;
            let label = format!("{} {block}", letter(first_letter + row));
            rows.push(RowSpec { label, seats: SeatsSpec::Labels(labels), path });
        }
    }
    rows
}

/// The stage edge's circle, from the left side of the house to the right.
fn house_arc() -> Piece {
    Piece::Arc {
        centre: (0.0, -CENTRE_BEHIND_CM),
        radius: CENTRE_BEHIND_CM,
        from: 90.0 + HALF_ANGLE,
        to: 90.0 - HALF_ANGLE,
    }
}

/// A bowed apron before a stage that narrows to the back.
fn stage() -> Vec<Point> {
    let mut outline = vec![Point { x: -520, y: -850 }, Point { x: 520, y: -850 }];
    let apron = Piece::Arc { centre: (0.0, -CENTRE_BEHIND_CM), radius: 1_500.0, from: 62.0, to: 118.0 };
    outline.extend(apron.points(0.0, 0.0, 1.0));
    outline
}

/// A box of six chairs, two deep, at one side of the stalls.
struct SideBox {
    /// -1 on the left, 1 on the right.
    side: f64,
    /// From the stage.
    index: u32,
}

impl SideBox {
    /// The place `along` the wall from the box's middle and so `deep` behind its parapet.
    fn place(&self, along: f64, deep: f64) -> Point {
        let (sine, cosine) = HALF_ANGLE.to_radians().sin_cos();
        let start = CENTRE_BEHIND_CM + 380.0 + f64::from(self.index) * BOX_PITCH_CM + along;
        let out = BOX_DISTANCE_CM + deep;
        rounded((self.side * (start * sine + out * cosine), start * cosine - out * sine - CENTRE_BEHIND_CM))
    }

    /// Odd numbers on the left, even on the right, counted from the stage as usherettes do.
    fn row(&self) -> RowSpec {
        let number = self.index * 2 + if self.side < 0.0 { 1 } else { 2 };
        let chairs = [20.0, 85.0].into_iter().flat_map(|deep| [-62.0, 0.0, 62.0].map(|along| (along, deep)));
        RowSpec {
            label: format!("Palco {number}"),
            seats: SeatsSpec::Count(6),
            path: chairs.map(|(along, deep)| self.place(along, deep)).collect(),
        }
    }

    fn wall(&self) -> Decor {
        let corners = [(-110.0, -25.0), (110.0, -25.0), (110.0, 130.0), (-110.0, 130.0)];
        shape("", corners.map(|(along, deep)| self.place(along, deep)).to_vec())
    }
}
