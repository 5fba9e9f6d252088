//! Names that a plan accepts, made from any text: no hyphen in rows and seats, bounded, each once.
//!
//! Deterministic: the same texts in the same order give the same names. The bounds are those of the plan check.

use std::collections::{HashMap, HashSet};

/// Characters of a zone's name.
const LONGEST_ZONE: usize = 64;
/// Characters of a row's label or a seat's number.
const LONGEST_LABEL: usize = 16;

/// Names given so far in one scope.
#[derive(Default)]
pub(super) struct Names {
    used: HashSet<String>,
    /// The number to try next for a text that was wanted before, so that a thousand equal ones take a thousand steps.
    next: HashMap<String, u64>,
}

impl Names {
    /// A zone name that is not used yet.
    pub(super) fn zone(&mut self, text: &str, fallback: &str) -> String {
        self.unique(&cleaned(text, fallback, LONGEST_ZONE), ' ', LONGEST_ZONE)
    }

    /// A row label or seat number that is not used yet.
    pub(super) fn label(&mut self, text: &str, fallback: &str) -> String {
        let without_hyphen = text.replace('-', ".");
        self.unique(&cleaned(&without_hyphen, fallback, LONGEST_LABEL), '.', LONGEST_LABEL)
    }

    fn unique(&mut self, wanted: &str, separator: char, longest: usize) -> String {
        if self.used.insert(wanted.to_owned()) {
            return wanted.to_owned();
        }
        let next = self.next.entry(wanted.to_owned()).or_insert(2);
        loop {
            let suffix = format!("{separator}{next}");
            *next += 1;
            let name = format!("{}{suffix}", truncated(wanted, longest - suffix.len()));
            if self.used.insert(name.clone()) {
                return name;
            }
        }
    }
}

fn cleaned(text: &str, fallback: &str, longest: usize) -> String {
    let spaced: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let short = truncated(spaced.trim(), longest);
    if short.is_empty() { fallback.to_owned() } else { short.to_owned() }
}

/// The first characters, without a space at their end.
fn truncated(text: &str, longest: usize) -> &str {
    let end = text.char_indices().nth(longest).map_or(text.len(), |(at, _)| at);
    text[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_lose_hyphens_spaces_and_length_and_stay_apart() {
        let mut names = Names::default();
        for (text, expected) in [
            ("A", "A"),
            ("A", "A.2"),
            ("A", "A.3"),
            ("A-2", "A.2.2"),
            (" B\u{7}1 ", "B 1"),
            ("", "7"),
            ("  ", "7.2"),
            ("abcdefghijklmnopqrst", "abcdefghijklmnop"),
            ("abcdefghijklmnopqrst", "abcdefghijklmn.2"),
            ("ññññññññññññññññññ", "ññññññññññññññññ"),
        ] {
            assert_eq!(names.label(text, "7"), expected, "{text:?}");
        }
    }

    #[test]
    fn zones_keep_their_hyphens() {
        let mut names = Names::default();
        assert_eq!(names.zone("Platea-Alta", "Zona"), "Platea-Alta");
        assert_eq!(names.zone("Platea-Alta", "Zona"), "Platea-Alta 2");
        assert_eq!(names.zone("", "Zona"), "Zona");
    }
}
