//! Drawing on a page in points from its top left corner: texts, rectangles, lines, circles, codes. All of it through here, so that no
//! page knows the PDF library.

use crate::codes::Modules;
use crate::paragraph::{Block, Paragraph, fit};
use crate::typeface::{Shaped, Style, shape};
use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Point, Rect, Transform};
use krilla::num::NormalizedF32;
use krilla::paint::{Fill, FillRule, LineCap, Stroke, StrokeDash};
use krilla::surface::Surface;

/// Points in a millimetre.
pub(crate) const MILLIMETRE: f32 = 72.0 / 25.4;
/// The control points of a quarter circle, in radii.
const QUARTER: f32 = 0.552_284_8;

/// A colour by its red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour(pub(crate) u8, pub(crate) u8, pub(crate) u8);

impl Colour {
    pub(crate) const WHITE: Self = Self(255, 255, 255);
    pub(crate) const BLACK: Self = Self(0, 0, 0);
    /// Of texts.
    pub(crate) const INK: Self = Self(0x17, 0x1a, 0x21);
    /// Of labels.
    pub(crate) const QUIET: Self = Self(0x6b, 0x70, 0x7c);
    /// Of hairlines.
    pub(crate) const RULE: Self = Self(0xd9, 0xda, 0xdf);
    /// Of tinted grounds.
    pub(crate) const TINT: Self = Self(0xf4, 0xf3, 0xf0);
    /// Of what must not be overlooked.
    pub(crate) const ALARM: Self = Self(0xb3, 0x1b, 0x1b);

    fn fill(self) -> Fill {
        Fill {
            paint: rgb::Color::new(self.0, self.1, self.2).into(),
            opacity: NormalizedF32::ONE,
            rule: FillRule::NonZero,
        }
    }
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Centre,
    Right,
}

/// A rectangle in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

/// A stroke of a line. Lengths in points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pen {
    pub(crate) colour: Colour,
    pub(crate) width: f32,
    /// Length, gap and where in them the line starts; ends are round, so that a length near zero gives dots.
    pub(crate) dash: Option<(f32, f32, f32)>,
    /// 1 is opaque.
    pub(crate) opacity: f32,
}

impl Pen {
    pub(crate) const fn new(colour: Colour, width: f32) -> Self {
        Self { colour, width, dash: None, opacity: 1.0 }
    }

    fn stroke(self) -> Stroke {
        Stroke {
            paint: rgb::Color::new(self.colour.0, self.colour.1, self.colour.2).into(),
            width: self.width,
            line_cap: if self.dash.is_some() { LineCap::Round } else { LineCap::Butt },
            opacity: NormalizedF32::new(self.opacity).unwrap_or(NormalizedF32::ONE),
            dash: self.dash.map(|(length, gap, offset)| StrokeDash { array: vec![length, gap], offset }),
            ..Stroke::default()
        }
    }
}

