//! Draws a plan as an SVG picture, for documents and for checking a plan by eye.
//!
//! Deterministic and without script. Colours other than the zones' adapt to a light or a dark page. Seats are dots of
//! one path per zone; beyond [`DOTS_LIMIT`] rows are lines, which keeps the picture of a stadium small. Live maps with
//! seat states belong to the portal.

use std::fmt::Write;

use ticketflow_domain::plan::{Plan, Point, SeatIndex, Seating, Zone, ZoneKind};

/// Seats up to which each is a dot of its own.
const DOTS_LIMIT: usize = 20_000;
/// A seat's dot.
const DOT_CM: i64 = 42;
/// A row's line where seats are not drawn one by one.
const LINE_CM: i64 = 46;
/// Free space around the plan, as a share of its larger side.
const MARGIN_SHARE: i64 = 40;
/// Half the sides of a general-admission area whose outline is unknown.
const UNKNOWN_AREA_HALF: (i64, i64) = (600, 300);
/// Height of a text in a narrow shape.
const SMALLEST_TEXT_CM: i64 = 8;
/// Colour of zones that have none.
const NO_COLOR: &str = "#7a7a7a";

/// The plan as a complete SVG document.
pub fn render_svg(plan: &Plan) -> String {
    let seating = Seating::new(plan.clone());
    let frame = Frame::around(&seating);
    let mut svg = String::new();
    open_document(&mut svg, &frame, plan.zones.len() as i64);
    for shape in &plan.decor {
        write(&mut svg, format_args!("<path class=\"d\" d=\"{}\"/>\n", closed_path(&shape.outline)));
    }
    for (index, zone) in plan.zones.iter().enumerate() {
        draw_zone(&mut svg, &seating, index, zone);
    }
    for shape in plan.decor.iter().filter(|shape| !shape.label.is_empty()) {
        label(&mut svg, &frame, &shape.label, &shape.outline);
    }
    for zone in &plan.zones {
        if let ZoneKind::General(area) = &zone.kind {
            label(&mut svg, &frame, &zone.name, &area.outline);
        }
    }
    legend(&mut svg, &frame, &seating);
    svg.push_str("</svg>\n");
    svg
}

fn write(svg: &mut String, arguments: std::fmt::Arguments<'_>) {
    svg.write_fmt(arguments).expect("writing to a String never fails");
}

/// The visible part of the plan, in centimetres.
struct Frame {
    left: i64,
    top: i64,
    right: i64,
    bottom: i64,
}

impl Frame {
    fn around(seating: &Seating) -> Self {
        let plan = seating.plan();
        let mut frame = Self { left: i64::MAX, top: i64::MAX, right: i64::MIN, bottom: i64::MIN };
        seating.seats().for_each(|seat| frame.include(seating.position(seat), (DOT_CM / 2, DOT_CM / 2)));
        plan.decor.iter().flat_map(|shape| &shape.outline).for_each(|&point| frame.include(point, (0, 0)));
        for (zone, span) in plan.zones.iter().zip(seating.zone_spans()) {
            if let ZoneKind::General(area) = &zone.kind {
                area.outline.iter().for_each(|&point| frame.include(point, (0, 0)));
                frame.include(seating.position(SeatIndex(span.first)), UNKNOWN_AREA_HALF);
            }
        }
        let margin = (frame.width().max(frame.height()) / MARGIN_SHARE).max(DOT_CM);
        Self {
            left: frame.left - margin,
            top: frame.top - margin,
            right: frame.right + margin,
            bottom: frame.bottom + margin,
        }
    }

    fn include(&mut self, point: Point, (half_width, half_height): (i64, i64)) {
        let (x, y) = (i64::from(point.x), i64::from(point.y));
        self.left = self.left.min(x - half_width);
        self.right = self.right.max(x + half_width);
        self.top = self.top.min(y - half_height);
        self.bottom = self.bottom.max(y + half_height);
    }

    fn width(&self) -> i64 {
        self.right - self.left
    }

    fn height(&self) -> i64 {
        self.bottom - self.top
    }

    fn font_size(&self) -> i64 {
        (self.width().max(self.height()) / 55).max(20)
    }

    fn line_height(&self) -> i64 {
        self.font_size() * 3 / 2
    }
}

fn open_document(svg: &mut String, frame: &Frame, zones: i64) {
    let legend_lines = (zones + 1) / 2;
    let height = frame.height() + (legend_lines + 1) * frame.line_height();
    write(
        svg,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"{} {} {} {height}\">\n",
            frame.left,
            frame.top,
            frame.width(),
        ),
    );
    write(
        svg,
        format_args!(
            "<style>text{{font:{}px system-ui,sans-serif;fill:#333}}.c{{text-anchor:middle;dominant-baseline:middle}}\
             .d{{fill:#8884;stroke:#888;stroke-width:12}}.s{{fill:none;stroke-linecap:round;stroke-width:{DOT_CM}}}\
             .r{{fill:none;stroke-linejoin:round;stroke-width:{LINE_CM}}}\
             .g{{fill-opacity:.3;stroke-width:20;stroke-linejoin:round}}\
             @media(prefers-color-scheme:dark){{text{{fill:#ddd}}}}</style>\n",
            frame.font_size()
        ),
    );
}

