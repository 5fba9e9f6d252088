//! Zone colours that stay apart for colour-blind eyes and stand out on a white page and on a dark one.
//!
//! Dearest zone first. Each has a contrast of at least 3:1 on both pages, and each pair keeps its distance under
//! the three common kinds of colour blindness; the tests below compute both.

/// Near the stage, the dearest.
pub(super) const GOLD: &str = "#ab9400";
/// Second.
pub(super) const BRICK: &str = "#a24327";
/// Third.
pub(super) const BLUE: &str = "#0b4eff";
/// Fourth.
pub(super) const GREEN: &str = "#15a87d";
/// Fifth.
pub(super) const PURPLE: &str = "#9437b3";
/// Sixth, the cheapest.
pub(super) const SLATE: &str = "#665c7b";

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 6] = [GOLD, BRICK, BLUE, GREEN, PURPLE, SLATE];
    /// WCAG asks this much of graphics.
    const LEAST_CONTRAST: f64 = 3.0;
    /// In CIELAB; 10 is told apart at a glance, and dots are small.
    const LEAST_DISTANCE: f64 = 25.0;
    /// A page in dark mode.
    const DARK_PAGE: &str = "#121212";

    type Triple = [f64; 3];

    /// Linear RGB as seen by protanopes, deuteranopes and tritanopes (Machado, Oliveira and Fernandes, 2009, severity 1).
    const BLINDNESS: [[Triple; 3]; 3] = [
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ];

    fn linear(color: &str) -> Triple {
        [1, 3, 5].map(|at| {
            let value = f64::from(u8::from_str_radix(&color[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn times(matrix: &[Triple; 3], color: Triple) -> Triple {
        matrix.map(|row| {
            row.iter().zip(color).map(|(factor, value)| factor * value).sum::<f64>().clamp(0.0, 1.0)
        })
    }

    fn luminance([red, green, blue]: Triple) -> f64 {
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    fn lab([red, green, blue]: Triple) -> Triple {
        let curve = |value: f64| if value > 0.008856 { value.cbrt() } else { 7.787 * value + 16.0 / 116.0 };
        let x = curve((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505);
        let y = curve(luminance([red, green, blue]));
        let z = curve((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    fn distance(one: Triple, two: Triple) -> f64 {
        one.iter().zip(two).map(|(one, two)| (one - two).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn each_colour_stands_out_on_a_white_and_on_a_dark_page() {
        for color in ALL {
            let own = luminance(linear(color));
            assert!(1.05 / (own + 0.05) >= LEAST_CONTRAST, "{color} on white");
            let dark = luminance(linear(DARK_PAGE));
            assert!((own + 0.05) / (dark + 0.05) >= LEAST_CONTRAST, "{color} on dark");
        }
    }

    #[test]
    fn each_pair_stays_apart_for_every_eye() {
        for (index, one) in ALL.iter().enumerate() {
            for two in &ALL[index + 1..] {
                let (one_seen, two_seen) = (linear(one), linear(two));
                let usual = distance(lab(one_seen), lab(two_seen));
                assert!(usual >= LEAST_DISTANCE, "{one} and {two}: {usual}");
                for matrix in &BLINDNESS {
                    let seen = distance(lab(times(matrix, one_seen)), lab(times(matrix, two_seen)));
                    assert!(seen >= LEAST_DISTANCE, "{one} and {two}: {seen}");
                }
            }
        }
    }
}
