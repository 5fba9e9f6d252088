//! The PDF file around the pages: page sizes, what the file says of itself, its bytes.
//!
//! Nothing in a file depends on when or where it is made: it has no date, and its id is a hash of its content.

use crate::canvas::{Canvas, MILLIMETRE};
use crate::legible::one_line;
use krilla::Document;
use krilla::error::KrillaError;
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use ticketflow_domain::Language;

const PRODUCER: &str = concat!("TicketFlow ", env!("CARGO_PKG_VERSION"));
/// The longest title, in graphemes.
const MAX_TITLE: usize = 200;

/// A paper size, upright, in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Paper {
    pub(crate) width: f32,
    pub(crate) height: f32,
}

impl Paper {
    pub(crate) const A4: Self = Self { width: 210.0 * MILLIMETRE, height: 297.0 * MILLIMETRE };
    pub(crate) const A5: Self = Self { width: 148.0 * MILLIMETRE, height: 210.0 * MILLIMETRE };
}

/// A PDF file in the making.
pub(crate) struct Output {
    document: Document,
}

impl Output {
    pub(crate) fn new(title: &str, language: Language) -> Self {
        let mut document = Document::new();
        document.set_metadata(
            Metadata::new()
                .title(one_line(title, MAX_TITLE))
                .language(language.tag().to_owned())
                .producer(PRODUCER.to_owned()),
        );
        Self { document }
    }

    pub(crate) fn page(&mut self, paper: Paper, draw: impl FnOnce(&mut Canvas<'_>)) {
        let settings =
            PageSettings::from_wh(paper.width, paper.height).expect("paper has a width and a height");
        let mut page = self.document.start_page_with(settings);
        let mut canvas = Canvas::new(page.surface());
        draw(&mut canvas);
        drop(canvas);
        page.finish();
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, KrillaError> {
        self.document.finish()
    }
}
