//! The parts of pretix's seating-plan JSON that a plan can use, in its present version and in its first one.
//!
//! Fields that are not named here (uuids, colours of borders, tooltips) are passed over: pretix adds to its schema.
//! Lengths are pixels; a seat's place is the sum of its zone's, its row's and its own position.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A plan, or the answer of pretix's API with the plan as its `layout`.
#[derive(Deserialize)]
pub(super) struct Document {
    pub(super) layout: Option<Layout>,
    #[serde(default)]
    pub(super) categories: Vec<Category>,
    pub(super) zones: Option<Vec<Zone>>,
}

#[derive(Deserialize)]
pub(super) struct Layout {
    #[serde(default)]
    pub(super) categories: Vec<Category>,
    pub(super) zones: Vec<Zone>,
}

#[derive(Deserialize)]
pub(super) struct Category {
    pub(super) name: String,
    pub(super) color: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Zone {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) position: Place,
    #[serde(default)]
    pub(super) rows: Vec<Row>,
    #[serde(default)]
    pub(super) areas: Vec<Area>,
}

#[derive(Deserialize)]
pub(super) struct Row {
    #[serde(default)]
    pub(super) row_number: Label,
    #[serde(default)]
    pub(super) position: Place,
    pub(super) row_label: Option<String>,
    pub(super) seat_label: Option<String>,
    pub(super) seats: Vec<Seat>,
}

#[derive(Deserialize)]
pub(super) struct Seat {
    #[serde(default)]
    pub(super) seat_number: Label,
    pub(super) position: Place,
    #[serde(default)]
    pub(super) category: String,
}

#[derive(Deserialize)]
pub(super) struct Area {
    #[serde(default)]
    pub(super) position: Place,
    #[serde(default)]
    pub(super) rotation: f64,
    pub(super) color: Option<String>,
    pub(super) text: Option<AreaText>,
    pub(super) shape: Option<String>,
    pub(super) polygon: Option<Polygon>,
    pub(super) rectangle: Option<Size>,
    pub(super) ellipse: Option<Ellipse>,
    pub(super) circle: Option<Circle>,
    /// The first version knew rectangles only.
    pub(super) width: Option<f64>,
    pub(super) height: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct Polygon {
    pub(super) points: Vec<Place>,
}

#[derive(Deserialize, Clone, Copy)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

#[derive(Deserialize)]
pub(super) struct Ellipse {
    pub(super) radius: Place,
}

#[derive(Deserialize)]
pub(super) struct Circle {
    pub(super) radius: f64,
}

/// The first version wrote a plain text.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, or an object with a text and its position")]
pub(super) enum AreaText {
    Plain(String),
    Placed {
        #[serde(default)]
        text: String,
        #[serde(default)]
        position: Place,
    },
}

impl AreaText {
    pub(super) fn text(&self) -> &str {
        let (Self::Plain(text) | Self::Placed { text, .. }) = self;
        text.trim()
    }
}

#[derive(Deserialize, Clone, Copy, Default, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
}

impl std::ops::Add for Place {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { x: self.x + other.x, y: self.y + other.y }
    }
}

impl Place {
    pub(super) fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// A text, or a number as some editors write it.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text or a whole number")]
pub(super) enum Label {
    Text(String),
    Number(i64),
}

impl Default for Label {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Number(number) => write!(formatter, "{number}"),
        }
    }
}

impl Document {
    /// The plan itself; none where the document has no zones.
    pub(super) fn into_layout(self) -> Option<Layout> {
        match (self.zones, self.layout) {
            (Some(zones), _) => Some(Layout { categories: self.categories, zones }),
            (None, layout) => layout,
        }
    }
}

impl Layout {
    /// Colours by category.
    pub(super) fn colors(&self) -> BTreeMap<&str, Option<&str>> {
        self.categories.iter().map(|category| (category.name.as_str(), category.color.as_deref())).collect()
    }
}
