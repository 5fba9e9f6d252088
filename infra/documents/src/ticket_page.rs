//! The page of a ticket: a band with the show, the facts, and below a perforation the stub with code and seat.
//!
//! Every place is fixed and every text has a box, so that the code is where it is whatever the texts say.

use crate::band::Band;
use crate::canvas::{Align, Area, Canvas, Colour, Pen};
use crate::codes::{Modules, QR_QUIET_MODULES};
use crate::output::Paper;
use crate::paragraph::{Block, fit, fit_balanced};
use crate::texts::Texts;
use crate::ticket::{Place, Ticket, TicketSheet};
use crate::typeface::Style;
use ticketflow_words::{self as words, fill};

const PAGE: Paper = Paper::A5;
const MARGIN: f32 = 32.0;
const INNER: f32 = PAGE.width - 2.0 * MARGIN;
/// Where the second column of facts starts.
const SECOND: f32 = MARGIN + INNER * 0.68;
const BAND_HEIGHT: f32 = 210.0;
/// Of the last line of the show's name.
const TITLE_BASELINE: f32 = BAND_HEIGHT - 22.0;
const STUB_TOP: f32 = 360.0;
/// The white card of the code.
const CODE: Area = Area { x: MARGIN, y: STUB_TOP + 22.0, width: 150.0, height: 150.0 };
/// What is beside the code.
const BESIDE: f32 = CODE.x + CODE.width + 22.0;
const BESIDE_WIDTH: f32 = PAGE.width - MARGIN - BESIDE;
const TERMS_BASELINE: f32 = 550.0;
/// At the foot of the page.
const DEMO_HEIGHT: f32 = 20.0;

const LABEL: Style = Style::REGULAR.tracked(0.02);
const LABEL_SIZE: f32 = 7.5;

/// Draws one ticket of the sheet.
pub(crate) fn draw(canvas: &mut Canvas<'_>, sheet: &TicketSheet, index: usize, code: &Modules, band: &Band) {
    let texts = Texts::of(sheet.language);
    let ticket = &sheet.tickets[index];
    canvas.rectangle(
        Area { x: 0.0, y: STUB_TOP, width: PAGE.width, height: PAGE.height - STUB_TOP },
        Colour::TINT,
    );
    head(canvas, sheet, index, band);
    facts(canvas, sheet, ticket, texts);
    perforation(canvas);
    draw_code(canvas, code);
    place(canvas, ticket, texts);
    order(canvas, sheet, texts);
    if sheet.is_demo {
        demo_mark(canvas, texts, PAGE);
    }
}

/// A strip across the foot of a page.
pub(crate) fn demo_mark(canvas: &mut Canvas<'_>, texts: &Texts, page: Paper) {
    let strip = Area { x: 0.0, y: page.height - DEMO_HEIGHT, width: page.width, height: DEMO_HEIGHT };
    canvas.rectangle(strip, Colour::ALARM);
    let style = Style::BOLD.tracked(0.06);
    let (centre, baseline) = (page.width / 2.0, page.height - 7.0);
    canvas.label(texts.demo, style, centre, baseline, 8.0, Colour::WHITE, Align::Centre);
}

fn head(canvas: &mut Canvas<'_>, sheet: &TicketSheet, index: usize, band: &Band) {
    let block = Block { width: INNER, lines: 3, largest: 33.0, smallest: 13.0 };
    let title = fit_balanced(&sheet.show, Style::BOLD.tracked(-0.02), block);
    let first = TITLE_BASELINE - title.height();
    let number = first - title.size * 0.73 - 13.0;
    let area = Area { x: 0.0, y: 0.0, width: PAGE.width, height: BAND_HEIGHT };
    band.draw(canvas, area, number - 24.0);
    let (n, total) = ((index + 1).to_string(), sheet.tickets.len().to_string());
    let count = fill(Texts::of(sheet.language).ticket_number, &[("n", &n), ("total", &total)]);
    canvas.label(&count, Style::BOLD.tracked(0.03), MARGIN, number, 9.5, band.accent, Align::Left);
    canvas.paragraph(&title, MARGIN, first, band.title, Align::Left);
}

