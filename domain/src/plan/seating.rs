//! A plan with what is derived from it once: seat names and back, zones, rows, positions, distances.
//!
//! Holds 12 bytes a seat beside the plan. Shared by everything in the process that has the same plan: the deciding state,
//! the read models, and every other show of a season in the same venue.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use hashbrown::HashMap;

use super::layout::{seat_positions, squared_distance};
use super::{Plan, Point, RowSeats, SeatIndex, Zone, ZoneKind};
use crate::money::MAX_PRICE;

/// The row part in the name of a general-admission place: `{zone}-GA-{n}`.
pub const GENERAL_ROW: &str = "GA";

/// A plan and its derived tables. Immutable.
#[derive(Debug)]
pub struct Seating {
    plan: Plan,
    zones: Vec<ZoneSpan>,
    rows: Vec<RowSpan>,
    /// The row of every seat, for the way from an index to its name.
    row_of_seat: Vec<u32>,
    positions: Vec<Point>,
    /// Rows by the distance of their nearest seat to the focal point.
    rows_nearest_first: Vec<u32>,
    /// Per row: the corners of the box around its seats.
    row_bounds: Vec<(Point, Point)>,
    zone_by_name: HashMap<Box<str>, u32>,
}

/// The seats and rows of one zone.
#[derive(Debug, Clone)]
pub struct ZoneSpan {
    /// Seats `first..end` in plan order.
    pub first: u32,
    /// One past the last seat.
    pub end: u32,
    /// Rows `first_row..end_row` of the plan; one for general admission.
    pub first_row: u32,
    /// One past the last row.
    pub end_row: u32,
    /// Whether places are not told apart.
    pub general: bool,
    row_by_label: HashMap<Box<str>, u32>,
}

/// The seats of one row; a general-admission zone is one row.
#[derive(Debug, Clone, Copy)]
pub struct RowSpan {
    /// Seats `first..end` in plan order.
    pub first: u32,
    /// One past the last seat.
    pub end: u32,
    /// Its zone.
    pub zone: u32,
}

/// The parts of a seat's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatPlace<'a> {
    /// Zone name.
    pub zone: &'a str,
    /// Row label, [`GENERAL_ROW`] for general admission.
    pub row: &'a str,
    /// Number within the row.
    pub number: SeatNumber<'a>,
}

/// A seat's number: counted, or as labelled in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeatNumber<'a> {
    /// From 1.
    Counted(u32),
    /// As the plan says.
    Labelled(&'a str),
}

impl std::fmt::Display for SeatNumber<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Counted(number) => write!(formatter, "{number}"),
            Self::Labelled(label) => formatter.write_str(label),
        }
    }
}

impl std::fmt::Display for SeatPlace<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}-{}-{}", self.zone, self.row, self.number)
    }
}

impl Seating {
    /// The tables of a plan, shared with whoever has the same plan and keeps it. The plan was checked when its show was
    /// created.
    pub fn shared(plan: &Plan) -> Arc<Self> {
        /// What is in use, by the hash of the plan; few have the same hash and another plan.
        static IN_USE: Mutex<BTreeMap<u64, Vec<Weak<Seating>>>> = Mutex::new(BTreeMap::new());
        let mut hasher = DefaultHasher::new();
        plan.hash(&mut hasher);
        let hash = hasher.finish();
        let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        let same_hash = in_use.entry(hash).or_default();
        let found = same_hash.iter().filter_map(Weak::upgrade).find(|seating| seating.plan == *plan);
        if let Some(seating) = found {
            return seating;
        }
        let seating = Arc::new(Self::new(plan.clone()));
        same_hash.push(Arc::downgrade(&seating));
        in_use.retain(|_, seatings| {
            seatings.retain(|seating| seating.strong_count() > 0);
            !seatings.is_empty()
        });
        seating
    }

    /// Derives the tables.
    pub fn new(plan: Plan) -> Self {
        let positions = seat_positions(&plan);
        let mut seating = Self {
            zones: Vec::with_capacity(plan.zones.len()),
            rows: Vec::new(),
            row_of_seat: Vec::with_capacity(positions.len()),
            zone_by_name: HashMap::with_capacity(plan.zones.len()),
            rows_nearest_first: Vec::new(),
            row_bounds: Vec::new(),
            positions,
            plan,
        };
        for index in 0..seating.plan.zones.len() {
            seating.add_zone(index);
        }
        seating.rank_rows();
        seating
    }

    fn rank_rows(&mut self) {
        let nearest = |row: &RowSpan| (row.first..row.end).map(|seat| self.distance(SeatIndex(seat))).min();
        let nearest: Vec<i64> = self.rows.iter().map(|row| nearest(row).unwrap_or(i64::MAX)).collect();
        self.rows_nearest_first = (0..self.rows.len() as u32).collect();
        self.rows_nearest_first.sort_by_key(|&row| nearest[row as usize]);
        self.row_bounds = self.rows.iter().map(|row| self.bounds(row)).collect();
    }

