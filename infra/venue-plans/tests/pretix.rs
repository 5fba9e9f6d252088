//! The pretix converter against a hall that has every peculiarity at once, and against broken and hostile files.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ticketflow_domain::Currency;
use ticketflow_domain::plan::{Point, Seating};
use ticketflow_venue_plans::{
    Conversion, ConvertError, ConvertOptions, GeneralArea, MAX_FILE_BYTES, Warning, convert_pretix,
};

const HALL: &[u8] = include_bytes!("fixtures/pretix_hall.json");

fn options() -> ConvertOptions {
    ConvertOptions {
        prices: BTreeMap::from([
            ("Parkett 1".into(), 30_000),
            ("Parkett 2".into(), 20_000),
            ("Loge".into(), 1),
        ]),
        default_price: Some(12_000),
        general_admission: BTreeMap::from([
            ("Stehplatz".into(), GeneralArea { capacity: 150, price: 9_000 }),
            ("Terrasse".into(), GeneralArea { capacity: 1, price: 1 }),
        ]),
    }
}

fn hall() -> Conversion {
    convert_pretix(HALL, &options()).expect("the hall converts")
}

fn seating(conversion: &Conversion) -> Seating {
    Seating::new(conversion.plan.clone().check(Currency::CLP).expect("a converted plan is allowed"))
}

/// One seat at this place, or more.
fn plan_with(seats: Value) -> Vec<u8> {
    json!({"name": "x", "categories": [], "zones": [{"name": "Z", "position": {"x": 0, "y": 0}, "rows": [
        {"row_number": "1", "seats": seats}]}]})
    .to_string()
    .into_bytes()
}

fn free() -> ConvertOptions {
    ConvertOptions { default_price: Some(0), ..ConvertOptions::default() }
}

#[test]
fn every_seat_is_converted_once_at_its_price() {
    let conversion = hall();
    assert_eq!((conversion.seats, conversion.general_places), (76, 150));
    let seating = seating(&conversion);
    assert_eq!(seating.seat_count(), 76 + 150);
    let names: HashSet<String> = seating.seats().map(|seat| seating.place(seat).to_string()).collect();
    assert_eq!(names.len(), 76 + 150);
    let zones: Vec<_> = seating
        .plan()
        .zones
        .iter()
        .zip(seating.zone_spans())
        .map(|(zone, span)| (zone.name.as_str(), zone.price, zone.color.as_deref(), span.end - span.first))
        .collect();
    assert_eq!(
        zones,
        [
            ("Parkett Parkett 1", 30_000, Some("#e69f00"), 24),
            ("Parkett Parkett 2", 20_000, Some("#0077bb"), 31),
            ("Parkett Rollstuhl", 12_000, None, 1),
            ("Balkon", 12_000, None, 20),
            ("Stehplatz", 9_000, None, 150),
        ]
    );
}

#[test]
fn places_are_in_centimetres_from_the_stage_edge() {
    let conversion = hall();
    let seating = seating(&conversion);
    assert_eq!(conversion.plan.focal_point, Some(Point { x: 0, y: 0 }));
    let at = |name: &str| seating.position(seating.find(name).expect(name));
    // The stage ends at pixel (290, 100); neighbours are 30 pixels apart, which is 50 cm.
    assert_eq!(at("Parkett Parkett 1-A.1-1"), Point { x: -317, y: 83 });
    assert_eq!(at("Parkett Parkett 1-A.1-2"), Point { x: -267, y: 83 });
    assert_eq!(at("Balkon-1-1.1"), Point { x: -300, y: 552 });
}

