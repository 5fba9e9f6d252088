//! What of a text may stand in a line of a mail: one line of graphemes, of a bounded number, without anything that steers a
//! header, a terminal or a reader's direction. Pure, and total: every text has a legible form, if an empty one.

use ticketflow_words::steers;
use unicode_segmentation::UnicodeSegmentation;

/// A family of pictures joined into one has eleven; a letter under a tower of accents has more.
const MAX_CHARS_OF_A_GRAPHEME: usize = 11;
/// Stands for what was cut off.
const CUT: char = '…';

/// A text in one line: runs of white space, line ends included, are one space, and what is longer than `limit` graphemes ends
/// with an ellipsis in place of the last of them.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let visible: String =
        text.chars().filter(|c| c.is_whitespace() || !(steers(*c) || is_no_character(*c))).collect();
    let mut line = String::with_capacity(visible.len().min(4 * limit));
    let (mut taken, mut before_last) = (0, 0);
    for grapheme in visible.graphemes(true) {
        let is_space = grapheme.chars().all(char::is_whitespace);
        if is_space && (line.is_empty() || line.ends_with(' ')) {
            continue;
        }
        if taken == limit {
            line.truncate(before_last);
            line.truncate(line.trim_end().len());
            line.push(CUT);
            return line;
        }
        (taken, before_last) = (taken + 1, line.len());
        match is_space {
            true => line.push(' '),
            false => line.extend(grapheme.chars().take(MAX_CHARS_OF_A_GRAPHEME)),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// A buyer's name to address somebody by, where it can be one: whoever orders for a stranger's address could make the name a
/// message to that stranger, with a link in it.
pub(crate) fn name_of_a_person(text: &str, limit: usize) -> Option<String> {
    let name = one_line(text, limit);
    // `J.R.` has dots too, but no last word of two letters and more.
    let is_host = |word: &str| {
        let ends = word.trim_end_matches(|c: char| !c.is_alphanumeric()).rsplit_once('.');
        ends.is_some_and(|(_, last)| last.chars().count() > 1)
    };
    let carries_link = name.contains(['/', '@', '\\', ':']) || name.split_whitespace().any(is_host);
    (!name.is_empty() && !carries_link).then_some(name)
}

/// Code points that are no characters, for ever: some readers refuse a text that has one.
const fn is_no_character(c: char) -> bool {
    matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_line_without_what_steers() {
        let cases = [
            ("Ñandú  Núñez", "Ñandú Núñez"),
            ("  dos\r\nlíneas\t\u{2028}", "dos líneas"),
            ("Ana\r\nBcc: todos@example.cl", "Ana Bcc: todos@example.cl"),
            ("nul\0 esc\u{1b}[31m", "nul esc[31m"),
            ("\u{202E}fdp.adartne\u{202C}\u{2066}\u{200F}", "fdp.adartne"),
            ("👩\u{200D}👩\u{200D}👧 y 👍🏽 ❤\u{FE0F}", "👩\u{200D}👩\u{200D}👧 y 👍🏽 ❤\u{FE0F}"),
            ("{{ 7*7 }} <script>", "{{ 7*7 }} <script>"),
            ("\u{200B}\u{FEFF} \r\n", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(one_line(text, 100), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_graphemes() {
        assert_eq!(one_line("abcd", 4), "abcd");
        assert_eq!(one_line("abcde", 4), "abc…");
        assert_eq!(one_line("ab  cd ", 4), "ab…");
        assert_eq!(one_line("👍🏽👍🏽👍🏽", 2), "👍🏽…");
        assert_eq!(one_line(&"ñ".repeat(300), 80).chars().count(), 80);
        let tower = format!("a{}", "\u{301}".repeat(500));
        assert_eq!(one_line(&tower, 10).chars().count(), MAX_CHARS_OF_A_GRAPHEME);
    }

    #[test]
    fn a_link_is_no_name() {
        for name in ["Ana Pérez", "J.R. Núñez", "María P. Soto", "O'Higgins", "李小龍", "Dra. Soto", "🙂"]
        {
            assert_eq!(name_of_a_person(name, 80).as_deref(), Some(name));
        }
        for name in [
            "",
            " \r\n",
            "Gana en http://a.example",
            "premio.example.cl",
            "escribe a a@example.cl",
            "www.x.cl",
        ] {
            assert_eq!(name_of_a_person(name, 80), None, "{name:?}");
        }
    }
}
