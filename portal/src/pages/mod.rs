//! The pages, one file each, and the frame around them. Pages are pure: they turn what a handler gathered into HTML,
//! and escape every text that came from outside (maud escapes by construction).

pub(crate) mod catalogue;
pub(crate) mod checkout;
pub(crate) mod list;
pub(crate) mod problem;
pub(crate) mod refund;
pub(crate) mod seat_map;
pub(crate) mod ticket;

use crate::api_model::{Sales, Show, ZoneCounts};
use crate::assets;
use crate::language::Language;
use crate::texts::{Advice, Texts, fill};
use crate::wording;
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, html};

/// Below this share of free seats a show is nearly sold out.
const FEW_LEFT_PERCENT: u64 = 8;

/// For zones without a colour: apart from each other for colour-blind people too, readable on light and dark.
const ZONE_COLORS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7a9a01"];

/// What every page needs to know about its reader.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) language: Language,
    pub(crate) time_zone: &'a TimeZone,
    /// The page's own path, where the other language is one click away.
    pub(crate) path: &'a str,
}

impl Frame<'_> {
    pub(crate) fn texts(&self) -> &'static Texts {
        self.language.texts()
    }

    pub(crate) fn date_time(&self, instant: &str) -> String {
        wording::date_time(self.language, self.time_zone, instant)
    }

    pub(crate) fn count(&self, number: u64) -> String {
        wording::count(self.language, number)
    }

    /// `1 asiento`, `4 asientos`.
    pub(crate) fn seats(&self, count: usize) -> String {
        match count {
            1 => self.texts().seats_count_one.to_owned(),
            _ => fill(self.texts().seats_count_many, &[("n", &self.count(count as u64))]),
        }
    }

    /// A seat's name as people say it: `Platea · fila A, asiento 3`. Rows and numbers hold no hyphen; a name of
    /// another shape stays as it is.
    pub(crate) fn seat_words(&self, name: &str) -> String {
        let mut parts = name.rsplitn(3, '-');
        match (parts.next(), parts.next(), parts.next()) {
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
                    @for script in scripts {
                        script type="module" src=(assets::address(script)) {}
                    }
                }
                body class=(kind) {
                    a.skip href="#content" { (texts.skip_to_content) }
                    header.site {
                        a.brand href="/" { span.brand-mark aria-hidden="true" {} "TicketFlow" }
                        nav {
                            a href="/" { (texts.catalogue) }
                            a.language href={ (self.path) "?lang=" (other.code()) } lang=(other.tag()) hreflang=(other.tag()) {
                                (texts.other_language)
                            }
                        }
                    }
                    main #content tabindex="-1" { (content) }
                    footer.site { p { (texts.footer) } }
                }
            }
        }
    }
}

/// A message above a page's content: what happened and what to do next.
pub(crate) fn notice(frame: &Frame<'_>, kind: &str, advice: Advice, seats: &[String]) -> Markup {
    html! {
        div class={ "notice " (kind) } role=(if kind == "bad" { "alert" } else { "status" }) {
            p.notice-title { (advice.title) }
            p { (advice.next) }
            @if !seats.is_empty() {
                ul.seat-names { @for seat in seats { li { bdi { (frame.seat_words(seat)) } } } }
            }
        }
    }
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

/// Name, place and time of a show at the head of its pages.
fn show_head(frame: &Frame<'_>, show: &Show) -> Markup {
    html! {
        header.show-head {
            div.show-name {
                h1 { bdi { (show.name) } }
                (sales_badge(frame, show))
            }
            p.show-facts {
                span { bdi { (show.venue) } }
                time datetime=(show.starts_at) { (frame.date_time(&show.starts_at)) }
            }
        }
    }
}

/// Why a show sells nothing now, if so.
fn closed_advice(frame: &Frame<'_>, show: &Show) -> Option<Advice> {
    let advice = &frame.texts().advice;
    match show.sales {
        Sales::Open => None,
        Sales::Scheduled => Some(advice.sales_not_open),
        Sales::Closed | Sales::Other => Some(advice.sales_closed),
        Sales::Cancelled => Some(advice.show_cancelled),
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