#[test]
fn an_aisle_and_another_category_end_a_row() {
    let conversion = hall();
    let rows = |zone: usize| -> Vec<String> {
        conversion.plan.zones[zone].rows.iter().flatten().map(|row| row.label.clone()).collect()
    };
    assert_eq!(rows(0), ["A.1", "A.1.2", "B.2", "B.2.2"]);
    assert_eq!(rows(1), ["C.3", "C.3.2", "D.4", "D.4.2", "R"]);
    assert_eq!(rows(3), ["1", "1.2"], "two rows of the same label");
    let seating = seating(&conversion);
    assert!(seating.find("Parkett Parkett 1-A.1.2-7").is_some(), "numbers go on after the aisle");
    assert!(seating.find("Parkett Parkett 2-R-7").is_some(), "the row listed odd, then even, is whole");
}

#[test]
fn every_lossy_step_is_told() {
    let told: Vec<String> = hall().warnings.iter().map(Warning::to_string).collect();
    let expected = [
        "scale guessed from the usual distance of neighbouring seats: one pixel is 17 mm",
        "category \"Balkon\" has no price of its own: its 20 seats got the default price",
        "category \"Rollstuhl\" has no price of its own: its 1 seats got the default price",
        "category \"Rollstuhl\" is not among the file's categories: its seats have no colour",
        "the colour \"teal\" of category \"Balkon\" is not of the form #rrggbb and was left out",
        "there is no seat of category \"Loge\", for which a price was given",
        "there is no area \"Terrasse\", which was to be general admission",
        "zone \"Parkett\" has seats of 3 categories and became 3 zones",
        "1 rows of zone \"Parkett\" have no seat and were left out",
        "the seats of 1 rows of zone \"Parkett\" were out of order and were sorted by their place",
        "5 rows of zone \"Parkett\" were split where an aisle or seats of another category lie in between, \
         the first of them row \"A-1\"",
        "the row and seat descriptions of 4 rows were left out: a seat is named by zone, row and number",
        "rows of zone \"Parkett Parkett 1\" renamed: \"A-1\" is now \"A.1\", and 3 more",
        "rows of zone \"Parkett Parkett 2\" renamed: \"C-3\" is now \"C.3\", and 3 more",
        "rows of zone \"Balkon\" renamed: \"1\" is now \"1.2\"",
        "seats of zone \"Balkon\" renumbered: \"1-1\" is now \"1.1\", and 19 more",
        "1 areas could not be drawn and were left out",
        "the colours of 2 areas were left out: a plan's shapes have none",
    ];
    for line in expected {
        assert!(told.iter().any(|warning| warning == line), "{line}\nis not among\n{}", told.join("\n"));
    }
    assert_eq!(told.len(), expected.len(), "{}", told.join("\n"));
}

#[test]
fn areas_are_drawn() {
    let conversion = hall();
    let shapes: Vec<_> =
        conversion.plan.decor.iter().map(|shape| (shape.label.as_str(), shape.outline.len())).collect();
    assert_eq!(shapes, [("Bühne", 4), ("Bar", 32), ("Ausgang", 1)]);
    assert_eq!(conversion.plan.zones[4].outline.len(), 4);
}

#[test]
fn the_answer_of_the_api_is_taken_like_the_file() {
    let layout: Value = serde_json::from_slice(HALL).unwrap();
    let answer = json!({"id": 7, "name": "Stadthalle", "layout": layout}).to_string();
    let conversion = convert_pretix(answer.as_bytes(), &options()).unwrap();
    assert_eq!(
        serde_json::to_string(&conversion.plan).unwrap(),
        serde_json::to_string(&hall().plan).unwrap()
    );
}

