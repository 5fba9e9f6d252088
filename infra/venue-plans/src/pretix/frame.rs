//! From pretix's pixels to a plan's centimetres: scale, turn, and the focal point at the origin.
//!
//! The turn is a multiple of 90 degrees, so that rows stay straight; it puts the stage above the seats.

use ticketflow_domain::plan::Point;

use super::areas::Outline;
use super::schema::Place;
use super::warning::Warning;

/// Between neighbouring seats, to which the usual distance in the file is scaled.
const SEAT_PITCH_CM: f64 = 50.0;
/// The same in pixels where the file has no two neighbours: the editor's usual grid.
const USUAL_PITCH_PIXELS: f64 = 25.0;
/// From the guessed focal point to the nearest seats.
const STAGE_DISTANCE_CM: f64 = 250.0;
/// As the plan check allows.
const MAX_COORDINATE: f64 = 1_000_000.0;

/// The way from a file's coordinates to a plan's.
pub(super) struct Frame {
    centimetres_per_pixel: f64,
    quarter_turns: u32,
    origin: Place,
}

impl Frame {
    /// From the places of all seats (at least one), the usual distance of neighbours, and the areas.
    pub(super) fn new(
        seats: &[Place],
        usual_distance: Option<f64>,
        areas: &[Outline],
        warnings: &mut Vec<Warning>,
    ) -> Self {
        let centimetres_per_pixel = SEAT_PITCH_CM / usual_distance.unwrap_or(USUAL_PITCH_PIXELS);
        let millimetres = (centimetres_per_pixel * 10.0).round() as u64;
        warnings.push(Warning::ScaleGuessed { millimetres });
        let mut frame = Self { centimetres_per_pixel, quarter_turns: 0, origin: Place::default() };
        frame.origin = match areas.iter().find(|area| area.is_stage()) {
            Some(stage) => {
                frame.quarter_turns = turns_below(stage.middle(), middle(seats));
                if frame.quarter_turns > 0 {
                    let degrees = frame.quarter_turns * 90;
                    warnings.push(Warning::Turned { degrees, stage: stage.text.clone() });
                }
                let (_, right_bottom) = frame.bounds(&stage.points);
                let (left_top, _) = frame.bounds(&stage.points);
                Place { x: (left_top.x + right_bottom.x) / 2.0, y: right_bottom.y }
            }
            None => {
                warnings.push(Warning::NoStage);
                let (left_top, right_bottom) = frame.bounds(seats);
                Place { x: (left_top.x + right_bottom.x) / 2.0, y: left_top.y - STAGE_DISTANCE_CM }
            }
        };
        frame
    }

    /// Where it is on the plan; none if that is too far off, or no number.
    pub(super) fn point(&self, place: Place) -> Option<Point> {
        let scaled = self.turned(place);
        let inside =
            |value: f64| (-MAX_COORDINATE..=MAX_COORDINATE).contains(&value).then(|| value.round() as i32);
        Some(Point { x: inside(scaled.x - self.origin.x)?, y: inside(scaled.y - self.origin.y)? })
    }

    /// Turned clockwise and scaled.
    fn turned(&self, Place { x, y }: Place) -> Place {
        let (x, y) = match self.quarter_turns {
            0 => (x, y),
            1 => (-y, x),
            2 => (-x, -y),
            _ => (y, -x),
        };
        Place { x: x * self.centimetres_per_pixel, y: y * self.centimetres_per_pixel }
    }

    fn bounds(&self, places: &[Place]) -> (Place, Place) {
        let first = (
            Place { x: f64::INFINITY, y: f64::INFINITY },
            Place { x: f64::NEG_INFINITY, y: f64::NEG_INFINITY },
        );
        places.iter().fold(first, |(least, most), &place| {
            let at = self.turned(place);
            (
                Place { x: least.x.min(at.x), y: least.y.min(at.y) },
                Place { x: most.x.max(at.x), y: most.y.max(at.y) },
            )
        })
    }
}

/// Clockwise quarter turns after which the seats are below the stage.
fn turns_below(stage: Place, seats: Place) -> u32 {
    let (right, down) = (seats.x - stage.x, seats.y - stage.y);
    match (right.abs() > down.abs(), right > 0.0, down >= 0.0) {
        (false, _, true) => 0,
        (true, true, _) => 1,
        (false, _, false) => 2,
        (true, false, _) => 3,
    }
}

fn middle(places: &[Place]) -> Place {
    let count = places.len().max(1) as f64;
    let sum = places.iter().fold(Place::default(), |sum, &place| sum + place);
    Place { x: sum.x / count, y: sum.y / count }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(x: f64, y: f64) -> Outline {
        Outline { text: "Bühne".into(), points: vec![Place { x, y }] }
    }

    #[test]
    fn wherever_the_stage_is_it_ends_up_above_the_seats() {
        for (x, y, turned) in [(0.0, -90.0, 0), (-90.0, 0.0, 90), (0.0, 90.0, 180), (90.0, 0.0, 270)] {
            let mut warnings = Vec::new();
            let seat = Place { x: 0.0, y: 0.0 };
            let frame = Frame::new(&[seat], Some(25.0), &[stage(x, y)], &mut warnings);
            assert_eq!(frame.point(Place { x, y }), Some(Point { x: 0, y: 0 }), "the stage is the origin");
            assert_eq!(frame.point(seat), Some(Point { x: 0, y: 180 }), "stage at {x} {y}");
            let told = Warning::Turned { degrees: turned, stage: "Bühne".into() };
            assert_eq!(warnings.contains(&told), turned > 0);
        }
    }

    #[test]
    fn places_beyond_ten_kilometres_are_refused() {
        let frame = Frame::new(&[Place::default()], Some(25.0), &[], &mut Vec::new());
        assert!(frame.point(Place { x: 490_000.0, y: 0.0 }).is_some());
        assert_eq!(frame.point(Place { x: 510_000.0, y: 0.0 }), None);
        assert_eq!(frame.point(Place { x: 0.0, y: f64::MAX }), None);
        assert_eq!(frame.point(Place { x: f64::NAN, y: 0.0 }), None);
    }
}
