//! Converts pretix's seating-plan JSON, as its editor exports it and its API answers it, into a plan.
//!
//! Every seat of the file is in the plan exactly once, at its place. A zone of ours is a zone and a category of
//! theirs, for a zone has one price. Whatever is guessed, renamed or lost is told as a [`Warning`]; what a plan cannot
//! hold at all is a [`ConvertError`]. The format on their side is described in `schema.rs`.

mod areas;
mod blocks;
mod frame;
mod labels;
mod schema;
mod warning;
mod zones;

use std::collections::BTreeMap;

use ticketflow_domain::Currency;
use ticketflow_domain::plan::spec::{PriceSpec, ZoneSpec};
use ticketflow_domain::plan::{Decor, InvalidPlan, MAX_SEATS, PlanSpec, Point};

pub use warning::{Renames, Warning};

use areas::Outline;
use frame::Frame;
use labels::Names;
use schema::{Document, Layout};

/// A file's size at most. pretix spends some 300 bytes a seat on ids, so that the largest plan takes 60 MB.
pub const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;
/// Shapes of a plan, as the plan check allows.
const MOST_DECOR: usize = 200;

/// What the file does not say.
#[derive(Debug, Clone, Default)]
pub struct ConvertOptions {
    /// Price of a seat by category, in minor units of the show's currency.
    pub prices: BTreeMap<String, i64>,
    /// Price of seats of every other category; without it such a category is an error.
    pub default_price: Option<i64>,
    /// Areas that are general admission, by their text in the file; pretix itself knows no capacity of an area.
    pub general_admission: BTreeMap<String, GeneralArea>,
}

/// An area that becomes a general-admission zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneralArea {
    /// Places.
    pub capacity: u32,
    /// Of one place, in minor units.
    pub price: i64,
}

/// A converted plan, which passes the plan check.
#[derive(Debug, Clone)]
pub struct Conversion {
    /// The plan.
    pub plan: PlanSpec,
    /// Numbered seats, in the file and in the plan alike.
    pub seats: usize,
    /// Places of general admission.
    pub general_places: usize,
    /// What to look over.
    pub warnings: Vec<Warning>,
}

