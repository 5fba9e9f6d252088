//! The pages of a receipt: issuer and title, for whom, the lines, the sums, the stamp.
//!
//! Lines go on over as many pages as they need; sums and stamp are on the last one, never parted from each other.

use crate::canvas::{Align, Area, Canvas, Colour, MILLIMETRE, Pen};
use crate::codes::{Modules, stamp_size};
use crate::output::{Output, Paper};
use crate::paragraph::{Block, Paragraph, fit, fit_balanced};
use crate::receipt::{FiscalStamp, ReceiptSheet};
use crate::texts::Texts;
use crate::ticket_page::demo_mark;
use crate::typeface::Style;
use std::ops::Range;
use ticketflow_domain::billing::Scheme;
use ticketflow_words::{self as words, document_title, fill};

const PAGE: Paper = Paper::A4;
const MARGIN: f32 = 54.0;
const RIGHT: f32 = PAGE.width - MARGIN;
const INNER: f32 = PAGE.width - 2.0 * MARGIN;
/// Where the second and the third column of facts start.
const SECOND: f32 = MARGIN + INNER * 0.34;
const THIRD: f32 = MARGIN + INNER * 0.70;
/// The framed title, as the tax office wants it: at the right, above all else.
const TITLE: Area = Area { x: RIGHT - 206.0, y: 54.0, width: 206.0, height: 98.0 };
const FACTS_TOP: f32 = 186.0;
const TABLE_TOP: f32 = 246.0;
/// Of the table on the pages after the first.
const NEXT_TABLE_TOP: f32 = 92.0;
/// Of everything but the demo mark and the page number.
const BOTTOM: f32 = PAGE.height - 58.0;
const REFERENCE_HEIGHT: f32 = 44.0;
const TABLE_HEAD: f32 = 24.0;
const ROW: f32 = 25.0;
/// Right edges of the columns of figures.
const QUANTITY_RIGHT: f32 = MARGIN + INNER * 0.76;
const CELL: f32 = 10.0;
const SUM_ROW: f32 = 19.0;
const SUM_LEFT: f32 = RIGHT - 206.0;
/// The tax office asks for 4.5 by 2 cm at least; on A4 there is room for a code that is easier to read.
const STAMP_WIDTH: f32 = 72.0 * MILLIMETRE;
const STAMP_LOWEST: f32 = 22.0 * MILLIMETRE;
const _: () = assert!(STAMP_WIDTH >= 45.0 * MILLIMETRE && STAMP_LOWEST >= 20.0 * MILLIMETRE);
const STAMP_WORDS: f32 = 30.0;

const LABEL_SIZE: f32 = 7.5;
const SMALL: f32 = 9.0;

/// Draws all pages.
pub(crate) fn draw(output: &mut Output, sheet: &ReceiptSheet, stamp: Option<&Modules>) {
    let descriptions: Vec<Paragraph> =
        sheet.lines.iter().map(|line| description(&line.description)).collect();
    let heights: Vec<f32> = descriptions.iter().map(|text| ROW + text.height()).collect();
    let first_top = if sheet.reference.is_some() { TABLE_TOP + REFERENCE_HEIGHT } else { TABLE_TOP };
    let foot = sums_height(sheet).max(stamp.map_or(0.0, stamp_height));
    let pages =
        paginate(&heights, BOTTOM - first_top - TABLE_HEAD, BOTTOM - NEXT_TABLE_TOP - TABLE_HEAD, foot);
    let texts = Texts::of(sheet.language);
    for (index, rows) in pages.iter().enumerate() {
        output.page(PAGE, |canvas| {
            let top = if index == 0 {
                first_head(canvas, sheet, texts);
                first_top
            } else {
                next_head(canvas, sheet);
                NEXT_TABLE_TOP
            };
            let mut y = top;
            if !rows.is_empty() {
                y = table(canvas, sheet, rows.clone(), &descriptions, top);
            }
            if index + 1 == pages.len() {
                sums(canvas, sheet, texts, y + 16.0);
                if let (Some(fiscal), Some(stamp)) = (&sheet.stamp, stamp) {
                    draw_stamp(canvas, fiscal, stamp, texts);
                }
            }
            page_number(canvas, texts, index + 1, pages.len());
            if sheet.is_demo {
                demo_mark(canvas, texts, PAGE);
            }
        });
    }
}

fn description(text: &str) -> Paragraph {
    let width = QUANTITY_RIGHT - 56.0 - MARGIN - CELL;
    fit(text, Style::REGULAR, Block { width, lines: 2, largest: 10.0, smallest: 8.0 })
}

