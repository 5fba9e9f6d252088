//! Curves around a floor and the rows of seats that run along them, offset outwards row by row.
//!
//! A curve is a chain of arcs and straight lines. A row's seats keep the wanted distance exactly, measured along the
//! curve, and stand in the middle of their sector, so that aisles of at least the wanted width stay free on both sides.
//! Computed in floating point and rounded to whole centimetres once, at the end.

use ticketflow_domain::plan::Point;

/// How far a row drawn by straight pieces may stray from its arc: less than a seat's width can show.
const LARGEST_SAG_CM: f64 = 4.0;

/// A place in centimetres before rounding.
pub(super) type Place = (f64, f64);

/// A piece of the innermost line of a tier.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece {
    /// Around a centre from one angle to another, in degrees; 90 points away from the stage.
    Arc { centre: Place, radius: f64, from: f64, to: f64 },
    /// From one place to another, with the unit vector that points away from the floor.
    Line { from: Place, to: Place, outward: Place },
}

impl Piece {
    /// Its length when moved outwards.
    pub(super) fn length(&self, outwards: f64) -> f64 {
        match *self {
            Self::Arc { radius, from, to, .. } => (radius + outwards) * (to - from).to_radians().abs(),
            Self::Line { from, to, .. } => (to.0 - from.0).hypot(to.1 - from.1),
        }
    }

    /// The place at a fraction of the length when moved outwards.
    pub(super) fn at(&self, outwards: f64, fraction: f64) -> Place {
        match *self {
            Self::Arc { centre, radius, from, to } => {
                let angle = (from + (to - from) * fraction).to_radians();
                let reach = radius + outwards;
                (centre.0 + reach * angle.cos(), centre.1 + reach * angle.sin())
            }
            Self::Line { from, to, outward } => (
                from.0 + (to.0 - from.0) * fraction + outward.0 * outwards,
                from.1 + (to.1 - from.1) * fraction + outward.1 * outwards,
            ),
        }
    }

    /// Points from one fraction to another, as few as the sag allows.
    pub(super) fn points(&self, outwards: f64, from: f64, to: f64) -> Vec<Point> {
        let pieces = match *self {
            Self::Line { .. } => 1,
            Self::Arc { radius, from: start, to: end, .. } => {
                let widest = 2.0 * (1.0 - LARGEST_SAG_CM / (radius + outwards)).acos();
                let angle = (end - start).to_radians().abs() * (to - from);
                (angle / widest).ceil().max(1.0) as u32
            }
        };
        let step = (to - from) / f64::from(pieces);
        (0..=pieces).map(|piece| rounded(self.at(outwards, from + step * f64::from(piece)))).collect()
    }
}

/// A stretch of a piece between two aisles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sector {
    pub(super) piece: Piece,
    /// Fractions of the piece's length.
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Sector {
    /// The pieces cut into equal sectors, so many each.
    pub(super) fn cut(pieces: &[(Piece, u32)]) -> Vec<Self> {
        let cut = |&(piece, count): &(Piece, u32)| {
            let edge = move |index: u32| f64::from(index) / f64::from(count);
            (0..count).map(move |index| Self { piece, from: edge(index), to: edge(index + 1) })
        };
        pieces.iter().flat_map(cut).collect()
    }

    /// How many seats fit into the row at this offset, and its line from the first seat to the last.
    pub(super) fn row(&self, outwards: f64, spacing: &Spacing) -> (u32, Vec<Point>) {
        let whole = self.piece.length(outwards);
        let room = whole * (self.to - self.from) - spacing.aisle;
        let seats = (room / spacing.seat).floor().max(0.0) as u32;
        let half = f64::from(seats.saturating_sub(1)) * spacing.seat / whole / 2.0;
        let middle = (self.from + self.to) / 2.0;
        (seats, self.piece.points(outwards, middle - half, middle + half))
    }
}

/// Distances within a tier in centimetres.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spacing {
    /// From the middle of one seat to that of its neighbour.
    pub(super) seat: f64,
    /// From one row to the next.
    pub(super) row: f64,
    /// Between two sectors.
    pub(super) aisle: f64,
}

/// To whole centimetres.
pub(super) fn rounded((x, y): Place) -> Point {
    Point { x: x.round() as i32, y: y.round() as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_on_a_line_keeps_its_spacing_and_the_aisles() {
        let piece = Piece::Line { from: (0.0, 0.0), to: (1_000.0, 0.0), outward: (0.0, 1.0) };
        let spacing = Spacing { seat: 50.0, row: 80.0, aisle: 100.0 };
        let sectors = Sector::cut(&[(piece, 2)]);
        let (seats, line) = sectors[1].row(80.0, &spacing);
        assert_eq!(seats, 8);
        assert_eq!(line, [(575, 80), (925, 80)].map(Point::from));
    }

    #[test]
    fn an_arc_is_followed_closely_by_few_points() {
        let piece = Piece::Arc { centre: (0.0, 0.0), radius: 2_000.0, from: 120.0, to: 60.0 };
        let points = piece.points(0.0, 0.0, 1.0);
        assert!((6..=12).contains(&points.len()), "{}", points.len());
        assert!(points[0].x < 0 && points[points.len() - 1].x > 0, "left to right before the stage");
        for point in points {
            let reach = f64::from(point.x).hypot(f64::from(point.y));
            assert!((reach - 2_000.0).abs() < 1.0, "{reach}");
        }
    }
}
