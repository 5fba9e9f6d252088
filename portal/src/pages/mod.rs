//! The pages, one file each, and the frame around them. Pages are pure: they turn what a handler gathered into HTML,
//! and escape every text that came from outside (maud escapes by construction).

pub(crate) mod catalogue;
pub(crate) mod checkout;
pub(crate) mod list;
pub(crate) mod ops;
pub(crate) mod problem;
pub(crate) mod refund;
pub(crate) mod seat_map;
pub(crate) mod ticket;

use crate::address::with_query;
use crate::api_model::{GENERAL_ROW, Sales, Show, ZoneCounts};
use crate::assets;
use crate::language::Language;
use crate::texts::{Advice, Texts, fill};
use crate::wording;
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, html};

/// Below this share of free seats a show is nearly sold out.
const FEW_LEFT_PERCENT: u64 = 8;

/// The body's class of pages for operators, which have a sheet of their own.
const OPERATORS_PAGE: &str = "ops-page";

/// For zones without a colour: apart from each other for colour-blind people too, readable on light and dark.
const ZONE_COLORS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7a9a01"];

/// What every page needs to know about its reader.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) language: Language,
    pub(crate) time_zone: &'a TimeZone,
    /// The page's own path and query, where the other language is one click away.
    pub(crate) address: &'a str,
}

impl Frame<'_> {
    pub(crate) fn texts(&self) -> &'static Texts {
        self.language.texts()
    }

    /// As `?lang=` names the page's language.
    pub(crate) fn language_code(&self) -> &'static str {
        self.language.code()
    }

    pub(crate) fn date_time(&self, instant: &str) -> String {
        wording::date_time(self.language, self.time_zone, instant)
    }

    /// The same to the millisecond: for what happened, not for what will.
    pub(crate) fn date_time_to_millis(&self, instant: &str) -> String {
        let Ok(timestamp) = instant.parse::<jiff::Timestamp>() else { return instant.to_owned() };
        timestamp.to_zoned(self.time_zone.clone()).strftime("%Y-%m-%d %H:%M:%S.%3f").to_string()
    }

    pub(crate) fn count(&self, number: u64) -> String {
        wording::count(self.language, number)
    }

    /// One digit behind the point: `0,3` in Spanish, `0.3` in English.
    pub(crate) fn decimal(&self, number: f64) -> String {
        let text = format!("{number:.1}");
        match self.language {
            Language::Spanish => text.replace('.', ","),
            Language::English => text,
        }
    }

    /// `1 entrada`, `4 entradas`: right for numbered seats and for general admission.
    pub(crate) fn tickets(&self, count: usize) -> String {
        match count {
            1 => self.texts().tickets_count_one.to_owned(),
            _ => fill(self.texts().tickets_count_many, &[("n", &self.count(count as u64))]),
        }
    }

    /// A seat's name as people say it: `Platea · fila A, asiento 3`, or `Cancha · Entrada general` where places have
    /// no number. Rows and numbers hold no hyphen; a name of another shape stays as it is.
    pub(crate) fn seat_words(&self, name: &str) -> String {
        let mut parts = name.rsplitn(3, '-');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(GENERAL_ROW), Some(zone)) => format!("{zone} · {}", self.texts().general_title),
            (Some(number), Some(row), Some(zone)) => {
                format!("{zone} · {}", fill(self.texts().say_row, &[("row", row), ("seat", number)]))
            }
            _ => name.to_owned(),
        }
    }

    /// A whole page. `kind` is the body's class; `scripts` are asset names.
    pub(crate) fn page(&self, title: &str, kind: &str, scripts: &[&str], content: Markup) -> Markup {
        let texts = self.texts();
        let other = match self.language {
            Language::Spanish => Language::English,
            Language::English => Language::Spanish,
        };
        html! {
            (DOCTYPE)
            html lang=(self.language.tag()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                    meta name="color-scheme" content="light dark";
                    title { (title) " · TicketFlow" }
                    link rel="icon" type="image/svg+xml" href=(assets::address("icon.svg"));
                    link rel="stylesheet" href=(assets::address("portal.css"));
                    @if kind == OPERATORS_PAGE {
                        link rel="stylesheet" href=(assets::address("uplot.min.css"));
                        link rel="stylesheet" href=(assets::address("ops.css"));
                    }
                    // Both kinds run in their order once the page is read.
                    @for script in scripts {
                        @if script.ends_with(".iife.min.js") { script defer src=(assets::address(script)) {} }
                        @else { script type="module" src=(assets::address(script)) {} }
                    }
                }
                body class=(kind) {
                    a.skip href="#content" { (texts.skip_to_content) }
                    header.site {
                        a.brand href="/" { span.brand-mark aria-hidden="true" {} "TicketFlow" }
                        nav {
                            a href="/" { (texts.catalogue) }
                            a.language href=(with_query(self.address, &[("lang", other.code())])) lang=(other.tag()) hreflang=(other.tag()) {
                                (texts.other_language)
                            }
                        }
                    }
                    main #content tabindex="-1" { (content) }
                    footer.site { @if kind != OPERATORS_PAGE { p { (texts.footer) } } }
                }
            }
        }
    }
}