/// Rows by page; the last page keeps `foot` free, and has no row if the rows fill the one before.
fn paginate(heights: &[f32], first: f32, next: f32, foot: f32) -> Vec<Range<usize>> {
    let (mut pages, mut start, mut filled) = (Vec::new(), 0, 0.0);
    for (index, height) in heights.iter().enumerate() {
        let room = if pages.is_empty() { first } else { next };
        if filled + height > room && index > start {
            pages.push(start..index);
            (start, filled) = (index, 0.0);
        }
        filled += height;
    }
    let room = if pages.is_empty() { first } else { next };
    pages.push(start..heights.len());
    if filled + foot > room {
        pages.push(heights.len()..heights.len());
    }
    pages
}

fn first_head(canvas: &mut Canvas<'_>, sheet: &ReceiptSheet, texts: &Texts) {
    canvas.rectangle(Area { x: 0.0, y: 0.0, width: PAGE.width, height: 8.0 }, Colour::INK);
    let issuer = &sheet.issuer;
    let width = TITLE.x - MARGIN - 24.0;
    let name = Block { width, lines: 2, largest: 20.0, smallest: 11.0 };
    let mut y =
        canvas.text(&issuer.name, Style::BOLD.tracked(-0.015), name, MARGIN, 76.0, Colour::INK) + 20.0;
    let tax_id = match issuer.tax_id.as_str() {
        "" => String::new(),
        tax_id => format!("{} {tax_id}", texts.tax_id),
    };
    let others = [(&issuer.activity, 2), (&issuer.address, 2), (&tax_id, 1)];
    for (text, lines) in others.into_iter().filter(|(text, _)| !text.is_empty()) {
        let block = Block { width, lines, largest: SMALL, smallest: 7.5 };
        y = canvas.text(text, Style::REGULAR, block, MARGIN, y, Colour::QUIET) + 13.0;
    }
    title(canvas, sheet, &tax_id);
    facts(canvas, sheet, texts);
    if let Some(reference) = &sheet.reference {
        let area = Area { x: MARGIN, y: TABLE_TOP - 10.0, width: INNER, height: REFERENCE_HEIGHT - 10.0 };
        canvas.rounded(area, 4.0, Colour::TINT);
        let document = document_title(sheet.language, reference.document_type, reference.folio);
        let date = words::date(sheet.language, reference.issued_on);
        let values = [("document", document.as_str()), ("date", &date), ("reason", &reference.reason)];
        let block = Block { width: INNER - 2.0 * CELL, lines: 2, largest: SMALL, smallest: 7.0 };
        let text = fit(&fill(texts.refers_to, &values), Style::REGULAR, block);
        let baseline = area.y + (area.height - text.height()) / 2.0 + text.size * 0.36;
        canvas.paragraph(&text, MARGIN + CELL, baseline, Colour::INK, Align::Left);
    }
}

/// What the document is, framed: red for those of the tax office, as on all of them.
fn title(canvas: &mut Canvas<'_>, sheet: &ReceiptSheet, tax_id: &str) {
    let colour = match sheet.document_type.scheme() {
        Scheme::Chile => Colour::ALARM,
        Scheme::Plain => Colour::INK,
    };
    canvas.frame(TITLE, 3.0, Pen::new(colour, 1.6));
    let centre = TITLE.x + TITLE.width / 2.0;
    let block = Block { width: TITLE.width - 24.0, lines: 2, largest: 14.0, smallest: 9.0 };
    let name = fit_balanced(words::document_name(sheet.language, sheet.document_type), Style::BOLD, block);
    let above = if tax_id.is_empty() { 0.0 } else { 23.0 };
    let height = above + name.height() + 20.0;
    let mut y = TITLE.y + (TITLE.height - height) / 2.0 + 4.5;
    if !tax_id.is_empty() {
        canvas.label(tax_id, Style::BOLD.tabular(), centre, y, 11.0, colour, Align::Centre);
    }
    y = canvas.paragraph(&name, centre, y + above, colour, Align::Centre) + 20.0;
    let number = words::document_number(sheet.language, sheet.folio);
    canvas.label(&number, Style::BOLD.tabular(), centre, y, 14.0, colour, Align::Centre);
}

