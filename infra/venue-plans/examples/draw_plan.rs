//! Draws a plan file: `cargo run -p ticketflow-venue-plans --example draw_plan -- PLAN.json > plan.svg`.

use std::io::{Error, Write};

use ticketflow_domain::Currency;
use ticketflow_venue_plans::{PlanSpec, render_svg};

fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).ok_or_else(|| Error::other("name a plan file"))?;
    let spec: PlanSpec = serde_json::from_slice(&std::fs::read(path)?)?;
    let plan = spec.check(Currency::CLP).map_err(Error::other)?;
    std::io::stdout().write_all(render_svg(&plan).as_bytes())
}
