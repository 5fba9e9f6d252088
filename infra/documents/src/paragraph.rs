//! Texts in boxes: shrunk while that helps, then wrapped, then cut with an ellipsis. Whatever the text, the lines are no more,
//! no wider and no larger than the box allows.

use crate::typeface::{Shaped, Style, shape};
use std::ops::Range;

const ELLIPSIS: char = '…';
/// From one baseline to the next, in sizes of the type.
const LEADING: f32 = 1.16;
/// From one size to the next smaller one.
const SHRINK: f32 = 0.92;
/// From one width to the next narrower one, where lines are evened out.
const NARROW: f32 = 0.97;

/// What a text has to fit into. Sizes and width in points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    pub(crate) width: f32,
    pub(crate) lines: usize,
    pub(crate) largest: f32,
    pub(crate) smallest: f32,
}

/// A text in lines of one size.
#[derive(Debug, Clone)]
pub(crate) struct Paragraph {
    pub(crate) lines: Vec<Shaped>,
    pub(crate) size: f32,
}

impl Paragraph {
    /// From one baseline to the next.
    pub(crate) fn leading(&self) -> f32 {
        self.size * LEADING
    }

    /// From the first baseline to the last.
    pub(crate) fn height(&self) -> f32 {
        self.lines.len().saturating_sub(1) as f32 * self.leading()
    }
}

/// A text set into a block.
pub(crate) fn fit(text: &str, style: Style, block: Block) -> Paragraph {
    let shaped = shape(text, style);
    let mut size = block.largest;
    loop {
        let wrapped = wrap(&shaped, block.width / size);
        if wrapped.lines.len() <= block.lines && !wrapped.parts_words {
            let lines = wrapped.lines.into_iter().map(|line| shaped.part(line)).collect();
            return Paragraph { lines, size };
        }
        if size <= block.smallest {
            return Paragraph { lines: cut(&shaped, wrapped.lines, block.lines, block.width / size), size };
        }
        size = (size * SHRINK).max(block.smallest);
    }
}

/// A text set into a block, with lines of about one length: no word is left alone on the last.
pub(crate) fn fit_balanced(text: &str, style: Style, block: Block) -> Paragraph {
    let widest = fit(text, style, block);
    let count = widest.lines.len();
    if count < 2 {
        return widest;
    }
    let shaped = shape(text, style);
    let (mut width, mut lines) = (block.width / widest.size, None);
    loop {
        width *= NARROW;
        let wrapped = wrap(&shaped, width);
        if wrapped.lines.len() > count || wrapped.parts_words {
            break;
        }
        lines = Some(wrapped.lines);
    }
    let lines = lines.map(|lines| lines.into_iter().map(|line| shaped.part(line)).collect());
    Paragraph { lines: lines.unwrap_or(widest.lines), ..widest }
}

struct Wrapped {
    /// Of glyphs.
    lines: Vec<Range<usize>>,
    /// Whether a word was too wide for a line and had to be parted.
    parts_words: bool,
}

/// Lines filled one after the other, ended at a space where there is one. `width` in ems.
fn wrap(shaped: &Shaped, width: f32) -> Wrapped {
    let (mut lines, mut parts_words) = (Vec::new(), false);
    let (mut start, mut space, mut filled) = (0, None, 0.0);
    for index in 0..shaped.glyphs.len() {
        let advance = shaped.glyphs[index].x_advance;
        if shaped.is_space(index) {
            // A space at the end of a line hangs over: it is not seen.
            space = Some(index);
        } else if filled + advance - shaped.style.tracking > width && index > start {
            if let Some(space) = space.take() {
                lines.push(start..space);
                start = space + 1;
            } else if shaped.starts_cluster(index) {
                lines.push(start..index);
                start = index;
                parts_words = true;
            }
            filled = shaped.glyphs[start..index].iter().map(|glyph| glyph.x_advance).sum();
        }
        filled += advance;
    }
    lines.push(start..shaped.glyphs.len());
    Wrapped { lines, parts_words }
}

