//! The colour band of a ticket: rows of seats around a stage, in colours of the show's own. Palettes and choice are those of
//! the posters on the portal, so that the paper looks like the page on which it was bought.

use crate::canvas::{Area, Canvas, Colour, Pen};
use sha2::{Digest, Sha256};
use ticketflow_domain::ShowId;

/// Ground, two seat colours, stage light.
const PALETTES: [[Colour; 4]; 8] = [
    [Colour(0x1d, 0x2b, 0x53), Colour(0xf2, 0xb1, 0x34), Colour(0xe8, 0xe3, 0xd3), Colour(0xff, 0x7a, 0x59)],
    [Colour(0x7b, 0x1e, 0x3a), Colour(0xf6, 0xd7, 0xa7), Colour(0xef, 0x83, 0x54), Colour(0xff, 0xe9, 0xc9)],
    [Colour(0x0f, 0x4c, 0x45), Colour(0x9b, 0xd1, 0xb5), Colour(0xf4, 0xf1, 0xde), Colour(0xf2, 0xcc, 0x8f)],
    [Colour(0x2e, 0x1a, 0x47), Colour(0xc9, 0xa7, 0xeb), Colour(0xf7, 0xb2, 0xbd), Colour(0xff, 0xe0, 0x66)],
    [Colour(0xc8, 0x45, 0x2d), Colour(0xff, 0xd9, 0xa0), Colour(0x40, 0x17, 0x0f), Colour(0xff, 0xf3, 0xe0)],
    [Colour(0x14, 0x34, 0x2b), Colour(0xe0, 0xa4, 0x58), Colour(0x5a, 0xa7, 0x86), Colour(0xff, 0xf8, 0xe7)],
    [Colour(0x22, 0x33, 0x3b), Colour(0xea, 0xe0, 0xd5), Colour(0xc6, 0xac, 0x8f), Colour(0xf2, 0x84, 0x82)],
    [Colour(0xe0, 0xa3, 0x2e), Colour(0x3d, 0x2c, 0x02), Colour(0xff, 0xf4, 0xd6), Colour(0xa6, 0x3c, 0x06)],
];
/// On this ground dark letters read better than white ones.
const BRIGHT_GROUND: usize = 7;
const ROWS: u8 = 9;

/// How a show's tickets look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Band {
    pub(crate) ground: Colour,
    /// Of the show's name on the ground.
    pub(crate) title: Colour,
    /// Of small words on the ground.
    pub(crate) accent: Colour,
    seats: [Colour; 2],
    light: Colour,
    hash: [u8; 32],
}

impl Band {
    pub(crate) fn of(show_id: ShowId) -> Self {
        let hash: [u8; 32] = Sha256::digest(show_id.to_string().as_bytes()).into();
        let chosen = usize::from(hash[0]) % PALETTES.len();
        let [ground, first, second, light] = PALETTES[chosen];
        let (title, accent) = if chosen == BRIGHT_GROUND { (first, first) } else { (Colour::WHITE, first) };
        Self { ground, title, accent, seats: [first, second], light, hash }
    }

    /// Fills the area; seats stand in its upper part only, `seats_height` from the top.
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>, area: Area, seats_height: f32) {
        canvas.rectangle(area, self.ground);
        let seats = Area { height: seats_height, ..area };
        canvas.within(seats, |canvas| {
            let centre = area.x + area.width * (0.15 + 0.7 * f32::from(self.hash[1]) / 255.0);
            let stage = area.y - 14.0;
            let spread = 17.0 + f32::from(self.hash[2] % 6);
            canvas.disc(centre, stage, spread * 1.9, self.light);
            for row in 0..ROWS {
                let distance = f32::from(row);
                let random = self.hash[usize::from(row) + 4];
                let size = 5.0 + distance * 0.75;
                let bright = !random.is_multiple_of(3);
                let pen = Pen {
                    colour: self.seats[usize::from(!bright)],
                    width: size,
                    dash: Some((0.1, size * 1.55, f32::from(random))),
                    opacity: if bright { 1.0 } else { 0.55 },
                };
                canvas.circle(centre, stage, spread * 1.9 + 14.0 + distance * spread, pen);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance and contrast of WCAG 2.
    fn contrast(a: Colour, b: Colour) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        let luminance = |c: Colour| 0.2126 * linear(c.0) + 0.7152 * linear(c.1) + 0.0722 * linear(c.2);
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn a_show_keeps_its_band_and_every_palette_can_be_read() {
        let mut grounds = std::collections::BTreeSet::new();
        for id in 0..200_u8 {
            let band = Band::of(ShowId::from_bytes([id; 16]));
            assert_eq!(band.ground, Band::of(ShowId::from_bytes([id; 16])).ground);
            // 4.5 for small words; 3 is enough for a title's size.
            assert!(contrast(band.title, band.ground) >= 4.5, "{band:?}");
            assert!(contrast(band.accent, band.ground) >= 3.0, "{band:?}");
            grounds.insert(format!("{:?}", band.ground));
        }
        assert_eq!(grounds.len(), PALETTES.len());
    }
}
