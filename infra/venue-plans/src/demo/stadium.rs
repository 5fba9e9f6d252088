//! A stadium of some 45,000 places for a concert: standing on the pitch, an oval bowl of two tiers, closed behind the stage.
//!
//! North is up, behind the stage: the Pacífico stand is on the left, the Andes stand on the right.

use ticketflow_domain::plan::{PlanSpec, Point};

use super::palette::{BLUE, BRICK, GOLD, GREEN, PURPLE, SLATE};
use super::rows::tier_rows;
use super::tier::{Piece, Sector, Spacing};
use super::{general, numbered, rectangle, shape};

/// The oval's middle, from the stage edge.
const MIDDLE_CM: f64 = 3_550.0;
/// From the middle to the first row of the side stands.
const HALF_WIDTH_CM: f64 = 4_700.0;
/// Radii of the first row: side stands, corners, ends. The ends bend less than a circle around the stage would, so that
/// the middle of the south stand is its part nearest to the stage.
const SIDE_CM: f64 = 20_000.0;
const CORNER_CM: f64 = 3_000.0;
const END_CM: f64 = 14_000.0;
/// Half of the angle that a side stand spans around its far centre.
const SIDE_HALF_ANGLE: f64 = 11.5;

const LOWER: Spacing = Spacing { seat: 50.0, row: 80.0, aisle: 120.0 };
const UPPER: Spacing = Spacing { seat: 48.0, row: 80.0, aisle: 120.0 };
const LOWER_ROWS: u32 = 26;
const UPPER_ROWS: u32 = 26;
/// From the oval to the upper tier's first row.
const UPPER_START_CM: f64 = 2_450.0;

/// The stadium.
pub fn stadium() -> PlanSpec {
    let oval = Oval::new();
    let lower =
        |pieces: &[(Piece, u32)], first| tier_rows(&Sector::cut(pieces), (first, 1), 0.0, LOWER_ROWS, &LOWER);
    let upper = |pieces: &[(Piece, u32)], first| {
        tier_rows(&Sector::cut(pieces), (first, 1), UPPER_START_CM, UPPER_ROWS, &UPPER)
    };
    let codo_lower = [lower(&[(oval.south_west, 4)], 7), lower(&[(oval.south_east, 4)], 14)].concat();
    let codo_upper = [upper(&[(oval.south_west, 6)], 37), upper(&[(oval.south_east, 6)], 46)].concat();
    PlanSpec {
        focal_point: Some(Point { x: 0, y: 0 }),
        zones: vec![
            general("Cancha VIP", 120_000, GOLD, 2_000, rectangle((-3_000, 250), (3_000, 2_100))),
            general("Cancha General", 65_000, BRICK, 9_000, rectangle((-3_000, 2_400), (3_000, 8_400))),
            numbered("Tribuna Pacífico Baja", 95_000, BLUE, lower(&[(oval.west, 6)], 1)),
            numbered("Tribuna Andes Baja", 85_000, BLUE, lower(&[(oval.east, 6)], 18)),
            numbered("Codos Bajos", 58_000, GREEN, codo_lower),
            numbered("Galería Sur Baja", 48_000, PURPLE, lower(&[(oval.south, 3)], 11)),
            numbered("Tribuna Pacífico Alta", 62_000, GREEN, upper(&[(oval.west, 6)], 31)),
            numbered("Tribuna Andes Alta", 55_000, GREEN, upper(&[(oval.east, 6)], 52)),
            numbered("Codos Altos", 36_000, SLATE, codo_upper),
            numbered("Galería Sur Alta", 28_000, SLATE, upper(&[(oval.south, 3)], 43)),
        ],
        decor: vec![
            shape("", rectangle((-3_400, -1_700), (3_400, 8_800))),
            shape("Escenario", rectangle((-2_600, -1_600), (2_600, 0))),
            shape("", rectangle((-350, 4_300), (350, 4_900))),
            shape("Galería Norte (cerrada)", oval.closed_north()),
        ],
    }
}

/// The first row of the lower tier: arcs that pass into one another without a bend, counter-clockwise from the north-west.
struct Oval {
    west: Piece,
    south_west: Piece,
    south: Piece,
    south_east: Piece,
    east: Piece,
    north: Piece,
}

impl Oval {
    /// From the side stands' radius the corner's middle follows, and from that the ends' middle.
    fn new() -> Self {
        let side = SIDE_HALF_ANGLE.to_radians();
        let side_centre = SIDE_CM - HALF_WIDTH_CM;
        let corner = ((SIDE_CM - CORNER_CM) * side.cos() - side_centre, (SIDE_CM - CORNER_CM) * side.sin());
        let end_half = (corner.0 / (END_CM - CORNER_CM)).asin();
        let end_centre = corner.1 - (END_CM - CORNER_CM) * end_half.cos();
        let end_angle = end_half.to_degrees();
        let arc = |(x, y): (f64, f64), radius, from, to| Piece::Arc {
            centre: (x, MIDDLE_CM + y),
            radius,
            from,
            to,
        };
        let (near, far) = (SIDE_HALF_ANGLE, 90.0 - end_angle);
        Self {
            west: arc((side_centre, 0.0), SIDE_CM, 180.0 + near, 180.0 - near),
            south_west: arc((-corner.0, corner.1), CORNER_CM, 180.0 - near, 180.0 - far),
            south: arc((0.0, end_centre), END_CM, 180.0 - far, far),
            south_east: arc(corner, CORNER_CM, far, near),
            east: arc((-side_centre, 0.0), SIDE_CM, near, -near),
            north: arc((0.0, -end_centre), END_CM, 270.0 - end_angle * 1.6, 270.0 + end_angle * 1.6),
        }
    }

    /// The stand behind the stage, which is not sold.
    fn closed_north(&self) -> Vec<Point> {
        let mut outline = self.north.points(200.0, 0.0, 1.0);
        let mut outer = self.north.points(1_900.0, 0.0, 1.0);
        outer.reverse();
        outline.extend(outer);
        outline
    }
}
