//! QR codes and PDF417 stamps as grids of dark and light modules, to be drawn as vectors.

use crate::canvas::Area;
use fast_qr::{ECL, QRBuilder};
use rxing::pdf417::PDF417Writer;
use rxing::pdf417::encoder::Dimensions;
use rxing::{BarcodeFormat, EncodeHints, Writer};

/// Light modules that a QR code needs around it.
pub(crate) const QR_QUIET_MODULES: f32 = 4.0;
/// A row of a PDF417 stamp is three times as high as its modules are wide, at least: readers follow it across.
const STAMP_ROW_HEIGHT: usize = 3;
/// Width to height that a stamp is folded to: the tax office's smallest is 4.5 cm by 2 cm.
const STAMP_RATIO: f32 = 2.25;
/// As the tax office asks.
const STAMP_ERROR_CORRECTION: &str = "5";
/// Byte compaction, in the encoder's numbers: the stamp's bytes are ISO-8859-1, and that is what a reader gets.
const STAMP_COMPACTION: &str = "2";
/// What the standard allows.
const STAMP_COLUMNS: std::ops::RangeInclusive<usize> = 1..=30;
const STAMP_ROWS: std::ops::RangeInclusive<usize> = 3..=90;
/// Columns at which every text that fits into a stamp fits into its rows.
const STAMP_FIRST_COLUMNS: usize = 12;
/// The most bytes of a stamp: 928 codewords less 64 for error correction, five of them for six bytes.
const MAX_STAMP_BYTES: usize = 1_030;
/// What the encoder draws of each row, and in this number of lines.
const ENCODER_LINES_OF_A_ROW: u32 = 4;

/// A grid of modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Modules {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    dark: Vec<bool>,
}

impl Modules {
    /// The dark ones, runs of them in a row as one, in modules from the top left.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Area> {
        self.dark.chunks(self.columns).enumerate().flat_map(|(row, modules)| {
            let mut start = 0;
            modules.chunk_by(|a, b| a == b).filter_map(move |run| {
                let column = start;
                start += run.len();
                let (x, y, width) = (column as f32, row as f32, run.len() as f32);
                run[0].then_some(Area { x, y, width, height: 1.0 })
            })
        })
    }
}

/// A QR code that stands 15 % of damage; none if the text is longer than one holds.
pub(crate) fn qr(text: &str) -> Option<Modules> {
    let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    let dark = (0..code.size).flat_map(|row| code[row].iter().map(|module| module.value())).collect();
    Some(Modules { columns: code.size, rows: code.size, dark })
}

/// Why a text is no stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoStamp {
    #[error("it is empty, or has a character outside ISO-8859-1")]
    Characters,
    #[error(
        "it is longer than the {MAX_STAMP_BYTES} bytes that a PDF417 code holds at error correction level 5"
    )]
    TooLong,
}

/// The PDF417 stamp of a text.
pub(crate) fn stamp(text: &str) -> Result<Modules, NoStamp> {
    if text.is_empty() || text.chars().any(|c| u32::from(c) > 0xFF) {
        return Err(NoStamp::Characters);
    }
    if text.chars().count() > MAX_STAMP_BYTES {
        return Err(NoStamp::TooLong);
    }
    let first = encode(text, STAMP_FIRST_COLUMNS..=STAMP_FIRST_COLUMNS).ok_or(NoStamp::TooLong)?;
    let codewords = STAMP_FIRST_COLUMNS * first.rows;
    let columns = STAMP_COLUMNS
        .filter(|columns| STAMP_ROWS.contains(&codewords.div_ceil(*columns)))
        .min_by(|a, b| distance(*a, codewords).total_cmp(&distance(*b, codewords)))
        .unwrap_or(STAMP_FIRST_COLUMNS);
    encode(text, columns..=columns).ok_or(NoStamp::TooLong)
}

