//! `/shows/{show}/list`: the whole sale as plain forms. Best available on top, then general admission by quantity,
//! then one numbered zone at a time, row by row, free seats as tick boxes.

use super::{
    Frame, done_notice, problem_notice, sale_notice, show_head, shows_what_is_left, swatch, what_is_left,
    zone_color,
};
use crate::address::with_query;
use crate::api_model::{CompactMap, PlanZone, Sales, SeatStatus, ShowDetail, ZoneCounts};
use crate::hold_cookie::RememberedHold;
use crate::pages::seat_map::{best_available_form, general_form, hold_bar};
use crate::texts::{Advice, fill};
use crate::wording;
use maud::{Markup, html};

/// Tick boxes on one page: a phone shows and submits them at ease. A row longer than this has a page to itself.
const MAX_SEATS_SHOWN: usize = 1_500;

/// What the list shows.
pub(crate) struct ListView<'a> {
    pub(crate) detail: &'a ShowDetail,
    pub(crate) hold: Option<&'a RememberedHold>,
    /// The zone that is open, with the live map; none shows the zones only.
    pub(crate) open: Option<OpenZone<'a>>,
    pub(crate) zone_is_unknown: bool,
    /// Which row of the open zone comes first.
    pub(crate) first_row: usize,
    pub(crate) problem: Option<(Advice, Vec<String>)>,
    pub(crate) note: Option<&'static str>,
    pub(crate) key: &'a str,
    pub(crate) max_seats: u32,
}

pub(crate) struct OpenZone<'a> {
    pub(crate) zone: &'a PlanZone,
    pub(crate) counts: &'a ZoneCounts,
    pub(crate) map: &'a CompactMap,
}

pub(crate) fn render(frame: &Frame<'_>, view: &ListView<'_>) -> Markup {
    let texts = frame.texts();
    let show = &view.detail.show;
    let selling = show.sales == Sales::Open;
    let title = fill(texts.list_title, &[("show", &show.name)]);
    let content = html! {
        div.narrow {
            (show_head(frame, show, html! {}))
            @if let Some((advice, seats)) = &view.problem { (problem_notice(frame, *advice, seats)) }
            @if let Some(note) = view.note { (done_notice(note)) }
            @if view.zone_is_unknown { div.notice.bad role="alert" { p { (texts.no_zone) } } }
            @if let Some(hold) = view.hold { (hold_bar(frame, &show.show_id, hold, true)) }
            (sale_notice(frame, show))
            p.lead { (texts.list_lead) " " a href={ "/shows/" (show.show_id) } { (texts.map_link) } }
            @if selling {
                div.forms {
                    (best_available_form(frame, view.detail, view.key, view.max_seats))
                    (general_form(frame, view.detail, view.key, view.max_seats))
                }
            }
            (zones(frame, view))
            @if let Some(open) = &view.open { (seats(frame, view, open, selling)) }
        }
    };
    frame.page(&title, "list", &[], content)
}

fn zones(frame: &Frame<'_>, view: &ListView<'_>) -> Markup {
    let texts = frame.texts();
    let show = &view.detail.show;
    let path = format!("/shows/{}/list", show.show_id);
    let left = shows_what_is_left(show);
    html! {
        section.panel-box aria-labelledby="zones-title" {
            h2 #zones-title { (texts.zones) }
            ul.zone-list {
                @for (index, zone) in view.detail.zones.iter().enumerate() {
                    li {
                        (swatch(zone_color(zone, index)))
                        span.zone-name { bdi { (zone.name) } }
                        span.zone-price { (wording::money(&zone.price)) }
                        span.zone-free { @if left { (what_is_left(frame, zone)) } }
                        @if zone.general {
                            span.zone-go { (texts.general_zone) }
                        } @else if left {
                            a.zone-go href={ (with_query(&path, &[("zone", &zone.name)])) "#seats" }
                                aria-current=[view.open.as_ref().filter(|open| open.counts.name == zone.name).map(|_| "true")]
                                aria-label=(fill(texts.continue_list, &[("zone", &zone.name)])) { (texts.see_seats) }
                        }
                    }
                }
            }
        }
    }
}

