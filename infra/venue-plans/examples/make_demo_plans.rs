//! Writes the demo plans to `ticketflow/plans` and their pictures to `docs/plans` in this repository.
//!
//! Run it after a change to `src/demo` or `src/svg.rs`: `cargo run -p ticketflow-venue-plans --example make_demo_plans`.

use std::io::Error;
use std::path::Path;

use ticketflow_domain::Currency;
use ticketflow_venue_plans::{demo, render_svg, to_plan_file};

fn main() -> std::io::Result<()> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (name, plan) in demo::all() {
        let text = to_plan_file(&plan);
        let picture = render_svg(&plan.check(Currency::CLP).map_err(Error::other)?);
        write(&repository.join("ticketflow/plans"), &format!("{name}.json"), &text)?;
        write(&repository.join("docs/plans"), &format!("{name}.svg"), &picture)?;
    }
    Ok(())
}

fn write(folder: &Path, name: &str, text: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(name), text)?;
    println!("{name}: {} bytes", text.len());
    Ok(())
}
