//! A poster for every show, drawn from its id: rows of seats around a stage, in colours of its own. Pure, and the same
//! for the same id for ever, so that a show is recognised at a glance although nobody uploaded a picture.

use maud::{Markup, html};
use sha2::{Digest, Sha256};

/// Ground, two seat colours, stage light.
const PALETTES: [[&str; 4]; 8] = [
    ["#1d2b53", "#f2b134", "#e8e3d3", "#ff7a59"],
    ["#7b1e3a", "#f6d7a7", "#ef8354", "#ffe9c9"],
    ["#0f4c45", "#9bd1b5", "#f4f1de", "#f2cc8f"],
    ["#2e1a47", "#c9a7eb", "#f7b2bd", "#ffe066"],
    ["#c8452d", "#ffd9a0", "#40170f", "#fff3e0"],
    ["#14342b", "#e0a458", "#5aa786", "#fff8e7"],
    ["#22333b", "#eae0d5", "#c6ac8f", "#f28482"],
    ["#e0a32e", "#3d2c02", "#fff4d6", "#a63c06"],
];
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 250.0;

/// The poster of a show. Coordinates are drawing only, never money.
pub(crate) fn poster(show_id: &str) -> Markup {
    let hash = Sha256::digest(show_id.as_bytes());
    let [ground, first, second, light] = PALETTES[usize::from(hash[0]) % PALETTES.len()];
    let centre = 60.0 + f64::from(hash[1]) / 255.0 * (WIDTH - 120.0);
    let spread = 24.0 + f64::from(hash[2] % 10);
    let rows: Vec<Row> = (0..9).map(|row| Row::new(row, spread, hash[usize::from(row) + 4])).collect();
    html! {
        svg class="poster" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="xMidYMid slice" aria-hidden="true" {
            rect width="100%" height="100%" fill=(ground) {}
            ellipse cx=(tenth(centre)) cy="-14" rx=(tenth(spread * 2.2)) ry="40" fill=(light) {}
            @for row in &rows {
                circle cx=(tenth(centre)) cy="-14" r=(tenth(row.radius)) fill="none" stroke-linecap="round"
                    stroke=(if row.bright { first } else { second }) stroke-width=(tenth(row.size))
                    stroke-dasharray=(format!("0.1 {}", tenth(row.gap))) stroke-dashoffset=(tenth(row.shift))
                    opacity=(if row.bright { "1" } else { "0.55" }) {}
            }
        }
    }
}

/// One arc of seats: a dashed circle of round dashes.
struct Row {
    radius: f64,
    size: f64,
    gap: f64,
    shift: f64,
    bright: bool,
}

impl Row {
    fn new(row: u8, spread: f64, random: u8) -> Self {
        let distance = f64::from(row);
        let size = 7.0 + distance * 0.9;
        Self {
            radius: 62.0 + distance * spread,
            size,
            gap: size * 1.55,
            shift: f64::from(random),
            bright: !random.is_multiple_of(3),
        }
    }
}

fn tenth(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_show_keeps_its_poster_and_shows_differ() {
        let draw = |id: &str| poster(id).into_string();
        assert_eq!(draw("01A"), draw("01A"));
        let different: std::collections::BTreeSet<_> = (0..20).map(|id| draw(&id.to_string())).collect();
        assert_eq!(different.len(), 20);
        assert!(!draw("<script>").contains("script"));
    }
}