fn draw_zone(svg: &mut String, seating: &Seating, index: usize, zone: &Zone) {
    let span = &seating.zone_spans()[index];
    let color = escaped(zone.color.as_deref().unwrap_or(NO_COLOR));
    let name = escaped(&zone.name);
    if let ZoneKind::General(area) = &zone.kind {
        let outline = if area.outline.is_empty() {
            closed_path(&unknown_area(seating.position(SeatIndex(span.first))))
        } else {
            closed_path(&area.outline)
        };
        write(
            svg,
            format_args!(
                "<path class=\"g\" fill=\"{color}\" stroke=\"{color}\" d=\"{outline}\"><title>{name}</title></path>\n"
            ),
        );
        return;
    }
    let dots = seating.seat_count() <= DOTS_LIMIT;
    let class = if dots { 's' } else { 'r' };
    write(svg, format_args!("<path class=\"{class}\" stroke=\"{color}\" d=\""));
    let mut pen = Pen { at: None };
    if dots {
        (span.first..span.end).for_each(|seat| pen.dot(svg, seating.position(SeatIndex(seat))));
    } else {
        let rows = &seating.row_spans()[span.first_row as usize..span.end_row as usize];
        rows.iter().for_each(|row| pen.row(svg, seating, row.first, row.end));
    }
    write(svg, format_args!("\"><title>{name}</title></path>\n"));
}

fn unknown_area(middle: Point) -> [Point; 4] {
    let (width, height) = (UNKNOWN_AREA_HALF.0 as i32, UNKNOWN_AREA_HALF.1 as i32);
    [(-width, -height), (width, -height), (width, height), (-width, height)]
        .map(|(x, y)| Point { x: middle.x.saturating_add(x), y: middle.y.saturating_add(y) })
}

/// Writes path data with relative moves, which are shorter.
struct Pen {
    at: Option<Point>,
}

impl Pen {
    fn dot(&mut self, svg: &mut String, to: Point) {
        self.reach(svg, 'm', to);
        svg.push_str("h0");
    }

    /// Straight pieces through every fourth seat and the last; bends in between are below what the eye sees.
    fn row(&mut self, svg: &mut String, seating: &Seating, first: u32, end: u32) {
        self.reach(svg, 'm', seating.position(SeatIndex(first)));
        if end - first == 1 {
            svg.push_str("h1");
            self.at = self.at.map(|at| Point { x: at.x + 1, ..at });
            return;
        }
        let stops = (first + 4..end - 1).step_by(4).chain([end - 1]);
        stops.for_each(|seat| self.reach(svg, 'l', seating.position(SeatIndex(seat))));
    }

    fn reach(&mut self, svg: &mut String, way: char, to: Point) {
        let from = self.at.unwrap_or(Point { x: 0, y: 0 });
        let (x, y) = (i64::from(to.x) - i64::from(from.x), i64::from(to.y) - i64::from(from.y));
        let separator = if y < 0 { "" } else { " " };
        write(svg, format_args!("{way}{x}{separator}{y}"));
        self.at = Some(to);
    }
}

fn closed_path(outline: &[Point]) -> String {
    let mut path = String::new();
    for (index, point) in outline.iter().enumerate() {
        let way = if index == 0 { 'M' } else { 'L' };
        write(&mut path, format_args!("{way}{} {}", point.x, point.y));
    }
    if !outline.is_empty() {
        path.push('Z');
    }
    path
}

/// A text in the middle of its shape, sized to its width; at full size where the shape is a mere point or line.
fn label(svg: &mut String, frame: &Frame, text: &str, outline: &[Point]) {
    let Some((left, right)) = extent(outline.iter().map(|point| point.x)) else { return };
    let Some((top, bottom)) = extent(outline.iter().map(|point| point.y)) else { return };
    let letters = text.chars().count().max(1) as i64;
    let fitting = if outline.len() > 2 { (right - left) * 3 / 2 / letters } else { i64::MAX };
    let size = frame.font_size().min(fitting).max(SMALLEST_TEXT_CM);
    let (x, y) = ((left + right) / 2, (top + bottom) / 2);
    let text = escaped(text);
    write(
        svg,
        format_args!("<text class=\"c\" x=\"{x}\" y=\"{y}\" style=\"font-size:{size}px\">{text}</text>\n"),
    );
}

fn extent(values: impl Iterator<Item = i32> + Clone) -> Option<(i64, i64)> {
    Some((i64::from(values.clone().min()?), i64::from(values.max()?)))
}

/// Zone names with their numbers of seats, in two columns below the plan.
fn legend(svg: &mut String, frame: &Frame, seating: &Seating) {
    let (size, line) = (frame.font_size(), frame.line_height());
    for (index, (zone, span)) in seating.plan().zones.iter().zip(seating.zone_spans()).enumerate() {
        let x = frame.left + size + (index as i64 % 2) * frame.width() / 2;
        let y = frame.bottom + (index as i64 / 2 + 1) * line;
        let color = escaped(zone.color.as_deref().unwrap_or(NO_COLOR));
        write(
            svg,
            format_args!(
                "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{color}\"/><text x=\"{}\" y=\"{y}\">{} · {}</text>\n",
                x + size / 3,
                y - size / 3,
                size / 3,
                x + size,
                escaped(&zone.name),
                span.end - span.first,
            ),
        );
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // XML 1.0 forbids these even as references; a decor label may carry them.
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}
