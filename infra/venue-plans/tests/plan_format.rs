//! The format's page tells the truth: its examples are accepted, its messages are given word for word.

use serde_json::{Value, json};
use ticketflow_domain::Currency;
use ticketflow_domain::plan::{Plan, PlanSpec, Seating};

const PAGE: &str = include_str!("../../../docs/plan-format.md");

fn check(json: Value) -> Result<Plan, String> {
    let spec: PlanSpec = serde_json::from_value(json).map_err(|error| error.to_string())?;
    spec.check(Currency::CLP).map_err(|error| error.to_string())
}

/// A plan of one zone with these fields besides its name and price.
fn zone(name: &str, fields: Value) -> Value {
    let mut zone = json!({"name": name, "price": 1});
    zone.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    json!({"zones": [zone]})
}

fn row(fields: Value) -> Value {
    let mut row = json!({"label": "A", "seats": 3});
    row.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    zone("Platea", json!({"rows": [row]}))
}

#[test]
fn the_examples_are_plans() {
    let blocks: Vec<&str> =
        PAGE.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let counts: Vec<usize> = blocks
        .iter()
        .map(|block| Seating::new(check(serde_json::from_str(block).unwrap()).unwrap()).seat_count())
        .collect();
    assert_eq!(counts, [24, 26 + 500]);
}

#[test]
fn the_page_counts_the_demo_seats_rightly() {
    for (name, spec) in ticketflow_venue_plans::demo::all() {
        let count = Seating::new(spec.check(Currency::CLP).unwrap()).seat_count();
        let written = format!("| `{name}.json` | {},{:03} |", count / 1_000, count % 1_000);
        assert!(PAGE.contains(&written), "{written}");
    }
}

#[test]
fn each_message_of_the_page_is_given_word_for_word() {
    let one = json!({"name": "Platea", "price": 1, "capacity": 1});
    let labelled = |label: &str| row(json!({"label": label}));
    let named: Vec<Value> =
        (0..501).map(|n| json!({"name": n.to_string(), "price": 1, "capacity": 1})).collect();
    let priced = |price: Value| zone("Platea", json!({"capacity": 1, "price": price}));
    for (plan, message) in [
        (json!({"zones": []}), "a plan needs at least one zone"),
        (json!({ "zones": named }), "zones: at most 500 are allowed, not 501"),
        (json!({"zones": [one, one]}), "zone 'Platea' appears twice"),
        (zone("Platea", json!({})), "zone 'Platea' needs either rows or a capacity"),
        (zone("Platea", json!({"rows": [], "capacity": 1})), "zone 'Platea' needs either rows or a capacity"),
        (zone("Platea", json!({"rows": []})), "zone 'Platea' has no row"),
        (
            zone("Platea", json!({"rows": [{"label": "A", "seats": 1}, {"label": "A", "seats": 1}]})),
            "row 'A' of zone 'Platea' appears twice",
        ),
        (row(json!({"seats": []})), "row 'A' of zone 'Platea' has no seat"),
        (row(json!({"seats": ["1", "1"]})), "seat '1' of row 'A' in zone 'Platea' appears twice"),
        (labelled("A-1"), "row label 'A-1' contains a hyphen"),
        (labelled("12345678901234567"), "a row label has 1 to 16 characters, this one has 17"),
        (
            zone(" Platea", json!({"capacity": 1})),
            "zone name \" Platea\" has outer spaces or control characters",
        ),
        (priced(json!(-1)), "the price of zone 'Platea' is not between 0 and 1000000000000"),
        (
            priced(json!(1_000_000_000_001_i64)),
            "the price of zone 'Platea' is not between 0 and 1000000000000",
        ),
        (priced(json!({"amount": 1, "currency": "EUR"})), "zone 'Platea' is priced in EUR, the show in CLP"),
        (
            zone("Platea", json!({"capacity": 1, "color": "blue"})),
            "the color of zone 'Platea' is not of the form #rrggbb",
        ),
        (zone("Cancha", json!({"capacity": 0})), "the capacity of zone 'Cancha' is not between 1 and 200000"),
        (row(json!({"path": [[0, 0]]})), "the path of row 'A' of zone 'Platea' needs two points or more"),
        (
            row(json!({"path": [[0, 0], [1_000_001, 0]]})),
            "row 'A' of zone 'Platea' has a point more than 1000000 cm from the origin",
        ),
    ] {
        assert_eq!(check(plan).expect_err(message), message);
        assert!(PAGE.contains(&format!("| `{message}` |")), "the page lacks: {message}");
    }
}

#[test]
fn hostile_plans_are_refused_with_a_clear_message() {
    let points = |count: usize| vec![json!([0, 0]); count];
    for (plan, part) in [
        (json!(null), "expected struct"),
        (json!({}), "missing field `zones`"),
        (json!({"zones": [], "colour": 1}), "unknown field `colour`"),
        (row(json!({"path": [[0, 0], [i64::MAX, 0]]})), "invalid value: integer"),
        (row(json!({"path": [[0, 0], [i32::MIN, 0]]})), "has a point more than"),
        (row(json!({"path": [[0, 0], [0.5, 0]]})), "expected i32"),
        (row(json!({"path": points(2_001)})), "points of row 'A' of zone 'Platea': at most 2000"),
        (row(json!({"seats": u32::MAX})), "seats in row 'A' of zone 'Platea': at most 200000"),
        (row(json!({"seats": ["1", "2-3"]})), "seat number '2-3' contains a hyphen"),
        (row(json!({"seats": [""]})), "a seat number has 1 to 16 characters"),
        (zone("Platea", json!({"capacity": u32::MAX})), "the capacity of zone 'Platea'"),
        (zone("Platea", json!({"capacity": 1, "outline": points(2_001)})), "points of zone 'Platea'"),
        (zone(&"x".repeat(65), json!({"capacity": 1})), "a zone name has 1 to 64 characters"),
        (zone("\u{202e}\u{7}", json!({"capacity": 1})), "control characters"),
        (
            json!({"zones": [{"name": "Z", "price": 1, "capacity": 1}], "focal_point": [0, -1_000_001]}),
            "focal_point has a point more than",
        ),
        (
            json!({"zones": [{"name": "Z", "price": 1, "capacity": 1}],
                "decor": vec![json!({"label": "", "outline": []}); 201]}),
            "decor shapes: at most 200",
        ),
        (
            json!({"zones": [{"name": "Y", "price": 1, "capacity": 200_000}, {"name": "Z", "price": 1, "capacity": 1}]}),
            "seats: at most 200000 are allowed, not 200001",
        ),
    ] {
        let error = check(plan).expect_err(part);
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
}
