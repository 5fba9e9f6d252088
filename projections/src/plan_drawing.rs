//! The drawing of a plan: where every seat is. Named by its content, so that it is kept for ever.
//!
//! Megabytes large and asked for once a browser: rendered when it is asked for, its name once for all shows that share
//! the plan.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest, Sha256};
use ticketflow_domain::plan::{
    Decor, Point, Row, RowSeats, RowSpan, SeatIndex, Seating, Zone, ZoneKind, ZoneSpan,
};
use utoipa::ToSchema;

/// SHA-256 of a drawing.
pub(crate) type DrawingHash = [u8; 32];

/// The drawing as it is answered.
pub(crate) fn drawing(seating: &Seating) -> Bytes {
    Bytes::from(serde_json::to_vec(&render(seating)).expect("a plan has a JSON form"))
}

/// The name of a drawing.
pub(crate) fn drawing_hash(seating: &Arc<Seating>) -> DrawingHash {
    static KNOWN: Mutex<Vec<(Weak<Seating>, DrawingHash)>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, hash)) =
        known.iter().find(|(other, _)| std::ptr::eq(other.as_ptr(), Arc::as_ptr(seating)))
    {
        return *hash;
    }
    let hash = Sha256::digest(drawing(seating)).into();
    known.retain(|(other, _)| other.strong_count() > 0);
    known.push((Arc::downgrade(seating), hash));
    hash
}

/// Where every seat is drawn, in centimetres; y grows away from the stage.
#[derive(Serialize, ToSchema)]
#[schema(as = Plan, example = json!({
    "focal_point": [0, 0], "bounds": [-300, 0, 300, 900], "decor": [{"label": "Stage", "outline": [[-300, 0], [300, 0]]}],
    "zones": [{
        "name": "Platea", "price": 25000, "color": "#4477aa", "general": false, "first": 0, "count": 2,
        "rows": [{"label": "A", "first": 0, "seats": 2, "x": [-27, 28], "y": [250, 250]}]
    }]
}))]
pub(crate) struct PlanAnswer<'a> {
    /// What the audience looks at.
    focal_point: Point,
    /// Least x and y, greatest x and y of all that is drawn.
    bounds: [i32; 4],
    /// Shapes behind the seats.
    decor: &'a [Decor],
    /// In plan order.
    zones: Vec<ZoneAnswer<'a>>,
}

/// A zone as drawn.
#[derive(Serialize, ToSchema)]
#[schema(as = DrawnZone)]
struct ZoneAnswer<'a> {
    name: &'a str,
    /// Of one place, in minor units.
    price: i64,
    /// `#rrggbb`.
    #[schema(required = true)]
    color: Option<&'a str>,
    /// Whether its places have no numbers.
    general: bool,
    /// Index of its first seat in plan order.
    first: u32,
    /// How many seats.
    count: u32,
    /// The area of a zone without numbered seats, where known.
    #[serde(skip_serializing_if = "<[Point]>::is_empty")]
    #[schema(required = false)]
    outline: &'a [Point],
    rows: Vec<RowAnswer<'a>>,
}

/// A row as drawn.
#[derive(Serialize, ToSchema)]
#[schema(as = DrawnRow)]
struct RowAnswer<'a> {
    label: &'a str,
    /// Index of its first seat in plan order.
    first: u32,
    /// How many, or their numbers one by one.
    seats: &'a RowSeats,
    /// Of each seat.
    x: Vec<i32>,
    /// Of each seat.
    y: Vec<i32>,
}

fn render(seating: &Seating) -> PlanAnswer<'_> {
    let plan = seating.plan();
    let seats = seating.seats().map(|seat| seating.position(seat));
    let outlines = plan.zones.iter().flat_map(|zone| match &zone.kind {
        ZoneKind::General(area) => area.outline.clone(),
        ZoneKind::Numbered(_) => Vec::new(),
    });
    let decor = plan.decor.iter().flat_map(|decor| decor.outline.iter().copied());
    let all = seats.chain(outlines).chain(decor);
    let bounds = all.fold([i32::MAX, i32::MAX, i32::MIN, i32::MIN], |[x0, y0, x1, y1], point| {
        [x0.min(point.x), y0.min(point.y), x1.max(point.x), y1.max(point.y)]
    });
    PlanAnswer {
        focal_point: plan.focal_point,
        bounds,
        decor: &plan.decor,
        zones: plan
            .zones
            .iter()
            .zip(seating.zone_spans())
            .map(|(zone, span)| zone_answer(seating, zone, span))
            .collect(),
    }
}

fn zone_answer<'a>(seating: &'a Seating, zone: &'a Zone, span: &'a ZoneSpan) -> ZoneAnswer<'a> {
    let (outline, rows): (&[Point], _) = match &zone.kind {
        ZoneKind::General(area) => (&area.outline, Vec::new()),
        ZoneKind::Numbered(rows) => {
            let spans = &seating.row_spans()[span.first_row as usize..span.end_row as usize];
            let row = |(row, span): (&'a Row, &RowSpan)| {
                let points = (span.first..span.end).map(|seat| seating.position(SeatIndex(seat)));
                let (x, y) = points.map(|point| (point.x, point.y)).unzip();
                RowAnswer { label: &row.label, first: span.first, seats: &row.seats, x, y }
            };
            (&[], rows.iter().zip(spans).map(row).collect())
        }
    };
    ZoneAnswer {
        name: &zone.name,
        price: zone.price,
        color: zone.color.as_deref(),
        general: span.general,
        first: span.first,
        count: span.end - span.first,
        outline,
        rows,
    }
}
