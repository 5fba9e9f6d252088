//! What of a text can be set in type: one line of graphemes, of a bounded number, without anything that steers a terminal, a
//! reader's direction or a neighbour's place. Pure, and total: every text has a legible form.
//!
//! Whether the font has a glyph is [`crate::typeface`]'s question; it puts [`PLACEHOLDER`] where there is none.

use ticketflow_words::{joins, steers};
use unicode_segmentation::UnicodeSegmentation;

/// Stands for a grapheme that the font cannot show.
pub(crate) const PLACEHOLDER: char = '\u{25A1}';
/// A grapheme keeps its first characters: a letter under a tower of accents would reach into the lines above.
const MAX_CHARS_OF_A_GRAPHEME: usize = 3;

/// The first `limit` graphemes of a text in one line; runs of white space, line ends included, are one space.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::with_capacity(text.len().min(4 * limit));
    let mut taken = 0;
    for grapheme in text.graphemes(true) {
        if taken == limit {
            break;
        }
        if grapheme.chars().next().is_some_and(char::is_whitespace) {
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
                taken += 1;
            }
        } else if grapheme.trim_matches(is_invisible).contains('\u{200D}') {
            // Several pictures joined into one: one box, not one for each of them.
            line.push(PLACEHOLDER);
            taken += 1;
        } else {
            let before = line.len();
            line.extend(grapheme.chars().filter(|c| !is_invisible(*c)).take(MAX_CHARS_OF_A_GRAPHEME));
            taken += usize::from(line.len() > before);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Characters that draw nothing here: the fonts have no pictures that could be joined or varied.
const fn is_invisible(c: char) -> bool {
    steers(c) || joins(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_line_without_what_steers() {
        let cases = [
            ("Ñandú  Núñez", "Ñandú Núñez"),
            ("  dos\r\nlíneas\t\u{2028}", "dos líneas"),
            ("nul\0 esc\u{1b}[31m", "nul esc[31m"),
            ("\u{202E}txt.exe\u{202C}\u{200F}", "txt.exe"),
            ("suave\u{AD}mente", "suavemente"),
            ("❤\u{FE0F}", "❤"),
            ("👩\u{200D}👩\u{200D}👧 y 👍🏽", "□ y 👍🏽"),
            ("e\u{301}\u{302}\u{303}\u{304}\u{305}x", "e\u{301}\u{302}x"),
            ("a\u{200D}b", "ab"),
            ("\u{200B}\u{FEFF}", ""),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(one_line(text, 100), expected, "{text:?}");
        }
    }

    #[test]
    fn a_limit_counts_what_is_seen() {
        assert_eq!(one_line(&"ñ".repeat(400), 300), "ñ".repeat(300));
        assert_eq!(one_line(&format!("{}ab", "\u{200B}".repeat(1_000)), 1), "a");
        assert_eq!(one_line("ab cd", 3), "ab");
    }
}