fn facts(canvas: &mut Canvas<'_>, sheet: &ReceiptSheet, texts: &Texts) {
    canvas.rule((MARGIN, FACTS_TOP - 18.0), (RIGHT, FACTS_TOP - 18.0), Pen::new(Colour::RULE, 0.7));
    let date = words::date(sheet.language, sheet.issued_on);
    fact(canvas, texts.issued_on, &date, Style::BOLD, MARGIN, SECOND - MARGIN - 12.0);
    if let Some(buyer) = &sheet.buyer {
        fact(canvas, texts.billed_to, &buyer.name, Style::BOLD, SECOND, THIRD - SECOND - 12.0);
        if let Some(rut) = buyer.rut {
            let rut = format!("{} {rut}", texts.tax_id);
            let block = Block { width: THIRD - SECOND - 12.0, lines: 1, largest: SMALL, smallest: 6.0 };
            canvas.text(&rut, Style::REGULAR.tabular(), block, SECOND, FACTS_TOP + 29.0, Colour::QUIET);
        }
    }
    fact(canvas, texts.order, &sheet.order_reference, Style::REGULAR.tabular(), THIRD, RIGHT - THIRD);
}

/// A label with its value below, in one line.
fn fact(canvas: &mut Canvas<'_>, label: &str, value: &str, style: Style, x: f32, width: f32) {
    canvas.label(label, Style::REGULAR.tracked(0.02), x, FACTS_TOP, LABEL_SIZE, Colour::QUIET, Align::Left);
    let block = Block { width, lines: 1, largest: 10.5, smallest: 6.5 };
    canvas.text(value, style, block, x, FACTS_TOP + 15.0, Colour::INK);
}

fn next_head(canvas: &mut Canvas<'_>, sheet: &ReceiptSheet) {
    canvas.rectangle(Area { x: 0.0, y: 0.0, width: PAGE.width, height: 8.0 }, Colour::INK);
    let block = Block { width: INNER / 2.0 - 10.0, lines: 1, largest: 10.0, smallest: 7.0 };
    canvas.text(&sheet.issuer.name, Style::BOLD, block, MARGIN, 62.0, Colour::INK);
    let title = document_title(sheet.language, sheet.document_type, sheet.folio);
    let title = fit(&title, Style::REGULAR, block);
    canvas.paragraph(&title, RIGHT, 62.0, Colour::INK, Align::Right);
}

/// The rows of a page; the answer is where they end.
fn table(
    canvas: &mut Canvas<'_>,
    sheet: &ReceiptSheet,
    rows: Range<usize>,
    descriptions: &[Paragraph],
    top: f32,
) -> f32 {
    let texts = Texts::of(sheet.language);
    canvas.rounded(Area { x: MARGIN, y: top, width: INNER, height: TABLE_HEAD }, 3.0, Colour::INK);
    let baseline = top + 15.5;
    let heads = [
        (texts.description, MARGIN + CELL, Align::Left),
        (texts.quantity, QUANTITY_RIGHT, Align::Right),
        (texts.amount, RIGHT - CELL, Align::Right),
    ];
    for (text, x, align) in heads {
        canvas.label(text, Style::BOLD, x, baseline, 8.5, Colour::WHITE, align);
    }
    let figures = Style::REGULAR.tabular();
    let mut y = top + TABLE_HEAD;
    for index in rows {
        let (line, text) = (&sheet.lines[index], &descriptions[index]);
        let baseline = y + 16.5;
        let last = canvas.paragraph(text, MARGIN + CELL, baseline, Colour::INK, Align::Left);
        canvas.label(
            &line.quantity.to_string(),
            figures,
            QUANTITY_RIGHT,
            baseline,
            10.0,
            Colour::INK,
            Align::Right,
        );
        let amount = words::money(sheet.language, &line.amount);
        let block =
            Block { width: RIGHT - CELL - QUANTITY_RIGHT - CELL, lines: 1, largest: 10.0, smallest: 6.0 };
        canvas.paragraph(&fit(&amount, figures, block), RIGHT - CELL, baseline, Colour::INK, Align::Right);
        y = last + ROW - 16.5;
        canvas.rule((MARGIN, y), (RIGHT, y), Pen::new(Colour::RULE, 0.6));
    }
    y
}

/// Name and figure of every sum but the total.
fn parts(sheet: &ReceiptSheet, texts: &Texts) -> Vec<(String, String)> {
    let money = |amount| words::money(sheet.language, amount);
    let totals = &sheet.totals;
    let net = totals.net.as_ref().map(|net| (texts.net.to_owned(), money(net)));
    let tax = totals
        .tax
        .as_ref()
        .map(|tax| (fill(texts.tax, &[("percent", &tax.percent.to_string())]), money(&tax.amount)));
    let exempt = totals.exempt.as_ref().map(|exempt| (texts.exempt.to_owned(), money(exempt)));
    [net, tax, exempt].into_iter().flatten().collect()
}

