//! Characters of other people's texts that draw nothing and do something: no line of a document or a mail has them.

/// Whether a character draws nothing and changes how others are drawn, read or processed: it steers a terminal, a header or a
/// reader's direction, or hides what is there.
#[must_use]
pub const fn steers(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}'
        | '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether a character draws nothing and makes one picture or letter of its neighbours, or another of the one before: a mail's
/// reader draws them, the fonts of the documents do not.
#[must_use]
pub const fn joins(c: char) -> bool {
    matches!(c, '\u{180F}' | '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_neither_steers_nor_joins_and_controls_steer() {
        for c in "Ñandú, 李小龍 عمر ערב 🎭👍🏽 e\u{301} \u{A0}\u{2028}".chars() {
            assert!(!steers(c) && !joins(c), "{c:?}");
        }
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            assert!(!c.is_control() || steers(c), "{c:?}");
            assert!(!(steers(c) && joins(c)), "{c:?}");
        }
    }
}
