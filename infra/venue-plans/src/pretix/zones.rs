//! pretix zones, rows and seats as zones of one category each with rows of real neighbours.
//!
//! Two passes: the cut knows pixels and categories only and tells the places for the frame; the second names and places.

use std::collections::{HashMap, HashSet};

use ticketflow_domain::plan::Point;
use ticketflow_domain::plan::spec::{PriceSpec, RowSpec, SeatsSpec, ZoneSpec};

use super::blocks::{Placed, blocks, median};
use super::frame::Frame;
use super::labels::Names;
use super::schema::{Layout, Place, Row, Zone};
use super::warning::{Renames, Warning};
use super::{ConvertError, Prices};

/// The seats of one category in one zone.
pub(super) struct Part<'a> {
    zone: &'a Zone,
    category: &'a str,
    /// How many parts the zone has.
    siblings: usize,
    blocks: Vec<Block<'a>>,
}

/// Neighbours in a row.
struct Block<'a> {
    row: &'a Row,
    seats: Vec<Placed<'a>>,
}

impl Part<'_> {
    /// The places of its seats, in pixels.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.blocks.iter().flat_map(|block| block.seats.iter().map(|seat| seat.place))
    }
}

/// The parts of all zones in the order of the file.
pub(super) fn cut<'a>(layout: &'a Layout, warnings: &mut Vec<Warning>) -> Vec<Part<'a>> {
    let described = |row: &&Row| row.row_label.is_some() || row.seat_label.is_some();
    let described = layout.zones.iter().flat_map(|zone| &zone.rows).filter(described).count();
    if described > 0 {
        warnings.push(Warning::DescriptionsDropped { rows: described });
    }
    layout.zones.iter().flat_map(|zone| cut_zone(zone, warnings)).collect()
}

fn cut_zone<'a>(zone: &'a Zone, warnings: &mut Vec<Warning>) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    let mut part_of_category: HashMap<&str, usize> = HashMap::new();
    let (mut empty, mut sorted, mut split, mut first) = (0, 0, 0, String::new());
    for row in &zone.rows {
        let cut = blocks(row, zone.position + row.position);
        empty += usize::from(cut.blocks.is_empty());
        sorted += usize::from(cut.sorted);
        if cut.blocks.len() > 1 {
            if split == 0 {
                first = row.row_number.to_string();
            }
            split += 1;
        }
        for seats in cut.blocks {
            let category = seats[0].seat.category.as_str();
            let block = Block { row, seats };
            let part = *part_of_category.entry(category).or_insert(parts.len());
            if part == parts.len() {
                parts.push(Part { zone, category, siblings: 0, blocks: Vec::new() });
            }
            parts[part].blocks.push(block);
        }
    }
    let siblings = parts.len();
    parts.iter_mut().for_each(|part| part.siblings = siblings);
    let name = || zone.name.clone();
    if siblings > 1 {
        warnings.push(Warning::ZoneSplit { zone: name(), parts: siblings });
    }
    if empty > 0 {
        warnings.push(Warning::EmptyRows { zone: name(), rows: empty });
    }
    if sorted > 0 {
        warnings.push(Warning::RowsSorted { zone: name(), rows: sorted });
    }
    if split > 0 {
        warnings.push(Warning::RowsSplit { zone: name(), rows: split, first });
    }
    parts
}

/// The usual distance of a seat to the nearest of its row over all zones, in pixels. The seats around a table are
/// often numbered from side to side, so that the nearest is the next but one.
pub(super) fn usual_distance(parts: &[Part<'_>]) -> Option<f64> {
    let nearest = |seats: &[Placed<'_>]| {
        let to = |seat: &Placed<'_>| seats[0].place.distance(seat.place);
        seats[1..].iter().map(to).filter(|&distance| distance > 0.0).min_by(f64::total_cmp)
    };
    let blocks = parts.iter().flat_map(|part| &part.blocks);
    let seats = blocks.flat_map(|block| (0..block.seats.len()).map(|at| &block.seats[at..]));
    median(seats.filter_map(|rest| nearest(&rest[..rest.len().min(3)])).collect())
}

/// Zones with names, labels, prices and places.
pub(super) fn specs(
    parts: &[Part<'_>],
    frame: &Frame,
    prices: &Prices,
    names: &mut Names,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<ZoneSpec>, ConvertError> {
    let mut taken = HashSet::new();
    let mut zones_renamed = Renames::default();
    let mut specs = Vec::with_capacity(parts.len());
    for part in parts {
        let wanted = match (part.zone.name.trim(), part.siblings) {
            ("", _) => part.category.to_owned(),
            (name, 1) => name.to_owned(),
            (name, _) => format!("{name} {}", part.category),
        };
        let name = names.zone(&wanted, "Zona");
        zones_renamed.note(if part.siblings > 1 { &wanted } else { &part.zone.name }, &name);
        let (price, color) = prices.get(part.category);
        let rows = row_specs(part, &name, frame, &mut taken, warnings)?;
        specs.push(ZoneSpec {
            name,
            price: PriceSpec::Minor(price),
            color,
            rows: Some(rows),
            capacity: None,
            outline: Vec::new(),
        });
    }
    if zones_renamed.count > 0 {
        warnings.push(Warning::ZoneRenamed(zones_renamed));
    }
    let seats: usize = parts.iter().map(|part| part.places().count()).sum();
    if taken.len() < seats {
        warnings.push(Warning::SeatsOverlap { seats: seats - taken.len() });
    }
    Ok(specs)
}

fn row_specs(
    part: &Part<'_>,
    zone: &str,
    frame: &Frame,
    taken: &mut HashSet<(i32, i32)>,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<RowSpec>, ConvertError> {
    let mut labels = Names::default();
    let (mut rows_renamed, mut seats_renamed) = (Renames::default(), Renames::default());
    let mut rows = Vec::with_capacity(part.blocks.len());
    for (block, ordinal) in part.blocks.iter().zip(1..) {
        let original = block.row.row_number.to_string();
        let label = labels.label(&original, &ordinal.to_string());
        rows_renamed.note(&original, &label);
        let place = |seat: &Placed<'_>| frame.point(seat.place);
        let path: Option<Vec<Point>> = block.seats.iter().map(place).collect();
        let path = path
            .ok_or_else(|| ConvertError::OutOfRange { what: format!("row {original:?} of zone {zone:?}") })?;
        taken.extend(path.iter().map(|&point| <(i32, i32)>::from(point)));
        rows.push(RowSpec { label, seats: numbers(&block.seats, &mut seats_renamed), path });
    }
    let zone = zone.to_owned();
    if rows_renamed.count > 0 {
        warnings.push(Warning::RowsRenamed { zone: zone.clone(), renames: rows_renamed });
    }
    if seats_renamed.count > 0 {
        warnings.push(Warning::SeatsRenamed { zone, renames: seats_renamed });
    }
    Ok(rows)
}

/// The seats' numbers, as a count where they run from 1.
fn numbers(seats: &[Placed<'_>], renamed: &mut Renames) -> SeatsSpec {
    let mut names = Names::default();
    let mut labels = Vec::with_capacity(seats.len());
    for (at, ordinal) in seats.iter().zip(1..) {
        let original = at.seat.seat_number.to_string();
        let label = names.label(&original, &ordinal.to_string());
        renamed.note(&original, &label);
        labels.push(label);
    }
    if labels.iter().zip(1..).all(|(label, ordinal): (&String, u32)| *label == ordinal.to_string()) {
        SeatsSpec::Count(labels.len() as u32)
    } else {
        SeatsSpec::Labels(labels)
    }
}
