//! The part of `/ops/papers` that lists what the tax authority did not take, and has it submitted again.

use super::fact;
use super::paper_verdict::kind_name;
use super::papers::{MOST_SHOWN, not_here, order_link, part_head};
use crate::pages::Frame;
use crate::paper_model::{Fiscal, RefusedDocument, RefusedList};
use crate::texts::fill;
use maud::{Markup, html};

pub(super) fn section(frame: &Frame<'_>, refused: &Fiscal<RefusedList>) -> Markup {
    let texts = frame.language.operator_texts();
    let data = refused.here().map_or(&[][..], |refused| &refused.data[..]);
    let has_more = refused.here().is_some_and(|refused| refused.has_more);
    let count = (!data.is_empty()).then(|| {
        let listed = frame.count(data.len() as u64);
        if has_more { format!("{listed}+") } else { listed }
    });
    let for_all = html! {
        @if !data.is_empty() {
            form method="post" action="/ops/papers/refused" { button.button.quiet type="submit" { (texts.submit_again) } }
        }
    };
    html! {
        section.paper-part aria-labelledby="refused" {
            (part_head("refused", texts.turned_down, count.as_deref(), for_all))
            (not_here(texts, refused))
            @if !data.is_empty() {
                p.lead { (texts.turned_down_lead) }
                @if data.len() > MOST_SHOWN {
                    @let shown = frame.count(MOST_SHOWN as u64);
                    div.notice.plain role="note" {
                        p { (fill(texts.shown_of, &[("n", &shown), ("total", count.as_deref().unwrap_or_default())])) }
                    }
                }
                ol.paper-list { @for one in data.iter().take(MOST_SHOWN) { (document(frame, one)) } }
            } @else if refused.here().is_some() {
                p.empty-line { (texts.turned_down_none) }
            }
        }
    }
}

fn document(frame: &Frame<'_>, document: &RefusedDocument) -> Markup {
    let texts = frame.language.operator_texts();
    let values =
        [("name", kind_name(frame, &document.document_type)), ("folio", &document.folio.to_string())];
    html! {
        li.panel-box.paper-one {
            h3 { (fill(frame.texts().document_number, &values)) }
            // In the words of the authority, whichever its language.
            p.paper-error { (document.reason) }
            dl.projection-facts {
                (fact(texts.issued_at, &html! { time datetime=(document.issued_at) { (frame.date_time(&document.issued_at)) } }))
                (fact(texts.order, &html! { (order_link(&document.order_id)) }))
            }
        }
    }
}