fn facts(canvas: &mut Canvas<'_>, sheet: &TicketSheet, ticket: &Ticket, texts: &Texts) {
    let date = words::long_date(sheet.language, sheet.starts_at.date());
    let time = words::time(sheet.language, sheet.starts_at.time());
    let price = words::money(sheet.language, &ticket.price);
    let first = SECOND - MARGIN - 14.0;
    let second = PAGE.width - MARGIN - SECOND;
    fact(canvas, texts.when, &date, MARGIN, 238.0, first);
    fact(canvas, texts.doors_time, &time, SECOND, 238.0, second);
    fact(canvas, texts.venue, &sheet.venue, MARGIN, 280.0, INNER);
    fact(canvas, texts.buyer, &sheet.buyer, MARGIN, 322.0, first);
    fact(canvas, texts.price, &price, SECOND, 322.0, second);
}

/// A label with its value below, in one line.
fn fact(canvas: &mut Canvas<'_>, label: &str, value: &str, x: f32, y: f32, width: f32) {
    canvas.label(label, LABEL, x, y, LABEL_SIZE, Colour::QUIET, Align::Left);
    let block = Block { width, lines: 1, largest: 13.5, smallest: 8.0 };
    canvas.text(value, Style::BOLD.tracked(-0.005), block, x, y + 16.0, Colour::INK);
}

/// Where the stub is torn off: a dotted line between two notches.
fn perforation(canvas: &mut Canvas<'_>) {
    let pen = Pen { dash: Some((0.1, 5.0, 0.0)), ..Pen::new(Colour(0xb9, 0xb8, 0xb4), 1.6) };
    canvas.rule((MARGIN - 12.0, STUB_TOP), (PAGE.width - MARGIN + 12.0, STUB_TOP), pen);
    for x in [0.0, PAGE.width] {
        canvas.disc(x, STUB_TOP, 9.0, Colour(0xd9, 0xd8, 0xd3));
    }
}

fn draw_code(canvas: &mut Canvas<'_>, code: &Modules) {
    canvas.rounded(CODE, 6.0, Colour::WHITE);
    let module = CODE.width / (code.columns as f32 + 2.0 * QR_QUIET_MODULES);
    let quiet = module * QR_QUIET_MODULES;
    let side = CODE.width - 2.0 * quiet;
    let inside = Area { x: CODE.x + quiet, y: CODE.y + quiet, width: side, height: side };
    canvas.code(code, inside);
}

fn place(canvas: &mut Canvas<'_>, ticket: &Ticket, texts: &Texts) {
    let top = CODE.y + 8.0;
    canvas.label(texts.zone, LABEL, BESIDE, top, LABEL_SIZE, Colour::QUIET, Align::Left);
    let zone = Block { width: BESIDE_WIDTH, lines: 2, largest: 15.0, smallest: 8.0 };
    canvas.text(&ticket.zone, Style::BOLD, zone, BESIDE, top + 17.0, Colour::INK);
    let label = top + 60.0;
    match &ticket.place {
        Place::Seat { row, seat } => {
            let half = BESIDE_WIDTH / 2.0;
            for (name, value, x) in [(texts.row, row, BESIDE), (texts.seat, seat, BESIDE + half)] {
                canvas.label(name, LABEL, x, label, LABEL_SIZE, Colour::QUIET, Align::Left);
                let block = Block { width: half - 10.0, lines: 1, largest: 48.0, smallest: 12.0 };
                let value = fit(value, Style::BOLD.tracked(-0.03), block);
                canvas.paragraph(
                    &value,
                    x - value.size * 0.02,
                    label + 8.0 + value.size * 0.76,
                    Colour::INK,
                    Align::Left,
                );
            }
        }
        Place::GeneralAdmission => {
            canvas.label(texts.place, LABEL, BESIDE, label, LABEL_SIZE, Colour::QUIET, Align::Left);
            let block = Block { width: BESIDE_WIDTH, lines: 2, largest: 23.0, smallest: 12.0 };
            let style = Style::BOLD.tracked(-0.02);
            canvas.text(texts.general_admission, style, block, BESIDE, label + 24.0, Colour::INK);
        }
    }
}

fn order(canvas: &mut Canvas<'_>, sheet: &TicketSheet, texts: &Texts) {
    let bottom = CODE.y + CODE.height;
    canvas.label(texts.order, LABEL, BESIDE, bottom - 13.0, LABEL_SIZE, Colour::QUIET, Align::Left);
    let reference = Block { width: BESIDE_WIDTH, lines: 1, largest: 9.5, smallest: 6.0 };
    canvas.text(&sheet.order_reference, Style::REGULAR.tabular(), reference, BESIDE, bottom, Colour::INK);
    let terms = Block { width: INNER, lines: 3, largest: 6.5, smallest: 5.5 };
    canvas.text(&sheet.terms, Style::REGULAR, terms, MARGIN, TERMS_BASELINE, Colour::QUIET);
}
