//! Venue plans as files: the demo plans' generator, the plan file writer, the SVG renderer, the pretix converter.
//!
//! What a plan may contain is decided by [`PlanSpec`] in the domain alone; this crate makes, converts and draws
//! plans, and everything it makes passes that check. Reading files and the command line belong to the binary.

pub mod demo;
mod plan_file;
mod pretix;
mod svg;

pub use plan_file::to_plan_file;
pub use pretix::{
    Conversion, ConvertError, ConvertOptions, GeneralArea, MAX_FILE_BYTES, Renames, Warning, convert_pretix,
};
pub use svg::render_svg;
pub use ticketflow_domain::plan::PlanSpec;
