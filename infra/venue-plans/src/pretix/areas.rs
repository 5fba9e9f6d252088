//! pretix areas as outlines: rectangles, polygons, circles, ellipses and bare texts.
//!
//! An outline is in pixels of the whole plan; a bare text is an outline of one point.

use super::schema::{Area, AreaText, Place, Size};

/// Corners of a drawn circle.
const CIRCLE_CORNERS: u32 = 32;
/// Corners of an outline, as the plan check allows.
const MOST_POINTS: usize = 2_000;
/// Words that name what the audience looks at, in the languages that pretix plans come in.
const STAGE_WORDS: [&str; 12] = [
    "stage",
    "escenario",
    "bühne",
    "buehne",
    "scène",
    "scene",
    "podium",
    "screen",
    "pantalla",
    "leinwand",
    "palcoscenico",
    "scena",
];

/// An area with its outline.
pub(super) struct Outline {
    pub(super) text: String,
    pub(super) points: Vec<Place>,
}

impl Outline {
    /// None for an area that cannot be drawn.
    pub(super) fn of(area: &Area, zone: Place) -> Option<Self> {
        let origin = zone + area.position;
        let text = area.text.as_ref().map_or("", AreaText::text).to_owned();
        let corners = corners(area).or_else(|| text_point(area))?;
        if corners.is_empty() || corners.len() > MOST_POINTS {
            return None;
        }
        let (sine, cosine) = area.rotation.to_radians().sin_cos();
        let turned = |at: Place| Place { x: at.x * cosine - at.y * sine, y: at.x * sine + at.y * cosine };
        Some(Self { text, points: corners.into_iter().map(|corner| origin + turned(corner)).collect() })
    }

    /// Whether its text names a stage.
    pub(super) fn is_stage(&self) -> bool {
        let lower = self.text.to_lowercase();
        lower.split(|letter: char| !letter.is_alphabetic()).any(|word| STAGE_WORDS.contains(&word))
    }

    /// The middle of its corners.
    pub(super) fn middle(&self) -> Place {
        let count = self.points.len() as f64;
        let sum = self.points.iter().fold(Place::default(), |sum, &point| sum + point);
        Place { x: sum.x / count, y: sum.y / count }
    }
}

/// Relative to the area's position, before its rotation.
fn corners(area: &Area) -> Option<Vec<Place>> {
    let old = || Some(Size { width: area.width?, height: area.height? });
    match area.shape.as_deref() {
        Some("polygon") => area.polygon.as_ref().map(|polygon| polygon.points.clone()),
        Some("circle") => area.circle.as_ref().map(|circle| round(circle.radius, circle.radius)),
        Some("ellipse") => area.ellipse.as_ref().map(|ellipse| round(ellipse.radius.x, ellipse.radius.y)),
        Some("rectangle") | None => area.rectangle.or_else(old).map(rectangle),
        Some(_) => None,
    }
}

fn text_point(area: &Area) -> Option<Vec<Place>> {
    match area.text.as_ref().filter(|text| !text.text().is_empty())? {
        AreaText::Plain(_) => Some(vec![Place::default()]),
        AreaText::Placed { position, .. } => Some(vec![*position]),
    }
}

fn rectangle(Size { width, height }: Size) -> Vec<Place> {
    [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)].map(|(x, y)| Place { x, y }).to_vec()
}

fn round(wide: f64, high: f64) -> Vec<Place> {
    let corner = |index: u32| {
        let angle = std::f64::consts::TAU * f64::from(index) / f64::from(CIRCLE_CORNERS);
        Place { x: wide * angle.cos(), y: high * angle.sin() }
    };
    (0..CIRCLE_CORNERS).map(corner).collect()
}
