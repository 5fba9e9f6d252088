//! Where each seat is drawn: along its row's path, or in a plain block layout where the plan gives no geometry.
//!
//! Pure integer results in centimetres, the same on every machine: they rank the best seats, so a replay must
//! find the same ones.

use super::{Plan, Point, Row, ZoneKind};

/// Between neighbouring seats of a row without geometry: a usual theatre seat.
const SEAT_PITCH_CM: i64 = 55;
/// Between rows without geometry.
const ROW_PITCH_CM: i64 = 90;
/// From the stage edge to the first row without geometry, and between zones.
const ZONE_GAP_CM: i64 = 250;
/// A general-admission place without an outline: two people a square metre, drawn as a block this deep.
const GENERAL_DEPTH_CM: i64 = 600;

/// The position of every seat of a plan in plan order. Places of general admission share their zone's middle.
pub(super) fn seat_positions(plan: &Plan) -> Vec<Point> {
    let mut positions = Vec::new();
    let mut next_y = ZONE_GAP_CM;
    for zone in &plan.zones {
        match &zone.kind {
            ZoneKind::Numbered(rows) => {
                for row in rows {
                    if row.path.is_empty() {
                        centred_row(row.seats.len(), next_y, &mut positions);
                        next_y += ROW_PITCH_CM;
                    } else {
                        along_path(row, &mut positions);
                    }
                }
                next_y += ZONE_GAP_CM;
            }
            ZoneKind::General(area) => {
                let middle = middle(&area.outline)
                    .unwrap_or(Point { x: 0, y: (next_y + GENERAL_DEPTH_CM / 2) as i32 });
                positions.extend(std::iter::repeat_n(middle, area.capacity as usize));
                next_y += GENERAL_DEPTH_CM + ZONE_GAP_CM;
            }
        }
    }
    positions
}

fn centred_row(count: usize, y: i64, positions: &mut Vec<Point>) {
    let left = -(count as i64 - 1) * SEAT_PITCH_CM / 2;
    positions
        .extend((0..count as i64).map(|seat| Point { x: (left + seat * SEAT_PITCH_CM) as i32, y: y as i32 }));
}

fn along_path(row: &Row, positions: &mut Vec<Point>) {
    let count = row.seats.len();
    if row.path.len() == count || row.path.len() < 2 {
        positions.extend(row.path.iter().take(count));
        return;
    }
    let lengths: Vec<i64> = row.path.windows(2).map(|pair| distance(pair[0], pair[1])).collect();
    let total: i64 = lengths.iter().sum();
    let gaps = (count as i64 - 1).max(1);
    for seat in 0..count as i64 {
        positions.push(point_at(&row.path, &lengths, total * seat / gaps));
    }
}

fn point_at(path: &[Point], lengths: &[i64], mut way: i64) -> Point {
    for (pair, &length) in path.windows(2).zip(lengths) {
        if way <= length && length > 0 {
            let part = |from: i32, to: i32| {
                (i64::from(from) + (i64::from(to) - i64::from(from)) * way / length) as i32
            };
            return Point { x: part(pair[0].x, pair[1].x), y: part(pair[0].y, pair[1].y) };
        }
        way -= length;
    }
    path[path.len() - 1]
}

fn distance(from: Point, to: Point) -> i64 {
    squared_distance(from, to).isqrt()
}

/// Squared centimetres between two points.
pub(super) fn squared_distance(from: Point, to: Point) -> i64 {
    let (dx, dy) = (i64::from(from.x) - i64::from(to.x), i64::from(from.y) - i64::from(to.y));
    dx * dx + dy * dy
}

fn middle(outline: &[Point]) -> Option<Point> {
    let count = i64::try_from(outline.len()).ok().filter(|&count| count > 0)?;
    let mean = |sum: i64| (sum / count) as i32;
    Some(Point {
        x: mean(outline.iter().map(|point| i64::from(point.x)).sum()),
        y: mean(outline.iter().map(|point| i64::from(point.y)).sum()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{RowSeats, Zone};
    use super::*;

    fn positions(seats: u32, path: &[(i32, i32)]) -> Vec<(i32, i32)> {
        let row = Row {
            label: "A".into(),
            seats: RowSeats::Count(seats),
            path: path.iter().copied().map(Point::from).collect(),
        };
        let zone = Zone { name: "Z".into(), price: 0, color: None, kind: ZoneKind::Numbered(vec![row]) };
        let plan = Plan { focal_point: Point { x: 0, y: 0 }, zones: vec![zone], decor: vec![] };
        seat_positions(&plan).into_iter().map(Into::into).collect()
    }

    #[test]
    fn seats_spread_evenly_along_a_bent_path() {
        assert_eq!(
            positions(5, &[(0, 0), (100, 0), (100, 100)]),
            [(0, 0), (50, 0), (100, 0), (100, 50), (100, 100)]
        );
    }

    #[test]
    fn as_many_points_as_seats_are_the_seats() {
        assert_eq!(positions(3, &[(5, 5), (9, 9), (7, 1)]), [(5, 5), (9, 9), (7, 1)]);
    }

    #[test]
    fn without_a_path_rows_are_centred_before_the_stage() {
        assert_eq!(positions(3, &[]), [(-55, 250), (0, 250), (55, 250)]);
    }

    #[test]
    fn a_path_of_no_length_puts_all_seats_on_its_point() {
        assert_eq!(positions(3, &[(4, 4), (4, 4)]), [(4, 4); 3]);
    }
}
