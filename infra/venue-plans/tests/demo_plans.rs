//! The demo plans and a plan of 100,000 seats: in range, as committed, drawable, and sold from the front middle.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ticketflow_domain::ids::{HoldId, ShowId};
use ticketflow_domain::plan::{Plan, Point, Seating};
use ticketflow_domain::show::{Context, HoldSeats, Selection, ShowCommand, ShowEvent, ShowState, decide};
use ticketflow_domain::{Currency, Timestamp};
use ticketflow_venue_plans::{PlanSpec, demo, render_svg, to_plan_file};

/// Closer than this two seats would overlap.
const CLOSEST_SEATS_CM: i32 = 35;

fn plans() -> &'static [(&'static str, Plan)] {
    static PLANS: OnceLock<Vec<(&'static str, Plan)>> = OnceLock::new();
    PLANS.get_or_init(|| {
        demo::all().into_iter().map(|(name, spec)| (name, spec.check(Currency::CLP).expect(name))).collect()
    })
}

fn seating(name: &str) -> Seating {
    let (_, plan) = plans().iter().find(|(plan, _)| *plan == name).expect(name);
    Seating::new(plan.clone())
}

/// What a fresh show with this plan holds for a party.
fn best(plan: &Plan, zone: Option<&str>, quantity: u32) -> Vec<(String, Point)> {
    let mut state = ShowState::default();
    let context = Context { now: Timestamp::from_millis(1_800_000_000_000) };
    let mut run = |command| {
        let events = decide(&state, &command, &context).expect("a fresh show takes the command");
        events.iter().for_each(|event| state.evolve(event));
        events
    };
    run(ShowCommand::CreateShow {
        show_id: ShowId::from_bytes([1; 16]),
        name: "Gala".into(),
        venue: "Demo".into(),
        starts_at: context.now.plus_seconds(86_400),
        currency: Currency::CLP,
        sales_open_at: None,
        max_seats_per_customer: None,
        hold_seconds: None,
        plan: plan.clone(),
    });
    run(ShowCommand::OpenSales);
    let selection = Selection::BestAvailable { zone: zone.map(str::to_owned), quantity, together: true };
    let held = run(ShowCommand::HoldSeats(HoldSeats {
        hold_id: HoldId::from_bytes([2; 16]),
        customer_id: None,
        selection,
    }));
    let seating = Seating::new(plan.clone());
    let held = held.iter().find_map(|event| match event {
        ShowEvent::SeatsHeld(held) => Some(held),
        _ => None,
    });
    let seats = held.expect("a hold holds seats").seats.iter().map(|seat| seat.seat);
    seats.map(|seat| (seating.place(seat).to_string(), seating.position(seat))).collect()
}

#[test]
fn the_committed_files_are_what_the_generator_makes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ticketflow/plans");
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plans");
    for (name, spec) in demo::all() {
        let committed = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        assert!(
            committed == to_plan_file(&spec),
            "{name}.json differs: run cargo run -p ticketflow-venue-plans --example make_demo_plans"
        );
        assert!(committed.len() < 256 * 1024, "{name}.json has {} bytes", committed.len());
        let picture = std::fs::read_to_string(pictures.join(format!("{name}.svg"))).unwrap();
        let (_, plan) = plans().iter().find(|(made, _)| *made == name).unwrap();
        assert!(picture == render_svg(plan), "docs/plans/{name}.svg differs: run the same command");
        let read: PlanSpec = serde_json::from_str(&committed).unwrap();
        assert_eq!(&read.check(Currency::CLP).unwrap(), plan);
    }
}

#[test]
fn seat_counts_are_in_range_and_the_stadium_has_general_admission() {
    for (name, range) in
        [("theatre", 1_150..=1_250), ("arena", 14_500..=15_500), ("stadium", 44_000..=46_500)]
    {
        let count = seating(name).seat_count();
        assert!(range.contains(&count), "{name}: {count}");
    }
    let stadium = seating("stadium");
    let general = stadium.zone_spans().iter().filter(|zone| zone.general);
    assert_eq!(general.map(|zone| zone.end - zone.first).sum::<u32>(), 11_000);
}

#[test]
fn every_seat_has_a_name_of_its_own_that_finds_it() {
    for (name, _) in plans() {
        let seating = seating(name);
        let mut names = HashSet::new();
        for seat in seating.seats() {
            let text = seating.place(seat).to_string();
            assert_eq!(seating.find(&text), Some(seat), "{text}");
            assert!(names.insert(text));
        }
    }
}

#[test]
fn no_two_seats_are_too_close() {
    for (name, _) in plans() {
        let seating = seating(name);
        let mut cells: HashMap<(i32, i32), Vec<Point>> = HashMap::new();
        let numbered = seating.zone_spans().iter().filter(|zone| !zone.general);
        for seat in numbered.flat_map(|zone| zone.first..zone.end) {
            let at = seating.position(ticketflow_domain::SeatIndex(seat));
            let (column, row) = (at.x.div_euclid(CLOSEST_SEATS_CM), at.y.div_euclid(CLOSEST_SEATS_CM));
            let around = (-1..=1).flat_map(|x| (-1..=1).map(move |y| (column + x, row + y)));
            for other in around.filter_map(|cell| cells.get(&cell)).flatten() {
                let squared = (other.x - at.x).pow(2) + (other.y - at.y).pow(2);
                assert!(squared >= CLOSEST_SEATS_CM.pow(2), "{name}: {at:?} and {other:?}");
            }
            cells.entry((column, row)).or_default().push(at);
        }
    }
}