/// The first lines; the last of them ends with an ellipsis if the text goes on.
fn cut(shaped: &Shaped, mut lines: Vec<Range<usize>>, limit: usize, width: f32) -> Vec<Shaped> {
    if lines.len() <= limit {
        return lines.into_iter().map(|line| shaped.part(line)).collect();
    }
    lines.truncate(limit);
    let last = lines.pop().unwrap_or(0..0);
    let ellipsis = shape(&ELLIPSIS.to_string(), shaped.style).width();
    let mut end = last.start;
    let mut filled = 0.0;
    for index in last.start..shaped.glyphs.len() {
        filled += shaped.glyphs[index].x_advance;
        if filled + ellipsis > width {
            break;
        }
        if index + 1 == shaped.glyphs.len() || shaped.starts_cluster(index + 1) {
            end = index + 1;
        }
    }
    let kept = shaped.part(last.start..end).text;
    let mut cut: Vec<_> = lines.into_iter().map(|line| shaped.part(line)).collect();
    cut.push(shape(&format!("{}{ELLIPSIS}", kept.trim_end()), shaped.style));
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Block = Block { width: 120.0, lines: 2, largest: 20.0, smallest: 8.0 };

    fn texts(paragraph: &Paragraph) -> Vec<&str> {
        paragraph.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn a_text_is_shrunk_then_wrapped_then_cut() {
        let short = fit("Hamlet", Style::BOLD, BLOCK);
        assert_eq!((texts(&short), short.size), (vec!["Hamlet"], 20.0));
        let wrapped = fit("La vida es sueño", Style::BOLD, BLOCK);
        assert_eq!((texts(&wrapped), wrapped.size), (vec!["La vida es", "sueño"], 20.0));
        let shrunk = fit("El sombrero de tres picos", Style::BOLD, BLOCK);
        assert!(shrunk.size < 20.0 && shrunk.lines.len() == 2, "{:?}", texts(&shrunk));
        let cut = fit(&"palabra ".repeat(40), Style::BOLD, BLOCK);
        assert_eq!((cut.size, cut.lines.len()), (8.0, 2));
        assert!(texts(&cut)[1].ends_with('…') && !texts(&cut)[0].ends_with('…'), "{:?}", texts(&cut));
        assert_eq!(texts(&fit("", Style::BOLD, BLOCK)), [""]);
    }

    #[test]
    fn a_balanced_text_has_no_word_alone_and_no_line_more() {
        let block = Block { width: 200.0, ..BLOCK };
        let title = "La fiesta de las flores";
        assert_eq!(texts(&fit(title, Style::BOLD, block)), ["La fiesta de las", "flores"]);
        assert_eq!(texts(&fit_balanced(title, Style::BOLD, block)), ["La fiesta de", "las flores"]);
        assert_eq!(texts(&fit_balanced("Hamlet", Style::BOLD, block)), ["Hamlet"]);
        assert_eq!(texts(&fit_balanced("", Style::BOLD, block)), [""]);
        let long = "x".repeat(300);
        assert_eq!(texts(&fit_balanced(&long, Style::BOLD, block)), texts(&fit(&long, Style::BOLD, block)));
    }

    #[test]
    fn no_text_leaves_its_block() {
        let hostile = [
            "a".repeat(300),
            "W".repeat(300),
            "e\u{301}\u{302}".repeat(150),
            "👍🏽".repeat(300),
            "ab ".repeat(300),
            format!("corta {}", "l".repeat(300)),
            " \t\0".repeat(300),
        ];
        for text in hostile {
            for width in [1.0, 30.0, 120.0, 500.0] {
                for lines in 1..4 {
                    let block = Block { width, lines, ..BLOCK };
                    let paragraph = fit(&text, Style::BOLD.tracked(0.05), block);
                    assert!(paragraph.lines.len() <= lines && (8.0..=20.0).contains(&paragraph.size));
                    for line in &paragraph.lines {
                        let wide = line.width() * paragraph.size;
                        assert!(
                            wide <= width + 0.01 || line.text.chars().count() <= 3,
                            "{} {wide}",
                            line.text
                        );
                    }
                }
            }
        }
    }
}