/// A page under the pen.
pub(crate) struct Canvas<'a> {
    surface: Surface<'a>,
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(surface: Surface<'a>) -> Self {
        Self { surface }
    }

    /// One line of text on a baseline.
    pub(crate) fn line_of_text(
        &mut self,
        line: &Shaped,
        x: f32,
        baseline: f32,
        size: f32,
        colour: Colour,
        align: Align,
    ) {
        if line.glyphs.is_empty() {
            return;
        }
        let x = match align {
            Align::Left => x,
            Align::Centre => x - line.width() * size / 2.0,
            Align::Right => x - line.width() * size,
        };
        self.surface.set_stroke(None);
        self.surface.set_fill(Some(colour.fill()));
        let start = Point::from_xy(x, baseline);
        self.surface.draw_glyphs(start, &line.glyphs, line.style.font(), &line.text, size, false);
    }

    /// A text of ours, that is known to be short, on a baseline.
    pub(crate) fn label(
        &mut self,
        text: &str,
        style: Style,
        x: f32,
        baseline: f32,
        size: f32,
        colour: Colour,
        align: Align,
    ) {
        self.line_of_text(&shape(text, style), x, baseline, size, colour, align);
    }

    /// A paragraph whose first baseline is given; the last baseline is the answer.
    pub(crate) fn paragraph(
        &mut self,
        paragraph: &Paragraph,
        x: f32,
        baseline: f32,
        colour: Colour,
        align: Align,
    ) -> f32 {
        let mut last = baseline;
        for (index, line) in paragraph.lines.iter().enumerate() {
            last = baseline + index as f32 * paragraph.leading();
            self.line_of_text(line, x, last, paragraph.size, colour, align);
        }
        last
    }

    /// A text set into a block; the last baseline is the answer.
    pub(crate) fn text(
        &mut self,
        text: &str,
        style: Style,
        block: Block,
        x: f32,
        baseline: f32,
        colour: Colour,
    ) -> f32 {
        self.paragraph(&fit(text, style, block), x, baseline, colour, Align::Left)
    }

    pub(crate) fn rectangle(&mut self, area: Area, colour: Colour) {
        if let Some(path) = rectangle(area) {
            self.fill(&path, colour);
        }
    }

    pub(crate) fn rounded(&mut self, area: Area, radius: f32, colour: Colour) {
        if let Some(path) = rounded(area, radius) {
            self.fill(&path, colour);
        }
    }

    pub(crate) fn frame(&mut self, area: Area, radius: f32, pen: Pen) {
        if let Some(path) = rounded(area, radius) {
            self.draw(&path, pen);
        }
    }

    pub(crate) fn disc(&mut self, x: f32, y: f32, radius: f32, colour: Colour) {
        if let Some(path) = circle(x, y, radius) {
            self.fill(&path, colour);
        }
    }

    pub(crate) fn circle(&mut self, x: f32, y: f32, radius: f32, pen: Pen) {
        if let Some(path) = circle(x, y, radius) {
            self.draw(&path, pen);
        }
    }

    pub(crate) fn rule(&mut self, from: (f32, f32), to: (f32, f32), pen: Pen) {
        let mut path = PathBuilder::new();
        path.move_to(from.0, from.1);
        path.line_to(to.0, to.1);
        if let Some(path) = path.finish() {
            self.draw(&path, pen);
        }
    }

    /// A code in an area, as one shape: no seams between modules that touch. Drawn in modules and scaled by the page: whole
    /// numbers make a third of the file that points would.
    pub(crate) fn code(&mut self, code: &Modules, area: Area) {
        let mut path = PathBuilder::new();
        for run in code.runs() {
            if let Some(rect) = Rect::from_xywh(run.x, run.y, run.width, run.height) {
                path.push_rect(rect);
            }
        }
        if let Some(path) = path.finish() {
            let (width, height) = (area.width / code.columns as f32, area.height / code.rows as f32);
            self.surface.push_transform(&Transform::from_row(width, 0.0, 0.0, height, area.x, area.y));
            self.fill(&path, Colour::BLACK);
            self.surface.pop();
        }
    }

    /// Draws with everything outside the area left as it is.
    pub(crate) fn within(&mut self, area: Area, draw: impl FnOnce(&mut Self)) {
        if let Some(path) = rectangle(area) {
            self.surface.push_clip_path(&path, &FillRule::NonZero);
            draw(self);
            self.surface.pop();
        }
    }

    fn fill(&mut self, path: &Path, colour: Colour) {
        self.surface.set_stroke(None);
        self.surface.set_fill(Some(colour.fill()));
        self.surface.draw_path(path);
    }

    fn draw(&mut self, path: &Path, pen: Pen) {
        self.surface.set_fill(None);
        self.surface.set_stroke(Some(pen.stroke()));
        self.surface.draw_path(path);
    }
}

fn rectangle(area: Area) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.push_rect(Rect::from_xywh(area.x, area.y, area.width, area.height)?);
    path.finish()
}

fn rounded(area: Area, radius: f32) -> Option<Path> {
    let (left, top) = (area.x, area.y);
    let (right, bottom) = (left + area.width, top + area.height);
    let bend = radius * (1.0 - QUARTER);
    let mut path = PathBuilder::new();
    path.move_to(left + radius, top);
    path.line_to(right - radius, top);
    path.cubic_to(right - bend, top, right, top + bend, right, top + radius);
    path.line_to(right, bottom - radius);
    path.cubic_to(right, bottom - bend, right - bend, bottom, right - radius, bottom);
    path.line_to(left + radius, bottom);
    path.cubic_to(left + bend, bottom, left, bottom - bend, left, bottom - radius);
    path.line_to(left, top + radius);
    path.cubic_to(left, top + bend, left + bend, top, left + radius, top);
    path.close();
    path.finish()
}

fn circle(x: f32, y: f32, radius: f32) -> Option<Path> {
    let area = Area { x: x - radius, y: y - radius, width: 2.0 * radius, height: 2.0 * radius };
    rounded(area, radius)
}
