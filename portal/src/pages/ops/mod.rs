//! The operators' pages: signing in, projections, papers, the log, the past of a show. The frame around them has its own navigation
//! and is otherwise the buyers'.

pub(crate) mod dashboard;
pub(crate) mod event;
pub(crate) mod event_log;
pub(crate) mod figures;
mod folios;
mod paper_verdict;
pub(crate) mod papers;
mod parked;
pub(crate) mod past;
mod refused;
pub(crate) mod sign_in;

use super::{Frame, OPERATORS_PAGE};
use crate::assets;
use crate::operator_model::Event;
use maud::{Markup, html};

/// Which part of the pages one belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Projections,
    Papers,
    Log,
    Past,
}

/// Characters of a hash that tell it apart in a list.
const HASH_PREFIX: usize = 10;

/// A whole page of a signed-in operator.
fn page(frame: &Frame<'_>, part: Part, title: &str, scripts: &[&str], content: Markup) -> Markup {
    let texts = frame.language.operator_texts();
    let link = |target: Part, address: &str, name: &str| {
        html! { a href=(address) aria-current=[(target == part).then_some("page")] { (name) } }
    };
    let content = html! {
        div.ops {
            nav.ops-nav aria-label=(texts.operations) {
                (link(Part::Projections, "/ops", texts.projections))
                (link(Part::Papers, "/ops/papers", texts.papers))
                (link(Part::Log, "/ops/events", texts.nav_log))
                (link(Part::Past, "/ops/shows", texts.nav_past))
                form method="post" action="/ops/sign-out" { button.link type="submit" { (texts.sign_out) } }
            }
            (content)
        }
    };
    let title = format!("{title} · {}", texts.operations);
    frame.page(&title, OPERATORS_PAGE, scripts, content)
}

/// What was not done: what it comes to, and what the API says about it.
fn refused_notice(title: &str, detail: &str) -> Markup {
    html! {
        div.notice.bad role="alert" {
            p.notice-title { (title) }
            @if !detail.is_empty() { p lang="en" { (detail) } }
        }
    }
}

/// A name and what there is to say of it.
fn fact(name: &str, said: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (said) } } }
}

/// Whether the chain under an event holds: in words for everybody, in colour besides.
fn chain_tick(frame: &Frame<'_>, event: &Event) -> Markup {
    let texts = frame.language.operator_texts();
    let prefix = event.chain_hash.get(..HASH_PREFIX).unwrap_or(&event.chain_hash);
    html! {
        @match event.chain_holds {
            Some(true) => span.tick.good title=(texts.chain_holds_long) {
                span aria-hidden="true" { "✓ " } span.unseen { (texts.chain) " " (texts.chain_holds) " " } code { (prefix) }
            },
            Some(false) => strong.tick.bad title=(texts.chain_broken_long) { "✗ " (texts.chain_broken) " " code { (prefix) } },
            None => span.tick { code { (prefix) } },
        }
    }
}

/// The licence of what the charts are drawn with.
fn charts_licence(frame: &Frame<'_>) -> Markup {
    html! {
        p.hint.ops-licence { a href=(assets::address("uplot.licence.txt")) { (frame.language.operator_texts().charts_by) } }
    }
}
