//! The part of `/ops/papers` that lists what billing gave up on, each with its error and two buttons.

use super::fact;
use super::papers::{MOST_SHOWN, order_link, part_head};
use crate::pages::Frame;
use crate::paper_model::{Parked, ParkedAction, ParkedList};
use crate::texts::fill;
use maud::{Markup, html};

pub(super) fn section(frame: &Frame<'_>, parked: &ParkedList) -> Markup {
    let texts = frame.language.operator_texts();
    let total = frame.count(parked.data.len() as u64);
    let count = match (parked.data.len(), parked.has_more) {
        (0, _) => None,
        (_, false) => Some(total.clone()),
        (_, true) => Some(format!("{total}+")),
    };
    let for_all = html! {
        @if parked.data.len() > 1 {
            form method="post" action="/ops/papers/parked/retry" { button.button.quiet type="submit" { (texts.try_all_again) } }
        }
    };
    html! {
        section.paper-part aria-labelledby="parked" {
            (part_head("parked", texts.parked, count.as_deref(), for_all))
            @if parked.data.is_empty() {
                p.empty-line { (texts.parked_none) }
            } @else {
                p.lead { (texts.parked_lead) }
                @if parked.has_more || parked.data.len() > MOST_SHOWN {
                    (more(frame, parked, &total))
                }
                ol.paper-list { @for one in parked.data.iter().take(MOST_SHOWN) { (self::one(frame, one)) } }
            }
        }
    }
}

fn more(frame: &Frame<'_>, parked: &ParkedList, total: &str) -> Markup {
    let texts = frame.language.operator_texts();
    let shown = frame.count(parked.data.len().min(MOST_SHOWN) as u64);
    let sentence = if parked.has_more { texts.parked_more } else { texts.shown_of };
    html! { div.notice.plain role="note" { p { (fill(sentence, &[("n", &shown), ("total", total)])) } } }
}

fn one(frame: &Frame<'_>, parked: &Parked) -> Markup {
    let texts = frame.language.operator_texts();
    let name = format!("parked-{}", parked.id);
    let address = |action: ParkedAction| format!("/ops/papers/parked/{}/{}", parked.id, action.name());
    let kind = parked.payload.as_ref().map(|event| event.kind.as_str()).filter(|kind| !kind.is_empty());
    html! {
        li.panel-box.paper-one {
            h3 #(name) { (texts.order) " " (order_link(&parked.order_id)) }
            p.paper-error lang="en" { (parked.error) }
            dl.projection-facts {
                (fact(texts.parked_since, &html! { time datetime=(parked.parked_at) { (frame.date_time(&parked.parked_at)) } }))
                (fact(texts.attempts, &html! { (frame.count(parked.attempts)) }))
                (fact(texts.event, &html! {
                    a href={ "/ops/events/" (parked.id) } { (frame.count(parked.id)) }
                    @if let Some(kind) = kind { " " code { (kind) } }
                }))
                (fact(texts.books, &html! { code { (parked.series) } }))
            }
            div.projection-actions role="group" aria-labelledby=(name) {
                form method="post" action=(address(ParkedAction::Retry)) {
                    button.button type="submit" aria-describedby=(name) { (texts.try_again) }
                }
                details {
                    summary.button.quiet { (texts.give_up) "…" }
                    form method="post" action=(address(ParkedAction::GiveUp)) {
                        p.hint { (texts.give_up_explain) }
                        label.field { span { (texts.skip_reason) } input type="text" name="reason" required maxlength="500" autocomplete="off"; }
                        button.button.danger type="submit" aria-describedby=(name) { (texts.give_up_confirm) }
                    }
                }
            }
        }
    }
}
