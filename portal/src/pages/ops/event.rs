//! `/ops/events/{position}`: one event, whole, with its place in the hash chain.

use super::{Part, chain_tick, page};
use crate::address::with_query;
use crate::operator_model::Event;
use crate::pages::Frame;
use crate::texts::fill;
use maud::{Markup, html};

/// Characters of a content that are shown; the plan of a stadium is longer, and nobody reads it here.
const SHOWN_CHARACTERS: usize = 60_000;

pub(crate) fn render(frame: &Frame<'_>, event: &Event, sentence: &str) -> Markup {
    let texts = frame.language.operator_texts();
    let title = fill(texts.event_title, &[("position", &frame.count(event.position))]);
    let json = serde_json::to_string_pretty(&event.data).unwrap_or_default();
    let shown = json.char_indices().nth(SHOWN_CHARACTERS).map_or(&json[..], |(end, _)| &json[..end]);
    let is_start =
        event.previous_chain_hash.as_deref().is_some_and(|hash| hash.bytes().all(|byte| byte == b'0'));
    let content = html! {
        h1 { (title) }
        p.lead.event-sentence { (sentence) }
        p.turns {
            @if event.position > 1 { a.button.quiet href={ "/ops/events/" (event.position - 1) } rel="prev" { "← " (texts.previous_event) } }
            a.button.quiet href={ "/ops/events/" (event.position + 1) } rel="next" { (texts.next_event) " →" }
            a.link href=(with_query("/ops/events", &[("stream", &event.stream)])) { (texts.all_of_stream) }
            @if let Some(show) = event.show() {
                a.link href={ "/ops/shows/" (show) "/time-travel?at=" (event.position) } { (texts.see_map_then) }
            }
        }
        dl.event-facts.panel-box {
            div { dt { (texts.event) } dd { code { (event.kind) } } }
            div { dt { (texts.recorded_at) } dd { time datetime=(event.recorded_at) { (frame.date_time(&event.recorded_at)) } " · " code { (event.recorded_at) } } }
            div { dt { (texts.stream) } dd { code { (event.stream) } " · " (fill(texts.revision, &[("n", &frame.count(event.revision))])) } }
            div { dt { (texts.batch) } dd { code { (event.batch_id) } } }
            div {
                dt { (texts.previous_chain_hash) }
                dd {
                    @match &event.previous_chain_hash {
                        Some(_) if is_start => (texts.chain_start),
                        Some(hash) => code { (hash) },
                        None => "–",
                    }
                }
            }
            div { dt { (texts.chain_hash) } dd { code { (event.chain_hash) } } }
            div {
                dt { (texts.chain) }
                dd {
                    (chain_tick(frame, event)) " "
                    @match event.chain_holds {
                        Some(true) => span.hint { (texts.chain_holds_long) },
                        Some(false) => strong { (texts.chain_broken_long) },
                        None => {}
                    }
                }
            }
        }
        h2.event-content { (texts.content) }
        @if shown.len() < json.len() {
            p.hint { (fill(texts.content_cut, &[("position", &event.position.to_string())])) }
        }
        pre.event-json tabindex="0" role="region" aria-label=(texts.content) { code { (shown) } }
    };
    page(frame, Part::Log, &title, &[], content)
}

/// There is no such event, or not yet.
pub(crate) fn render_unknown(frame: &Frame<'_>, position: u64) -> Markup {
    let texts = frame.language.operator_texts();
    let title = fill(texts.event_unknown, &[("position", &frame.count(position))]);
    let content = html! {
        h1 { (title) }
        p.turns { a.button.quiet href="/ops/events" { (texts.newest) } }
    };
    page(frame, Part::Log, &title, &[], content)
}