fn sums_height(sheet: &ReceiptSheet) -> f32 {
    16.0 + SUM_ROW * parts(sheet, Texts::of(sheet.language)).len() as f32 + 46.0
}

fn sums(canvas: &mut Canvas<'_>, sheet: &ReceiptSheet, texts: &Texts, top: f32) {
    let figures = Style::REGULAR.tabular();
    let mut y = top + 8.0;
    for (name, amount) in parts(sheet, texts) {
        canvas.label(&name, Style::REGULAR, SUM_LEFT + CELL, y, 10.0, Colour::QUIET, Align::Left);
        canvas.label(&amount, figures, RIGHT - CELL, y, 10.0, Colour::INK, Align::Right);
        y += SUM_ROW;
    }
    let area = Area { x: SUM_LEFT, y: y - 8.0, width: RIGHT - SUM_LEFT, height: 36.0 };
    canvas.rounded(area, 4.0, Colour::TINT);
    let baseline = area.y + 23.5;
    canvas.label(texts.total, Style::BOLD, SUM_LEFT + CELL, baseline, 12.0, Colour::INK, Align::Left);
    let total = words::money(sheet.language, &sheet.totals.total);
    let block = Block { width: area.width - 70.0, lines: 1, largest: 17.0, smallest: 7.0 };
    let total = fit(&total, Style::BOLD.tracked(-0.01).tabular(), block);
    canvas.paragraph(&total, RIGHT - CELL, baseline, Colour::INK, Align::Right);
}

fn stamp_height(stamp: &Modules) -> f32 {
    16.0 + stamp_size(stamp, STAMP_WIDTH, STAMP_LOWEST).1 + STAMP_WORDS
}

/// At the foot of the page, with its caption and the line of the resolution.
fn draw_stamp(canvas: &mut Canvas<'_>, fiscal: &FiscalStamp, stamp: &Modules, texts: &Texts) {
    let (width, height) = stamp_size(stamp, STAMP_WIDTH, STAMP_LOWEST);
    let area = Area { x: MARGIN, y: BOTTOM - STAMP_WORDS - height, width, height };
    canvas.code(stamp, area);
    let centre = area.x + width / 2.0;
    let caption = area.y + height + 14.0;
    canvas.label(texts.stamp, Style::BOLD, centre, caption, 8.5, Colour::INK, Align::Centre);
    let (number, year) = (fiscal.resolution_number.to_string(), fiscal.resolution_year.to_string());
    let values = [("number", number.as_str()), ("year", &year), ("address", &fiscal.verify_at)];
    let block = Block { width: width + 40.0, lines: 1, largest: 7.5, smallest: 5.5 };
    let line = fit(&fill(texts.resolution, &values), Style::REGULAR, block);
    canvas.paragraph(&line, centre, caption + 12.0, Colour::QUIET, Align::Centre);
}

fn page_number(canvas: &mut Canvas<'_>, texts: &Texts, number: usize, count: usize) {
    if count > 1 {
        let text = fill(texts.page, &[("n", &number.to_string()), ("total", &count.to_string())]);
        canvas.label(&text, Style::REGULAR, RIGHT, PAGE.height - 34.0, 8.0, Colour::QUIET, Align::Right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_on_one_page_and_the_last_page_has_room_for_the_sums() {
        assert_eq!(paginate(&[20.0; 3], 100.0, 200.0, 40.0), vec![Range { start: 0, end: 3 }]);
        assert_eq!(paginate(&[20.0; 4], 100.0, 200.0, 40.0), [0..4, 4..4], "the sums do not fit below four");
        assert_eq!(paginate(&[20.0; 12], 100.0, 200.0, 40.0), [0..5, 5..12]);
        for count in 1..60 {
            let heights: Vec<f32> = (0..count).map(|row| 20.0 + (row % 3) as f32 * 11.0).collect();
            let pages = paginate(&heights, 100.0, 200.0, 90.0);
            assert_eq!(
                pages.iter().flat_map(Clone::clone).collect::<Vec<_>>(),
                (0..count).collect::<Vec<_>>()
            );
            for (index, rows) in pages.iter().enumerate() {
                let filled: f32 = heights[rows.clone()].iter().sum();
                let foot = if index + 1 == pages.len() { 90.0 } else { 0.0 };
                assert!(filled + foot <= if index == 0 { 100.0 } else { 200.0 }, "{count} rows: {pages:?}");
            }
        }
    }
}
