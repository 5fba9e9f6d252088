//! The faces of the documents and texts shaped with them: glyphs with their advances, in ems, ready to be measured and drawn.
//!
//! Every text that is drawn is shaped here, so none reaches a page with a glyph that the font does not have.

use crate::legible::{PLACEHOLDER, one_line};
use harfrust::{
    Direction, Feature, FontRef, ShapeOptions, ShapePlan, ShaperData, Tag, UnicodeBuffer, script,
};
use krilla::text::{Font, GlyphId, KrillaGlyph};
use std::ops::Range;
use std::sync::LazyLock;
use unicode_segmentation::UnicodeSegmentation;

/// The longest text that is set, in graphemes; what follows is not read. Boxes cut far earlier.
const MAX_GRAPHEMES: usize = 2_000;

static REGULAR: LazyLock<Face> =
    LazyLock::new(|| Face::new(include_bytes!("../fonts/Inter-Regular.otf").as_slice()));
static BOLD: LazyLock<Face> =
    LazyLock::new(|| Face::new(include_bytes!("../fonts/Inter-Bold.otf").as_slice()));

/// How heavy a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

/// How a text is set, whatever its size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Style {
    pub(crate) weight: Weight,
    /// Space added after every glyph, in ems.
    pub(crate) tracking: f32,
    /// Figures of one width, for columns.
    pub(crate) tabular: bool,
}

impl Style {
    pub(crate) const REGULAR: Self = Self { weight: Weight::Regular, tracking: 0.0, tabular: false };
    pub(crate) const BOLD: Self = Self { weight: Weight::Bold, tracking: 0.0, tabular: false };

    pub(crate) const fn tracked(self, tracking: f32) -> Self {
        Self { tracking, ..self }
    }

    pub(crate) const fn tabular(self) -> Self {
        Self { tabular: true, ..self }
    }

    fn face(self) -> &'static Face {
        match self.weight {
            Weight::Regular => &REGULAR,
            Weight::Bold => &BOLD,
        }
    }

    pub(crate) fn font(self) -> Font {
        self.face().embedded.clone()
    }
}

/// A text as glyphs in a row.
#[derive(Debug, Clone)]
pub(crate) struct Shaped {
    pub(crate) text: String,
    pub(crate) glyphs: Vec<KrillaGlyph>,
    pub(crate) style: Style,
}

impl Shaped {
    /// Its width in ems.
    pub(crate) fn width(&self) -> f32 {
        self.glyphs.iter().map(|glyph| glyph.x_advance).sum::<f32>() - self.style.tracking
    }

    /// Some of its glyphs, with the text that they show.
    pub(crate) fn part(&self, glyphs: Range<usize>) -> Self {
        let glyphs = &self.glyphs[glyphs];
        let start = glyphs.first().map_or(0, |glyph| glyph.text_range.start);
        let end = glyphs.last().map_or(start, |glyph| glyph.text_range.end);
        let moved = glyphs.iter().map(|glyph| KrillaGlyph {
            text_range: glyph.text_range.start - start..glyph.text_range.end - start,
            ..glyph.clone()
        });
        Self { text: self.text[start..end].to_owned(), glyphs: moved.collect(), style: self.style }
    }

    /// Whether a line may end before a glyph without parting a letter from its accents.
    pub(crate) fn starts_cluster(&self, glyph: usize) -> bool {
        glyph == 0 || self.glyphs[glyph].text_range != self.glyphs[glyph - 1].text_range
    }

    pub(crate) fn is_space(&self, glyph: usize) -> bool {
        &self.text[self.glyphs[glyph].text_range.clone()] == " "
    }
}

/// A text in one line of glyphs, with a box for every grapheme that the font does not have.
pub(crate) fn shape(text: &str, style: Style) -> Shaped {
    let mut text = one_line(text, MAX_GRAPHEMES);
    let mut glyphs = style.face().glyphs(&text, style);
    if glyphs.iter().any(is_missing) {
        text = with_placeholders(&text, &glyphs);
        glyphs = style.face().glyphs(&text, style);
    }
    Shaped { text, glyphs, style }
}

fn is_missing(glyph: &KrillaGlyph) -> bool {
    glyph.glyph_id.to_u32() == 0
}

fn with_placeholders(text: &str, glyphs: &[KrillaGlyph]) -> String {
    let missing: Vec<_> =
        glyphs.iter().filter(|glyph| is_missing(glyph)).map(|glyph| &glyph.text_range).collect();
    let mut replaced = String::with_capacity(text.len());
    for (start, grapheme) in text.grapheme_indices(true) {
        let end = start + grapheme.len();
        // The ranges rise with the text: the first that ends behind this start is the only one that can overlap.
        let next = missing.partition_point(|range| range.end <= start);
        if missing.get(next).is_some_and(|range| range.start < end) {
            replaced.push(PLACEHOLDER);
        } else {
            replaced.push_str(grapheme);
        }
    }
    replaced
}