/// What stands in the way, above a page's content: what happened, what to do next, and which seats it concerns.
pub(crate) fn problem_notice(frame: &Frame<'_>, advice: Advice, seats: &[String]) -> Markup {
    html! {
        div.notice.bad role="alert" {
            p.notice-title { (advice.title) }
            p { (advice.next) }
            @if !seats.is_empty() {
                ul.seat-names { @for seat in seats { li { bdi { (frame.seat_words(seat)) } } } }
            }
        }
    }
}

/// What was done as asked.
pub(crate) fn done_notice(text: &str) -> Markup {
    html! { div.notice.good role="status" { p { (text) } } }
}

/// What a show sells at this moment, in one word or two.
fn sales_badge(frame: &Frame<'_>, show: &Show) -> Markup {
    let texts = frame.texts();
    let (kind, text) = match show.sales {
        Sales::Open if show.seats_available == 0 => ("off", texts.sold_out.to_owned()),
        Sales::Open if nearly_sold_out(show) => {
            ("hot", fill(texts.few_left, &[("n", &frame.count(show.seats_available))]))
        }
        Sales::Open => ("on", texts.sales_open.to_owned()),
        Sales::Scheduled => ("soon", texts.sales_scheduled.to_owned()),
        Sales::Closed | Sales::Other => ("off", texts.sales_closed.to_owned()),
        Sales::Cancelled => ("off", texts.sales_cancelled.to_owned()),
    };
    html! { span class={ "badge " (kind) } { (text) } }
}

fn nearly_sold_out(show: &Show) -> bool {
    show.seats_available.saturating_mul(100) < show.seats_total.saturating_mul(FEW_LEFT_PERCENT)
}

/// Name, place and time of a show at the head of its pages, and the way to its other page.
fn show_head(frame: &Frame<'_>, show: &Show, other_page: Markup) -> Markup {
    html! {
        header.show-head {
            div.show-name {
                h1 { bdi { (show.name) } }
                (sales_badge(frame, show))
            }
            p.show-facts {
                span { bdi { (show.venue) } }
                time datetime=(show.starts_at) { (frame.date_time(&show.starts_at)) }
                (other_page)
            }
        }
    }
}

/// Why nobody can buy at this moment, if so.
fn sale_notice(frame: &Frame<'_>, show: &Show) -> Markup {
    let (texts, advice) = (frame.texts(), &frame.texts().advice);
    let reason = match (show.sales, &show.sales_open_at) {
        (Sales::Open, _) if show.seats_available == 0 => {
            Some((advice.sold_out.title, advice.sold_out.next.to_owned()))
        }
        (Sales::Open, _) => None,
        (Sales::Scheduled, Some(when)) => {
            let next = fill(texts.sales_start_at, &[("when", &frame.date_time(when))]);
            Some((advice.sales_not_open.title, next))
        }
        (Sales::Scheduled, None) => Some((advice.sales_not_open.title, texts.sales_start_unknown.to_owned())),
        (Sales::Closed | Sales::Other, _) => {
            Some((advice.sales_closed.title, advice.sales_closed.next.to_owned()))
        }
        (Sales::Cancelled, _) => Some((advice.show_cancelled.title, advice.show_cancelled.next.to_owned())),
    };
    html! {
        @if let Some((title, next)) = reason {
            div.notice.plain role="status" { p.notice-title { (title) } p { (next) } }
        }
    }
}

/// Whether what is left means anything to a reader: not once nothing will be sold any more.
fn shows_what_is_left(show: &Show) -> bool {
    matches!(show.sales, Sales::Open | Sales::Scheduled)
}

/// `401 libres`, or that a zone is sold out.
fn what_is_left(frame: &Frame<'_>, zone: &ZoneCounts) -> String {
    match zone.available {
        0 => frame.texts().sold_out_short.to_owned(),
        left => fill(frame.texts().free, &[("n", &frame.count(left))]),
    }
}

/// The colour of a zone: its own when it is one (`#rgb` or `#rrggbb`), else by its place in the plan.
pub(crate) fn zone_color(zone: &ZoneCounts, index: usize) -> &str {
    let is_color = |text: &&str| {
        matches!(text.len(), 4 | 7)
            && text
                .strip_prefix('#')
                .is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    };
    zone.color.as_deref().filter(is_color).unwrap_or(ZONE_COLORS[index % ZONE_COLORS.len()])
}

/// A swatch of a zone's colour; SVG, because the content policy allows no inline style.
fn swatch(color: &str) -> Markup {
    html! {
        svg.swatch viewBox="0 0 16 16" aria-hidden="true" { rect width="16" height="16" rx="5" fill=(color) {} }
    }
}