/// Why a file is not converted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// Too large to be read.
    #[error("the file has {bytes} bytes, more than {MAX_FILE_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// No JSON, or not of pretix's shape.
    #[error("the file is not a pretix seating plan")]
    Malformed(#[source] serde_json::Error),
    /// JSON without zones.
    #[error("the file is not a pretix seating plan: it has no zones")]
    NoZones,
    /// Nothing to sell.
    #[error("the file has no seat, and no area in it was named as general admission")]
    NoSeat,
    /// More than a show can have.
    #[error("the file has {seats} seats, a plan at most {MAX_SEATS}")]
    TooManySeats {
        /// In the file.
        seats: usize,
    },
    /// Neither a price of their own nor a default one.
    #[error("no price is given for {}", quoted(.categories))]
    PriceMissing {
        /// Their names.
        categories: Vec<String>,
    },
    /// Farther from the stage than a plan reaches.
    #[error("{what} lies more than 10 km from the focal point")]
    OutOfRange {
        /// Zone and row, or the area.
        what: String,
    },
    /// The plan check says no, to a price for instance.
    #[error("the converted plan is refused")]
    Refused(#[source] InvalidPlan),
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

/// Converts a file.
pub fn convert_pretix(json: &[u8], options: &ConvertOptions) -> Result<Conversion, ConvertError> {
    if json.len() > MAX_FILE_BYTES {
        return Err(ConvertError::TooLarge { bytes: json.len() });
    }
    let document: Document = serde_json::from_slice(json).map_err(ConvertError::Malformed)?;
    let layout = document.into_layout().ok_or(ConvertError::NoZones)?;
    let seats = layout.zones.iter().flat_map(|zone| &zone.rows).map(|row| row.seats.len()).sum();
    if seats > MAX_SEATS {
        return Err(ConvertError::TooManySeats { seats });
    }
    let mut warnings = Vec::new();
    let prices = Prices::of(&layout, options, &mut warnings)?;
    let outlines = outlines(&layout, &mut warnings);
    let cut = zones::cut(&layout, &mut warnings);
    let mut places: Vec<_> = cut.iter().flat_map(zones::Part::places).collect();
    if places.is_empty() {
        let general = |outline: &&Outline| options.general_admission.contains_key(&outline.text);
        places.extend(outlines.iter().filter(general).flat_map(|outline| outline.points.iter().copied()));
    }
    if places.is_empty() {
        return Err(ConvertError::NoSeat);
    }
    let frame = Frame::new(&places, zones::usual_distance(&cut), &outlines, &mut warnings);
    let mut names = Names::default();
    let mut zones = zones::specs(&cut, &frame, &prices, &mut names, &mut warnings)?;
    let (general, decor) = general_and_decor(&outlines, options, &frame, &mut names, &mut warnings)?;
    let general_places = general.iter().filter_map(|zone| zone.capacity).map(|places| places as usize).sum();
    zones.extend(general);
    let plan = PlanSpec { focal_point: Some(Point { x: 0, y: 0 }), zones, decor };
    plan.clone().check(Currency::CLP).map_err(ConvertError::Refused)?;
    Ok(Conversion { plan, seats, general_places, warnings })
}

/// Price and colour of each category that has seats.
struct Prices {
    by_category: BTreeMap<String, (i64, Option<String>)>,
}

impl Prices {
    fn of(
        layout: &Layout,
        options: &ConvertOptions,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, ConvertError> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for seat in layout.zones.iter().flat_map(|zone| &zone.rows).flat_map(|row| &row.seats) {
            *counts.entry(&seat.category).or_default() += 1;
        }
        let colors = layout.colors();
        let (mut by_category, mut missing) = (BTreeMap::new(), Vec::new());
        for (&category, &seats) in &counts {
            let color = match colors.get(category) {
                None => {
                    warnings.push(Warning::CategoryUnlisted { category: category.into() });
                    None
                }
                Some(color) => color.and_then(|color| usable_color(category, color, warnings)),
            };
            match (options.prices.get(category), options.default_price) {
                (Some(&price), _) => drop(by_category.insert(category.to_owned(), (price, color))),
                (None, Some(price)) => {
                    warnings.push(Warning::DefaultPrice { category: category.into(), seats });
                    by_category.insert(category.to_owned(), (price, color));
                }
                (None, None) => missing.push(category.to_owned()),
            }
        }
        let unused = options.prices.keys().filter(|category| !counts.contains_key(category.as_str()));
        warnings.extend(unused.map(|category| Warning::PriceUnused { category: category.clone() }));
        if missing.is_empty() {
            Ok(Self { by_category })
        } else {
            Err(ConvertError::PriceMissing { categories: missing })
        }
    }

    /// Of a category that has seats.
    fn get(&self, category: &str) -> (i64, Option<String>) {
        self.by_category.get(category).cloned().expect("every category with seats was priced")
    }
}

/// `#rrggbb` from that or from `#rgb`.
fn usable_color(category: &str, color: &str, warnings: &mut Vec<Warning>) -> Option<String> {
    let digits =
        color.trim().strip_prefix('#').filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    match digits {
        Some(hex) if hex.len() == 6 => Some(format!("#{}", hex.to_lowercase())),
        Some(hex) if hex.len() == 3 => Some(
            hex.to_lowercase().chars().fold("#".to_owned(), |text, digit| format!("{text}{digit}{digit}")),
        ),
        _ => {
            warnings.push(Warning::ColorDropped { category: category.into(), color: color.into() });
            None
        }
    }
}

/// All areas that can be drawn.
fn outlines(layout: &Layout, warnings: &mut Vec<Warning>) -> Vec<Outline> {
    let areas =
        || layout.zones.iter().flat_map(|zone| zone.areas.iter().map(move |area| (area, zone.position)));
    let outlines: Vec<Outline> = areas().filter_map(|(area, zone)| Outline::of(area, zone)).collect();
    let dropped = areas().count() - outlines.len();
    if dropped > 0 {
        warnings.push(Warning::AreasDropped { areas: dropped });
    }
    let colored = areas().filter(|(area, _)| area.color.is_some()).count();
    if colored > 0 {
        warnings.push(Warning::AreaColorsDropped { areas: colored });
    }
    outlines
}

/// The first area of each text that is asked for becomes a zone, all others are shapes.
fn general_and_decor(
    outlines: &[Outline],
    options: &ConvertOptions,
    frame: &Frame,
    names: &mut Names,
    warnings: &mut Vec<Warning>,
) -> Result<(Vec<ZoneSpec>, Vec<Decor>), ConvertError> {
    let mut wanted = options.general_admission.clone();
    let (mut zones, mut decor) = (Vec::new(), Vec::new());
    for outline in outlines {
        let points: Option<Vec<Point>> = outline.points.iter().map(|&place| frame.point(place)).collect();
        let points =
            points.ok_or_else(|| ConvertError::OutOfRange { what: format!("area {:?}", outline.text) })?;
        match wanted.remove(&outline.text) {
            Some(area) => zones.push(ZoneSpec {
                name: names.zone(&outline.text, "General"),
                price: PriceSpec::Minor(area.price),
                color: None,
                rows: None,
                capacity: Some(area.capacity),
                outline: if points.len() > 2 { points } else { Vec::new() },
            }),
            None => decor.push(Decor { label: outline.text.clone(), outline: points }),
        }
    }
    warnings.extend(wanted.into_keys().map(|area| Warning::AreaUnused { area }));
    if decor.len() > MOST_DECOR {
        warnings.push(Warning::AreasDropped { areas: decor.len() - MOST_DECOR });
        decor.truncate(MOST_DECOR);
    }
    Ok((zones, decor))
}