/// A font, once for drawing and once for shaping.
struct Face {
    embedded: Font,
    font: FontRef<'static>,
    data: ShaperData,
    plain: ShapePlan,
    tabular: ShapePlan,
    units_per_em: f32,
}

impl Face {
    fn new(bytes: &'static [u8]) -> Self {
        let embedded = Font::new(bytes.into(), 0).expect("the font in this repository is sound");
        let font = FontRef::new(bytes).expect("the font in this repository is sound");
        let data = ShaperData::new(&font);
        let plan = |features: &[Feature]| {
            let shaper = data.shaper(&font).build();
            ShapePlan::new(&shaper, Direction::LeftToRight, Some(script::LATIN), None, features)
        };
        let (plain, tabular) = (plan(&[]), plan(&[Feature::new(Tag::new(b"tnum"), 1, ..)]));
        let units_per_em = embedded.units_per_em();
        Self { embedded, font, data, plain, tabular, units_per_em }
    }

    fn glyphs(&self, text: &str, style: Style) -> Vec<KrillaGlyph> {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.set_direction(Direction::LeftToRight);
        buffer.set_script(script::LATIN);
        let plan = if style.tabular { &self.tabular } else { &self.plain };
        let shaper = self.data.shaper(&self.font).build();
        let shaped = shaper.shape(buffer, ShapeOptions::new().plan(Some(plan)));
        let infos = shaped.glyph_infos();
        let mut glyphs = Vec::with_capacity(infos.len());
        let mut end = text.len();
        // From the back: a cluster ends where the one behind it starts.
        for (index, (info, at)) in infos.iter().zip(shaped.glyph_positions()).enumerate().rev() {
            if let Some(next) = infos.get(index + 1).filter(|next| next.cluster != info.cluster) {
                end = next.cluster as usize;
            }
            let em = |units: i32| units as f32 / self.units_per_em;
            // An accent has no width and gets no space of its own.
            let tracking = if at.x_advance > 0 { style.tracking } else { 0.0 };
            glyphs.push(KrillaGlyph::new(
                GlyphId::new(info.glyph_id),
                em(at.x_advance) + tracking,
                em(at.x_offset),
                em(at.y_offset),
                em(at.y_advance),
                info.cluster as usize..end,
                None,
            ));
        }
        glyphs.reverse();
        glyphs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_faces_have_what_a_name_here_needs_and_the_placeholder() {
        let needed =
            "ÁÉÍÓÚÜÑáéíóúüñ¿¡«»“”‘’–—…·ºª$€£¥₡₲ŠšŽžČčŁłŐőŘřßØøÆæÞðŒœĞğİı Ελλάδα Київ Москва 0123456789";
        for style in [Style::REGULAR, Style::BOLD] {
            let shaped = shape(&format!("{needed}{PLACEHOLDER}"), style);
            assert_eq!(shaped.text.matches(PLACEHOLDER).count(), 1, "{}", shaped.text);
            assert!(!shaped.glyphs.iter().any(is_missing));
        }
    }

    #[test]
    fn a_grapheme_without_a_glyph_becomes_one_box() {
        let cases = [
            ("Ana 👍🏽 Paz", "Ana □ Paz"),
            ("🇨🇱🇦🇷", "□□"),
            ("東京", "□□"),
            ("שלום", "□□□□"),
            ("a👩\u{200D}🚀b", "a□b"),
            ("e\u{301}", "e\u{301}"),
        ];
        for (text, expected) in cases {
            assert_eq!(shape(text, Style::REGULAR).text, expected);
        }
    }

    #[test]
    fn figures_of_a_column_have_one_width_and_ranges_cover_the_text() {
        let width = |text| shape(text, Style::REGULAR.tabular()).width();
        assert_eq!(width("1.111"), width("8.888"));
        let shaped = shape("AVE e\u{301}f", Style::BOLD);
        assert!(shaped.glyphs.windows(2).all(|pair| pair[0].text_range.end >= pair[1].text_range.start));
        assert_eq!(shaped.glyphs.last().map(|glyph| glyph.text_range.end), Some(shaped.text.len()));
        assert_eq!(shaped.part(1..3).text, "VE");
        assert_eq!(shape("", Style::BOLD).glyphs.len(), 0);
    }

    #[test]
    fn a_text_is_read_to_a_bound() {
        assert_eq!(shape(&"x".repeat(1_000_000), Style::REGULAR).glyphs.len(), MAX_GRAPHEMES);
    }
}
