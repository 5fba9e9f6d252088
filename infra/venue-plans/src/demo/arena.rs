//! An arena of some 15,000 seats: numbered chairs on the floor before a stage at one end, a bowl open behind the stage.

use ticketflow_domain::plan::spec::{RowSpec, SeatsSpec};
use ticketflow_domain::plan::{PlanSpec, Point};

use super::palette::{BLUE, BRICK, GOLD, GREEN, PURPLE};
use super::rows::tier_rows;
use super::tier::{Piece, Sector, Spacing};
use super::{numbered, rectangle, shape};

/// From the middle line to the bowl's first row at the sides.
const HALF_WIDTH_CM: f64 = 2_000.0;
/// Radius of the bowl's corners at the first row.
const CORNER_CM: f64 = 1_500.0;
/// Where the sides begin, beside the stage, and where the corners do.
const SIDE_START_CM: f64 = -300.0;
const SIDE_END_CM: f64 = 4_000.0;

const BOWL: Spacing = Spacing { seat: 50.0, row: 82.0, aisle: 130.0 };
const FLOOR: Spacing = Spacing { seat: 55.0, row: 92.0, aisle: 150.0 };

/// The arena.
pub fn arena() -> PlanSpec {
    let lower = Sector::cut(&bowl(5, 4, 1));
    let upper = Sector::cut(&bowl(5, 5, 1));
    PlanSpec {
        focal_point: Some(Point { x: 0, y: 0 }),
        zones: vec![
            numbered("Cancha VIP", 145_000, GOLD, floor_rows(300.0, 12, 1)),
            numbered("Cancha Preferencial", 98_000, BRICK, floor_rows(1_550.0, 26, 13)),
            numbered("Platea Baja", 79_000, BLUE, tier_rows(&lower, (101, 1), 0.0, 20, &BOWL)),
            numbered("Platea Alta", 52_000, GREEN, tier_rows(&upper, (201, 1), 2_000.0, 12, &BOWL)),
            numbered("Galería", 29_000, PURPLE, tier_rows(&upper, (301, 1), 3_150.0, 8, &BOWL)),
        ],
        decor: vec![
            shape("Escenario", rectangle((-1_200, -1_200), (1_200, 0))),
            shape("", rectangle((-220, 0), (220, 150))),
            shape("Mesa de sonido", rectangle((-350, 4_080), (350, 4_400))),
        ],
    }
}

/// The bowl's first row from the left of the stage around to its right, with sectors a side, a corner and the end.
fn bowl(side: u32, corner: u32, end: u32) -> [(Piece, u32); 5] {
    let inner = HALF_WIDTH_CM - CORNER_CM;
    let bottom = SIDE_END_CM + CORNER_CM;
    let arc = |x, from, to| Piece::Arc { centre: (x, SIDE_END_CM), radius: CORNER_CM, from, to };
    let line = |from, to, outward| Piece::Line { from, to, outward };
    let (left, right) = (-HALF_WIDTH_CM, HALF_WIDTH_CM);
    [
        (line((left, SIDE_START_CM), (left, SIDE_END_CM), (-1.0, 0.0)), side),
        (arc(-inner, 180.0, 90.0), corner),
        (line((-inner, bottom), (inner, bottom), (0.0, 1.0)), end),
        (arc(inner, 90.0, 0.0), corner),
        (line((right, SIDE_END_CM), (right, SIDE_START_CM), (1.0, 0.0)), side),
    ]
}

/// Three blocks of chairs across the floor, labelled by block (A to C from the left) and row.
fn floor_rows(from_stage: f64, count: u32, first_row: u32) -> Vec<RowSpec> {
    let front = Piece::Line { from: (-1_500.0, 0.0), to: (1_500.0, 0.0), outward: (0.0, 1.0) };
    let mut rows = Vec::new();
    for (sector, block) in Sector::cut(&[(front, 3)]).iter().zip(["A", "B", "C"]) {
        for row in 0..count {
            let (seats, path) = sector.row(from_stage + f64::from(row) * FLOOR.row, &FLOOR);
            let label = format!("{block} {}", first_row + row);
            rows.push(RowSpec { label, seats: SeatsSpec::Count(seats), path });
        }
    }
    rows
}
