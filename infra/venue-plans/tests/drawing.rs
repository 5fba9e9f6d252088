//! Pictures of plans that are odd but allowed: no geometry, far places, names with markup.

use ticketflow_domain::Currency;
use ticketflow_domain::plan::{MAX_SEATS, Plan};
use ticketflow_venue_plans::{PlanSpec, render_svg};

fn plan(json: serde_json::Value) -> Plan {
    let spec: PlanSpec = serde_json::from_value(json).expect("a plan file");
    spec.check(Currency::CLP).expect("an allowed plan")
}

#[test]
fn names_cannot_break_out_of_the_picture() {
    let name = "</title><script>alert(\"1\")</script>&";
    let svg = render_svg(&plan(serde_json::json!({
        "zones": [{"name": name, "price": 1, "capacity": 5, "outline": [[0, 0], [500, 0], [500, 500]]}],
        "decor": [{"label": "a\u{0}b<c>", "outline": [[0, 0], [100, 0], [0, 100]]}],
    })));
    assert!(!svg.contains("<script>") && !svg.contains('\u{0}'), "{svg}");
    assert!(svg.contains("&lt;script&gt;") && svg.contains("a b&lt;c&gt;"), "{svg}");
}

#[test]
fn a_plan_without_geometry_is_laid_out() {
    let svg = render_svg(&plan(serde_json::json!({"zones": [
        {"name": "P", "price": 1, "rows": [{"label": "A", "seats": 3}]},
        {"name": "G", "price": 1, "capacity": 10},
    ]})));
    assert!(svg.contains("d=\"m-55 250h0m55 0h0m55 0h0\""), "{svg}");
    assert!(
        svg.contains("M-600 590L600 590L600 1190L-600 1190Z"),
        "the standing area around its middle: {svg}"
    );
}

#[test]
fn the_farthest_places_and_single_points_are_drawn() {
    let far = 1_000_000;
    let svg = render_svg(&plan(serde_json::json!({
        "zones": [{"name": "P", "price": 1, "rows": [{"label": "A", "seats": 2, "path": [[-far, -far], [far, far]]}]}],
        "decor": [{"label": "x", "outline": [[5, 5]]}, {"label": "y", "outline": []}],
    })));
    assert!(svg.contains(&format!("m-{far}-{far}h0m2000000 2000000h0")), "{svg}");
    assert!(svg.contains(">x</text>") && !svg.contains(">y</text>"), "{svg}");
}

#[test]
fn the_largest_plan_is_drawn_by_rows() {
    let svg = render_svg(&plan(serde_json::json!({"zones": [
        {"name": "P", "price": 1, "rows": [{"label": "A", "seats": MAX_SEATS - 1}, {"label": "B", "seats": 1}]},
    ]})));
    assert!(svg.contains("class=\"r\"") && !svg.contains("class=\"s\""));
    assert!(svg.len() < 1_000_000, "{}", svg.len());
}