    fn bounds(&self, row: &RowSpan) -> (Point, Point) {
        let points = &self.positions[row.first as usize..row.end as usize];
        let start =
            points.first().map_or((Point { x: 0, y: 0 }, Point { x: 0, y: 0 }), |&point| (point, point));
        points.iter().fold(start, |(low, high), point| {
            let low = Point { x: low.x.min(point.x), y: low.y.min(point.y) };
            (low, Point { x: high.x.max(point.x), y: high.y.max(point.y) })
        })
    }

    fn add_zone(&mut self, index: usize) {
        let zone = &self.plan.zones[index];
        let (first, first_row) = (self.row_of_seat.len() as u32, self.rows.len() as u32);
        let mut row_by_label = HashMap::new();
        let sizes: Vec<usize> = match &zone.kind {
            ZoneKind::Numbered(rows) => rows.iter().map(|row| row.seats.len()).collect(),
            ZoneKind::General(area) => vec![area.capacity as usize],
        };
        if let ZoneKind::Numbered(rows) = &zone.kind {
            row_by_label
                .extend(rows.iter().zip(first_row..).map(|(row, at)| (row.label.as_str().into(), at)));
        }
        for size in sizes {
            let (row, start) = (self.rows.len() as u32, self.row_of_seat.len() as u32);
            self.rows.push(RowSpan { first: start, end: start + size as u32, zone: index as u32 });
            self.row_of_seat.extend(std::iter::repeat_n(row, size));
        }
        self.zone_by_name.insert(zone.name.as_str().into(), index as u32);
        let general = matches!(zone.kind, ZoneKind::General(_));
        let (end, end_row) = (self.row_of_seat.len() as u32, self.rows.len() as u32);
        self.zones.push(ZoneSpan { first, end, first_row, end_row, general, row_by_label });
    }

    /// The plan as given.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many seats and places there are.
    pub fn seat_count(&self) -> usize {
        self.row_of_seat.len()
    }

    /// All seats in plan order.
    pub fn seats(&self) -> impl Iterator<Item = SeatIndex> + use<> {
        (0..self.row_of_seat.len() as u32).map(SeatIndex)
    }

    /// All zones' spans in plan order.
    pub fn zone_spans(&self) -> &[ZoneSpan] {
        &self.zones
    }

    /// All rows' spans in plan order.
    pub fn row_spans(&self) -> &[RowSpan] {
        &self.rows
    }

    /// The zone with this name.
    pub fn zone_named(&self, name: &str) -> Option<u32> {
        self.zone_by_name.get(name).copied()
    }

    /// The row of a seat, as an index into [`Self::row_spans`].
    pub fn row_of(&self, seat: SeatIndex) -> u32 {
        self.row_of_seat[seat.as_usize()]
    }

    /// The zone of a seat, as an index into the plan's zones.
    pub fn zone_of(&self, seat: SeatIndex) -> u32 {
        self.rows[self.row_of(seat) as usize].zone
    }

    /// The zone of a seat.
    pub fn zone(&self, seat: SeatIndex) -> &Zone {
        &self.plan.zones[self.zone_of(seat) as usize]
    }

    /// The price of a seat in minor units of the show's currency, at most [`MAX_PRICE`].
    pub fn price(&self, seat: SeatIndex) -> i64 {
        let price = self.zone(seat).price;
        debug_assert!((0..=MAX_PRICE).contains(&price));
        price
    }

    /// Where the seat is drawn.
    pub fn position(&self, seat: SeatIndex) -> Point {
        self.positions[seat.as_usize()]
    }

    /// Squared centimetres from the seat to the focal point.
    pub fn distance(&self, seat: SeatIndex) -> i64 {
        squared_distance(self.position(seat), self.plan.focal_point)
    }

    /// Squared centimetres from the seat to any point.
    pub fn distance_between(&self, seat: SeatIndex, point: Point) -> i64 {
        squared_distance(self.position(seat), point)
    }

    /// All rows, the one with the seat nearest to the focal point first.
    pub fn rows_nearest_first(&self) -> &[u32] {
        &self.rows_nearest_first
    }

    /// No seat of the row is nearer to the point than this, in squared centimetres.
    pub fn row_distance_at_least(&self, row: u32, point: Point) -> i64 {
        let (low, high) = self.row_bounds[row as usize];
        let nearest = Point { x: point.x.clamp(low.x, high.x), y: point.y.clamp(low.y, high.y) };
        squared_distance(nearest, point)
    }

