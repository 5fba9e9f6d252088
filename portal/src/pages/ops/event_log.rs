//! `/ops/events`: the log, newest first, with a tick under every batch whose hash was computed again and holds.

use super::figures::clock;
use super::{Part, chain_tick, page};
use crate::address::with_query;
use crate::event_words::{Surroundings, sentence};
use crate::operator_model::{Event, EventPage};
use crate::pages::Frame;
use crate::texts::fill;
use maud::{Markup, html};

/// What the page shows.
pub(crate) struct LogView<'a> {
    /// As typed.
    pub(crate) stream: &'a str,
    pub(crate) at: &'a str,
    pub(crate) events: &'a EventPage,
    pub(crate) has_newer: bool,
    pub(crate) has_older: bool,
    /// The stream's name cannot be read.
    pub(crate) is_malformed: bool,
}

pub(crate) fn render(frame: &Frame<'_>, view: &LogView<'_>) -> Markup {
    let texts = frame.language.operator_texts();
    let content = html! {
        h1 { (texts.event_log) }
        p.lead { (texts.log_lead) }
        form.log-filter.panel-box method="get" action="/ops/events" {
            label.field.grow {
                span { (texts.stream) }
                input type="text" name="stream" value=(view.stream) placeholder="show-01KBN5Z3V0Q8W4R6T9Y2M7C1XD" spellcheck="false" autocapitalize="off" autocomplete="off"
                    aria-invalid=[view.is_malformed.then_some("true")] aria-describedby=[view.is_malformed.then_some("stream-problem")];
            }
            label.field {
                span { (texts.go_to_position) }
                input type="text" name="at" value=(view.at) inputmode="numeric" pattern="[0-9]*" autocomplete="off";
            }
            button.button type="submit" { (texts.show_events) }
            @if !view.stream.is_empty() || !view.at.is_empty() { a.link href="/ops/events" { (texts.clear) } }
            @if view.is_malformed { p #stream-problem.field-problem role="alert" { (texts.stream_malformed) } }
        }
        @if view.events.data.is_empty() {
            p.empty-line { (texts.no_events) }
        } @else {
            (turns(frame, view))
            ol.log-events {
                @for batch in view.events.data.chunk_by(|one, next| one.batch_id == next.batch_id) { (self::batch(frame, batch)) }
            }
            (turns(frame, view))
        }
    };
    page(frame, Part::Log, texts.event_log, &[], content)
}

/// The events that were decided together, under one tick.
fn batch(frame: &Frame<'_>, events: &[Event]) -> Markup {
    let texts = frame.language.operator_texts();
    html! {
        li.log-batch {
            p.log-chain {
                (chain_tick(frame, &events[0]))
                @if events.len() > 1 {
                    span.hint { (fill(texts.events_of_batch, &[("n", &events.len().to_string())])) }
                }
            }
            ul {
                @for event in events {
                    li.log-event {
                        a.log-position href={ "/ops/events/" (event.position) } { (frame.count(event.position)) }
                        time.log-time datetime=(event.recorded_at) title=(frame.date_time(&event.recorded_at)) { (clock(frame, &event.recorded_at)) }
                        p.log-words {
                            (sentence(frame, event, Surroundings::default()))
                            " " code.log-type { (event.kind) }
                        }
                        a.log-stream href=(with_query("/ops/events", &[("stream", &event.stream)])) title=(event.stream) {
                            (short_stream(&event.stream))
                        }
                        span.log-revision { (fill(texts.revision, &[("n", &frame.count(event.revision))])) }
                    }
                }
            }
        }
    }
}

/// `show-…7C1XD`: the end of an id tells it apart, its beginning is the time.
fn short_stream(stream: &str) -> String {
    let end = stream.len().saturating_sub(6);
    match (stream.split_once('-'), stream.get(end..)) {
        (Some((category, id)), Some(last)) if id.len() > last.len() => format!("{category}-…{last}"),
        _ => stream.to_owned(),
    }
}

fn turns(frame: &Frame<'_>, view: &LogView<'_>) -> Markup {
    let texts = frame.language.operator_texts();
    let (first, last) = (view.events.data.first(), view.events.data.last());
    let turn = |name: &str, position: u64| {
        let position = position.to_string();
        let mut pairs = Vec::new();
        if !view.stream.is_empty() {
            pairs.push(("stream", view.stream));
        }
        pairs.push((name, &position));
        with_query("/ops/events", &pairs)
    };
    html! {
        div.turns {
            @if let Some(first) = first.filter(|_| view.has_newer) {
                a.button.quiet href=(turn("after", first.position)) rel="prev" { "← " (texts.newer) }
                a.link href=(if view.stream.is_empty() { "/ops/events".to_owned() } else { with_query("/ops/events", &[("stream", view.stream)]) }) { (texts.newest) }
            }
            @if let Some(last) = last.filter(|_| view.has_older) {
                a.button.quiet.turn-older href=(turn("before", last.position)) rel="next" { (texts.older) " →" }
            }
        }
    }
}
