//! `ticketflow plan`: checks, draws and converts seating plans. See `docs/plan-format.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use ticketflow_domain::Currency;
use ticketflow_domain::plan::{Plan, PlanSpec, Seating};
use ticketflow_venue_plans::{ConvertOptions, GeneralArea, convert_pretix, render_svg, to_plan_file};

/// Options of `plan`.
#[derive(Args)]
pub(crate) struct PlanArguments {
    #[command(subcommand)]
    command: PlanCommand,
}

#[derive(Subcommand)]
enum PlanCommand {
    /// Says whether a plan file keeps all rules, and what is in it
    Check {
        /// The plan file
        file: PathBuf,
    },
    /// Draws a plan file as SVG, to standard output
    Render {
        /// The plan file
        file: PathBuf,
    },
    /// Converts a pretix seating plan to a plan file, to standard output; what is lost is told on standard error
    Convert(ConvertArguments),
}

#[derive(Args)]
struct ConvertArguments {
    /// The exported pretix seating plan
    file: PathBuf,
    /// Price of a seat category in minor units, as CATEGORY=25000; may be repeated
    #[arg(long = "price", value_parser = parse_price)]
    prices: Vec<(String, i64)>,
    /// Price of every other category, in minor units
    #[arg(long)]
    default_price: Option<i64>,
    /// A standing area by its text on the plan, as TEXT=CAPACITY:PRICE; may be repeated
    #[arg(long = "general", value_parser = parse_area)]
    general_admission: Vec<(String, GeneralArea)>,
}

fn parse_price(text: &str) -> Result<(String, i64), String> {
    let (category, price) = text.rsplit_once('=').ok_or("expected CATEGORY=PRICE")?;
    let price = price.parse().map_err(|_| "the price is not a whole number of minor units")?;
    Ok((category.to_owned(), price))
}

fn parse_area(text: &str) -> Result<(String, GeneralArea), String> {
    let expected = "expected TEXT=CAPACITY:PRICE";
    let (name, numbers) = text.rsplit_once('=').ok_or(expected)?;
    let (capacity, price) = numbers.split_once(':').ok_or(expected)?;
    let capacity = capacity.parse().map_err(|_| "the capacity is not a whole number")?;
    let price = price.parse().map_err(|_| "the price is not a whole number of minor units")?;
    Ok((name.to_owned(), GeneralArea { capacity, price }))
}

/// Runs one of the subcommands.
pub(crate) fn run(arguments: PlanArguments) -> Result<ExitCode> {
    match arguments.command {
        PlanCommand::Check { file } => {
            let plan = read(&file)?;
            let zones = plan.zones.len();
            let seating = Seating::new(plan);
            println!(
                "{} places in {zones} zones and {} rows",
                seating.seat_count(),
                seating.row_spans().len()
            );
        }
        PlanCommand::Render { file } => print!("{}", render_svg(&read(&file)?)),
        PlanCommand::Convert(arguments) => convert(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A plan file; prices are taken as minor units of any currency.
fn read(file: &Path) -> Result<Plan> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let spec: PlanSpec =
        serde_json::from_str(&text).with_context(|| format!("{} is not a plan file", file.display()))?;
    spec.check(Currency::CLP).with_context(|| format!("{} breaks a rule", file.display()))
}

fn convert(arguments: ConvertArguments) -> Result<()> {
    let json = std::fs::read(&arguments.file)
        .with_context(|| format!("cannot read {}", arguments.file.display()))?;
    let options = ConvertOptions {
        prices: BTreeMap::from_iter(arguments.prices),
        default_price: arguments.default_price,
        general_admission: BTreeMap::from_iter(arguments.general_admission),
    };
    let conversion = convert_pretix(&json, &options)
        .with_context(|| format!("cannot convert {}", arguments.file.display()))?;
    for warning in &conversion.warnings {
        eprintln!("warning: {warning}");
    }
    eprintln!("{} numbered seats, {} general places", conversion.seats, conversion.general_places);
    print!("{}", to_plan_file(&conversion.plan));
    Ok(())
}