/// How far from the wanted ratio a stamp of these columns is.
fn distance(columns: usize, codewords: usize) -> f32 {
    let width = 17 * columns + 69;
    let height = STAMP_ROW_HEIGHT * codewords.div_ceil(columns);
    (width as f32 / height as f32 / STAMP_RATIO).ln().abs()
}

fn encode(text: &str, columns: std::ops::RangeInclusive<usize>) -> Option<Modules> {
    let hints = EncodeHints {
        ErrorCorrection: Some(STAMP_ERROR_CORRECTION.to_owned()),
        CharacterSet: Some("ISO-8859-1".to_owned()),
        Pdf417Compaction: Some(STAMP_COMPACTION.to_owned()),
        Pdf417Dimensions: Some(Dimensions::new(
            *columns.start(),
            *columns.end(),
            *STAMP_ROWS.start(),
            *STAMP_ROWS.end(),
        )),
        Margin: Some("0".to_owned()),
        ..EncodeHints::default()
    };
    // Wider than high, or the encoder lays the code on its side.
    let lines = PDF417Writer.encode_with_hints(text, &BarcodeFormat::PDF_417, 2, 1, &hints).ok()?;
    let (width, rows) = (lines.getWidth(), lines.getHeight() / ENCODER_LINES_OF_A_ROW);
    let dark = (0..rows)
        .flat_map(|row| (0..width).map(move |x| (x, row * ENCODER_LINES_OF_A_ROW)))
        .map(|(x, y)| lines.get(x, y))
        .collect();
    Some(Modules { columns: width as usize, rows: rows as usize, dark })
}

/// The size of a stamp in points: as wide as asked, in the ratio of its modules, rows no lower than readers need and the
/// whole no lower than asked.
pub(crate) fn stamp_size(stamp: &Modules, width: f32, lowest: f32) -> (f32, f32) {
    let module = width / stamp.columns as f32;
    (width, (module * (STAMP_ROW_HEIGHT * stamp.rows) as f32).max(lowest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_code_takes_the_smallest_code_that_holds_it() {
        // 178 characters of the alphanumeric mode fill version 7 at level M to the last.
        assert_eq!(qr(&"A".repeat(178)).map(|code| code.rows), Some(45));
        assert_eq!(qr(&"A".repeat(179)).map(|code| code.rows), Some(49));
        assert_eq!(qr(&"x".repeat(5_000)), None);
    }

    #[test]
    fn runs_cover_the_dark_modules() {
        let modules =
            Modules { columns: 4, rows: 2, dark: [1, 1, 0, 1, 0, 0, 0, 0].map(|dark| dark == 1).into() };
        let expected = [(0.0, 0.0, 2.0), (3.0, 0.0, 1.0)];
        let expected = expected.map(|(x, y, width)| Area { x, y, width, height: 1.0 });
        assert_eq!(modules.runs().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_stamp_has_the_shape_that_the_tax_office_wants() {
        for length in [1, 20, 150, 700, 900, MAX_STAMP_BYTES] {
            let stamp = stamp(&"ñ<&".repeat(length)[..].chars().take(length).collect::<String>()).unwrap();
            assert!((3..=90).contains(&stamp.rows), "{length}: {} rows", stamp.rows);
            let (width, height) = stamp_size(&stamp, 200.0, 60.0);
            let row = height / stamp.rows as f32;
            assert!(row >= 3.0 * width / stamp.columns as f32 - 0.001, "{length}: rows of {row}");
            assert!((50.0..130.0).contains(&height), "{length}: {width} by {height}");
        }
    }

    #[test]
    fn what_a_stamp_cannot_hold_is_refused() {
        assert_eq!(stamp(""), Err(NoStamp::Characters));
        assert_eq!(stamp("precio: 5 €"), Err(NoStamp::Characters));
        assert_eq!(stamp(&"x".repeat(MAX_STAMP_BYTES + 1)), Err(NoStamp::TooLong));
    }
}