#[test]
fn the_first_schema_with_plain_rectangles_is_taken() {
    let json = json!({"name": "old", "categories": [{"name": "c"}], "zones": [{
        "name": "Main", "displayed": true, "position": {"x": 0, "y": 0},
        "areas": [{"width": 100, "height": 20, "position": {"x": 0, "y": 200}, "text": "Main stage"}],
        "rows": [{"row_number": "0", "number_of_seats": 2, "seats_spacing": 30, "seats": [
            {"seat_guid": "0-0", "seat_number": "0-0", "position": {"x": 0, "y": 0}, "category": "c"},
            {"seat_guid": "0-1", "seat_number": 5, "position": {"x": 30, "y": 0}, "category": "c"}]}]}]});
    let conversion = convert_pretix(json.to_string().as_bytes(), &free()).unwrap();
    let seating = seating(&conversion);
    let names: Vec<String> = seating.seats().map(|seat| seating.place(seat).to_string()).collect();
    assert_eq!(names, ["Main-0-0.0", "Main-0-5"]);
    let turned = Warning::Turned { degrees: 180, stage: "Main stage".into() };
    assert!(conversion.warnings.contains(&turned), "{:?}", conversion.warnings);
    assert!(seating.position(ticketflow_domain::SeatIndex(0)).y > 0, "seats are below the stage");
}

#[test]
fn seats_around_a_table_set_the_scale_by_the_nearest() {
    let seat =
        |k: i32| json!({"seat_number": (k + 1).to_string(), "position": {"x": k % 2 * 60, "y": k / 2 * 25}});
    let conversion = convert_pretix(&plan_with((0..8).map(seat).collect()), &free()).unwrap();
    assert!(conversion.warnings.contains(&Warning::ScaleGuessed { millimetres: 20 }));
    assert_eq!(conversion.plan.zones[0].rows.as_ref().unwrap().len(), 1, "a table is one row");
}

#[test]
fn seats_on_one_spot_are_told() {
    let seat = json!({"seat_number": "1", "position": {"x": 3, "y": 3}});
    let conversion = convert_pretix(&plan_with(json!([seat, seat, seat])), &free()).unwrap();
    assert!(conversion.warnings.contains(&Warning::SeatsOverlap { seats: 2 }), "{:?}", conversion.warnings);
    assert_eq!(seating(&conversion).seat_count(), 3);
}

#[test]
fn a_plan_of_areas_alone_can_be_general_admission() {
    let json = json!({"zones": [{"name": "", "rows": [], "areas": [
        {"shape": "polygon", "polygon": {"points": [{"x": 0, "y": 0}, {"x": 9, "y": 0}, {"x": 5, "y": 9}]},
         "text": {"text": "Floor"}}]}]});
    let mut options = free();
    assert!(matches!(convert_pretix(json.to_string().as_bytes(), &options), Err(ConvertError::NoSeat)));
    options.general_admission.insert("Floor".into(), GeneralArea { capacity: 500, price: 5 });
    let conversion = convert_pretix(json.to_string().as_bytes(), &options).unwrap();
    assert_eq!((conversion.seats, conversion.general_places), (0, 500));
}

#[test]
fn missing_prices_are_named_all_at_once() {
    let error = convert_pretix(HALL, &ConvertOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no price is given for \"Balkon\", \"Parkett 1\", \"Parkett 2\", \"Rollstuhl\""
    );
}