/// The rows of the open zone that have free seats, as many as fit.
fn seats(frame: &Frame<'_>, view: &ListView<'_>, open: &OpenZone<'_>, selling: bool) -> Markup {
    let texts = frame.texts();
    let show = &view.detail.show.show_id;
    let path = format!("/shows/{show}/list");
    let (rows, next) = rows_that_fit(open, view.first_row);
    html! {
        section #seats aria-labelledby="seats-title" {
            h2 #seats-title { (fill(texts.seats_in, &[("zone", &open.zone.name)])) }
            @if rows.is_empty() {
                p.empty-line { (texts.no_free_seats) }
            } @else {
                @if selling { p.hint { (fill(texts.list_hint, &[("n", &view.max_seats.to_string())])) } }
                form.seat-form method="post" action={ "/shows/" (show) "/hold" } {
                    input type="hidden" name="key" value=(view.key);
                    input type="hidden" name="zone" value=(open.zone.name);
                    @for row in &rows { (row_of_boxes(frame, open, row, selling)) }
                    @if selling { p.form-end { button.button type="submit" { (texts.hold_button) } } }
                }
            }
            @if let Some(next) = next {
                p.more {
                    a.button.quiet href={ (with_query(&path, &[("zone", &open.zone.name), ("from", &next.to_string())])) "#seats" } {
                        (fill(texts.show_rows_from, &[("row", &open.zone.rows[next].label)]))
                    }
                }
            }
        }
    }
}

fn row_of_boxes(frame: &Frame<'_>, open: &OpenZone<'_>, row: &FreeRow, selling: bool) -> Markup {
    let label = &open.zone.rows[row.index].label;
    html! {
        fieldset.row-seats {
            legend { (fill(frame.texts().row, &[("row", label)])) }
            @for number in &row.numbers {
                label.seat-box {
                    input type="checkbox" name="seat" value={ (open.zone.name) "-" (label) "-" (number) } disabled[!selling];
                    span { (number) }
                }
            }
        }
    }
}

struct FreeRow {
    index: usize,
    numbers: Vec<String>,
}

/// Rows with free seats from `first` on, and the row the next page starts with.
fn rows_that_fit(open: &OpenZone<'_>, first: usize) -> (Vec<FreeRow>, Option<usize>) {
    let (mut rows, mut shown) = (Vec::new(), 0);
    for (index, row) in open.zone.rows.iter().enumerate().skip(first) {
        let free =
            (0..row.seats.len()).filter(|seat| open.map.status(row.first + seat) == SeatStatus::Available);
        let numbers: Vec<String> = free.map(|seat| row.seats.label(seat)).collect();
        if numbers.is_empty() {
            continue;
        }
        if shown > 0 && shown + numbers.len() > MAX_SEATS_SHOWN {
            return (rows, Some(index));
        }
        shown += numbers.len();
        rows.push(FreeRow { index, numbers });
    }
    (rows, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api_model::{Money, PlanRow, SeatLabels};

    fn zone(rows: usize, seats: usize) -> PlanZone {
        let rows = (0..rows).map(|row| PlanRow {
            label: row.to_string(),
            first: row * seats,
            seats: SeatLabels::Count(seats),
        });
        PlanZone { name: "Z".into(), general: false, first: 0, count: 0, rows: rows.collect() }
    }

    #[test]
    fn a_large_zone_is_cut_into_pages_that_lose_no_row() {
        let zone = zone(100, 400);
        let counts = ZoneCounts {
            name: "Z".into(),
            price: Money { amount: 1, currency: "CLP".into() },
            color: None,
            general: false,
            available: 40_000,
        };
        let map = CompactMap(vec![0; 10_000].into());
        let open = OpenZone { zone: &zone, counts: &counts, map: &map };
        let (mut seen, mut from) = (0, Some(0));
        while let Some(first) = from {
            let (rows, next) = rows_that_fit(&open, first);
            assert!(rows.iter().map(|row| row.numbers.len()).sum::<usize>() <= MAX_SEATS_SHOWN);
            seen += rows.len();
            from = next;
        }
        assert_eq!(seen, 100);
        let sold = CompactMap(vec![0b1010_1010; 10_000].into());
        assert!(rows_that_fit(&OpenZone { map: &sold, ..open }, 0).0.is_empty());
    }
}