#[test]
fn no_seat_is_on_the_stage_or_in_a_standing_area() {
    let inside = |outline: &[Point], at: Point| {
        let (x, y) = (outline.iter().map(|point| point.x), outline.iter().map(|point| point.y));
        (x.clone().min().unwrap()..=x.max().unwrap()).contains(&at.x)
            && (y.clone().min().unwrap()..=y.max().unwrap()).contains(&at.y)
    };
    for (name, plan) in plans() {
        let seating = seating(name);
        let stage = plan.decor.iter().find(|shape| shape.label == "Escenario").unwrap();
        let rectangles: Vec<&[Point]> = std::iter::once(stage.outline.as_slice())
            .chain(plan.zones.iter().filter_map(|zone| match &zone.kind {
                ticketflow_domain::plan::ZoneKind::General(area) => Some(area.outline.as_slice()),
                ticketflow_domain::plan::ZoneKind::Numbered(_) => None,
            }))
            .collect();
        for span in seating.zone_spans().iter().filter(|zone| !zone.general) {
            for seat in span.first..span.end {
                let at = seating.position(ticketflow_domain::SeatIndex(seat));
                // The theatre's outer front seats are beside the bowed apron, within the stage's bounding box.
                let beside = *name == "theatre" && at.y > 0;
                assert!(beside || !rectangles.iter().any(|outline| inside(outline, at)), "{name}: {at:?}");
            }
        }
    }
}

#[test]
fn a_fresh_show_sells_the_front_middle_first() {
    for (name, zone, expected_row) in [
        ("theatre", None, "Platea Baja-A centro-"),
        ("theatre", Some("Balcón"), "Balcón-A centro-"),
        ("arena", None, "Cancha VIP-B 1-"),
        ("arena", Some("Platea Baja"), "Platea Baja-"),
        ("stadium", Some("Galería Sur Baja"), "Galería Sur Baja-12 1-"),
    ] {
        let (_, plan) = plans().iter().find(|(plan, _)| *plan == name).unwrap();
        let seats = best(plan, zone, 4);
        assert_eq!(seats.len(), 4);
        for (seat, _) in &seats {
            assert!(seat.starts_with(expected_row), "{name} {zone:?}: {seats:?}");
        }
        let apart = seats
            .windows(2)
            .map(|pair| (pair[0].1.x - pair[1].1.x).pow(2) + (pair[0].1.y - pair[1].1.y).pow(2));
        assert!(apart.max().unwrap() < 70 * 70, "{name} {zone:?}: side by side: {seats:?}");
        if zone != Some("Platea Baja") {
            let middle = seats.iter().map(|(_, at)| at.x).sum::<i32>() / 4;
            // A curved row is drawn by straight pieces, whose middles are nearest by a few centimetres.
            assert!(middle.abs() <= 200, "{name} {zone:?}: off the middle by {middle} cm");
        }
    }
}

#[test]
fn no_party_sits_across_an_aisle() {
    for (name, plan) in plans() {
        let seating = Seating::new(plan.clone());
        for (row, span) in seating.row_spans().iter().zip(0..) {
            if seating.zone_spans()[row.zone as usize].general
                || plan.zones[row.zone as usize].name == "Palcos"
            {
                continue;
            }
            for seat in row.first + 1..row.end {
                let at = |seat| seating.position(ticketflow_domain::SeatIndex(seat));
                let (one, two) = (at(seat - 1), at(seat));
                let squared = (one.x - two.x).pow(2) + (one.y - two.y).pow(2);
                assert!(squared <= 60 * 60, "{name}: row {span} has a gap between {one:?} and {two:?}");
            }
        }
    }
}

#[test]
fn pictures_show_every_zone_and_stay_small() {
    for (name, plan) in plans() {
        let svg = render_svg(plan);
        assert!(svg.len() < 200_000, "{name}: {}", svg.len());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        for zone in &plan.zones {
            assert!(svg.contains(&format!("<title>{}</title>", zone.name)), "{name}: {}", zone.name);
        }
        assert_eq!(svg, render_svg(plan), "deterministic");
    }
    let (_, theatre) = &plans()[0];
    assert_eq!(render_svg(theatre).matches("h0").count(), 1_200, "a dot for each seat");
}

#[test]
fn a_plan_of_100_000_seats_checks_and_folds_quickly() {
    let rows: Vec<_> =
        (0..2_000).map(|row| serde_json::json!({"label": row.to_string(), "seats": 50})).collect();
    let json = serde_json::json!({"zones": [{"name": "Z", "price": 1, "rows": rows}]}).to_string();
    let start = Instant::now();
    let spec: PlanSpec = serde_json::from_str(&json).unwrap();
    let plan = spec.check(Currency::CLP).unwrap();
    let seats = best(&plan, None, 2);
    let svg = render_svg(&plan);
    let taken = start.elapsed();
    assert_eq!(seats.iter().map(|(seat, _)| seat.as_str()).collect::<Vec<_>>(), ["Z-0-25", "Z-0-26"]);
    assert!(svg.len() < 1_000_000, "{}", svg.len());
    // It takes some 50 ms; a quadratic step anywhere would take minutes.
    assert!(taken < Duration::from_secs(10), "{taken:?}");
}