#[test]
fn broken_and_hostile_files_are_refused_with_the_reason() {
    let seat = |x: &str| {
        plan_with(json!([])).iter().map(|&byte| char::from(byte)).collect::<String>().replace(
        "\"seats\":[]",
        &format!(r#""seats":[{{"seat_number":"1","position":{{"x":{x},"y":0}}}},{{"seat_number":"2","position":{{"x":0,"y":0}}}}]"#),
    )
    };
    let far = json!([{"position": {"x": 0, "y": 0}}, {"position": {"x": 1, "y": 0}}, {"position": {"x": 2, "y": 0}},
        {"position": {"x": 9e9, "y": 0}}]);
    for (json, expected) in [
        (String::new(), "not a pretix seating plan"),
        ("[]".into(), "not a pretix seating plan"),
        ("{}".into(), "it has no zones"),
        (r#"{"zones": []}"#.into(), "no seat"),
        (r#"{"zones": "none"}"#.into(), "not a pretix seating plan"),
        (r#"{"layout": {"zones": []}}"#.into(), "no seat"),
        ("[".repeat(100_000), "not a pretix seating plan"),
        (seat("NaN"), "not a pretix seating plan"),
        (seat("1e999"), "not a pretix seating plan"),
        (seat("\"1\""), "not a pretix seating plan"),
        (String::from_utf8(plan_with(far)).unwrap(), "10 km"),
    ] {
        let error = convert_pretix(json.as_bytes(), &free()).expect_err(&json[..json.len().min(80)]);
        assert!(error.to_string().contains(expected), "{error}");
    }
    // Extreme but finite places never panic, whatever they come to.
    for x in ["1e300", "-1.7e308", "1e-320", "5e-324"] {
        let json = seat(x);
        if let Ok(conversion) = convert_pretix(json.as_bytes(), &free()) {
            assert_eq!(seating(&conversion).seat_count(), 2, "{x}");
        }
    }
}

#[test]
fn a_refused_price_names_the_zone_in_its_cause() {
    let options = ConvertOptions { default_price: Some(-1), ..ConvertOptions::default() };
    let error = convert_pretix(HALL, &options).unwrap_err();
    assert!(matches!(error, ConvertError::Refused(_)));
    assert!(error.source().unwrap().to_string().contains("price of zone"), "{:?}", error.source());
}

#[test]
fn too_large_a_file_and_too_many_seats_are_refused() {
    let blank = vec![b' '; MAX_FILE_BYTES + 1];
    assert!(matches!(convert_pretix(&blank, &free()), Err(ConvertError::TooLarge { .. })));
    let seats: Vec<Value> = (0..200_001).map(|x| json!({"position": {"x": x, "y": 0}})).collect();
    let error = convert_pretix(&plan_with(seats.into()), &free()).unwrap_err();
    assert!(matches!(error, ConvertError::TooManySeats { seats: 200_001 }), "{error}");
}

#[test]
fn the_largest_plan_converts_without_a_quadratic_step() {
    let seats: Vec<Value> =
        (0..1_000).map(|x| json!({"seat_number": "1", "position": {"x": x * 30, "y": 0}})).collect();
    let row = |y: u32| json!({"row_number": "A", "position": {"x": 0, "y": y * 40}, "seats": seats});
    let json = json!({"zones": [{"name": "Z", "rows": (0..200).map(row).collect::<Vec<_>>()}]}).to_string();
    let start = Instant::now();
    let conversion = convert_pretix(json.as_bytes(), &free()).unwrap();
    let taken = start.elapsed();
    assert_eq!(conversion.seats, 200_000);
    // It takes about a second unoptimised; a quadratic step would take minutes.
    assert!(taken < Duration::from_secs(30), "{taken:?}");
}

#[test]
fn a_row_longer_than_a_path_may_be_is_split() {
    let seats: Vec<Value> =
        (0..4_500).map(|x| json!({"seat_number": x, "position": {"x": x * 30, "y": 0}})).collect();
    let conversion = convert_pretix(&plan_with(seats.into()), &free()).unwrap();
    let rows = conversion.plan.zones[0].rows.as_ref().unwrap();
    assert_eq!(rows.iter().map(|row| row.path.len()).collect::<Vec<_>>(), [2_000, 2_000, 500]);
}

#[test]
fn more_shapes_than_a_plan_may_have_are_left_out() {
    let area = json!({"shape": "circle", "circle": {"radius": 5}, "position": {"x": 0, "y": 0}});
    let json =
        json!({"zones": [{"rows": [{"seats": [{"position": {"x": 0, "y": 0}}]}], "areas": vec![area; 230]}]});
    let conversion = convert_pretix(json.to_string().as_bytes(), &free()).unwrap();
    assert_eq!(conversion.plan.decor.len(), 200);
    assert!(conversion.warnings.contains(&Warning::AreasDropped { areas: 30 }));
}
