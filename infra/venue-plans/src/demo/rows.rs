//! Rows of a tier: row by row outwards, sector by sector, labelled `{sector} {row}`.

use ticketflow_domain::plan::spec::{RowSpec, SeatsSpec};

use super::tier::{Sector, Spacing};

/// The rows of all sectors, `count` deep, the innermost `first_outwards` centimetres outside the curve. Sectors are
/// numbered upwards from `first_sector`, rows from `first_row`; a row that has room for no seat is left out.
pub(super) fn tier_rows(
    sectors: &[Sector],
    (first_sector, first_row): (u32, u32),
    first_outwards: f64,
    count: u32,
    spacing: &Spacing,
) -> Vec<RowSpec> {
    let mut rows = Vec::new();
    for (sector, number) in sectors.iter().zip(first_sector..) {
        for row in 0..count {
            let (seats, path) = sector.row(first_outwards + f64::from(row) * spacing.row, spacing);
            if seats > 0 {
                let label = format!("{number} {}", first_row + row);
                rows.push(RowSpec { label, seats: SeatsSpec::Count(seats), path });
            }
        }
    }
    rows
}

/// The row letter: A for 0.
pub(super) fn letter(row: u32) -> char {
    char::from(b'A' + u8::try_from(row % 26).expect("below 26"))
}