    /// Zone, row and number of a seat; its `Display` is the seat's name.
    pub fn place(&self, seat: SeatIndex) -> SeatPlace<'_> {
        let row_index = self.row_of(seat);
        let span = self.rows[row_index as usize];
        let zone = &self.plan.zones[span.zone as usize];
        let offset = seat.0 - span.first;
        match &zone.kind {
            ZoneKind::General(_) => {
                SeatPlace { zone: &zone.name, row: GENERAL_ROW, number: SeatNumber::Counted(offset + 1) }
            }
            ZoneKind::Numbered(rows) => {
                let row = &rows[(row_index - self.zones[span.zone as usize].first_row) as usize];
                let number = match &row.seats {
                    RowSeats::Count(_) => SeatNumber::Counted(offset + 1),
                    RowSeats::Labels(labels) => {
                        SeatNumber::Labelled(labels.get(offset as usize).unwrap_or_default())
                    }
                };
                SeatPlace { zone: &zone.name, row: &row.label, number }
            }
        }
    }

    /// The seat with this name, `{zone}-{row}-{number}`.
    pub fn find(&self, name: &str) -> Option<SeatIndex> {
        let mut parts = name.rsplitn(3, '-');
        let (number, row, zone) = (parts.next()?, parts.next()?, parts.next()?);
        let zone_index = self.zone_named(zone)? as usize;
        let span = &self.zones[zone_index];
        match &self.plan.zones[zone_index].kind {
            ZoneKind::General(area) => {
                let place = counted(number, area.capacity).filter(|_| row == GENERAL_ROW)?;
                Some(SeatIndex(span.first + place))
            }
            ZoneKind::Numbered(rows) => {
                let row_index = *span.row_by_label.get(row)?;
                let offset = match &rows[(row_index - span.first_row) as usize].seats {
                    RowSeats::Count(count) => counted(number, *count)?,
                    RowSeats::Labels(labels) => labels.iter().position(|label| label == number)? as u32,
                };
                Some(SeatIndex(self.rows[row_index as usize].first + offset))
            }
        }
    }
}

/// The offset of a number written in its one usual way: no sign, no leading zero.
fn counted(number: &str, count: u32) -> Option<u32> {
    let plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    let value: u32 = number.parse().ok().filter(|_| plain)?;
    (value <= count).then(|| value - 1)
}

#[cfg(test)]
mod tests {
    use super::super::PlanSpec;
    use super::*;
    use crate::money::Currency;

    fn seating() -> Seating {
        let spec: PlanSpec = serde_json::from_value(serde_json::json!({"zones": [
            {"name": "Platea-Alta", "price": 100, "rows": [{"label": "A", "seats": 12}, {"label": "Ñ", "seats": ["1", "1b", "3"]}]},
            {"name": "Cancha", "price": 50, "capacity": 20},
        ]}))
        .unwrap();
        Seating::new(spec.check(Currency::CLP).unwrap())
    }

    #[test]
    fn equal_plans_share_their_tables_as_long_as_anyone_has_them() {
        let (plan, mut other) = (seating().plan, seating().plan);
        other.zones[0].price += 1;
        let first = Seating::shared(&plan);
        assert!(Arc::ptr_eq(&first, &Seating::shared(&plan.clone())));
        assert!(!Arc::ptr_eq(&first, &Seating::shared(&other)));
        let forgotten = Arc::downgrade(&first);
        drop(first);
        assert!(forgotten.upgrade().is_none(), "the memory of what is in use keeps nothing in use");
        assert_eq!(Seating::shared(&plan).plan, plan);
    }

    #[test]
    fn every_seat_is_found_by_its_own_name() {
        let seating = seating();
        assert_eq!(seating.seat_count(), 35);
        for seat in seating.seats() {
            assert_eq!(seating.find(&seating.place(seat).to_string()), Some(seat));
        }
        assert_eq!(seating.place(SeatIndex(9)).to_string(), "Platea-Alta-A-10");
        assert_eq!(seating.place(SeatIndex(13)).to_string(), "Platea-Alta-Ñ-1b");
        assert_eq!(seating.place(SeatIndex(34)).to_string(), "Cancha-GA-20");
        assert_eq!((seating.price(SeatIndex(0)), seating.price(SeatIndex(20))), (100, 50));
    }

    #[test]
    fn names_of_no_seat_find_none() {
        let seating = seating();
        for name in [
            "",
            "A-1",
            "Platea-Alta-A-0",
            "Platea-Alta-A-13",
            "Platea-Alta-A-+1",
            "Platea-Alta-A-01",
            "Platea-A-1",
            "Cancha-GA-21",
            "Cancha-A-1",
            "Platea-Alta-GA-1",
            "Platea-Alta-A-99999999999",
        ] {
            assert_eq!(seating.find(name), None, "{name}");
        }
    }
}
