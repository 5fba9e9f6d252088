//! `/`: the shows, soonest first as the API lists them, each with its poster, what it costs and what is left.

use super::{Frame, nearly_sold_out, sales_badge};
use crate::api_model::{Sales, Show, ShowList};
use crate::poster::poster;
use crate::texts::fill;
use crate::wording;
use maud::{Markup, html};

pub(crate) fn render(frame: &Frame<'_>, shows: &ShowList) -> Markup {
    let texts = frame.texts();
    let content = html! {
        div.hero {
            h1 { (texts.catalogue_title) }
            p { (texts.catalogue_lead) }
        }
        @if shows.data.is_empty() {
            div.empty {
                span.empty-art aria-hidden="true" {}
                h2 { (texts.catalogue_empty_title) }
                p { (texts.catalogue_empty) }
            }
        } @else {
            ul.cards { @for show in &shows.data { (card(frame, show)) } }
        }
        @if let Some(last) = shows.data.last().filter(|_| shows.has_more) {
            p.more { a.button.quiet href={ "/?after=" (last.show_id) } { (texts.next_shows) } }
        }
    };
    frame.page(texts.catalogue, "catalogue", &[], content)
}

fn card(frame: &Frame<'_>, show: &Show) -> Markup {
    let texts = frame.texts();
    let buyable = show.sales == Sales::Open && show.seats_available > 0;
    html! {
        li.card {
            a.card-link href={ "/shows/" (show.show_id) } {
                div.card-art {
                    (poster(&show.show_id))
                    @if let Some((day, month, _)) = wording::date_parts(frame.language, frame.time_zone, &show.starts_at) {
                        span.card-date aria-hidden="true" { b { (day) } (month) }
                    }
                }
                div.card-body {
                    (sales_badge(frame, show))
                    h2 { bdi { (show.name) } }
                    p.card-facts {
                        time datetime=(show.starts_at) { (frame.date_time(&show.starts_at)) }
                        span { bdi { (show.venue) } }
                    }
                    (availability(frame, show))
                    p.card-foot {
                        @if let Some(price) = show.price_from.as_ref().filter(|_| buyable || show.sales == Sales::Scheduled) {
                            span.card-price { (fill(texts.from_price, &[("price", &wording::money(price))])) }
                        }
                        span.card-go { (if buyable { texts.choose_seats } else { texts.see_show }) " →" }
                    }
                }
            }
        }
    }
}

fn availability(frame: &Frame<'_>, show: &Show) -> Markup {
    let texts = frame.texts();
    html! {
        @match (show.sales, &show.sales_open_at) {
            (Sales::Scheduled, Some(when)) => {
                p.card-when { (fill(texts.sales_scheduled_at, &[("when", &frame.date_time(when))])) }
            }
            (Sales::Open, _) if show.seats_available > 0 => {
                div.card-left {
                    progress max=(show.seats_total.max(1)) value=(show.seats_available)
                        class=(if nearly_sold_out(show) { "few" } else { "many" }) aria-hidden="true" {}
                    span { (fill(texts.seats_left, &[("n", &frame.count(show.seats_available))])) }
                }
            }
            _ => {}
        }
    }
}
